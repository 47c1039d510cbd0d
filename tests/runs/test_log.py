"""events.jsonl: append-only, a torn last line repaired, later lines replacing earlier ones after a resume."""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fogwalk import events
from fogwalk.errors import RunError
from fogwalk.events import Evaluated, Planned, Replanned, Resumed, Sampled, Saved, StepDone, Stopped, Warned, to_record
from fogwalk.runs.log import EventLog, loss_trace, read_all, read_story


def step(number: int, loss: Any = 1.0, seconds: float = 0.0) -> StepDone:
    """An update's event."""
    return StepDone(step=number, seconds=seconds, loss=loss, gradient_norm=1.0, learning_rate=0.1, examples=8)


def resumed(number: int) -> Resumed:
    """A resume from a step."""
    return Resumed(step=number, seconds=0.0, steps=9, settings={}, exact=True, why="same machine")


def evaluated(number: int, loss: float) -> Evaluated:
    """A validation after a step."""
    return Evaluated(step=number, seconds=0.0, validation_loss=loss, context=8, examples=100)


EVENTS = (
    Planned(step=0, seconds=0.0, steps=3, settings={"seed": 1}, data={"path": "é"}, model={"kind": "mlp"}),
    step(1, torch.tensor(2.5)),
    Evaluated(step=1, seconds=0.1, validation_loss=2.0, context=8, examples=100),
    Replanned(step=1, seconds=0.1, steps=3, settings={"training.steps": 3}, reason="pace", why="slower"),
    Sampled(step=1, seconds=0.1, prompt="a", text="\n\u2028\ufffd"),
    Saved(step=1, seconds=0.1, path="runs/x/checkpoints/000001", bytes=10),
    Warned(step=1, seconds=0.1, message="careful"),
    Resumed(step=1, seconds=0.1, steps=3, settings={}, exact=False, why="another processor"),
    Stopped(step=3, seconds=0.2, reason="steps", best_step=None, best_validation_loss=None),
)


def test_every_event_is_one_json_line_under_its_promised_name(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        for event in EVENTS:
            log(event)
    records = list(read_all(path))
    names = [record["event"] for record in records]
    assert names == ["planned", "step", "evaluated", "replanned", "sampled", "saved", "warned", "resumed", "stopped"]
    assert records == [to_record(event) for event in EVENTS]
    assert path.read_bytes().count(b"\n") == len(EVENTS)
    assert records[1]["loss"] == 2.5
    assert records[2]["validation_loss"] == 2.0
    assert all({"event", "step", "seconds"} <= record.keys() for record in records)


def test_no_event_is_without_a_promised_name() -> None:
    kinds = {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, events.Event)}
    assert kinds - {events.Event} == {type(event) for event in EVENTS}


