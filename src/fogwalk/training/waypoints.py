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
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fogwalk.cache import CAP, cache_folder, place_of, shrink
from fogwalk.errors import FogwalkError
from fogwalk.events import Event, Resumed, StepDone, Stopped
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.publish import UNFINISHED, free_bytes
from fogwalk.settings import Settings, load_settings
from fogwalk.training.checkpoint import weights
from fogwalk.training.state import State

KIND = "waypoints"
SECONDS = 1.5  # of training between two of them
SHARE = 0.012  # of the run's time that they may take
MOST_BYTES = 1_000_000_000  # of one run
MOST_OF_FREE = 0.05  # of what is free where they stand
FEWEST = 4  # a run of whose states fewer have room keeps none
BYTES_A_SECOND = 1e9  # that are hashed and written, about; what it really took counts from then on


def place(folder: RunFolder) -> Path:
    """Where the waypoints of a run stand."""
    return place_of(KIND, folder.identity)


@dataclass(frozen=True)
class Waypoint:
    """The state after `step` updates, read whole: the settings that held, and every tensor by its name in the file."""

    step: int
    settings: Settings
    tensors: dict[str, Tensor]

    def put_into(self, state: State) -> None:
        """Make `state` what it was then."""
        for name, parameter in state.model.named_parameters():
            parameter.data.copy_(self.tensors[f"model/{name}"])
        of_optimizer = {name: value for name, value in self.tensors.items() if name.startswith("optimizer/")}
        state.optimizer.load({name.removeprefix("optimizer/"): value for name, value in of_optimizer.items()})
        state.step = self.step


def nearest(folder: RunFolder, first: int, step: int) -> Waypoint | None:
    """The last waypoint from `first` to `step` that is as it was written; None where there is none: they may go at any time."""
    with suppress(OSError):
        for at in sorted((at for at in _steps(place(folder)) if first < at <= step), reverse=True):
            if (found := _read(place(folder) / f"{at:06d}", at)) is not None:
                return found
    return None


def _read(where: Path, step: int) -> Waypoint | None:
    try:
        tensors, settings = (
            load_file(where / "state.safetensors"),
            (where / "settings.toml").read_text(encoding="utf-8"),
        )
        if _digest(tensors, settings) != (where / "sha256").read_text(encoding="utf-8"):
            return None
        return Waypoint(step, load_settings(where / "settings.toml"), tensors)
    except (OSError, ValueError, SafetensorError, FogwalkError):
        return None


def _digest(tensors: Mapping[str, Tensor], settings: str) -> str:
    """Of every name, shape and number."""
    digest = hashlib.sha256(settings.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy())  # type: ignore[arg-type]  # bytes side by side
    return digest.hexdigest()


def save(folder: RunFolder, state: State, settings: str) -> int:
    """Keep the state of now; gives back its bytes. Raises OSError where the disk says no."""
    parts = {f"model/{name}": value for name, value in weights(state.model).items()}
    parts |= {f"optimizer/{name}": value.detach().cpu().contiguous() for name, value in state.optimizer.state().items()}
    target = place(folder) / f"{state.step:06d}"
    fresh = target.with_name(f"{UNFINISHED}{target.name}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        save_file(parts, fresh / "state.safetensors")
    except SafetensorError as error:
        raise OSError(str(error)) from error
    (fresh / "settings.toml").write_text(settings, encoding="utf-8", newline="")
    (fresh / "sha256").write_text(_digest(parts, settings), encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return sum(value.nbytes for value in parts.values())


def keep(folder: RunFolder, state: State, settings: str) -> None:
    """Keep the state of now, once, where that leaves the run's waypoints within their room."""
    with suppress(OSError):
        size = _about(state)
        there = _steps(place(folder)) if place(folder).is_dir() else []
        if size * max(FEWEST, len(there) + 1) <= _room():
            save(folder, state, settings)
            shrink(CAP, keep=place(folder))


def _about(state: State) -> int:
    """Bytes of a state, about."""
    return 3 * sum(value.nbytes for value in state.model.parameters())


def _room() -> int:
    """Bytes that a run's waypoints may take. Raises OSError where the disk does not say."""
    return min(MOST_BYTES, round(MOST_OF_FREE * free_bytes(cache_folder())))


def forget(folder: RunFolder, beyond: int) -> None:
    """Remove those of later steps."""
    with suppress(OSError):
        for at in _steps(place(folder)):
            if at > beyond:
                shutil.rmtree(place(folder) / f"{at:06d}", ignore_errors=True)


def _steps(where: Path) -> list[int]:
    return [int(entry.name) for entry in where.iterdir() if entry.name.isdecimal()]


class Waypoints:
    """A listener that keeps them while a run trains."""

    def __init__(self, folder: RunFolder, state: State, settings: Callable[[], str]) -> None:
        self.folder = folder
        self.state = state
        self.settings = settings
        self.seconds = SECONDS
        self.kept: list[int] = []
        self.size = _about(state)
        self.most = 0
        with suppress(OSError):
            self.most = _room()
        self.spent = 0.0
        self._last = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, Resumed):
            self._last = event.seconds
            with suppress(OSError):
                self.kept = sorted(at for at in _steps(place(self.folder)) if at <= event.step)
        elif isinstance(event, StepDone):
            due = event.seconds - self._last >= self.seconds and self.size * FEWEST <= self.most
            if due and self.spent + self.size / BYTES_A_SECOND <= SHARE * event.seconds:
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
            if size * len(self.kept) > self.most:
                self._thin()
        self.spent += time.perf_counter() - began

    def _thin(self) -> None:
        """Every second one goes, and from now on half as many come."""
        for at in self.kept[::2]:
            shutil.rmtree(place(self.folder) / f"{at:06d}", ignore_errors=True)
        self.kept = self.kept[1::2]
        self.seconds *= 2
