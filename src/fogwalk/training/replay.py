"""A run trained again from one of its checkpoints, along the course it took: its own batches, arithmetic, chance and re-plans.

Before this   checkpoint.py, loop.py, replanning.py.
After this    verify.py compares the bits; insight/one_step.py goes up to a step and looks into it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fogwalk import hardware
from fogwalk.errors import DataError
from fogwalk.events import Event, Listener, StepDone
from fogwalk.registry import TASKS
from fogwalk.runs.folder import RunFolder
from fogwalk.settings import Settings, load_settings
from fogwalk.tasks.protocol import Task
from fogwalk.training import checkpoint, plan, waypoints
from fogwalk.training.history import History
from fogwalk.training.loop import loop
from fogwalk.training.replanning import Replanner, recorded_course
from fogwalk.training.state import Recipe, State, arithmetic_of, begin, recipe
from fogwalk.training.stopping import Stop


@dataclass
class Replay:
    """A run as it was at `state.step`. `losses` holds, by step, what was computed again on the way."""

    task: Task
    state: State
    recipe: Recipe
    listen: Listener
    losses: dict[int, float] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The settings that hold at this step."""
        return self.recipe.course.settings

    def fresh(self) -> State:
        """Another state of the same shape, to be filled from a checkpoint."""
        return begin(self.task.model(), self.settings, self.recipe.arithmetic.device)

    def to(self, step: int) -> None:
        """Train until so many updates are made. Raises Diverged where the run did."""

        def listen(event: Event) -> None:
            if isinstance(event, StepDone):
                self.losses[event.step] = float(event.loss)
            self.listen(event)

        loop(self.state, self.recipe, listen, Stop(), until=step)


@contextmanager
def replaying(folder: RunFolder, first: int, before: int | None = None) -> Iterator[Replay]:
    """The run as it was after `first` updates, which an intact checkpoint holds, under the run's own arithmetic; with `before`,
    as near before that step as a waypoint is."""
    near = None if before is None else waypoints.nearest(folder, first, before)
    saved = load_settings(folder.checkpoint(first) / "settings.toml") if near is None else near.settings
    course, recorded = recorded_course(folder, saved, first if near is None else near.step)
    settings = plan.close_device(course.settings)
    course.turn(settings)
    assert settings.threads is not None, "the plan closes the threads before anything is computed"
    with hardware.exactly(settings.threads, settings.device):
        task: Task = TASKS.get(settings.task)(settings, folder.checkpoint(first) / "encoding")
        if task.digest != checkpoint.read_progress(folder, first)["data_sha256"]:
            raise DataError(
                f"{', '.join(settings.data.path)} has changed since this run began, so its steps cannot be made again",
                remedy="Put the old data back.",
            )
        arithmetic = arithmetic_of(settings)
        state = begin(task.model(), settings, arithmetic.device)
        checkpoint.restore(folder, state, first)
        if near is not None:
            near.put_into(state)
        follow = Replanner(state, course, History(), lambda event: None, recorded, deciding=False)
        yield Replay(task, state, recipe(task, course, arithmetic), follow)
