"""What `fogwalk runs` says of each run; a damaged folder is told as such and never stops the list."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fogwalk.runs.catalogue import state_of, summarise
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.lock import holding
from fogwalk.settings import resolve, write_toml

EVENTS = [
    {"event": "evaluated", "step": 1, "validation_loss": 2.0},
    {"event": "evaluated", "step": 2, "validation_loss": 1.0},
    {"event": "resumed", "step": 1, "steps": 3},
    {"event": "evaluated", "step": 2, "validation_loss": 1.5},
]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run of three steps that ended well, after a resume."""
    folder = RunFolder(tmp_path / "mine")
    folder.path.mkdir()
    folder.settings.write_text(write_toml(resolve().replacing({"training.steps": 3}, "test")), encoding="utf-8")
    folder.events.write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    folder.write_status(state="finished", step=3)
    return folder


def test_a_run_is_summed_up_under_the_promised_names(folder: RunFolder) -> None:
    record = summarise(folder).as_record()
    assert record == {
        "name": "mine",
        "path": str(folder.path),
        "task": "language",
        "state": "finished",
        "step": 3,
        "steps": 3,
        "best_validation_loss": 1.5,
        "bytes": folder.bytes(),
    }


def test_a_run_whose_process_died_is_stopped_and_one_that_is_held_is_training(folder: RunFolder) -> None:
    for state in ("planning", "training"):
        folder.write_status(state=state, step=1)
        assert state_of(folder) == "stopped"
        with holding(folder):
            assert state_of(folder) == state
    folder.write_status(state="interrupted", step=1)
    assert state_of(folder) == "interrupted"


@pytest.mark.parametrize("name", ["settings.toml", "status.json", "events.jsonl"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"[[[",
        b"nonsense = 1\n",
        b'{"step": "three", "state": 3}',
        b'{"event": "evaluated", "step": 1}\n{"event": "evaluated", "step": 2, "validation_loss": "low"}\n{"step": 1}\n',
        None,
    ],
)
def test_a_damaged_or_missing_file_never_stops_the_summary(folder: RunFolder, name: str, content: bytes | None) -> None:
    (folder.path / name).unlink()
    if content is not None:
        (folder.path / name).write_bytes(content)
    summary = summarise(folder)
    assert isinstance(summary.step, int)
    assert json.loads(json.dumps(summary.as_record()))["name"] == "mine"
    if name == "settings.toml" and content:
        assert summary.state == "damaged"


def test_a_folder_where_a_file_should_be_never_stops_the_summary(folder: RunFolder) -> None:
    for name in ("settings.toml", "status.json", "events.jsonl"):
        (folder.path / name).unlink()
        (folder.path / name).mkdir()
    assert summarise(folder).state == "damaged"


def test_the_newest_checkpoint_tells_the_step_where_no_status_does(folder: RunFolder) -> None:
    (folder.path / "status.json").unlink()
    (folder.checkpoints / "000002").mkdir(parents=True)
    assert summarise(folder).step == 2
