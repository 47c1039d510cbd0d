"""The run folder: its places, its names, and finding one again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from fogwalk.errors import RunError, UsageError
from fogwalk.runs import folder as module
from fogwalk.runs.folder import RunFolder, all_runs, create, find, is_run


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def made(name: str, started: float) -> RunFolder:
    """A run as the trainer would leave it."""
    folder = create(f"runs/{name}")
    folder.settings.write_text("seed = 1\n", encoding="utf-8")
    folder.write_status(state="finished", step=3, started=started)
    return folder


def test_last_is_the_run_that_began_last_whatever_its_name_and_last_change() -> None:
    made("zebra", 1.0)
    newest = made("aardvark", 3.0)
    made("middle", 2.0)
    os.utime("runs/zebra/settings.toml")
    assert [folder.name for folder in all_runs()] == ["zebra", "middle", "aardvark"]
    assert find() == find("last") == newest


def test_a_run_is_found_by_name_by_path_and_from_elsewhere(tmp_path: Path) -> None:
    made("mine", 1.0)
    assert find("mine").path == find("runs/mine").path == Path("runs/mine")
    assert find(str(tmp_path / "runs/mine")).name == "mine"
    (tmp_path / "a folder with spaces").mkdir()
    made("../a folder with spaces/é", 1.0)
    assert find("a folder with spaces/é").name == "é"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mien", ("no run called mien", "Did you mean mine?")),
        ("lsat", ("no run called lsat", "Did you mean last?")),
        ("qqqqqq", ("no run called qqqqqq", "`fogwalk runs` lists the runs here")),
        ("runs", ("runs is a folder, but not a run", "settings.toml")),
        ("x" * 300, ("no run called",)),
        ("a\0b", ("no run called",)),
        ("runs/mine/settings.toml", ("settings.toml is a file", "a run is a folder")),
    ],
)
def test_what_is_no_run_is_answered_with_the_nearest(name: str, words: tuple[str, ...]) -> None:
    made("mine", 1.0)
    with pytest.raises(UsageError) as caught:
        find(name)
    for word in words:
        assert word in str(caught.value)


def test_without_any_run_a_person_is_told_how_to_begin() -> None:
    with pytest.raises(UsageError, match="Train one first"):
        find()


def test_a_fresh_name_is_two_words_and_never_one_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {create(None).name for _ in range(20)}
    assert len(names) == 20
    assert all(len(name.split("-")) == 2 for name in names)
    monkeypatch.setattr(module, "_ADJECTIVES", ["only"])
    monkeypatch.setattr(module, "_ANIMALS", ["one"])
    assert create(None).name == "only-one"
    with pytest.raises(RunError, match="no free name"):
        create(None)


def test_a_folder_that_holds_something_is_refused_and_left() -> None:
    made("mine", 1.0)
    Path("letters").mkdir()
    Path("letters/dear.txt").write_text("dear")
    Path("file").touch()
    with pytest.raises(UsageError, match="already holds a run"):
        create("runs/mine")
    for name in ("letters", "file"):
        with pytest.raises(UsageError, match="in the way"):
            create(name)
    with pytest.raises(UsageError, match="file is a file"):
        create("file/below")
    with pytest.raises(RunError, match="File name too long"):
        create("x" * 300)
    assert Path("letters/dear.txt").read_text() == "dear"


def test_an_empty_folder_and_one_that_only_a_lock_was_in_can_become_a_run() -> None:
    Path("empty").mkdir()
    Path("locked").mkdir()
    Path("locked/.lock").touch()
    Path("locked/.holder").touch()
    for name in ("status.json", ".status.json.new", ".settings.toml.new", "..holder.new"):
        (Path("locked") / name).touch()  # what a kill between these writes leaves
    assert create("empty").path == Path("empty")
    assert create("locked").path == Path("locked")
    assert not is_run(Path("empty"))


def test_the_status_is_read_again_and_a_damaged_one_is_none() -> None:
    folder = made("mine", 1.0)
    status = folder.status()
    assert (status["state"], status["step"], status["pid"]) == ("finished", 3, os.getpid())
    for text in ("", "{", "[]", "3", "\xff"):
        (folder.path / "status.json").write_text(text, encoding="latin-1")
        assert folder.status() == {}


def test_only_numbered_folders_are_checkpoints_and_they_come_in_order() -> None:
    folder = made("mine", 1.0)
    assert folder.steps_saved() == []
    for name in ("000010", "000002", "1000000", ".unfinished-1-000003", "latest", "²"):
        (folder.checkpoints / name).mkdir(parents=True)
    (folder.checkpoints / "000011").touch()
    assert folder.steps_saved() == [2, 10, 1000000]
    assert folder.checkpoint(2).is_dir()
    assert folder.checkpoint(1000000).is_dir()


def test_sweeping_removes_what_was_left_unfinished_and_nothing_else() -> None:
    folder = made("mine", 1.0)
    (folder.checkpoints / ".unfinished-1-000003/encoding").mkdir(parents=True)
    (folder.checkpoints / "000002").mkdir()
    folder.sweep()
    assert [entry.name for entry in folder.checkpoints.iterdir()] == ["000002"]
    assert folder.settings.is_file()


def test_the_size_counts_every_file() -> None:
    folder = made("mine", 1.0)
    before = folder.bytes()
    (folder.path / "more").write_bytes(b"x" * 1000)
    assert folder.bytes() == before + 1000


def test_a_run_whose_start_is_not_told_counts_from_its_settings() -> None:
    old, new = made("old", 1.0), made("new", 1.0)
    for folder, when in ((old, 100), (new, 200)):
        (folder.path / "status.json").write_text(json.dumps({"started": "yesterday"}))
        os.utime(folder.settings, (when, when))
    assert find("last") == new
