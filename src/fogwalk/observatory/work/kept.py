"""What the desk keeps of what it made, a few of each: a person looks at one thing from many sides, and each may be large.

Before this   run.py opens runs.
After this    answers.py and records.py beside this file.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fogwalk.runs.folder import RunFolder

Kept = OrderedDict[tuple[Any, ...], Any]
REMEMBERED = 2  # runs, each with its model; answers, each with all its numbers; and so on
_RUNS: Kept = OrderedDict()


def remembered(kept: Kept, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
    """What was made under a key, or is made now; the oldest is let go before, for each may be large."""
    if key not in kept:
        while len(kept) >= REMEMBERED:
            kept.popitem(last=False)
        kept[key] = make()
    kept.move_to_end(key)
    return kept[key]


def stamp(path: str) -> tuple[Any, ...]:
    """What a run is known by: another that took its place, or another course that it goes on along, is another."""
    folder = RunFolder(Path(path))
    try:
        told = folder.settings.stat()
    except OSError:
        return (path, folder.identity)
    return (path, folder.identity, told.st_ino, told.st_mtime_ns)


def opened(path: str, at: int | None = None) -> tuple[tuple[Any, ...], Any]:
    """A run at a checkpoint, the best where none is named, and what it is remembered by: another run that took its place since,
    or a newer checkpoint, is another."""
    from fogwalk.run import load

    run = load(path)
    step = run.step if at is None or at not in run.folder.steps_saved() else at
    stamp = (run.folder.path / "settings.toml", run.folder.checkpoint(step) / "model.safetensors")
    key = (path, step, *((one.stat().st_ino, one.stat().st_mtime_ns) for one in stamp if one.exists()))
    return key, remembered(_RUNS, key, lambda: load(path, step=step))
