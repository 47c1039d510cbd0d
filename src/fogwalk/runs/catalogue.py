"""What there is to say about each run, for `fogwalk runs` and `compare`, without loading a model.

Before this   folder.py, log.py, lock.py.
After this    cli/runs.py and cli/compare.py print it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fogwalk.errors import FogwalkError
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.lock import is_held
from fogwalk.runs.log import read_story
from fogwalk.settings import load_settings

GOING = ("planning", "training", "paused")  # states in which a process holds the run


@dataclass(frozen=True, kw_only=True)
class Summary:
    """One line of `fogwalk runs`. The field names are promised to programs."""

    name: str
    path: str
    task: str
    state: str
    step: int
    steps: int | None
    best_validation_loss: float | None
    bytes: int

    def as_record(self) -> dict[str, Any]:
        """The same as plain values for --json."""
        return asdict(self)


def summarise(folder: RunFolder) -> Summary:
    """Read a run folder's state; a damaged one is told as such, never a failure of the whole list."""
    try:
        settings = load_settings(newest_settings(folder))
        task, steps = settings.task, settings.training.steps
    except FogwalkError:
        task, steps = "?", None
    try:
        story = read_story(folder.events)
    except FogwalkError:
        story, task = [], "?"
    losses = [record.get("validation_loss") for record in story if record["event"] == "evaluated"]
    saved = folder.steps_saved()
    step = folder.status().get("step")
    return Summary(
        name=folder.name,
        path=str(folder.path),
        task=task,
        state="damaged" if task == "?" else state_of(folder),
        step=step if isinstance(step, int) else saved[-1] if saved else 0,
        steps=steps,
        best_validation_loss=min((loss for loss in losses if isinstance(loss, float | int)), default=None),
        bytes=folder.bytes(),
    )


def state_of(folder: RunFolder) -> str:
    """planning, training, paused, finished, interrupted, diverged or failed; 'stopped' when its process died without a word."""
    state = str(folder.status().get("state", "planning"))
    if state in GOING and not is_held(folder.path):
        return "stopped"
    return state


def newest_settings(folder: RunFolder) -> Path:
    """The run's settings file, or where that view is lost its newest checkpoint's."""
    saved = folder.steps_saved()
    return folder.settings if folder.settings.exists() or not saved else folder.checkpoint(saved[-1]) / "settings.toml"
