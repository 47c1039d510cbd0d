"""What the steps, validations and samples of a session take, each apart from the others.

Before this   events tell when each was made.
After this    drift.py ends the run in time with it; cli/remaining.py shows what is left.
"""

from __future__ import annotations

from collections import deque

from fogwalk.events import Evaluated, Event, Resumed, Sampled, StepDone


class Timing:
    """Hears every event of a session; a step and its validation may be heard in either order, its sample last.

    `latest` is how many of each are remembered. The session's first step is not timed: generated code is made in it.
    """

    def __init__(self, latest: int) -> None:
        self.now = 0.0  # the run's age in seconds, when what was heard last ended
        self.made = 0  # steps that were timed
        self.latest: deque[float] = deque(maxlen=latest)  # seconds of each of the latest of them
        self.validations: deque[float] = deque(maxlen=latest)  # and of the latest validations
        self.sample = 0.0  # seconds of the latest sample
        self._step = -1
        self._before: float | None = None  # when the step before, and all that followed it, had ended
        self._done: float | None = None  # when this step had ended
        self._validated: float | None = None  # and its validation

    def __call__(self, event: Event) -> None:
        if isinstance(event, Resumed):  # what comes before the first step begins here
            self.now = max(self.now, event.seconds)
        if not isinstance(event, StepDone | Evaluated | Sampled):
            return
        if event.step != self._step:
            self._before = None if self._done is None else self.now
            self._step, self._done, self._validated = event.step, None, None
        if isinstance(event, StepDone):
            self._done = event.seconds
            if self._before is not None:
                self.latest.append(event.seconds - self._before)
                self.made += 1
        elif isinstance(event, Evaluated):
            self._validated = event.seconds
        else:
            self.sample = event.seconds - self.now
        if not isinstance(event, Sampled) and self._done is not None and self._validated is not None:
            self.validations.append(self._validated - self._done)
        self.now = max(self.now, event.seconds)
