"""A run trained again from one of its checkpoints, along the course it took: its own batches, arithmetic, chance and re-plans.

Before this   checkpoint.py, loop.py, replanning.py.
After this    verify.py compares the bits; insight/one_step.py goes up to a step and looks into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from fogwalk import hardware
from fogwalk.events import Event, Listener, StepDone
from fogwalk.registry import TASKS
from fogwalk.runs.folder import RunFolder
from fogwalk.settings import Settings, load_settings
from fogwalk.tasks.protocol import Task
from fogwalk.training import checkpoint, plan
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


Opens = Callable[[RunFolder, Settings, int], Task]


def opened(folder: RunFolder, settings: Settings, step: int) -> Task:
    """The task on what the run learned from, with the encoding of a checkpoint."""
    task: Task = TASKS.get(settings.task)(settings, folder.checkpoint(step) / "encoding")
    return task


@contextmanager
def replaying(folder: RunFolder, first: int, opens: Opens = opened) -> Iterator[Replay]:
    """The run as it was after `first` updates, which an intact checkpoint holds, under the run's own arithmetic."""
    course, recorded = recorded_course(folder, load_settings(folder.checkpoint(first) / "settings.toml"), first)
    settings = plan.close_device(course.settings)
    course.turn(settings)
    assert settings.threads is not None, "the plan closes the threads before anything is computed"
    with hardware.exactly(settings.threads, settings.device):
        task = opens(folder, settings, first)
        arithmetic = arithmetic_of(settings)
        state = begin(task.model(), settings, arithmetic.device)
        checkpoint.restore(folder, state, first)
        follow = Replanner(state, course, History(), lambda event: None, recorded, deciding=False)
        yield Replay(task, state, recipe(task, course, arithmetic), follow)
