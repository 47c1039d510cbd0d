"""One step of a run, told whole: the run's own batch, every value on its way forward and back, every parameter before and after.

Before this   training/replay.py goes up to the step; capture.py opens the probes.
After this    accounts/ put numbers into formulas; telling/ writes it for people, form.py for programs and the page.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from fogwalk.batches.batch import Batch
from fogwalk.errors import CheckpointDamaged, Diverged, RunError, UsageError
from fogwalk.insight.accounts.losses import Loss
from fogwalk.insight.accounts.protocol import Account, Work
from fogwalk.insight.accounts.updates import Moved
from fogwalk.insight.capture import Captured, Value, capture, exactly_attending
from fogwalk.registry import ACCOUNTS
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import read_story
from fogwalk.runs.publish import problems
from fogwalk.settings import Settings, write_toml
from fogwalk.tasks.protocol import Task
from fogwalk.training import waypoints
from fogwalk.training.gradients import clip
from fogwalk.training.loop import seed_chance
from fogwalk.training.optimizers.muon import Muon
from fogwalk.training.optimizers.protocol import Optimizer
from fogwalk.training.replay import Replay, replaying
from fogwalk.training.state import Recipe, State


@dataclass(frozen=True, kw_only=True)
class Step:
    """Update number `step` (from 1).

    `logged` is the loss that events.jsonl holds, `replayed` the one made again in the run's own arithmetic, equal to the bit,
    from the checkpoint, or the `waypoint`, of `began_at`. `loss` is that of the same batch in float32 with every probe open,
    `after` that once the update is made. `norm` is the length of the whole gradient, `scale` what it was clipped by. `made` is
    False where the run ended here, because a number was not finite.
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
        return work_of(self.model, path, self.values, {name: moved.old for name, moved in self.moved.items()})

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
        return Loss(self.task.loss_name, self.task.class_weights, self.settings.training.label_smoothing)

    @property
    def counted(self) -> Tensor:
        """c of each answer: by how much it counts in the loss."""
        whole = self.lost.counted(self.captured.targets, self.settings.training.accumulate)
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


def explain(folder: RunFolder, step: int | None = None) -> Step:
    """Update number `step` of a run, told whole; without one the last it made.

    Raises UsageError for a step the run has not made, RunError where no checkpoint before it is intact, and what a run on other
    data or of a newer version raises.
    """
    if step is not None and step < 1:
        raise UsageError(f"--step cannot be {step}", expected="Updates are counted from 1.")
    story = read_story(folder.events)
    logged = {record["step"]: record for record in story if record["event"] == "step"}
    last = _last_step(folder, story, set(logged), step)
    step = step or max(logged, default=last)
    first = _nearest(folder, step, last)
    told = _replayed(folder, step, first, logged.get(step, {}).get("loss"), near=step - 1)
    if told.waypoint and told.replayed != told.logged:
        waypoints.forget(folder, -1)  # left by another course of this run, or of no use on this machine
        told = _replayed(folder, step, first, told.logged, near=None)
    return told


def _replayed(folder: RunFolder, step: int, first: int, logged: float | None, near: int | None) -> Step:
    """The step from the checkpoint of `first`, or from a waypoint no later than `near`."""
    with replaying(folder, first, before=near) as replay:
        began_at, began = replay.state.step, time.perf_counter()
        replay.to(step - 1)
        if time.perf_counter() - began > waypoints.SECONDS and folder.status().get("state") != "training":
            with suppress(OSError):  # so that it comes at once the next time
                waypoints.save(folder, replay.state, write_toml(replay.settings))
        return _told(folder, replay, step, began_at, logged, waypoint=began_at != first)


def _last_step(folder: RunFolder, story: list[dict[str, Any]], logged: set[int], step: int | None) -> int:
    """The last step that can be told; raises UsageError where the one that is asked for lies beyond."""
    made = max(logged, default=0)
    ended: dict[str, Any] = next(
        (record for record in reversed(story) if record["event"] in ("stopped", "resumed")), {}
    )
    last = made + (ended.get("reason") == "diverged")  # the step that was not made can be looked into too
    if not last and (saved := max(folder.steps_saved(), default=0)):
        raise RunError(
            f"{folder.events} is missing or holds no steps, but the run has a checkpoint of step {saved}",
            remedy="Put the file back: a step is told beside the loss that stands there.",
        )
    if not last:
        raise UsageError(f"{folder.path} has made no step yet")
    if step is not None and step > last:
        raise UsageError(
            f"{folder.path} has no step {step}", expected=f"It has made {made:,} steps.", remedy=f"Try --step {made}."
        )
    return last


def _nearest(folder: RunFolder, step: int, last: int) -> int:
    """The newest intact checkpoint before an update."""
    saved, damage = folder.steps_saved(), []
    for first in reversed([known for known in saved if known < step]):
        if not (found := problems(folder.checkpoint(first))):
            return first
        damage += found
    intact = [known for known in saved if not problems(folder.checkpoint(known))]
    if damage and not intact:
        raise CheckpointDamaged(f"no checkpoint of {folder.path} is intact:", expected="\n  ".join(damage))
    raise RunError(
        f"step {step} cannot be told: no checkpoint before it is {'intact' if damage else 'there'}",
        expected=f"Steps {min(intact) + 1} to {last} can." if intact and min(intact) < last else "",
        remedy="Checkpoint 0 is kept for this; it has been removed or damaged.",
    )


def _told(folder: RunFolder, replay: Replay, step: int, first: int, logged: float | None, *, waypoint: bool) -> Step:
    """Take the step in the run's own arithmetic, go back, and take it once more with every probe open."""
    state = replay.state
    before = {name: parameter.detach().clone() for name, parameter in state.model.named_parameters()}
    memory = {name: value.clone() for name, value in state.optimizer.state().items()}
    try:
        replay.to(step)
        replayed: float | None = replay.losses[step]
    except Diverged:
        replayed = None
    _put_back(state.model, state.optimizer, before, memory)
    return taken(
        state,
        replay.recipe,
        step,
        run=folder.name,
        began_at=first,
        logged=logged,
        replayed=replayed,
        ended=logged is None,
        waypoint=waypoint,
    )


def taken(
    state: State,
    recipe: Recipe,
    step: int,
    *,
    run: str = "",
    began_at: int = 0,
    logged: float | None = None,
    replayed: float | None = None,
    ended: bool = False,
    waypoint: bool = False,
) -> Step:
    """Take update number `step` from the state before it, with every probe open; where the run `ended` no update is made."""
    model, batch, rate = state.model, recipe.batches.at(step - 1), recipe.course.rate(step - 1)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    memory = {name: value.clone() for name, value in state.optimizer.state().items()}
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
    clipped = {name: parameter.grad.clone() for name, parameter in parameters.items() if parameter.grad is not None}
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


@torch.no_grad()
def _put_back(model: nn.Module, optimizer: Optimizer, before: dict[str, Tensor], memory: dict[str, Tensor]) -> None:
    for name, parameter in model.named_parameters():
        parameter.copy_(before[name])
    for part in optimizer.parts:
        part.optimizer.state.clear()
    optimizer.load(memory)
    optimizer.zero_grad()


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
