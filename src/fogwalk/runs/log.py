"""events.jsonl: append-only, one JSON line an event; a torn last line is ignored by readers and repaired by the writer.

Before this   publish.py; records.py says what a line holds.
After this    training/ appends; runs/catalogue.py, cli/ and the page read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from fogwalk.errors import RunError
from fogwalk.events import Event, Planned, Replanned, Resumed, Saved, StepDone, Stopped, to_record
from fogwalk.runs.publish import cannot_write, flush
from fogwalk.runs.records import Unreadable, read_event

# What a resume relies on waits for the disk; a step's line may be lost with the power, as its update is.
DURABLE = (Planned, Replanned, Resumed, Saved, Stopped)
# What a resume makes again of the very step it begins at: it was logged after the checkpoint.
AGAIN = ("evaluated", "sampled")


class EventLog:
    """The writer of one events.jsonl. As a listener it takes every event; steps are written with the next other event,
    or when a second's worth has gathered, so that reading a device's numbers never holds up a step."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._waiting: list[Event] = []
        try:
            _repair(path)
            new = not path.exists()
            self._file = path.open("a", encoding="utf-8")
            if new:
                flush(path.parent)
        except OSError as error:
            raise cannot_write(path, error) from error

    def __call__(self, event: Event) -> None:
        self._waiting.append(event)
        first = self._waiting[0]
        if not isinstance(event, StepDone) or event.seconds - first.seconds >= 1:
            self.write(durable=isinstance(event, DURABLE))

    def write(self, *, durable: bool = False) -> None:
        """Write what waits."""
        lines = [json.dumps(to_record(event), ensure_ascii=False) + "\n" for event in self._waiting]
        self._waiting.clear()
        try:
            self._file.write("".join(lines))
            self._file.flush()
            if durable:
                os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.write()
        finally:
            with suppress(OSError):  # what could not be written above is tried once more here
                self._file.close()


def _repair(path: Path) -> None:
    """Cut off a last line that a crash left without its end."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        content = file.read()
        end = content.rfind(b"\n") + 1
        if end != len(content):
            file.truncate(end)
            os.fsync(file.fileno())


def read_all(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole line as a record, in the order written; lines that hold no whole event are passed over."""
    try:
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n") and (record := record_of(line)) is not None:
                    yield record
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}") from None


def record_of(line: bytes) -> dict[str, Any] | None:
    """The event that a line holds; None where it holds none, or not what readers of such an event need."""
    try:
        return read_event(line)
    except Unreadable:
        return None


def read_story(path: Path) -> list[dict[str, Any]]:
    """The run as it counts: after a resume, what had been logged beyond its step is replaced by what came later."""
    story: list[dict[str, Any]] = []
    for record in read_all(path):
        story = told_again(story, record)
    return story


def told_again(story: list[dict[str, Any]], record: dict[str, Any]) -> list[dict[str, Any]]:
    """The story with one record more, without what that makes void. The list that is given may be changed."""
    if record["event"] == "resumed":
        story = [earlier for earlier in story if earlier["step"] <= record["step"]]
    elif record["event"] in AGAIN:
        story = _without(story, record["event"], record["step"])
    story.append(record)
    return story


def _without(story: list[dict[str, Any]], event: str, step: int) -> list[dict[str, Any]]:
    """The story without this event of this step, should it hold it at its end."""
    place = len(story)
    while place and story[place - 1]["step"] >= step:
        place -= 1
    story[place:] = [record for record in story[place:] if record["event"] != event]
    return story


def loss_trace(path: Path) -> dict[int, float]:
    """The loss of each step, later lines replacing earlier ones."""
    return {record["step"]: record["loss"] for record in read_all(path) if record["event"] == "step"}
