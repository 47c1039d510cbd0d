"""Processes of Python that are started from here: none runs what lies in the folder that it is started in.

Before this   nothing.
After this    trainings.py begins trainings, desk.py its process, cli/watched.py a page.
`python -m` and `python -c` look for modules in the current folder first: a random.py among somebody's data would run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SAFE = "PYTHONSAFEPATH"  # as -P, and for what they start themselves; PYTHONPATH holds as before


def command(*words: str) -> list[str]:
    """A command of fogwalk, for a process of its own."""
    return [sys.executable, "-m", "fogwalk", *words]


def surroundings() -> dict[str, str]:
    """The variables that such a process is given."""
    return os.environ | {_SAFE: "1"}


@contextmanager
def apart() -> Iterator[None]:
    """What is started meanwhile by others' code is given them too."""
    before = os.environ.get(_SAFE)
    os.environ[_SAFE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_SAFE]
        else:
            os.environ[_SAFE] = before
