"""One step, told whole: its batch, every value on its way forward and back, every parameter before and after.

Before this   capture.py opens the probes.
After this    again.py takes a run's own; accounts/ put numbers into formulas; telling/ writes it for people, form.py for
programs and the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from fogwalk.batches.batch import Batch
from fogwalk.errors import UsageError
from fogwalk.insight.accounts.losses import Loss
from fogwalk.insight.accounts.updates import Moved
from fogwalk.insight.capture import Captured, Value, capture, exactly_attending
from fogwalk.insight.seen import Seen
from fogwalk.settings import Settings
from fogwalk.tasks.protocol import Task
from fogwalk.training.gradients import clip
from fogwalk.training.loop import seed_chance
from fogwalk.training.optimizers.muon import Muon
from fogwalk.training.optimizers.protocol import Optimizer
from fogwalk.training.state import Recipe, State


@dataclass(frozen=True, kw_only=True)
class Step(Seen):
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
    def title(self) -> str:
        return f"step {self.step:,}"

    @property
    def values(self) -> dict[str, Value]:
        """Everything seen, by name, in the order it was made."""
        return self.captured.values

    @property
    def parameters(self) -> dict[str, Tensor]:
        """As they were before the update."""
        return {name: moved.old for name, moved in self.moved.items()}

    @property
    def input_names(self) -> list[str]:
        return self.task.input_names

    def answer_name(self, output: int) -> str:
        return self.task.named(output) if self.task.loss_name == "cross-entropy" else ""

    def right_name(self, at: tuple[int, ...]) -> str:
        """What the right answer at an entry of the targets is called, where it is one of several."""
        return self.task.named(int(self.batch.targets[at])) if self.task.loss_name == "cross-entropy" else ""

    def token(self, row: int, place: int) -> str:
        return self.task.named(int(self.batch.inputs[row, place])) if self.task.sizes.unit == "token" else ""

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
