"""One weight moved a little, or to any value, and the loss of the step's batch again: what a gradient says, tried out.

Before this   one_step.py has the step: its batch, its weights before the update and their gradients.
After this    the page puts the slope that is found beside the gradient. It all happens on a copy of the model.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from fogwalk import hardware
from fogwalk.batches.batch import Batch
from fogwalk.errors import UsageError
from fogwalk.insight.capture import exactly_attending, portions
from fogwalk.insight.one_step import Step
from fogwalk.registry import did_you_mean
from fogwalk.training.loop import seed_chance

# To either side: near enough for a slope, far enough for the loss to move beyond rounding.
BY = {torch.float64: 1e-5, torch.float32: 5e-3}
SAME = 1e-4  # by which the loss in float64 may be off, relative to that of the step


@dataclass(frozen=True, kw_only=True)
class Nudged:
    """One weight moved by `h` to either side, all else as it was: the loss with it as it is, moved `up` and moved `down`; their
    `slope` (up - down)/2h, and the step's `gradient`. `bits` of the numbers it was computed in."""

    loss: float
    up: float
    down: float
    h: float
    slope: float
    gradient: float
    bits: int


@dataclass(frozen=True, kw_only=True)
class Tried:
    """The loss of the batch if one weight were `value`; with it as it is, `old`, the loss is `before`."""

    loss: float
    value: float
    old: float
    before: float


def nudged(step: Step, name: str, at: tuple[int, ...], by: float | None = None) -> Nudged:
    """The slope of the loss along one weight as it was before the update, by moving it. Without `by` it is moved as little as the
    arithmetic allows. Raises UsageError for a weight there is not, and for what is no distance."""
    require_weight(step, name, at)
    if by is not None and not (math.isfinite(by) and by > 0):
        raise UsageError(f"a weight cannot be moved by {by:g} to either side", expected="It is a number above 0.")
    with _copy(step) as trial:
        old = float(step.moved[name].old[at])
        h = BY[trial.dtype] * max(1.0, abs(old)) if by is None else by
        up, down = (trial.loss(name, at, old + way * h) for way in (1, -1))
        return Nudged(
            loss=trial.before,
            up=up,
            down=down,
            h=h,
            slope=(up - down) / (2 * h),
            gradient=float(step.moved[name].gradient[at]),
            bits=torch.finfo(trial.dtype).bits,
        )


def tried(step: Step, name: str, at: tuple[int, ...], value: float) -> Tried:
    """The loss of the step's batch if one weight had been `value`. Raises UsageError for a weight there is not, and for what is
    no number."""
    require_weight(step, name, at)
    if not math.isfinite(value):
        raise UsageError(f"a weight cannot be {value:g}", expected="It is a number.")
    with _copy(step) as trial:
        old = float(step.moved[name].old[at])
        return Tried(loss=trial.loss(name, at, value), value=value, old=old, before=trial.before)


def require_weight(step: Step, name: str, at: tuple[int, ...]) -> None:
    """Raise UsageError where the model has no such parameter, or that no such entry."""
    require_entry({name: moved.old for name, moved in step.moved.items()}, name, at)


def require_parameter(step: Step, name: str) -> None:
    """Raise UsageError where the model has no such parameter."""
    _require_named(step.moved, name)


def require_entry(parameters: Mapping[str, Tensor], name: str, at: tuple[int, ...]) -> None:
    """Raise UsageError where no such parameter is among these, or where it has no such entry."""
    _require_named(parameters, name)
    shape = tuple(parameters[name].shape)
    if len(at) != len(shape) or not all(0 <= place < size for place, size in zip(at, shape, strict=True)):
        raise UsageError(
            f"{name} has no entry [{', '.join(map(str, at))}]",
            expected=f"It has {' x '.join(map(str, shape))}, each counted from 0.",
        )


def _require_named(parameters: Mapping[str, object], name: str) -> None:
    if name not in parameters:
        raise UsageError(f"this model learns no '{name[:80]}'", remedy=did_you_mean(name, list(parameters)))


class _Trial:
    """A copy of the model with the weights before the update, in numbers of one kind, and the loss of the batch with it."""

    def __init__(self, step: Step, dtype: torch.dtype) -> None:
        self.step = step
        self.dtype = dtype
        self.model = copy.deepcopy(step.model).to(dtype).train()
        self.named = dict(self.model.named_parameters())
        with torch.no_grad():
            for name, old in step.parameters.items():
                self.named[name].copy_(old)
        self.batch = _whole(step)
        self.before = self._loss()

    @torch.no_grad()
    def loss(self, name: str, at: tuple[int, ...], value: float) -> float:
        """With one weight put to a value; afterwards it is as it was."""
        weight = self.named[name]
        kept = weight[at].clone()
        weight[at] = value
        found = self._loss()
        weight[at] = kept
        return found

    @torch.no_grad()
    def _loss(self) -> float:
        """As capture.py worked through the batch: in the same portions, the same values dropped."""
        step = self.step
        seed_chance(step.settings.seed, step.step - 1)
        total = 0.0
        with exactly_attending(self.model), torch.autocast(self.batch.inputs.device.type, enabled=False):
            for share, part in portions(
                self.batch, step.settings.training.accumulate, step.captured.rows, step.task.class_weights
            ):
                given = self.model(self._read(part.inputs))
                total += float(step.task.loss(given, part)) * share
        return total

    def _read(self, inputs: Tensor) -> Tensor:
        return inputs.to(self.dtype) if inputs.is_floating_point() else inputs


@contextmanager
def _copy(step: Step) -> Iterator[_Trial]:
    """In float64 where the model can be computed so and drops the same values; else in float32, in which the step was told."""
    with hardware.exactly(step.settings.threads or hardware.cores(), step.settings.device):
        try:
            trial = _Trial(step, torch.float64)
            fits = abs(trial.before - step.loss) <= SAME * abs(step.loss)
        except (RuntimeError, TypeError):  # a module that knows one kind of numbers, or a device that lacks the other
            fits = False
        yield trial if fits else _Trial(step, torch.float32)


def _whole(step: Step) -> Batch:
    """The whole batch, of which the step may hold its first records only."""
    kept = step.batch
    if step.captured.rows == len(step.captured.targets):
        return kept
    return step.task.training().at(step.step - 1).to(kept.inputs.device)
