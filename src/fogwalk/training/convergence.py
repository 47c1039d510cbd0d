"""When a run has learned what it will: validation improves no more than its own noise.

Before this   history.py.
After this    replanning.py ends the run, once its rate has fallen.
The rule: over the last two thirds of the steps made a straight line is laid through the validations, against the logarithm of
the step. By it another 50 % of the steps would bring its slope times ln 1.5, and no more, for learning curves flatten even so.
That is less than the noise: the run ends. Noise is how far a validation lies from the one before, over the root of two: what is
learned between two of them hardly counts (von Neumann's estimate from successive differences, 1941). Two thousandths of a nat
count as noise in any case.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from fogwalk.settings import Training
from fogwalk.training.history import History

# So many validations at least must lie in the window: of fewer no noise can be told.
LEAST = 6
MORE = 0.5  # of the steps made: what so many more would bring is asked
# Nats that count as nothing, however smooth the curve: a text of repetitions is learned a little better for ever.
NOTHING = 0.002


@dataclass(frozen=True)
class Verdict:
    """By the validations of steps `since` to `step`, half as many steps more would bring `gain` nats; validation strays by
    `noise`, or less is counted as nothing."""

    since: int
    step: int
    gain: float
    noise: float

    @property
    def converged(self) -> bool:
        """Whether what is to be gained is no more than noise."""
        return self.gain < self.noise

    def words(self) -> str:
        """For a person."""
        moves = f"fall by {self.gain:.4f}" if self.gain > 0 else f"rise by {-self.gain:.4f}"
        return (
            f"going on as over steps {self.since} to {self.step}, validation would {moves} nats in half as many steps more; "
            f"its noise is {self.noise:.4f}" + (" (less counts as nothing)" if self.noise == NOTHING else "")
        )


def verdict(history: History, settings: Training) -> Verdict | None:
    """What the last window of validations says; None while there are too few of them."""
    if not history.steps:
        return None
    step = history.steps[-1]
    window = [
        (at, loss)
        for at, loss in zip(history.steps, history.losses, strict=True)
        if at >= step * (1 - settings.convergence_window)
    ]
    if len(window) < LEAST or len(window) == len(history.steps) or not all(math.isfinite(loss) for _, loss in window):
        return None
    noise = settings.convergence_noise
    if noise is None:
        noise = max(strays([loss for _, loss in window]), NOTHING)
    gain = -slope([(math.log(at), loss) for at, loss in window]) * math.log(1 + MORE)
    return Verdict(window[0][0], step, gain, noise)


def slope(points: list[tuple[float, float]]) -> float:
    """Of the least-squares line through the points.

    >>> slope([(0, 1.0), (1, 2.0), (2, 3.0)])
    1.0
    """
    count = len(points)
    middle_x = sum(x for x, _ in points) / count
    middle_y = sum(y for _, y in points) / count
    return sum((x - middle_x) * (y - middle_y) for x, y in points) / sum((x - middle_x) ** 2 for x, _ in points)


def strays(losses: list[float]) -> float:
    """The standard deviation of what losses stray from the curve they lie on, by the differences of neighbours.

    >>> strays([1.0, 3.0, 1.0, 3.0, 1.0])
    1.4142135623730951
    """
    between = [(after - before) ** 2 for before, after in itertools.pairwise(losses)]
    return math.sqrt(sum(between) / len(between) / 2)
