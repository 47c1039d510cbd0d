"""What is costly to make and easy to make again, kept between runs: surveys, tokenizers, tokenised text.

Before this   runs/publish.py publishes whole folders and checks them.
After this    tasks/ and batches/ ask for a folder by what it is made from.
It stands in the platform's cache folder; what was used longest ago goes once the cap is passed. Deleting it costs only time.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import platformdirs

from fogwalk.errors import RunError
from fogwalk.runs.publish import UNFINISHED, cannot_write, nearest_there, problems, publish

CAP = 20_000_000_000  # bytes
_DAY = 86_400.0

Read = TypeVar("Read")


def cache_folder() -> Path:
    """Where everything is kept."""
    return platformdirs.user_cache_path("fogwalk")


def cached(kind: str, key: str, write: Callable[[Path], None], read: Callable[[Path], Read]) -> Read:
    """What `read` takes from the folder of `kind` made from `key`, as `write` filled it now or in an earlier run; checked on
    every opening.

    Where no cache can be kept (a full or read-only disk) it is made for this process alone; so it is where another process
    clears the cache before `read` has opened what it needs. Open files stay readable however the cache shrinks.
    """
    place = place_of(kind, key)
    try:
        if not place.is_dir() or problems(place):
            publish(place, write)
            shrink(CAP, keep=place)
        with suppress(OSError):  # a cache that can only be read serves all the same
            os.utime(place)
        return read(place)
    except (RunError, OSError):
        with suppress(OSError):  # another process may have published the same meanwhile
            if place.is_dir() and not problems(place):
                return read(place)
        return read(_own(write))


def place_of(kind: str, key: str) -> Path:
    """Where the folder of `kind` made from `key` stands, whether it is there or not."""
    return cache_folder() / kind / key


def _own(write: Callable[[Path], None]) -> Path:
    """A folder that goes when the process ends."""
    try:
        own = Path(tempfile.mkdtemp(prefix="fogwalk-"))
        atexit.register(shutil.rmtree, own, ignore_errors=True)
        write(own)
    except OSError as error:
        raise cannot_write(Path(tempfile.gettempdir()), error) from error
    return own


def unusable() -> str:
    """Why nothing can be kept, in words; empty where it can."""
    place = nearest_there(cache_folder())
    if not os.path.isdir(place):
        return f"{place} is no folder"
    return "" if os.access(place, os.W_OK | os.X_OK) else f"{place} cannot be written"


def size() -> int:
    """Bytes kept."""
    return sum(_size(entry) for entry in _entries())


def shrink(most: int, keep: Path | None = None) -> int:
    """Remove what was used longest ago until at most `most` bytes are kept; gives back how many were removed.

    What processes that were killed left half-written goes once it is a day old.
    """
    removed = 0
    for entry in _found(f"*/{UNFINISHED}*"):
        if time.time() - _used(entry) > _DAY:
            shutil.rmtree(entry, ignore_errors=True)
    entries = sorted(_entries(), key=_used)
    left = sum(map(_size, entries))
    for entry in entries:
        if left <= most:
            break
        if entry != keep:
            freed = _size(entry)
            shutil.rmtree(entry, ignore_errors=True)
            left, removed = left - freed, removed + 1
    return removed


def _entries() -> list[Path]:
    return [entry for entry in _found("*/*") if entry.is_dir() and not entry.name.startswith(UNFINISHED)]


def _found(pattern: str) -> list[Path]:
    try:
        return list(cache_folder().glob(pattern))
    except OSError:  # a folder that may not be seen
        return []


def _used(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0


def _size(entry: Path) -> int:
    try:
        return sum(file.stat().st_size for file in entry.rglob("*") if file.is_file())
    except OSError:  # another process removes it
        return 0
