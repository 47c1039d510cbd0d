"""When to save: before the first step, every so often, before each validation, and whenever the run stops.

Before this   checkpoint.py says how.
After this    a saved step is what a resume begins from.
"""

from __future__ import annotations

from collections.abc import Callable

from fogwalk.events import Evaluated, Event, Listener, Resumed, Saved, StepDone
from fogwalk.runs.folder import RunFolder
from fogwalk.training import checkpoint
from fogwalk.training.state import State


class Saver:
    """Publishes a checkpoint when `due` says so and prunes old ones once the best is known."""

    def __init__(
        self,
        folder: RunFolder,
        state: State,
        emit: Listener,
        *,
        due: Callable[[int], bool],
        before: Callable[[], None],
        keep: int,
        extras: checkpoint.Extras,
    ) -> None:
        self.folder = folder
        self.state = state
        self.emit = emit
        self.due = due
        self.before = before
        self.keep = keep
        self.extras = extras
        self.saved: int | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, Resumed):
            self.saved = event.step
        elif isinstance(event, StepDone) and self.due(event.step):
            self.save()
        elif isinstance(event, Evaluated):
            checkpoint.prune(self.folder, self.state, self.keep)

    def save(self) -> None:
        """Publish the present step, unless it already is."""
        if self.saved == self.state.step:
            return
        self.before()
        path, size = checkpoint.save(self.folder, self.state, self.extras)
        self.saved = self.state.step
        self.emit(Saved(step=self.state.step, seconds=self.state.age(), path=str(path), bytes=size))
        checkpoint.prune(self.folder, self.state, self.keep)
