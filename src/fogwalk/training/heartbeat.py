"""status.json while a run is trained: alive, and where it is, at most once a second.

Before this   runs/folder.py replaces the file in one instant.
After this    `fogwalk runs` and the page look at it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from fogwalk.errors import RunError
from fogwalk.events import Event, StepDone, Stopped
from fogwalk.runs.folder import RunFolder
from fogwalk.training.course import Course

_STATES = {"steps": "finished", "stop-below": "finished", "converged": "finished", "terminated": "interrupted"}


def begun(status: dict[str, Any]) -> dict[str, Any]:
    """What a new status keeps of the one before: when the run began."""
    return {"started": status["started"]} if "started" in status else {}


class Heartbeat:
    """A listener; its last word is the state the run stopped in. A status that cannot be written stops no training."""

    def __init__(self, folder: RunFolder, course: Course) -> None:
        self.folder = folder
        self.course = course
        self.kept = begun(folder.status())
        self.last = -1.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepDone) and event.seconds - self.last < 1:
            return
        self.last = event.seconds
        state = _STATES.get(event.reason, event.reason) if isinstance(event, Stopped) else "training"
        with suppress(RunError):
            self.folder.write_status(**self.kept, state=state, step=event.step, steps=self.course.steps)
