"""The run folder's contract where it was broken once: views, moved data, remembered changes, strangers' manifests."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fogwalk import trainer
from fogwalk.cli import main
from fogwalk.errors import UsageError
from fogwalk.events import Evaluated, Event, StepDone
from fogwalk.run import load
from fogwalk.runs.folder import RunFolder, is_run
from fogwalk.runs.log import loss_trace, read_all
from fogwalk.runs.publish import problems
from fogwalk.settings import Source, load_settings
from fogwalk.training import checkpoint
from tests.training.test_resume import Crash, train, weights


def crash_after(step: int) -> object:
    def crash(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == step:
            raise Crash

    return crash


def test_a_lost_settings_file_is_written_anew_from_the_checkpoint(book: Path, tmp_path: Path) -> None:
    folder = train(book, tmp_path / "run")
    text = folder.settings.read_text(encoding="utf-8")
    folder.settings.unlink()
    assert is_run(folder.path)
    assert load(folder.path).step == 12
    trainer.resume(str(folder.path))
    assert folder.settings.read_text(encoding="utf-8") == text


def test_an_altered_view_of_the_encoding_never_reaches_a_checkpoint(book: Path, tmp_path: Path) -> None:
    def alter(event: Event) -> None:
        if isinstance(event, Evaluated) and event.step == 6:
            (tmp_path / "run/encoding/tokenizer.json").write_text("{}", encoding="utf-8")

    from fogwalk.settings import resolve
    from tests.training.test_resume import TINY

    values = {**TINY, "data.path": str(book), "out": str(tmp_path / "run")}
    folder = trainer.train(resolve(Source("test", values)), listeners=[alter])
    kept = folder.checkpoint(12) / "encoding/tokenizer.json"
    assert kept.read_bytes() == (folder.checkpoint(0) / "encoding/tokenizer.json").read_bytes()


def test_a_text_that_was_moved_is_the_same_text(book: Path, tmp_path: Path) -> None:
    whole = train(book, tmp_path / "whole")
    with pytest.raises(Crash):
        train(book, tmp_path / "run", crash_at=7)
    moved = tmp_path / "elsewhere" / book.name
    moved.parent.mkdir()
    shutil.move(book, moved)
    folder = trainer.resume(str(tmp_path / "run"), [Source("command line", {"data.path": str(moved)})])
    assert weights(folder, 12) == weights(whole, 12)
    assert load_settings(folder.settings).data.path == (str(moved),)


def test_what_a_resume_changed_is_remembered_though_no_checkpoint_has_it(book: Path, tmp_path: Path) -> None:
    with pytest.raises(Crash):
        train(book, tmp_path / "run", crash_at=5)
    goal = Source("command line", {"training.stop_below": "100"})
    with pytest.raises(Crash):
        trainer.resume(str(tmp_path / "run"), [goal], listeners=[crash_after(5)])  # type: ignore[list-item]
    folder = trainer.resume(str(tmp_path / "run"))
    assert list(read_all(folder.events))[-1]["reason"] == "stop-below"
    assert max(loss_trace(folder.events)) == 6


def test_steps_are_in_the_log_before_a_checkpoint_counts_them(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[int]] = []
    save = checkpoint.save

    def looking(folder: RunFolder, *parts: object) -> object:
        seen.append(sorted(loss_trace(folder.events)))
        return save(folder, *parts)  # type: ignore[arg-type]

    monkeypatch.setattr(checkpoint, "save", looking)
    train(book, tmp_path / "run")
    assert [steps[-1:] for steps in seen] == [[], [4], [6], [8], [12]]
    assert seen[-1] == list(range(1, 13))


def test_a_sample_prompt_that_cannot_be_read_is_refused_before_training(book: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Ω"):
        train(book, tmp_path / "run", training__sample_prompt="Ω", training__sample_every="2")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "entries", [{}, [], {"a": 3}, {"../book.txt": {"bytes": 1, "sha256": ""}}, {"a": {"bytes": "1"}}]
)
def test_a_strangers_manifest_is_no_manifest(entries: object, tmp_path: Path) -> None:
    from fogwalk.runs.publish import _sealed

    text = _sealed(entries) if isinstance(entries, dict) else json.dumps({"files": entries})
    (tmp_path / "manifest.json").write_text(text, encoding="utf-8")
    assert problems(tmp_path)


def test_remove_deletes_nothing_that_is_no_part_of_a_run(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / "settings.toml").write_text("name = 'mine'\n", encoding="utf-8")
    folder = train(book, tmp_path / "run")
    (folder.path / "thesis.txt").write_text("years of work", encoding="utf-8")
    monkeypatch.chdir(project)
    for name in ("", ".", str(project), str(tmp_path), str(folder.path)):
        assert main(["remove", name, "--yes"]) == 2, capsys.readouterr()
    assert (project / "settings.toml").exists()
    assert (folder.path / "thesis.txt").exists()
    assert checkpoint.newest_intact(folder) == (12, [])
    monkeypatch.chdir(folder.checkpoints)
    (folder.path / "thesis.txt").unlink()
    assert main(["remove", str(folder.path), "--yes"]) == 2
    monkeypatch.chdir(tmp_path)
    assert main(["remove", str(folder.path), "--yes"]) == 0
    assert not folder.path.exists()


def test_a_strangers_words_do_not_drive_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "\x1b]0;pwned\x07.txt"]) == 3
    assert "\x1b" not in capsys.readouterr().err
