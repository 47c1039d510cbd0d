"""The run folder: the one contract between the trainer, which writes it, and everything that reads it.

    runs/brave-otter/
      settings.toml          every resolved value and where it came from
      status.json            state, step, pid, host, heartbeat; replaced in one instant
      events.jsonl           what happened, append-only
      encoding/              the tokenizer
      checkpoints/000640/    model.safetensors, optimizer.safetensors, progress.json, settings.toml, encoding/, manifest.json

Before this   publish.py.
After this    lock.py, log.py, catalogue.py; train.py creates a run, run.py opens one.
"""

from __future__ import annotations

import json
import os
import random
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fogwalk.errors import RunError, UsageError
from fogwalk.registry import nearest
from fogwalk.runs.publish import UNFINISHED, cannot_write, write_atomically

RUNS = Path("runs")
# What a lock leaves behind: whether a process holds the run, and which.
LOCK, HOLDER = LOCKS = (".lock", ".holder")

_ADJECTIVES = (  # noqa: SIM905  # sixty lines for sixty words tell no more
    "brave calm bright quiet swift gentle clever merry bold patient lucid nimble sunny steady curious eager humble "
    "keen lively mellow noble proud ready sturdy tidy vivid warm witty young zesty"
).split()
_ANIMALS = (  # noqa: SIM905
    "otter heron lynx finch badger salmon raven hare falcon seal marten crane beaver owl fox wren stoat ibex swan "
    "mole tern vole newt robin puffin moose bison gecko koala lemur"
).split()


@dataclass(frozen=True)
class RunFolder:
    """The places inside one run folder."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def settings(self) -> Path:
        return self.path / "settings.toml"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def encoding(self) -> Path:
        return self.path / "encoding"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def checkpoint(self, step: int) -> Path:
        """Where the checkpoint after `step` updates stands."""
        return self.checkpoints / f"{step:06d}"

    def steps_saved(self) -> list[int]:
        """The steps that have a checkpoint folder, oldest first, whether intact or not."""
        if not self.checkpoints.is_dir():
            return []
        return sorted(
            int(entry.name) for entry in self.checkpoints.iterdir() if entry.name.isdecimal() and entry.is_dir()
        )

    def status(self) -> dict[str, Any]:
        """The last status written; empty when there is none or it cannot be read."""
        try:
            status = json.loads((self.path / "status.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return status if isinstance(status, dict) else {}

    def write_status(self, **values: Any) -> None:
        """Replace status.json, adding who writes and when."""
        status = {"pid": os.getpid(), "host": socket.gethostname(), "heartbeat": time.time()} | values
        write_atomically(self.path / "status.json", json.dumps(status, indent=1) + "\n", durable=False)

    def bytes(self) -> int:
        """Size of everything in the folder."""
        total = 0
        for entry in self.path.rglob("*"):
            try:
                total += entry.lstat().st_size
            except OSError:
                continue  # it went away while we looked: a checkpoint that was just replaced
        return total


def is_run(path: Path) -> bool:
    """Whether a folder is a run: it has settings."""
    return os.path.isfile(path / "settings.toml")  # false, not an error, for a name too long


def create(out: str | None) -> RunFolder:
    """A new, empty run folder: `out`, or a fresh name under ./runs."""
    if out is None:
        path = _fresh_name()
    else:
        path = Path(out).expanduser()
        if is_run(path):
            raise UsageError(
                f"{path} already holds a run",
                remedy=f"Go on with it: fogwalk train --resume {path}, or choose another --out.",
            )
    try:
        if path.is_file() or (path.is_dir() and any(entry.name not in LOCKS for entry in path.iterdir())):
            raise UsageError(
                f"{path} is in the way: it is not a run and not an empty folder", remedy="Choose another --out."
            )
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    return RunFolder(path)


def _fresh_name() -> Path:
    # Names are drawn from the system's own chance: two runs with one seed still get two names.
    chance = random.SystemRandom()
    for _ in range(1000):
        path = RUNS / f"{chance.choice(_ADJECTIVES)}-{chance.choice(_ANIMALS)}"
        if not path.exists():
            return path
    raise RunError("no free name is left under runs/", remedy="Name the folder with --out, or remove old runs.")


def all_runs(root: Path = RUNS) -> list[RunFolder]:
    """The runs under a folder, oldest first."""
    if not root.is_dir():
        return []
    found = [RunFolder(entry) for entry in root.iterdir() if entry.is_dir() and is_run(entry)]
    return sorted(found, key=_started)


def _started(folder: RunFolder) -> tuple[float, str]:
    started = folder.status().get("started")
    if not isinstance(started, int | float):
        started = folder.settings.stat().st_mtime
    return (float(started), folder.name)


def find(name: str = "last") -> RunFolder:
    """The run called `name`: `last` is the newest under ./runs, else a name there or a path to a run folder."""
    if name == "last":
        runs = all_runs()
        if not runs:
            raise UsageError(
                f"no runs under {RUNS.absolute()}",
                remedy="Train one first: fogwalk train book.txt, or fogwalk demo.",
            )
        return runs[-1]
    for path in (RUNS / name, Path(name).expanduser()):
        if is_run(path):
            return RunFolder(path)
    path = Path(name).expanduser()
    if os.path.isdir(path):
        raise UsageError(f"{path} is a folder, but not a run: it has no settings.toml")
    close = nearest(name, ["last", *(folder.name for folder in all_runs())])
    remedy = f"Did you mean {' or '.join(close)}?" if close else "`fogwalk runs` lists the runs here."
    raise UsageError(f"no run called {name}", remedy=remedy)


def told_of_pickles(path: Path) -> str:
    """A sentence about files of other tools that Fogwalk will not open; empty when there are none."""
    entries = path.rglob("*") if path.is_dir() else [path]
    pickles = [entry.name for entry in entries if entry.suffix in (".pt", ".pth", ".bin", ".ckpt", ".pkl")]
    return f"It holds {', '.join(pickles[:3])}: pickled files can run code and are never opened." if pickles else ""


def sweep(folder: RunFolder) -> None:
    """Remove what a killed writer left unfinished; only for whoever holds the lock."""
    import shutil

    for parent in (folder.path, folder.checkpoints):
        if parent.is_dir():
            for entry in parent.iterdir():
                if entry.name.startswith(UNFINISHED):
                    shutil.rmtree(entry, ignore_errors=True)
