"""A run's events as they count, read on as they are written, and the curves that are drawn of them.

Before this   runs/ reads lines and says what a resume makes void.
After this    reading.py tells the page of them.
"""

from __future__ import annotations

import math
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fogwalk.runs.log import told_again
from fogwalk.runs.records import Unreadable, read_event
from fogwalk.runs.smoothing import Smooth

SPARK = 60  # points of a run's small curve


@dataclass
class Story:
    """A run's events as they count, read on from where the last reading ended."""

    path: Path
    offset: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)
    planned: dict[str, Any] = field(default_factory=dict)
    lines: int = 0
    unread: list[str] = field(default_factory=list)  # of each line that holds no event, which, and why
    _sorted: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # what was asked for since the last new line
    _spark: list[float | None] | None = None
    _file: int | None = None

    def read(self) -> Story:
        """Take in what was written since. A file that became shorter, or is another, is read anew."""
        try:
            told = self.path.stat()
            if not stat.S_ISREG(told.st_mode):  # a pipe would be waited for
                return self
            size, same = told.st_size, self._file in (None, told.st_ino)
            self._file = told.st_ino
            if size < self.offset or not same:
                self.offset, self.lines, self.records, self.planned, self.unread = 0, 0, [], {}, []
                self._sorted, self._spark = {}, None
            if size > self.offset:
                with self.path.open("rb") as file:
                    file.seek(self.offset)
                    self._take(file.read(size - self.offset))
        except OSError:  # no events yet, or none that may be read
            pass
        return self

    def _take(self, content: bytes) -> None:
        whole = content.rfind(b"\n") + 1
        self.offset += whole
        self._sorted, self._spark = {}, None
        for line in content[:whole].split(b"\n")[:-1]:
            self.lines += 1
            try:
                record = read_event(line)
            except Unreadable as error:
                self.unread.append(f"line {self.lines:,}: {error}")
                continue
            self.records = told_again(self.records, record)
            if record["event"] == "planned":
                self.planned = record

    def of(self, event: str) -> list[dict[str, Any]]:
        """The events of a name, in order."""
        if event not in self._sorted:
            self._sorted[event] = [record for record in self.records if record["event"] == event]
        return self._sorted[event]

    @property
    def stopped(self) -> dict[str, Any] | None:
        """How it ended; None where it goes on since, or nobody said."""
        told = next((one for one in reversed(self.records) if one["event"] in ("stopped", "resumed", "planned")), None)
        return told if told and told["event"] == "stopped" else None

    @property
    def steps(self) -> int | None:
        """How many updates are planned by now."""
        told = (self.of("replanned") or self.of("resumed") or [self.planned])[-1]
        return told.get("steps")

    def spark(self) -> list[float | None]:
        """The highest losses of a small curve."""
        if self._spark is None:
            self._spark = [high for *_, high in ranges(self.of("step"), SPARK)]
        return self._spark


def decimated(steps: list[dict[str, Any]], width: int) -> list[list[float | None]]:
    """[first step, last step, lowest, highest, smoothed] of neighbouring steps' losses: no spike is lost. Losses that are not
    finite are left out of a bucket; a bucket of none has null."""
    smooth, smoothed = Smooth(), []
    for record in steps:
        smoothed.append(smooth.take(record["loss"]) if number(record["loss"]) else smooth.value)
    return [
        [steps[first]["step"], steps[last]["step"], low, high, smoothed[last]]
        for first, last, low, high in ranges(steps, width)
    ]


def ranges(steps: list[dict[str, Any]], width: int) -> list[tuple[int, int, float | None, float | None]]:
    """(place of the first step, of the last, lowest, highest loss) of neighbouring steps in at most so many buckets."""
    each = -(-len(steps) // max(2, width)) or 1
    found = []
    for first in range(0, len(steps), each):
        losses = [record["loss"] for record in steps[first : first + each] if number(record["loss"])]
        last = min(first + each, len(steps)) - 1
        found.append((first, last, min(losses, default=None), max(losses, default=None)))
    return found


def pace(steps: list[dict[str, Any]]) -> dict[str, float | None]:
    """Examples and steps a second over the latest twenty steps."""
    latest = steps[-21:]
    seconds = latest[-1]["seconds"] - latest[0]["seconds"] if len(latest) > 1 else 0
    if seconds <= 0:
        return {"examples": None, "steps": None}
    examples = sum(record["examples"] for record in latest[1:])
    return {"examples": examples / seconds, "steps": (len(latest) - 1) / seconds}


def number(value: Any) -> bool:
    """Whether it is a number that can be drawn."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
