"""When a run has learned what it will: validation improves no more than its own noise.

Before this   history.py.
After this    replanning.py ends the run, once its rate has fallen.
The rule: over the last third of the steps made, which are the last 50 % more, a straight line is laid through the validations.
What they stray from it is their noise. When the line falls by less than that, another 50 % would bring less still, for learning
curves flatten.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fogwalk.settings import Training
from fogwalk.training.history import History

# So many validations at least must lie in the window: of fewer no noise can be told.
LEAST = 6


@dataclass(frozen=True)
class Verdict:
    """Over `since` to `step`, validation fell by `gain` nats; it strays by `noise`."""

    since: int
    step: int
    gain: float
    noise: float

    @property
    def converged(self) -> bool:
        """Whether what was gained is no more than noise."""
        return self.gain < self.noise

    def words(self) -> str:
        """For a person."""
        moved = f"fell by {self.gain:.4f}" if self.gain > 0 else f"rose by {-self.gain:.4f}"
        return f"over steps {self.since} to {self.step} validation {moved} nats; its noise is {self.noise:.4f}"


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
    slope, noise = line(window)
    since = window[0][0]
    if settings.convergence_noise is not None:
        noise = settings.convergence_noise
    return Verdict(since, step, -slope * (step - since), noise)


def line(points: list[tuple[int, float]]) -> tuple[float, float]:
    """Slope of the least-squares line through the points, and the standard deviation of what strays from it.

    >>> slope, noise = line([(0, 1.0), (1, 2.0), (2, 3.0)])
    >>> round(slope, 6), round(noise, 6)
    (1.0, 0.0)
    """
    count = len(points)
    middle_x = sum(x for x, _ in points) / count
    middle_y = sum(y for _, y in points) / count
    spread = sum((x - middle_x) ** 2 for x, _ in points)
    slope = sum((x - middle_x) * (y - middle_y) for x, y in points) / spread
    strays = sum((y - middle_y - slope * (x - middle_x)) ** 2 for x, y in points)
    return slope, math.sqrt(strays / (count - 2))
