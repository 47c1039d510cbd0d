"""What a person wishes of a run while it is trained: control/wish.json, written by the page, looked at once a step; and whether
the page's server is still there for it: control/.keeper, a lock that the system frees when the server dies, however it dies.

Before this   folder.py, publish.py.
After this    training/obeying.py waits, slows down or stops; observatory/ writes.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from fogwalk.errors import RunError, UsageError
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.publish import cannot_write, write_atomically
from fogwalk.runs.records import MOST, Unreadable, read_table

FASTEST = 1_000_000  # steps a second


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Wait once `until` updates are made (None: don't); make at most `pace` steps a second (None: as many as can be); `stop`:
    save and end, as Ctrl+C does. Raises UsageError for what cannot be."""

    until: int | None = None
    pace: float | None = None
    stop: bool = False

    def __post_init__(self) -> None:
        until, pace = self.until, self.pace
        if until is not None and (not isinstance(until, int) or isinstance(until, bool) or not 0 <= until <= MOST):
            raise UsageError(f"a run cannot wait at step {until!r:.40}", expected="It is a number of updates.")
        number = isinstance(pace, int | float) and not isinstance(pace, bool)
        if pace is not None and not (number and 0 < pace <= FASTEST):
            raise UsageError(f"the pace cannot be {pace!r:.40}", expected=f"It is steps a second, up to {FASTEST:,}.")
        if not isinstance(self.stop, bool):
            raise UsageError(f"stop cannot be {self.stop!r}", expected="It is true or false.")


def place(folder: RunFolder) -> Path:
    """Where the wish stands."""
    return folder.path / "control" / "wish.json"


def wish(folder: RunFolder, wished: Wish) -> None:
    """Put it there, in place of the one before. Raises RunError where that cannot be written."""
    file = place(folder)
    try:
        if file.parent.is_symlink():  # of a run that came from elsewhere: nothing is written where it leads
            raise RunError(f"{file.parent} is a link", expected="It is a folder of the run's own.")
        file.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise cannot_write(file.parent, error) from error
    write_atomically(file, json.dumps(asdict(wished)) + "\n", durable=False)


def forget(folder: RunFolder) -> None:
    """What was wished of an earlier session holds no longer, and no page has begun this one yet."""
    for file in (place(folder), _keeper(folder)):
        with suppress(OSError):
            file.unlink(missing_ok=True)


def wished(folder: RunFolder) -> Wish:
    """What is wished now; nothing where no wish stands or it cannot be read."""
    return read_wish(folder)[0]


def read_wish(folder: RunFolder) -> tuple[Wish, str]:
    """The same, and in words why what stands there cannot be used."""
    file = place(folder)
    try:
        told = read_table(file.read_bytes()) if file.is_file() else {}
        if unknown := sorted(told.keys() - Wish.__dataclass_fields__.keys()):
            return Wish(), f"'{unknown[0][:40]}' is nothing that can be wished"
        return Wish(**told), ""
    except OSError as error:
        return Wish(), str(error.strerror)
    except Unreadable as error:
        return Wish(), str(error)
    except UsageError as error:
        return Wish(), error.found


def _keeper(folder: RunFolder) -> Path:
    return folder.path / "control" / ".keeper"


def keep(folder: RunFolder) -> FileLock | None:
    """Be there for a training that a page began, until what is given back is released; None where somebody is, or where it cannot
    be written down."""
    file = _keeper(folder)
    lock = FileLock(file, thread_local=False)
    try:
        if file.parent.is_symlink() or file.is_symlink():
            return None
        file.parent.mkdir(exist_ok=True)
        lock.acquire(timeout=0)
    except (OSError, Timeout):
        return None
    return lock


def kept(folder: RunFolder) -> bool | None:
    """Whether the server that a training's page was asked from is still there; None where no page began it."""
    if not _keeper(folder).is_file():
        return None
    if (lock := keep(folder)) is None:
        return True
    lock.release()
    return False


def mark(folder: RunFolder) -> tuple[int, int] | None:
    """What is another as soon as another wish stands there; costs one look at the folder's entry."""
    try:
        told = os.stat(place(folder))
    except OSError:
        return None
    return told.st_mtime_ns, told.st_ino
