"""The smoothed loss: a mean in which each step weighs nine tenths of the one after it, without the zero it began with.

Before this   nothing.
After this    cli/progress.py and the page's curves show it; page/story.js goes on with it as new steps come in.
"""

from __future__ import annotations

SHARE = 0.9  # of the last mean that is kept


class Smooth:
    """Takes one loss after the other; `value` is their smoothed mean, None before the first.

    >>> smooth = Smooth()
    >>> [round(smooth.take(loss), 3) for loss in (4.0, 2.0)]
    [4.0, 2.947]
    """

    def __init__(self) -> None:
        self._mean = self._weight = 0.0

    def take(self, loss: float) -> float:
        """The mean with one loss more."""
        self._mean = SHARE * self._mean + (1 - SHARE) * loss
        self._weight = SHARE * self._weight + (1 - SHARE)
        return self._mean / self._weight

    @property
    def value(self) -> float | None:
        return self._mean / self._weight if self._weight else None
