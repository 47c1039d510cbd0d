"""Whether a run still ends in time: what its steps take now, beside what its validations and samples take.

Before this   timing.py.
After this    replanning.py changes the course with it.
"""

from __future__ import annotations

import statistics

from fogwalk.training.timing import Timing

LOOKS = 20  # times a run looks at its pace
LEAST_SECONDS = 2.0  # of steps, before their pace says anything
MOST_STEPS = 2000  # that one look is made over
STALL = 4.0  # times the median: what a step took beyond that is past, and says nothing of those to come


class Drift(Timing):
    """`validation_steps` is how many steps a validation is guessed to take until one is timed."""

    def __init__(self, validation_steps: float = 0.0) -> None:
        super().__init__(MOST_STEPS)
        self.pace = 0.0  # seconds of a step, over those since the last look but one
        self._validation_steps = validation_steps
        self._looked = 0

    def looks(self, steps: int) -> bool:
        """Whether it is time to look again, in a run of so many steps; then `pace` is known."""
        made = self.made - self._looked
        if made < max(1, min(steps // LOOKS, MOST_STEPS)):
            return False
        seconds = list(self.latest)[-made:]
        if sum(seconds) < LEAST_SECONDS:
            return False
        most = STALL * statistics.median(seconds)
        self.pace = statistics.mean(min(one, most) for one in seconds)
        self._looked = self.made
        return True

    def fit(self, seconds: float, every: int, sample_every: int) -> int:
        """How many more steps end within `seconds` of the run's life, validated and shown every so many, and once at the end."""
        validation = self.validations[-1] if self.validations else self._validation_steps * self.pace
        step = self.pace + validation / every + (self.sample / sample_every if sample_every else 0.0)
        return max(1, int((seconds - self.now - validation) / step))
