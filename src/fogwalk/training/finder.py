"""The learning-rate finder: throw-away models trained for a few steps each, from too cold a rate to too hot a one.

Before this   loop.py, course.py, evaluation.py.
After this    plan.py closes the rate with it; the run folder keeps the curve (rates.json), a person sees it drawn.
A thermostat: too cold, and the loss crawls; too hot, and it overshoots. One model whose rate rises from step to step (Smith 2017)
tells only where training breaks, which was 7 to 50 times above what trained best (benchmarks/finder.py). So each rate gets a
model of its own, and a short run with the warm-up and the fall of the real one.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from fogwalk.errors import Diverged, SettingError
from fogwalk.registry import OPTIMIZERS
from fogwalk.settings import Settings
from fogwalk.tasks.protocol import Task
from fogwalk.training.course import UNTIL_CONVERGED, Course
from fogwalk.training.evaluation import evaluate
from fogwalk.training.loop import loop
from fogwalk.training.state import arithmetic_of, begin, recipe
from fogwalk.training.stopping import Stop

MOST_STEPS, LEAST_STEPS = 100, 20
TRIALS = 8  # as long as these many take all rates together, mostly: seven, and their validations
LEAST_RATES = 5  # that are tried where time suffices
COARSE, FINE = 4.0, 2.0  # factors between neighbouring rates: of the first look, and about the best of it
FARTHEST = 4.0**4  # from the optimizer's default, either way
VALIDATED = 16  # portions of the validation split that each is scored on


@dataclass(frozen=True)
class Found:
    """The rate, and the curve it was read off: the rates that were tried, rising, and the validation loss after `steps` steps
    at each; None where it diverged."""

    rate: float
    steps: int
    rates: tuple[float, ...]
    losses: tuple[float | None, ...]

    def words(self) -> list[str]:
        """The curve drawn, and the choice explained."""
        colder = [rate for rate in self.rates if rate < self.rate]
        hotter = [rate for rate in self.rates if rate > self.rate]
        told = f"rate {self.rate:.2g}: where the loss was lowest after {self.steps} steps of a throw-away model at each rate"
        if len(self.rates) < LEAST_RATES:
            told += f" ({len(self.rates)} of them fitted into the time)"
        told += f"; at {colder[0]:.2g} it crawls" if colder else ""
        told += f", at {hotter[-1]:.2g} it overshoots" if hotter else ""
        return [*drawn(self.rates, self.losses, self.rate), told]


def steps_of_a_trial(length: int, most: int | None) -> int:
    """How many steps each rate is tried for: no more than the run itself has, and such that all together take about `most`.

    >>> steps_of_a_trial(10_000, 300), steps_of_a_trial(10_000, None), steps_of_a_trial(30, None)
    (37, 100, 30)
    """
    longest = min(length, MOST_STEPS) if most is None else min(length, most // TRIALS, MOST_STEPS)
    return max(longest, LEAST_STEPS)


def find(settings: Settings, task: Task, length: int, most: int | None, seconds: float = math.inf) -> Found:
    """Try rates for a run of `length` steps, with about `most` steps in all; after so many seconds no further one is begun.

    Raises SettingError when training diverges at every rate.
    """
    until = time.perf_counter() + seconds
    trial_steps = steps_of_a_trial(length, most)
    # As many steps of warm-up as the run has: a rate that is hot is bearable only after them.
    warm = round(settings.optimizer.warmup * length) if length < UNTIL_CONVERGED else 0
    trial = settings.replacing(
        {
            "training.steps": trial_steps,
            "training.compile": "off",
            "optimizer.warmup": min(max(warm / trial_steps, settings.optimizer.warmup), 0.3),
            "optimizer.decay": 0.5,
        },
        "the learning-rate finder",
    )
    default = OPTIMIZERS.get(settings.optimizer.name).rate
    losses = search(lambda rate: loss_at(trial, task, rate), default, lambda: time.perf_counter() > until)
    if not any(map(math.isfinite, losses.values())):
        raise SettingError(
            "optimizer.learning_rate",
            found=f"training diverged at every rate that was tried, from {min(losses):.2g} to {max(losses):.2g}",
            remedy="Give a rate below these, or let clipping tame it (--optimizer.clip 1).",
        )
    curve = [(rate, loss if math.isfinite(loss) else None) for rate, loss in sorted(losses.items())]
    return Found(lowest(losses), trial_steps, tuple(rate for rate, _ in curve), tuple(loss for _, loss in curve))


def loss_at(settings: Settings, task: Task, rate: float) -> float:
    """The validation loss, on its first portions, after a short run at this rate; infinite where that diverged."""
    settings = settings.replacing({"optimizer.learning_rate": rate}, "the learning-rate finder")
    arithmetic = arithmetic_of(settings)
    state = begin(task.model(), settings, arithmetic.device)
    try:
        loop(state, recipe(task, Course(settings), arithmetic), lambda event: None, Stop())
    except Diverged:
        return math.inf
    loss = evaluate(state.model, task.loss, itertools.islice(task.validation(), VALIDATED), arithmetic).loss
    return loss if math.isfinite(loss) else math.inf


def search(
    loss: Callable[[float], float], default: float, stop: Callable[[], bool] = lambda: False
) -> dict[float, float]:
    """The losses at the rates that were tried: the default's, on both sides of it until the lowest has neighbours, and then
    closer by; colder while all diverge. `stop` tells when no further one shall be tried.

    >>> tried = search(lambda rate: abs(math.log(rate / 0.3)), default=1.0)
    >>> sorted(tried)
    [0.0625, 0.125, 0.25, 0.5, 1.0, 4.0]
    """
    losses: dict[float, float] = {}
    for rate in _rates(losses, default):
        losses[rate] = loss(rate)
        if stop():
            break
    return losses


def _rates(losses: Mapping[float, float], default: float) -> Iterator[float]:
    """One rate after the other; `losses` holds those of the rates before."""

    def best() -> float:
        return min(sorted(losses), key=losses.__getitem__)  # the coldest of equals

    yield from (default, default / COARSE, default * COARSE)
    while best() in (min(losses), max(losses)):
        rate = best() * (COARSE if best() == max(losses) else 1 / COARSE)
        if not 1 / FARTHEST <= rate / default <= FARTHEST:
            break
        yield rate
    middle = best()
    if math.isfinite(losses[middle]):
        yield from (middle / FINE, middle * FINE)


def lowest(losses: dict[float, float]) -> float:
    """Where the parabola through the lowest loss and its neighbours, over the logarithm of the rate, is lowest.

    >>> lowest({0.01: 3.0, 0.02: 2.0, 0.04: 3.0})
    0.02
    """
    rates = sorted(losses)
    rate = min(losses, key=losses.__getitem__)
    place = rates.index(rate)
    near = rates[max(place - 1, 0) : place + 2]
    if len(near) == 3 and all(math.isfinite(losses[one]) for one in near):
        below, above = (math.log(other / rate) for other in (near[0], near[2]))
        falls, rises = ((losses[other] - losses[rate]) for other in (near[0], near[2]))
        # a·x² + b·x through both neighbours; its lowest place is -b / 2a.
        a = (rises / above - falls / below) / (above - below)
        b = falls / below - a * below
        rate *= math.exp(-b / (2 * a)) if a > 0 else 1.0
    return float(f"{rate:.2g}")


def drawn(
    rates: tuple[float, ...], losses: tuple[float | None, ...], chosen: float, width: int = 48, height: int = 8
) -> list[str]:
    """The curve as lines of text: the loss upwards, the rate to the right on a logarithmic scale; the choice is marked."""
    known = [loss for loss in losses if loss is not None] or [0.0]
    top, bottom = max(known), min(known)
    span = math.log(rates[-1] / rates[0]) or 1.0

    def column(rate: float) -> int:
        return round(math.log(rate / rates[0]) / span * (width - 1))

    cells = [[" "] * width for _ in range(height)]
    for row in cells:
        row[column(chosen)] = "|"
    for rate, loss in zip(rates, losses, strict=True):
        level = 0 if loss is None else round((top - loss) / ((top - bottom) or 1.0) * (height - 1))
        cells[level][column(rate)] = "↑" if loss is None else "·"
    lines = [f"{top - (top - bottom) * at / (height - 1):6.2f} {''.join(row)}".rstrip() for at, row in enumerate(cells)]
    return [*lines, f"{'rate':>6} {rates[0]:<10.1e}{f'{chosen:.1e}':^{width - 20}}{rates[-1]:>10.1e}"]
