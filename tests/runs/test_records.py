"""What a line of events.jsonl, a status and a wish must hold: whatever else stands there is told, and stops no reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fogwalk.events import to_record
from fogwalk.runs.control import Wish, place, read_wish, wished
from fogwalk.runs.folder import RunFolder, all_runs
from fogwalk.runs.records import EVENTS, NEEDED, Unreadable, read_event
from tests.runs.test_log import EVENTS as HAPPENED


def test_every_event_that_can_happen_is_read_as_it_was_written() -> None:
    for event in HAPPENED:
        record = to_record(event)
        assert read_event(json.dumps(record).encode()) == record
        assert record.keys() - {"event"} == EVENTS[record["event"]].keys(), "the schema names every field"
    assert NEEDED.keys() == EVENTS.keys()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"event": "step", "step": 3}', "an event 'step' of step 3 without its loss"),
        (
            '{"event": "step", "step": 3, "loss": "low", "seconds": 1, "examples": 2}',
            'its loss is "low", and it is a number',
        ),
        ('{"event": "step", "step": 3, "loss": 1, "seconds": null, "examples": 2}', "its seconds is null"),
        ('{"event": "step", "step": 3, "loss": 1, "seconds": 1, "examples": true}', "its examples is true"),
        ('{"event": "evaluated", "step": 3, "validation_loss": 1e999}', "its validation_loss is Infinity"),
        ('{"event": "evaluated", "step": 3, "validation_loss": 1, "metrics": {"a": "b"}}', "a table of numbers"),
        ('{"event": "stopped", "step": ' + "9" * 400 + "}", "its step is 9999"),
        ('{"event": "stopped", "step": ' + "9" * 5000 + "}", "no whole JSON object"),
        ('{"event": "stopped", "step": 3}', "without its reason"),
        ('{"event": "warned", "step": 3, "message": "\\ud800"}', "cut in half"),
        ('{"event": "warned", "step": 3, "message": "a", "more": ' + "[" * 50 + "]" * 50 + "}", "32 deep"),
        ("[" * 100_000, "32 deep"),
        ('{"event": "planned", "step": 0, "steps": 3, "settings": {}, "data": "a", "model": {}}', "its data is"),
        ('{"event": "step", "step": -1}', "its step is -1"),
        ("[]", "no JSON object"),
    ],
)
def test_what_is_no_whole_event_is_told(line: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words.replace("(", r"\(")):
        read_event(line.encode())


def test_what_is_no_finite_number_is_null_and_a_newer_event_is_let_through() -> None:
    line = b'{"event": "step", "step": 1, "loss": NaN, "seconds": 1, "examples": 2, "newer": [1]}'
    assert read_event(line)["loss"] is None
    assert read_event(b'{"event": "newer", "step": 1, "seconds": "any"}')["event"] == "newer"
    assert read_event(b'{"event": "warned", "step": 1, "message": "\\ud83d\\ude00"}')["message"] == "\U0001f600"


@pytest.mark.parametrize("content", ['{"started": 1' + "0" * 400 + "}", "[" * 100_000, '{"state": 3, "step": "x"}'])
def test_a_status_that_cannot_be_is_left_out_and_stops_no_list(content: str, tmp_path: Path) -> None:
    run = tmp_path / "one"
    run.mkdir()
    (run / "settings.toml").touch()
    (run / "status.json").write_text(content)
    assert [folder.name for folder in all_runs(tmp_path)] == ["one"]
    status, wrong = RunFolder(run).read_status()
    assert status == RunFolder(run).status() == {}
    assert wrong


@pytest.mark.parametrize(
    "content", ["[" * 100_000, "[]", '{"until": 1e400}', '{"untli": 3}', '{"until": 1' + "0" * 99 + "}"]
)
def test_a_wish_that_cannot_be_is_none(content: str, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    place(folder).parent.mkdir()
    place(folder).write_text(content)
    assert wished(folder) == Wish()
    assert read_wish(folder)[1]
    kept: dict[str, Any] = {"until": 3, "pace": 0.5, "stop": False}
    place(folder).write_text(json.dumps(kept))
    assert read_wish(folder) == (Wish(**kept), "")