def test_steps_wait_for_the_next_other_event_or_a_second(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log(step(1, seconds=0.0))
        log(step(2, seconds=0.5))
        assert path.read_bytes() == b""
        log(step(3, seconds=1.1))
        assert len(list(read_all(path))) == 3
        log(step(4, seconds=1.2))
        log(evaluated(4, 1.0))
        assert len(list(read_all(path))) == 5
        log(step(5, seconds=1.3))
    assert len(list(read_all(path))) == 6


def test_a_torn_last_line_is_ignored_by_readers_and_repaired_by_the_writer(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with EventLog(path) as log:
        log(step(1))
        log(step(2))
    whole = path.read_bytes()
    for cut in range(1, len(whole)):
        path.write_bytes(whole[:cut])
        assert len(list(read_all(path))) == whole[:cut].count(b"\n")
    with EventLog(path) as log:
        log(step(2))
    assert [record["step"] for record in read_all(path)] == [1, 2]
    assert path.read_bytes() == whole


def test_a_validation_made_again_after_a_resume_counts_once_however_many_resumes_follow(tmp_path: Path) -> None:
    lines = [
        "evaluated 10",
        "saved 20",
        "evaluated 20",
        "resumed 20",
        "evaluated 20",
        "evaluated 30",
        "resumed 30",
        "evaluated 30",
    ]
    path = tmp_path / "events.jsonl"
    told = (line.split() for line in lines)
    path.write_text(
        "".join(
            f'{{"event": "{event}", "step": {at}, "steps": 30, "validation_loss": 1, "line": {n}}}\n'
            for n, (event, at) in enumerate(told)
        )
    )
    story = read_story(path)
    assert [record["step"] for record in story if record["event"] == "evaluated"] == [10, 20, 30]
    assert [record["line"] for record in story if record["event"] == "evaluated"] == [0, 4, 7], "the later one counts"


@given(st.binary(max_size=60))
def test_no_bytes_in_the_file_stop_a_reader(tmp_path_factory: pytest.TempPathFactory, junk: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.jsonl"
    line = json.dumps(to_record(step(1))).encode() + b"\n"
    path.write_bytes(line + junk + b"\n" + line)
    assert len(read_story(path)) >= 2


@pytest.mark.parametrize(
    "line", ['{"step": 1}', '{"event": 3, "step": 1}', '{"event": "step"}', "[1]", "3", "[" * 9999]
)
def test_a_line_that_is_no_event_is_passed_over(tmp_path: Path, line: str) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(line + "\n")
    assert read_story(path) == []


def test_no_file_is_no_events_and_an_unreadable_one_is_said(tmp_path: Path) -> None:
    assert list(read_all(tmp_path / "events.jsonl")) == []
    with pytest.raises(RunError, match="cannot be read"):
        list(read_all(tmp_path))


def written(path: Path, *happened: events.Event) -> Path:
    """A log of these events."""
    with EventLog(path) as log:
        for event in happened:
            log(event)
    return path


def test_after_a_resume_what_came_later_replaces_what_was_logged_beyond_its_step(tmp_path: Path) -> None:
    path = written(
        tmp_path / "events.jsonl",
        *(step(number, loss=10.0) for number in (1, 2, 3, 4)),
        evaluated(4, 9.0),
        resumed(2),
        *(step(number, loss=5.0) for number in (3, 4, 5)),
        evaluated(4, 4.0),
    )
    told = [(record["event"], record["step"]) for record in read_story(path)]
    assert told == [
        ("step", 1),
        ("step", 2),
        ("resumed", 2),
        ("step", 3),
        ("step", 4),
        ("step", 5),
        ("evaluated", 4),
    ]
    assert [r["validation_loss"] for r in read_story(path) if r["event"] == "evaluated"] == [4.0]
    assert loss_trace(path) == {1: 10.0, 2: 10.0, 3: 5.0, 4: 5.0, 5: 5.0}


def test_two_resumes_from_one_step_leave_the_last_ones_story(tmp_path: Path) -> None:
    path = written(tmp_path / "events.jsonl", step(1), resumed(1), step(2, 7.0), resumed(1), step(2, 8.0))
    assert loss_trace(path) == {1: 1.0, 2: 8.0}
    assert [record["step"] for record in read_story(path) if record["event"] == "step"] == [1, 2]


def test_losses_keep_every_bit(tmp_path: Path) -> None:
    losses = torch.tensor([0.1, 1 / 3, 2.718281828, 1e-30])
    path = written(tmp_path / "events.jsonl", *(step(number, loss) for number, loss in enumerate(losses, 1)))
    assert list(loss_trace(path).values()) == losses.tolist()


def test_a_full_disk_is_said_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with EventLog(tmp_path / "events.jsonl") as log:
        monkeypatch.setattr("fogwalk.runs.log.os.fsync", fail)
        with pytest.raises(RunError, match="the disk is full"):
            log(Saved(step=1, seconds=0.0, path="x", bytes=1))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_told_in_words_also_while_the_log_is_closed(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events.jsonl")
    log._file.close()
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        log._file = full
        with pytest.raises(RunError, match="disk is full"), log:
            log(step(1))
        with suppress(OSError):
            full.close()


def test_the_folder_is_told_to_the_disk_when_the_log_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr("fogwalk.runs.log.flush", flushed.append)
    for _ in range(2):
        with EventLog(tmp_path / "events.jsonl"):
            pass
    assert flushed == [tmp_path]
