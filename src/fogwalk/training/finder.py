"""The learning-rate finder: a range test on a throw-away model, from far too cold to far too hot (Smith 2017).

Before this   loop.py, course.py.
After this    plan.py closes the rate with it; the run folder keeps the curve (rates.json), a person sees it drawn.
A thermostat: too cold, and the loss crawls; too hot, and it overshoots and rises. Each step is made at a slightly higher rate
than the one before. The loss is lowest just before the steps become too large for the landscape they walk in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from fogwalk.errors import Diverged
from fogwalk.events import Event, StepDone
from fogwalk.registry import OPTIMIZERS
from fogwalk.settings import Settings
from fogwalk.tasks.protocol import Task
from fogwalk.training.course import Course
from fogwalk.training.loop import loop
from fogwalk.training.state import arithmetic_of, begin, recipe
from fogwalk.training.stopping import Stop

STEPS = 120
# Beside the optimizer's default rate: from a hundredth to fifty times.
COLDEST, HOTTEST = 0.01, 50.0
SMOOTH = 0.9
OVER = 1.0  # nats above the lowest loss, at which the test has seen enough
# Beside the rate of the lowest loss. That one is on the edge; how far below it a whole run is at its best was measured
# (benchmarks/finder.py).
SAFE = {"muon": 0.5, "adamw": 0.5, "sgd": 0.5}


@dataclass(frozen=True)
class Found:
    """The rate, and the curve it was read off: rates and smoothed losses, step by step."""

    rate: float
    edge: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]

    def words(self) -> list[str]:
        """The curve drawn, and the choice explained."""
        return [
            *drawn(self.rates, self.losses, self.rate),
            f"rate {self.rate:.2g}: the loss was lowest at {self.edge:.2g} and hotter overshoots; "
            f"colder than {self.rates[0] * 3:.1g} it crawls",
        ]


def find(settings: Settings, task: Task) -> Found:
    """Train a throw-away model for a few steps at rising rates and read the best rate off its losses."""
    name = settings.optimizer.name
    default = OPTIMIZERS.get(name).rate
    low, high = default * COLDEST, default * HOTTEST
    trial = settings.replacing({"training.steps": STEPS, "training.compile": "off"}, "the range test")
    arithmetic = arithmetic_of(trial)
    course = Course(trial)
    course.rate = rising(low, high, STEPS)
    state, stop = begin(task.model(), trial, arithmetic.device), Stop()
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0

    def listen(event: Event) -> None:
        nonlocal mean
        if isinstance(event, StepDone):
            mean = SMOOTH * mean + (1 - SMOOTH) * float(event.loss)
            rates.append(event.learning_rate)
            losses.append(mean / (1 - SMOOTH ** len(rates)))
            if losses[-1] > min(losses) + OVER:
                stop.ask("seen enough")

    with suppress(Diverged):  # too hot: the curve ends here
        loop(state, recipe(task, course, arithmetic), listen, stop)
    return choose(rates, losses, SAFE.get(name, 0.5), default)


def rising(low: float, high: float, steps: int) -> Callable[[int], float]:
    """Rates from low to high, each the same factor above the one before.

    >>> [round(rising(1.0, 100.0, 3)(step)) for step in range(3)]
    [1, 10, 100]
    """
    return lambda step: low * (high / low) ** (step / max(steps - 1, 1))


def choose(rates: Sequence[float], losses: Sequence[float], safe: float, default: float) -> Found:
    """The rate at which the loss was lowest, and the safe one below it; the default one when there is no curve."""
    if not rates or not all(map(math.isfinite, losses)):
        return Found(default, default, tuple(rates) or (default,), tuple(losses) or (0.0,))
    edge = rates[min(range(len(losses)), key=losses.__getitem__)]
    return Found(float(f"{edge * safe:.2g}"), edge, tuple(rates), tuple(losses))


def drawn(
    rates: Sequence[float], losses: Sequence[float], chosen: float, width: int = 48, height: int = 8
) -> list[str]:
    """The curve as lines of text: the loss upwards, the rate to the right on a logarithmic scale; the choice is marked."""
    top, bottom = min(max(losses), losses[0] + 0.5), min(losses)
    columns: dict[int, float] = {}
    for number, loss in enumerate(losses):
        columns[number * (width - 1) // max(len(losses) - 1, 1)] = loss
    mark = sum(rate < chosen for rate in rates) * (width - 1) // max(len(rates) - 1, 1)
    lines = []
    for row in range(height):
        level = top - (top - bottom) * row / (height - 1)
        half = (top - bottom) / (height - 1) / 2 or 1.0
        cells = ["·" if abs(min(columns.get(x, math.inf), top) - level) <= half else " " for x in range(width)]
        if cells[mark] == " ":
            cells[mark] = "|"
        lines.append(f"{level:6.2f} {''.join(cells)}".rstrip())
    return [*lines, f"{'rate':>6} {rates[0]:<10.1e}{f'{chosen:.1e}':^{width - 20}}{rates[-1]:>10.1e}"]
