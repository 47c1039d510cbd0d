"""One step, told whole: its batch, every value on its way forward and back, every parameter before and after.

Before this   capture.py opens the probes.
After this    again.py takes a run's own; accounts/ put numbers into formulas; telling/ writes it for people, form.py for
programs and the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from fogwalk.batches.batch import Batch
from fogwalk.errors import UsageError
from fogwalk.insight.accounts.losses import Loss
from fogwalk.insight.accounts.protocol import Account, Work
from fogwalk.insight.accounts.updates import Moved
from fogwalk.insight.capture import Captured, Value, capture, exactly_attending
from fogwalk.registry import ACCOUNTS, nearest
from fogwalk.settings import Settings
from fogwalk.tasks.protocol import Task
from fogwalk.training.gradients import clip
from fogwalk.training.loop import seed_chance
from fogwalk.training.optimizers.muon import Muon
from fogwalk.training.optimizers.protocol import Optimizer
from fogwalk.training.state import Recipe, State


@dataclass(frozen=True, kw_only=True)
class Step:
    """Update number `step` (from 1).

    `logged` is the loss that events.jsonl holds, `replayed` the one made again in the run's own arithmetic, equal to the bit,
    from the checkpoint, or the `waypoint`, of `began_at`. `loss` is that of the same batch in float32 with every probe open,
    `after` that once the update is made. `norm` is the length of the whole gradient, `scale` what it was clipped by. `made` is
    False where the run ended here, because a number was not finite. `damage` says which checkpoints were passed over, and why.
    """

    run: str
    step: int
    steps: int
    began_at: int
    waypoint: bool
    settings: Settings
    task: Task
    model: nn.Module
    logged: float | None
    replayed: float | None
    loss: float
    after: float | None
    norm: float
    scale: float
    rate: float
    made: bool
    captured: Captured
    moved: dict[str, Moved]
    damage: tuple[str, ...] = ()

    @property
    def values(self) -> dict[str, Value]:
        """Everything seen, by name, in the order it was made."""
        return self.captured.values

    @property
    def batch(self) -> Batch:
        """What the update learned from; where that is too much to be kept, its first records."""
        return self.captured.batch

    def require_row(self, row: int) -> None:
        """Raise UsageError where the batch has no such record."""
        if not 0 <= row < self.captured.rows:
            raise UsageError(
                f"--row {row} is outside", expected=f"The batch has {self.captured.rows} records, counted from 0."
            )

    def work(self, path: str) -> Work:
        """What the module at a path did."""
        work = work_of(self.model, path, self.values, {name: moved.old for name, moved in self.moved.items()})
        return replace(work, names=self._names(path)) if path else work

    def _names(self, path: str) -> tuple[str, ...]:
        """What the first numbers that go into a module stand for: columns, where it reads them as they are."""
        names, given, read = self.task.input_names, self.values.get("input"), self.values.get(f"{path}.input")
        listed = sum(path.startswith("embedding.") for path in self.modules()) if names else 0
        columns = len(names) - listed
        if not names or given is None or read is None or given.value.dim() != 2 or read.value.dim() != 2:
            return ()
        alike = read.value.shape[1] >= columns and torch.equal(read.value[:, :columns], given.value[:, :columns])
        return tuple(name if len(name) <= 20 else name[:19] + "…" for name in names[:columns]) if alike else ()

    def said(self, name: str, at: tuple[int, ...]) -> str:
        """What an entry of what comes out at the end stands for: a class or a token; of any other value nothing."""
        if name not in self.values or self.values[name].value is not self.values["output"].value:
            return ""
        return self.task.named(at[-1]) if self.task.loss_name == "cross-entropy" else ""

    def accounts(self) -> Iterator[tuple[Work, Account]]:
        """Every module that an account is known for, in the order in which they finish."""
        for path in self.modules():
            work = self.work(path)
            if (account := account_of(work.module)) is not None:
                yield work, account

    def modules(self) -> list[str]:
        """The paths of all modules that did something, in the order in which they finished."""
        ended = [name.removesuffix("output").removesuffix(".") for name in self.values if name.endswith("output")]
        known = dict(self.model.named_modules())
        return [path for path in ended if path in known]

    @cached_property
    def lost(self) -> Loss:
        """How the loss is made."""
        task, training = self.task, self.settings.training
        return Loss(task.loss_name, task.class_weights, task.label_smoothing, training.accumulate)

    @property
    def counted(self) -> Tensor:
        """c of each answer: by how much it counts in the loss."""
        whole = self.lost.counted(self.captured.targets)
        return whole[: self.captured.rows]


def work_of(model: nn.Module, path: str, values: Mapping[str, Value], parameters: Mapping[str, Tensor]) -> Work:
    """What the module at a path did, out of all that was seen and of all parameters by name; what is tied is known by both."""
    module = model.get_submodule(path)
    within = f"{path}." if path else ""
    first = {id(parameter): name for name, parameter in model.named_parameters()}
    own = {name: first[id(parameter)] for name, parameter in module.named_parameters(remove_duplicate=False)}
    return Work(
        path,
        module,
        {name.removeprefix(within): value for name, value in values.items() if name.startswith(within)},
        {name: parameters[known] for name, known in own.items() if known in parameters},
    )


def account_of(module: nn.Module) -> Account | None:
    """The account of a module of this class; None where no formula is known."""
    name = type(module).__name__
    if name not in ACCOUNTS or not type(module).__module__.startswith(("fogwalk.", "torch.nn.")):
        return None
    account: Account = ACCOUNTS.get(name)()
    return account


def taken(
    state: State,
    recipe: Recipe,
    step: int,
    *,
    kept: tuple[dict[str, Tensor], dict[str, Tensor]] | None = None,
    run: str = "",
    began_at: int = 0,
    logged: float | None = None,
    replayed: float | None = None,
    ended: bool = False,
    waypoint: bool = False,
) -> Step:
    """Take update number `step` from the state before it, with every probe open; where the run `ended` no update is made. `kept`
    are copies of the parameters and of the optimizer's memory, where there are such already."""
    model, batch, rate = state.model, recipe.batches.at(step - 1), recipe.course.rate(step - 1)
    before, memory = kept or copied(state)
    model.train()
    captured = capture(
        model,
        recipe.task.loss,
        batch,
        accumulate=recipe.accumulate,
        before=lambda: seed_chance(recipe.seed, step - 1),
        counts=recipe.task.class_weights,
    )
    parameters = dict(model.named_parameters())
    for name, parameter in parameters.items():
        parameter.grad = captured.gradients[name].clone()
    norm = float(clip(list(parameters.values()), recipe.clip))
    clipped = {name: parameter.grad for name, parameter in parameters.items() if parameter.grad is not None}
    made = math.isfinite(norm) and math.isfinite(captured.loss) and not ended
    if made:
        with _in_float32(state.optimizer):
            state.optimizer.step(rate)
    state.optimizer.zero_grad()
    after = {name: parameter.detach().clone() for name, parameter in parameters.items()}
    moved = _moved(state.optimizer, rate, before, captured.gradients, clipped, memory, after)
    return Step(
        run=run,
        step=step,
        steps=recipe.course.steps,
        began_at=began_at,
        waypoint=waypoint,
        settings=recipe.course.settings,
        task=recipe.task,
        model=model,
        logged=logged,
        replayed=replayed,
        loss=captured.loss,
        after=_loss_again(model, recipe, batch, step) if made else None,
        norm=norm,
        scale=min(1.0, recipe.clip / (norm + 1e-6)) if recipe.clip and made else 1.0,
        rate=rate,
        made=made,
        captured=captured,
        moved=moved,
    )


