"""One writer: the lock of a run folder, which a second writer is refused with the first one's process and host.

Before this   publish.py.
After this    trainer.py holds it while it writes. The system frees it when the process dies, however it dies.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from fogwalk.errors import RunBusy, RunError
from fogwalk.runs.folder import HOLDER, LOCK, RunFolder
from fogwalk.runs.publish import cannot_write, write_atomically

# Longer than `is_held` looks, so that a reader's glance never refuses a writer.
PATIENCE = 0.3


@contextmanager
def holding(folder: RunFolder) -> Iterator[None]:
    """Hold the run folder for writing; raises RunBusy within a second when another process does."""
    lock = FileLock(folder.path / LOCK)
    holder = folder.path / HOLDER
    try:
        lock.acquire(timeout=PATIENCE, poll_interval=0.05)
    except Timeout:
        raise RunBusy(
            f"{folder.path} is in use by {_told(holder)}",
            remedy="Wait until it has stopped, or stop it with Ctrl+C where it runs; it saves and can be resumed.",
        ) from None
    except OSError as error:
        raise cannot_write(folder.path, error) from error
    try:
        with suppress(RunError):  # on a full disk a run can still be removed
            write_atomically(holder, f"process {os.getpid()} on {socket.gethostname()}\n", durable=False)
        yield
    finally:
        with suppress(OSError):  # the disk may have become read-only
            holder.unlink(missing_ok=True)
        lock.release()


def _told(holder: Path) -> str:
    try:
        return holder.read_text(encoding="utf-8").strip()
    except OSError:
        return "another process"


def is_held(path: Path) -> bool:
    """Whether a process holds the run folder right now."""
    file = path / LOCK
    if not file.exists():
        return False
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except PermissionError:  # another person's: a writer names itself while it writes
        return (path / HOLDER).exists()
    except OSError:  # nobody writes on a medium that cannot be written
        return False
    lock.release()
    return False
