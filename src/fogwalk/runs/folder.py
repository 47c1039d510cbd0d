"""The run folder: the one contract between the trainer, which writes it, and everything that reads it.

    runs/brave-otter/
      settings.toml          every resolved value and where it came from
      status.json            state, step, pid, host, heartbeat; replaced in one instant
      events.jsonl           what happened, append-only
      encoding/              the tokenizer
      checkpoints/000640/    model.safetensors, optimizer.safetensors, progress.json, settings.toml, encoding/, manifest.json
      probes/000640.safetensors   what the measures made of the probe batch at that step

Before this   publish.py.
After this    lock.py, log.py, catalogue.py; trainer.py creates a run, run.py opens one.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import socket
import time
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fogwalk.errors import RunError, UsageError
from fogwalk.registry import nearest
from fogwalk.runs.publish import MANIFEST, UNFINISHED, cannot_write, flush, write_atomically
from fogwalk.runs.records import read_status

RUNS = Path("runs")
# What a lock leaves behind: whether a process holds the run, and which.
LOCK, HOLDER = LOCKS = (".lock", ".holder")

RATES = "rates.json"  # the curve of the learning-rate finder

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
        return self.path.absolute().name

    @property
    def identity(self) -> str:
        """What tells this run from any other: where it stands and when it began."""
        told = f"{self.path.absolute()}\n{self.status().get('started')}"
        return hashlib.sha256(told.encode()).hexdigest()[:32]

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

    @property
    def probes(self) -> Path:
        return self.path / "probes"

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
        """The last status written, as far as it is as it should be; empty when there is none or it cannot be read."""
        return self.read_status()[0]

    def read_status(self) -> tuple[dict[str, Any], str]:
        """The same, and in words what of the file cannot be used."""
        file = self.path / "status.json"
        try:
            return read_status(file.read_bytes()) if file.is_file() else ({}, "")  # a pipe would be waited for
        except OSError as error:
            return {}, str(error.strerror)

    def write_status(self, **values: Any) -> None:
        """Replace status.json, adding who writes and when."""
        status = {"pid": os.getpid(), "host": socket.gethostname(), "heartbeat": time.time()} | values
        write_atomically(self.path / "status.json", json.dumps(status, indent=1) + "\n", durable=False)

    def sweep(self) -> None:
        """Remove what a killed writer left unfinished; only for whoever holds the lock."""
        for parent in (self.path, self.checkpoints):
            for entry in parent.glob(f"{UNFINISHED}*"):
                shutil.rmtree(entry, ignore_errors=True)

    def foreign(self) -> list[str]:
        """The names in the folder that no run has."""
        known = {
            "settings.toml",
            "status.json",
            "events.jsonl",
            "encoding",
            "checkpoints",
            "probes",
            "control",
            RATES,
            *LOCKS,
        }
        return [
            entry.name
            for entry in self.path.iterdir()
            if entry.name not in known and not entry.name.startswith(UNFINISHED) and not entry.name.endswith(".new")
        ]

    def discard(self, *, whole: bool = True, but: Container[str] = ()) -> None:
        """Delete what a run has, but for some names; with `whole` the folder too, when nothing else is in it."""
        foreign = self.foreign()
        # The large first: where they cannot be deleted, the small ones that tell of them stay.
        for entry in sorted(self.path.iterdir(), key=lambda entry: not entry.is_dir()):
            if entry.name not in foreign and entry.name not in but:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        if whole and not foreign:
            self.path.rmdir()

    def bytes(self) -> int:
        """Size of everything in the folder."""
        total = 0
        for entry in self.path.rglob("*"):
            try:
                total += entry.lstat().st_size
            except OSError:
                continue  # it went away while we looked: a checkpoint that was just replaced
        return total


# What a process that died before its settings were written leaves: no run yet, and no hindrance to one.
def _is_leftover(name: str) -> bool:
    return name in (*LOCKS, "status.json") or (name.startswith(".") and name.endswith(".new"))


def is_run(path: Path) -> bool:
    """Whether a folder is a run: it holds settings and what only a run has, or checkpoints.

    Settings alone would not do: many a project has a file of that name.
    """
    try:
        if (path / "settings.toml").is_file():
            return any((path / name).exists() for name in ("status.json", "events.jsonl", "checkpoints"))
        return any(
            entry.name.isdecimal() and (entry / MANIFEST).is_file() for entry in (path / "checkpoints").iterdir()
        )
    except (OSError, ValueError):  # no such folder, or a name too long
        return False


def require_free(out: str | None) -> None:
    """Raise UsageError when `out` is no place for a new run: a run stands there, or something else does."""
    if out is None:
        return
    path = Path(out).expanduser()
    if not out.strip():
        raise UsageError("--out is empty", remedy="Name a folder, or leave it out for a new name under runs/.")
    if is_run(path):
        raise UsageError(
            f"{path} already holds a run",
            remedy=f"Go on with it: fogwalk train --resume {path}, or choose another --out.",
        )
    try:
        in_the_way = path.is_file() or (path.is_dir() and not all(_is_leftover(entry.name) for entry in path.iterdir()))
    except OSError as error:
        raise cannot_write(path, error, "choose another folder with --out") from error
    file = next((parent for parent in path.parents if os.path.isfile(parent)), None)
    if file is not None:
        raise UsageError(f"{path} cannot be a folder: {file} is a file", remedy="Choose another --out.")
    if in_the_way:
        raise UsageError(
            f"{path} is in the way: it is not a run and not an empty folder", remedy="Choose another --out."
        )


def create(out: str | None) -> RunFolder:
    """A new, empty run folder: `out`, or a fresh name under ./runs."""
    require_free(out)
    path = fresh_name() if out is None else Path(out).expanduser()
    missing = [parent for parent in (path, *path.parents) if not parent.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        for made in reversed(missing):
            flush(made.parent)  # a folder's name stands in its parent, which the disk must know too
    except OSError as error:
        raise cannot_write(path, error, "choose another folder with --out") from error
    return RunFolder(path)


def fresh_name(root: Path = RUNS) -> Path:
    """A place for a new run under a folder, where nothing stands. Raises RunError where every name is taken."""
    # Names are drawn from the system's own chance: two runs with one seed still get two names.
    chance = random.SystemRandom()
    for _ in range(1000):
        path = root / f"{chance.choice(_ADJECTIVES)}-{chance.choice(_ANIMALS)}"
        if not path.exists():
            return path
    raise RunError(f"no free name is left under {root}", remedy="Name the folder with --out, or remove old runs.")


def all_runs(root: Path = RUNS) -> list[RunFolder]:
    """The runs under a folder, oldest first."""
    return sorted(unsorted_runs(root), key=started)


def unsorted_runs(root: Path) -> list[RunFolder]:
    """The runs under a folder, of which nothing is read."""
    if not root.is_dir():
        return []
    return [RunFolder(entry) for entry in root.iterdir() if entry.is_dir() and is_run(entry)]


def started(folder: RunFolder, *, told: bool = True) -> tuple[float, str]:
    """What runs are sorted by: when each began as it is `told` there, else when its folder was changed; and its name."""
    began = folder.status().get("started") if told else None
    if began is None:
        try:
            began = folder.path.stat().st_mtime
        except OSError:  # removed since it was found
            began = 0.0
    return (float(began), folder.name)


def find(name: str = "last") -> RunFolder:
    """The run called `name`: `last` is the newest under ./runs, else a name there or a path to a run folder."""
    if not name.strip():
        raise UsageError("the name of the run is empty", remedy="`fogwalk runs` lists the runs here.")
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
    for path in (Path(name).expanduser(), RUNS / name):
        if os.path.isdir(path):
            raise UsageError(
                f"{path} is a folder, but not a run: it has no settings.toml beside checkpoints",
                expected=told_of_pickles(path),
            )
        if os.path.isfile(path):
            raise UsageError(
                f"{path} is a file, but a run is a folder",
                expected=told_of_pickles(path),
                remedy="`fogwalk runs` lists the runs here.",
            )
    close = nearest(name, ["last", *(folder.name for folder in all_runs())])
    remedy = f"Did you mean {' or '.join(close)}?" if close else "`fogwalk runs` lists the runs here."
    raise UsageError(f"no run called {name}", remedy=remedy)


def told_of_pickles(path: Path) -> str:
    """A sentence about files of other tools that Fogwalk will not open; empty when there are none."""
    entries = path.rglob("*") if path.is_dir() else [path]
    pickles = [entry.name for entry in entries if entry.suffix in (".pt", ".pth", ".bin", ".ckpt", ".pkl")]
    return f"{', '.join(pickles[:3])}: pickled files can run code and are never opened." if pickles else ""
