"""Every error a person can meet, each with the words that help and the exit code that scripts read.

    FogwalkError            exit 1   something failed; the message says what and what to do
    ├── UsageError          exit 2   the command or a setting is not one we know or can carry out
    │   └── SettingError             a value of one setting; remembers which, so that its origin can be told
    ├── DataError           exit 3   what was given to learn from cannot be read, or is too little
    │   └── NoText                   a file that holds no text: among several it is left out, and said
    ├── RunError            exit 1   a run folder is missing, busy, damaged or full
    │   ├── RunBusy                  another process writes to it
    │   └── CheckpointDamaged        what is on the disk is not what was written
    ├── ExportError         exit 1   the format cannot hold a choice this model made
    ├── Diverged            exit 4   the loss or a gradient is no longer a finite number
    └── Interrupted         exit 130 a person or the system asked to stop (143 for SIGTERM)

Before this   nothing: the first file to read.
After this    every other file raises these; cli/ prints them without a traceback.
"""

from __future__ import annotations


class FogwalkError(Exception):
    """An error told in up to four parts: what was found, what was expected, what to do, where the value came from.

    >>> print(FogwalkError("no such file: bok.txt", remedy="Did you mean book.txt?"))
    no such file: bok.txt
      Did you mean book.txt?
    """

    exit_code = 1

    def __init__(self, found: str, *, expected: str = "", remedy: str = "", origin: str = "") -> None:
        self.found = found
        self.expected = expected
        self.remedy = remedy
        self.origin = origin
        super().__init__(found)

    def __str__(self) -> str:
        lines = [self.found, self.expected, self.remedy, self.origin]
        return "\n  ".join(line for line in lines if line)


class UsageError(FogwalkError):
    """The command line, a settings file or an argument cannot be carried out as given."""

    exit_code = 2


class SettingError(UsageError):
    """A setting's value is out of range, or two settings contradict each other; `keys` are their dotted names."""

    def __init__(self, *keys: str, found: str, expected: str = "", remedy: str = "", origin: str = "") -> None:
        self.keys = keys
        super().__init__(found, expected=expected, remedy=remedy, origin=origin)


class DataError(FogwalkError):
    """The data cannot be read, is not what it seems, or is too little to learn from."""

    exit_code = 3


class NoText(DataError):
    """A file holds no text that can be read: it is empty, an image, in another encoding. Among several it is left out."""


class RunError(FogwalkError):
    """A run folder is missing, holds no usable checkpoint, or cannot be written."""


class RunBusy(RunError):
    """Another process holds the run folder."""


class CheckpointDamaged(RunError):
    """The bytes on the disk are not the bytes that were published."""


class ExportError(FogwalkError):
    """A foreign format cannot hold a choice that this model made."""


class Diverged(FogwalkError):
    """The loss, an activation or a gradient stopped being a finite number; no parameter was changed by it."""

    exit_code = 4


class Interrupted(FogwalkError):
    """A signal asked to stop; what could be saved has been saved."""

    exit_code = 130
