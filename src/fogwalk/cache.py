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

import platformdirs

from fogwalk.errors import RunError
from fogwalk.runs.publish import UNFINISHED, cannot_write, problems, publish

CAP = 20_000_000_000  # bytes
_DAY = 86_400.0


def cache_folder() -> Path:
    """Where everything is kept."""
    return platformdirs.user_cache_path("fogwalk")


def cached(kind: str, key: str, write: Callable[[Path], None]) -> Path:
    """The folder of `kind` made from `key`, as `write` filled it now or in an earlier run; checked on every opening.

    Where no cache can be kept (a full or read-only disk) it is made for this process alone.
    """
    place = cache_folder() / kind / key
    try:
        if not place.is_dir() or problems(place):
            publish(place, write)
            shrink(CAP, keep=place)
        with suppress(OSError):  # a cache that can only be read serves all the same
            os.utime(place)
        return place
    except (RunError, OSError):
        # Another process may have published the same meanwhile.
        return place if place.is_dir() and not problems(place) else _own(write)


def _own(write: Callable[[Path], None]) -> Path:
    """A folder that goes when the process ends."""
    try:
        own = Path(tempfile.mkdtemp(prefix="fogwalk-"))
        atexit.register(shutil.rmtree, own, ignore_errors=True)
        write(own)
    except OSError as error:
        raise cannot_write(Path(tempfile.gettempdir()), error) from error
    return own


def size() -> int:
    """Bytes kept."""
    return sum(_size(entry) for entry in _entries())


def shrink(most: int, keep: Path | None = None) -> int:
    """Remove what was used longest ago until at most `most` bytes are kept; gives back how many were removed.

    What processes that were killed left half-written goes once it is a day old.
    """
    removed = 0
    for entry in cache_folder().glob(f"*/{UNFINISHED}*"):
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
    return [entry for entry in cache_folder().glob("*/*") if entry.is_dir() and not entry.name.startswith(UNFINISHED)]


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
