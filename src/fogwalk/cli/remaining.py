"""How long a run will still take: the pace of its latest steps, and what its validations have taken so far.

Before this   events tell when each step was made.
After this    progress.py shows it.
"""

from __future__ import annotations

import statistics
from collections import deque
from typing import Any

_LATEST = 50  # steps


class Remaining:
    """Seconds per step and per validation, as seen so far."""

    def __init__(self) -> None:
        self.steps = 0
        self.every: int | None = None  # steps between validations, where it is known
        self._paces: deque[float] = deque(maxlen=_LATEST)
        self._waits: deque[float] = deque(maxlen=_LATEST)
        self._last: float | None = None
        self._validated = self._sampled = False

    def planned(self, steps: int, settings: dict[str, Any]) -> None:
        """The run is to make so many steps."""
        self.steps = steps
        self.every = settings.get("training.evaluate_every", self.every)

    def validated(self) -> None:
        """The next step's seconds hold a validation."""
        self._validated = True

    def sampled(self) -> None:
        """The next step's seconds hold a sample: they tell nothing of either pace."""
        self._sampled = True

    def stepped(self, seconds: float) -> None:
        """A step was made, so many seconds after the run began."""
        if self._last is not None:
            took = seconds - self._last
            if self._validated and not self._sampled and self._paces:
                self._waits.append(max(0.0, took - self.pace()))
            elif not self._validated and not self._sampled:
                self._paces.append(took)
        self._last = seconds
        self._validated = self._sampled = False

    def pace(self) -> float:
        """Seconds of a step; 0 while they are not known."""
        return statistics.median(self._paces) if self._paces else 0.0

    def seconds(self, step: int) -> float:
        """What is left after `step` steps.

        >>> left = Remaining()
        >>> left.planned(10, {"training.evaluate_every": 4})
        >>> for second in (1, 2, 3, 4):
        ...     left.stepped(second)
        >>> left.validated()
        >>> left.stepped(8)
        >>> left.seconds(5)  # five steps, and the validations after the steps 8 and 10
        11.0
        """
        validations = -(-self.steps // self.every) - step // self.every if self.every else 0
        wait = statistics.median(self._waits) if self._waits else 0.0
        return self.pace() * (self.steps - step) + wait * validations
