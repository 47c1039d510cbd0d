"""Waypoints: the state of a run every second and a half, so that any of its steps can be made again at once.

Before this   state.py, checkpoint.py; cache.py says where they stand.
After this    replay.py begins at the nearest one before a step.
They lie in the cache, not in the run: without them a step is made again from a checkpoint, to the same bits, only later. They are
not flushed to the disk; one that is damaged is passed over.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import safetensors.torch

from fogwalk.cache import CAP, place_of, shrink
from fogwalk.events import Event, Resumed, StepDone, Stopped
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.publish import UNFINISHED
from fogwalk.training.checkpoint import weights
from fogwalk.training.state import State

KIND = "waypoints"
SECONDS = 1.5  # of training between two of them
SHARE = 0.012  # of the run's time that they may take
MOST_BYTES = 600_000_000  # of one run


def place(folder: RunFolder) -> Path:
    """Where the waypoints of a run stand."""
    return place_of(KIND, folder.identity)


def nearest(folder: RunFolder, first: int, step: int) -> int | None:
    """The last whole waypoint from `first` to `step`; None where there is none."""
    with suppress(OSError):
        for at in sorted((at for at in _steps(place(folder)) if first < at <= step), reverse=True):
            if _whole(place(folder) / f"{at:06d}") is not None:
                return at
    return None


def save(folder: RunFolder, state: State, settings: str) -> int:
    """Keep the state of now; gives back its bytes. Raises OSError where the disk says no."""
    parts = {f"model/{name}": value for name, value in weights(state.model).items()}
    parts |= {f"optimizer/{name}": value.detach().cpu().contiguous() for name, value in state.optimizer.state().items()}
    content = safetensors.torch.save(parts)
    target = place(folder) / f"{state.step:06d}"
    fresh = target.with_name(f"{UNFINISHED}{target.name}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    (fresh / "state.safetensors").write_bytes(content)
    (fresh / "settings.toml").write_text(settings, encoding="utf-8")
    (fresh / "sha256").write_text(hashlib.sha256(content).hexdigest(), encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return len(content)


def restore(folder: RunFolder, state: State, step: int) -> None:
    """Make `state` what it was after `step` updates, which `nearest` has found whole."""
    content = _whole(place(folder) / f"{step:06d}")
    assert content is not None
    stored = safetensors.torch.load(content)
    for name, parameter in state.model.named_parameters():
        parameter.data.copy_(stored[f"model/{name}"])
    of_optimizer = {name: value for name, value in stored.items() if name.startswith("optimizer/")}
    state.optimizer.load({name.removeprefix("optimizer/"): value for name, value in of_optimizer.items()})
    state.step = step


def forget(folder: RunFolder, beyond: int) -> None:
    """Remove those of later steps."""
    with suppress(OSError):
        for at in _steps(place(folder)):
            if at > beyond:
                shutil.rmtree(place(folder) / f"{at:06d}", ignore_errors=True)


def _steps(where: Path) -> list[int]:
    return [int(entry.name) for entry in where.iterdir() if entry.name.isdecimal()]


def _whole(where: Path) -> bytes | None:
    """The content of a waypoint that is as it was written."""
    try:
        content = (where / "state.safetensors").read_bytes()
        return content if hashlib.sha256(content).hexdigest() == (where / "sha256").read_text() else None
    except OSError:
        return None


class Waypoints:
    """A listener that keeps them while a run trains."""

    def __init__(self, folder: RunFolder, state: State, settings: Callable[[], str]) -> None:
        self.folder = folder
        self.state = state
        self.settings = settings
        self.seconds = SECONDS
        self.kept: list[int] = []
        self.spent = 0.0
        self._last = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Resumed):
            forget(self.folder, event.step)
            self._last = event.seconds
        elif isinstance(event, StepDone):
            due = event.seconds - self._last >= self.seconds
            if due and self.spent <= SHARE * event.seconds:
                self._save(event)
        elif isinstance(event, Stopped):
            with suppress(OSError):
                shrink(CAP)

    def _save(self, event: StepDone) -> None:
        began = time.perf_counter()
        self._last = event.seconds
        with suppress(OSError):
            size = save(self.folder, self.state, self.settings())
            self.kept.append(event.step)
            if size * len(self.kept) > MOST_BYTES:
                self._thin()
        self.spent += time.perf_counter() - began

    def _thin(self) -> None:
        """Every second one goes, and from now on half as many come."""
        for at in self.kept[::2]:
            shutil.rmtree(place(self.folder) / f"{at:06d}", ignore_errors=True)
        self.kept = self.kept[1::2]
        self.seconds *= 2
