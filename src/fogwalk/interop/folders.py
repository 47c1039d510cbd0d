"""A folder for other tools, that appears whole or not at all.

Before this   runs/publish.py has the words for a disk that fails.
After this    the exports beside this file write with it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError

from fogwalk.runs.publish import UNFINISHED, cannot_write


def appear(target: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a hidden folder on the disk of `target`, then move it there: it appears whole or not at all, and one that
    is there already receives the files. Raises RunError when the disk is full or read-only."""
    try:
        _appear(target, write)
    except OSError as error:
        raise cannot_write(target, error) from error
    except SafetensorError as error:
        raise cannot_write(target, _told_by_system(error)) from error


def _appear(target: Path, write: Callable[[Path], None]) -> None:
    target = target.absolute()
    # Inside a folder that is there: what holds it may be another disk, or not ours to write to.
    hidden = (target if target.is_dir() else target.parent) / f"{UNFINISHED}{os.getpid()}-{target.name}"
    try:
        hidden.mkdir(parents=True)
        write(hidden)
        if target.is_dir():
            for path in hidden.iterdir():
                path.replace(target / path.name)
            hidden.rmdir()
        else:
            hidden.rename(target)
    except BaseException:
        shutil.rmtree(hidden, ignore_errors=True)
        raise


def _told_by_system(error: SafetensorError) -> OSError:
    """What safetensors wraps: its words end with `(os error 28)`."""
    number = re.search(r"os error (\d+)", str(error))
    return OSError(int(number[1]), os.strerror(int(number[1]))) if number else OSError(str(error))
