"""What can happen in a run. Everything that watches a run (progress line, run folder, page) watches these.

Before this   settings/.
After this    training/ emits them; runs/log.py keeps them as events.jsonl; cli/progress.py prints them.
Numbers may still be tensors on a device: a listener turns them into numbers when it shows them, so no step waits.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, SupportsFloat


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened after `step` updates, `seconds` of this run's life so far."""

    step: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Planned(Event):
    """The choices of a run were closed: how many steps, and the data, model and plan in words. `budget` is what is left of
    the minutes: the seconds of the run's life it shall end within, and whether more steps than planned shall fill them. `unit` is
    what examples are: token, row or image."""

    steps: int
    settings: dict[str, Any]
    data: dict[str, Any]
    model: dict[str, Any]
    budget: dict[str, Any] | None = None
    unit: str = "token"


@dataclass(frozen=True, kw_only=True)
class StepDone(Event):
    """One update was made from so many examples (tokens, rows or images). `loss` is the batch's mean before the update: nats per
    example, or what the task's loss counts in; `learning_rate` is η."""

    loss: SupportsFloat
    gradient_norm: SupportsFloat
    learning_rate: float
    examples: int


@dataclass(frozen=True, kw_only=True)
class Evaluated(Event):
    """The whole validation split was scored: mean loss over so many examples (tokens, rows or images), and what else the task
    tells, such as accuracy; `context` is how many tokens the model looks back over, where it reads a text."""

    validation_loss: float
    examples: int
    context: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sampled(Event):
    """The model was asked to go on from a prompt, to show what it has learned."""

    prompt: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Saved(Event):
    """A checkpoint was published whole."""

    path: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Warned(Event):
    """Something a person should know, in words."""

    message: str


@dataclass(frozen=True, kw_only=True)
class Resumed(Event):
    """Training goes on from the checkpoint of `step`; later lines for a step replace earlier ones. `settings` holds what a
    resume may change, as it is from now on."""

    steps: int
    settings: dict[str, Any]
    exact: bool
    why: str
    unit: str = "token"


@dataclass(frozen=True, kw_only=True)
class Replanned(Event):
    """From here on the run is on another course: `settings` holds what changed, `reason` is pace or converged. A resumed run
    follows what is recorded and decides nothing anew up to there."""

    steps: int
    settings: dict[str, Any]
    reason: str
    why: str


# The reasons for which a run ends for good.
FINISHED = ("steps", "stop-below", "converged")


@dataclass(frozen=True, kw_only=True)
class Stopped(Event):
    """Training ended: `reason` is steps, stop-below, converged, interrupted, terminated, diverged or failed."""

    reason: str
    best_step: int | None
    best_validation_loss: float | None


Listener = Callable[[Event], None]


def name_of(event: Event) -> str:
    """The event's stable name in events.jsonl: planned, step, evaluated, sampled, saved, warned, resumed, replanned,
    stopped."""
    return "step" if isinstance(event, StepDone) else type(event).__name__.lower()


def to_record(event: Event) -> dict[str, Any]:
    """The event as plain numbers and text, `event` and `step` first.

    >>> to_record(Evaluated(step=3, seconds=1.0, validation_loss=2.0, examples=100))["event"]
    'evaluated'
    """
    record: dict[str, Any] = {"event": name_of(event), "step": event.step}
    for item in dataclasses.fields(event):
        value = getattr(event, item.name)
        if not isinstance(value, str | int | float | bool | dict | list | None):
            value = float(value)  # a tensor waits for its device here, and only here
        if isinstance(value, float) and not math.isfinite(value):
            value = None  # JSON has no word for it
        record.setdefault(item.name, value)
    return record


def finite(value: Any) -> Any:
    """A value as JSON can hold it: infinity, and what is no number, are null."""
    if isinstance(value, Mapping):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
