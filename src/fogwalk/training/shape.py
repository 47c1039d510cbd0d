"""Which shape of transformer a budget can teach: rules read off the sweeps under benchmarks/sweeps.

Before this   pace.py measures a shape on this machine.
After this    plan.py closes the number of steps for the shape that was picked.
Too large a model sees too little of the text in its time, too small a one soon has nothing left to learn with.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from fogwalk.models.layers import gated_width
from fogwalk.settings import Settings, Transformer
from fogwalk.tasks.protocol import Task
from fogwalk.training.pace import Pace

# Layers, width and heads, each about twice to four times the size of the one before; a head is 64 wide.
LADDER = ((2, 64, 1), (3, 128, 2), (4, 192, 3), (5, 256, 4), (6, 384, 6), (8, 512, 8), (12, 768, 12))
# A run should see about so many tokens for each parameter of its layers: one that saw 0.66 did as well as the next smaller one
# (benchmarks/sweeps/docs-100-seconds.md), one that saw 0.31 did worse (docs-45-seconds.md).
SEEN = 0.65
# And the text should hold so many for each: of fewer it is learned by heart (benchmarks/sweeps/twenty-kilobytes.md, where
# the smallest, which had 0.18, was better than both larger ones).
OWN = 0.05
# A text that is gone through so often is learned by heart, unless so much is dropped (twenty-kilobytes-dropout.md); after 5 to 8
# times dropout still costs more than it saves (docs-100-seconds.md).
DROPOUT = ((30, 0.2), (15, 0.1))
PICKED = "picked for this text, time and machine"
_CHOSEN = ("model.layers", "model.width", "model.heads")


@dataclass(frozen=True)
class Picked:
    """The settings with their shape closed, its pace where it was measured, and why in words."""

    settings: Settings
    pace: Pace | None
    words: str


def fit(
    settings: Settings, task: Task, seconds: float | None, measure: Callable[[Settings, Task], Pace]
) -> tuple[Settings, Pace | None, list[str]]:
    """The settings with shape and dropout closed for so many seconds, or for as long as it takes; the pace where it was
    measured, and why in words. What the person chose is kept."""
    words: list[str] = []
    pace = None
    if task.sizes.unit != "token":
        return settings, None, []
    if is_open(settings):
        picked = for_text(settings, task) if seconds is None else pick(settings, task, seconds, measure)
        settings, pace, task = picked.settings, picked.pace, task.resized(picked.settings)
        words.append(picked.words)
    if settings.origin("model.dropout") != "default":
        return settings, pace, words
    often, epochs = "until nothing more is learned", math.inf
    if seconds is not None:
        pace = pace or measure(settings, task)
        epochs = seconds / pace.step * task.sizes.step(settings) / task.sizes.training
        often = "many times"
    if share := dropout(epochs):
        settings = settings.replacing({"model.dropout": share}, PICKED)
        words.append(f"dropout {share:g}: the text is gone through {often}, and shall not be learned by heart")
        pace = None  # what is dropped takes its time
    return settings, pace, words


def told(settings: Settings, task: Task) -> list[str]:
    """What the steps that were planned see, in words."""
    model, steps = settings.model, settings.training.steps
    assert steps is not None
    if task.sizes.unit != "token":
        times = steps * task.sizes.step(settings) / task.sizes.training
        return [f"so many steps go through the {task.sizes.unit}s {_about(times)} times"]
    if not isinstance(model, Transformer):
        return []
    tokens = steps * task.sizes.step(settings)
    each = tokens / layer_parameters(model.layers, model.width)
    times = tokens / task.sizes.training
    seen = f"{_about(each)} tokens for each parameter of the layers"
    return [f"so many steps see {seen}, and go through the text {_about(times)} times"]


def _about(number: float) -> str:
    return f"{number:.2g}" if number < 10 else f"{number:,.0f}"


def is_open(settings: Settings) -> bool:
    """Whether the shape is left to the plan: a transformer of which neither layers, width nor heads were chosen."""
    return isinstance(settings.model, Transformer) and all(settings.origin(key) == "default" for key in _CHOSEN)


def layer_parameters(layers: int, width: int) -> int:
    """The parameters of the layers alone: four square matrices of attention and three of the gated feed-forward part."""
    return layers * (4 * width * width + 3 * width * gated_width(width))


def pick(settings: Settings, task: Task, seconds: float, measure: Callable[[Settings, Task], Pace]) -> Picked:
    """The largest shape of the ladder that sees enough in so many seconds, and has enough to learn from.

    The default shape is measured first, and the others are guessed from it: seconds go with the products. What was picked is
    measured too, and given up for the next smaller one when it is slower than was guessed.
    """
    vocabulary, own = task.sizes.outputs, task.sizes.training
    tokens = task.sizes.step(settings)
    known = {_default(settings): measure(settings, task)}
    rate = known[_default(settings)].step / _products(*_default(settings)[:2], vocabulary)

    def seen(rung: tuple[int, int, int]) -> float:
        step = known[rung].step if rung in known else rate * _products(*rung[:2], vocabulary)
        return seconds / step * tokens / layer_parameters(*rung[:2])

    fitting = [rung for rung in LADDER if layer_parameters(*rung[:2]) * OWN <= own] or [LADDER[0]]
    while True:
        rung = next((rung for rung in reversed(fitting) if seen(rung) >= SEEN), fitting[0])
        if rung in known:
            break
        known[rung] = measure(*_shaped(settings, task, rung))
    words = f"{rung[0]} layers x {rung[1]} wide: the largest that sees {SEEN:g} tokens for each parameter in this time"
    if seen(rung) < SEEN:
        words = f"{rung[0]} layers x {rung[1]} wide: the smallest there is, for this time is short"
    elif fitting[-1] == rung != LADDER[-1]:
        words = f"{rung[0]} layers x {rung[1]} wide: a larger one would learn {own:,} tokens by heart"
    return Picked(_shaped(settings, task, rung)[0], known[rung], words)


def for_text(settings: Settings, task: Task) -> Picked:
    """The largest shape, up to the default one's successor, that has enough to learn from: where time sets no limit."""
    own = task.sizes.training
    fitting = [rung for rung in LADDER[:4] if layer_parameters(*rung[:2]) * OWN <= own] or [LADDER[0]]
    rung = fitting[-1]
    words = f"{rung[0]} layers x {rung[1]} wide, for {own:,} tokens to learn from"
    return Picked(_shaped(settings, task, rung)[0], None, words)


def dropout(epochs: float) -> float:
    """The share to drop in a run that goes through its text so many times.

    >>> dropout(8), dropout(20), dropout(100)
    (0.0, 0.1, 0.2)
    """
    return next((share for least, share in DROPOUT if epochs >= least), 0.0)


def _default(settings: Settings) -> tuple[int, int, int]:
    model = settings.model
    assert isinstance(model, Transformer)
    return model.layers, model.width, model.heads


def _shaped(settings: Settings, task: Task, rung: tuple[int, int, int]) -> tuple[Settings, Task]:
    values = dict(zip(_CHOSEN, rung, strict=True))
    settings = settings.replacing(values, PICKED)
    return settings, task.resized(settings)


def _products(layers: int, width: int, vocabulary: int) -> int:
    """What a token costs, but for a factor: each parameter of a matrix is one product."""
    return layer_parameters(layers, width) + vocabulary * width
