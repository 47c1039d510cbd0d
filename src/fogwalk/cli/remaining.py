"""How long a run will still take, for the eye: medians, so that one slow step moves nothing.

Before this   training/timing.py.
After this    progress.py shows it.
"""

from __future__ import annotations

import statistics

from fogwalk.events import Event, Planned, Replanned, Resumed
from fogwalk.training.timing import Timing

LATEST = 50


class Remaining(Timing):
    """Hears every event of a session."""

    def __init__(self) -> None:
        super().__init__(LATEST)
        self.steps = 0
        self.every: int | None = None  # steps between validations, where it is known

    def __call__(self, event: Event) -> None:
        super().__call__(event)
        if isinstance(event, Planned | Resumed | Replanned):
            self.steps = event.steps
            self.every = event.settings.get("training.evaluate_every", self.every)

    def pace(self) -> float:
        """Seconds of a step; 0 while they are not known."""
        return statistics.median(self.latest) if self.latest else 0.0

    def seconds(self, step: int) -> float:
        """What is left after `step` steps: theirs, and those of the validations to come."""
        validations = -(-self.steps // self.every) - step // self.every if self.every else 0
        wait = statistics.median(self.validations) if self.validations else 0.0
        return self.pace() * (self.steps - step) + wait * validations
