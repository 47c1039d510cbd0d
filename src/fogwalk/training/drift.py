"""What a step of a run takes now, and what its validations and samples take beside it.

Before this   events tell when each was made.
After this    replanning.py ends the run in time with it.
"""

from __future__ import annotations

from fogwalk.events import Evaluated, Event, Sampled, StepDone

LOOKS = 20  # times a run looks at its pace
LEAST_SECONDS = 2.0  # of steps, before their pace says anything


class Drift:
    """Hears every event of a session. `validation_steps` is how many steps a validation is guessed to take until one is timed."""

    def __init__(self, validation_steps: float = 0.0) -> None:
        self.pace = 0.0  # seconds of a step, over the time since the last look but one
        self._validation_steps = validation_steps
        self._validation: float | None = None
        self._sample = 0.0
        self._apart = 0.0  # seconds of validations and samples since the last look
        self._validated: Evaluated | None = None
        self._now = 0.0
        self._looked: tuple[int, float] | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, Evaluated):  # heard before the step that it follows
            self._validated = event
        elif isinstance(event, StepDone):
            self._now = event.seconds
            if self._validated and self._validated.step == event.step:
                self._now = self._validated.seconds
                self._validation = self._now - event.seconds
                self._apart += self._validation
        elif isinstance(event, Sampled):
            self._sample = event.seconds - self._now
            self._apart += self._sample
            self._now = event.seconds

    def looks(self, event: StepDone, steps: int) -> bool:
        """Whether it is time to look again, in a run of so many steps; then `pace` is known."""
        if self._looked is None:
            self._begin(event)
            return False
        since, then = self._looked
        made, seconds = event.step - since, self._now - then - self._apart
        if made < max(1, steps // LOOKS) or seconds < LEAST_SECONDS:
            return False
        self.pace = seconds / made
        self._begin(event)
        return True

    def _begin(self, event: StepDone) -> None:
        self._looked = event.step, self._now
        self._apart = 0.0

    def fit(self, seconds: float, every: int, sample_every: int) -> int:
        """How many more steps end within `seconds` of the run's life, validated and shown every so many, and once at the end."""
        validation = self._validation_steps * self.pace if self._validation is None else self._validation
        step = self.pace + validation / every + (self._sample / sample_every if sample_every else 0.0)
        return max(1, int((seconds - self._now - validation) / step))