def copied(state: State) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Every parameter, and everything that the optimizer remembers."""
    before = {name: parameter.detach().clone() for name, parameter in state.model.named_parameters()}
    return before, {name: value.clone() for name, value in state.optimizer.state().items()}


def require_name(name: str, model: nn.Module, values: Iterable[str]) -> None:
    """Raise UsageError where nothing is called so, with the nearest names."""
    parameters = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    names = [*(path for path, _ in model.named_modules() if path), *values, *parameters, "loss"]
    if name not in names:
        close = nearest(name, names)
        raise UsageError(
            f"nothing in this model is called '{name}'",
            expected=f"Did you mean {' or '.join(close)}?" if close else f"There are: {', '.join(names[:12])}, …",
            remedy="The first column of `fogwalk explain` names the layers; add .weight, .input or .output to look closer.",
        )


@torch.no_grad()
def _loss_again(model: nn.Module, recipe: Recipe, batch: Batch, step: int) -> float:
    """The loss of the same batch, with the same values dropped, now that the update is made."""
    seed_chance(recipe.seed, step - 1)
    device = next(model.parameters()).device
    total = 0.0
    with exactly_attending(model):
        for part in batch.to(device).split(recipe.accumulate):
            total += float(recipe.task.loss(model(part.inputs), part)) / recipe.accumulate
    return total


@contextmanager
def _in_float32(optimizer: Optimizer) -> Iterator[None]:
    """Muon makes matrices orthogonal in bfloat16 where that is quick; here as it is written down."""
    muons = [part.optimizer for part in optimizer.parts if isinstance(part.optimizer, Muon)]
    before = [muon.dtype for muon in muons]
    for muon in muons:
        muon.dtype = torch.float32
    try:
        yield
    finally:
        for muon, dtype in zip(muons, before, strict=True):
            muon.dtype = dtype


def _moved(
    optimizer: Optimizer,
    rate: float,
    before: dict[str, Tensor],
    gradients: dict[str, Tensor],
    clipped: dict[str, Tensor],
    memory: dict[str, Tensor],
    after: dict[str, Tensor],
) -> dict[str, Moved]:
    remembered = optimizer.state()
    moved = {}
    for part in optimizer.parts:
        groups = {id(one): group for group in part.optimizer.param_groups for one in group["params"]}
        for name, parameter in part.parameters:
            moved[name] = Moved(
                name=name,
                optimizer=type(part.optimizer).__name__,
                rate=rate * part.ratio,
                numbers=_numbers(groups[id(parameter)]),
                old=before[name],
                gradient=gradients[name],
                clipped=clipped[name],
                new=after[name],
                memory=_own(memory, name),
                remembered={what: value.clone() for what, value in _own(remembered, name).items()},
            )
    return {name: moved[name] for name in before if name in moved}


def _own(memory: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.rpartition("/")[2]: value for key, value in memory.items() if key.rpartition("/")[0] == name}


def _numbers(group: dict[str, Any]) -> dict[str, float]:
    """What a torch optimizer's formula has in it besides the rate."""
    numbers = {"decay": float(group["weight_decay"])}
    if "betas" in group:
        beta1, beta2 = group["betas"]
        return numbers | {"beta1": beta1, "beta2": beta2, "epsilon": group["eps"]}
    return numbers | {"momentum": group["momentum"]}
