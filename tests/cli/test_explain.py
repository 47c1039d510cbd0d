"""fogwalk explain, as a person types it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from fogwalk.cli import main
from fogwalk.insight.form import read

TINY = (
    "--preset",
    "tiny",
    "--training.steps",
    "6",
    "--training.compile",
    "off",
    "--threads",
    "1",
    "--insight.every",
    "2",
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, small_text: str) -> Path:
    """A folder with a run of a text, called book, and a later one of a table, called flowers."""
    place = tmp_path_factory.mktemp("shop")
    (place / "book.txt").write_text(small_text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("XDG_CACHE_HOME", str(place / ".cache"))
        assert main(["train", "book.txt", *TINY, "--out", "runs/book"]) == 0
        assert main(["train", "sample:iris", *TINY[2:], "--out", "runs/flowers"]) == 0
    return place


@pytest.fixture(autouse=True)
def _there(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop)


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What is printed, which fits 100 columns; of an error what is said of it."""
    assert main(["explain", *words]) == code
    out, err = capsys.readouterr()
    assert "--json" in words or max((len(line) for line in out.splitlines()), default=0) <= 100
    assert "Traceback" not in err
    assert bool(err) == bool(code or "--out" in words)
    return err if code else out


def test_the_last_step_of_the_last_run_is_told_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys).startswith("flowers, step 6 of 6: what one update did")
    assert told(capsys, "book", "--step", "3").startswith("book, step 3 of 6")


def test_another_record_is_shown_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    one, other = (told(capsys, "flowers", "--step", "2", "--row", row) for row in "03")
    assert "row 3: sepal length" in other
    assert one.split("5 update")[1] == other.split("5 update")[1]


def test_one_entry_one_answer_and_the_verdicts(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = ("book", "--step", "3", "--at", "layers.1.attention", "--row", "0", "--place", "7")
    assert "place 7 listens to" in told(capsys, *words)
    assert "add up to 1" in told(capsys, "book", "--prompt", "the cat", "--out", str(tmp_path))
    assert "Nothing is wrong" in told(capsys, "book", "--verdicts", "--out", str(tmp_path))
    told(capsys, "book", "--step", "3", "--out", str(tmp_path))
    rows = "sepal length,sepal width,petal length,petal width\n5,3,1,0.2\n6,3,5,2\n"
    (tmp_path / "new.csv").write_text(rows)
    inside = told(capsys, "flowers", "--prompt", str(tmp_path / "new.csv"), "--row", "1", "--at", "head", "--unit", "1")
    assert "which stands for versicolor" in " ".join(inside.split())
    for kind in ("step", "answer", "measures"):
        assert read(tmp_path, kind)[0]["run"] == "book"


def test_programs_are_told_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    step = json.loads(told(capsys, "book", "--step", "3", "--json"))
    assert step["kind"] == "step"
    assert step["loss"]["logged"] == step["loss"]["replayed"]
    assert json.loads(told(capsys, "book", "--prompt", "the", "--json"))["tokens"] == ["'t'", "'h'", "'e'"]
    assert json.loads(told(capsys, "flowers", "--verdicts", "--json")) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--step", "0"), "--step cannot be 0"),
        (("--step", "7"), "has no step 7"),
        (("--row", "32"), "--row 32 is outside"),
        (("--row", "-1"), "--row -1 is outside"),
        (("--place", "3"), "--place goes with --at"),
        (("--at", "laiers.0"), "Did you mean layers.0"),
        (("--at", "layers.0", "--verdicts"), "two different things"),
        (("--at", "layers.0", "--json"), "one entry"),
        (("--prompt", ""), "--prompt is empty"),
        (("--prompt", "height=3"), "no column 'height'"),
        (("nowhere",), "no run called nowhere"),
    ],
)
def test_what_cannot_be_told_is_said(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said in told(capsys, *words, code=2)


def test_a_folder_that_is_no_run_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["explain", str(tmp_path / "empty")]) != 0
    assert "Traceback" not in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_said(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    assert "is not a folder" in told(capsys, "book", "--step", "3", "--out", str(tmp_path / "taken" / "deep"), code=2)
    assert "names no folder" in told(capsys, "book", "--out", "", code=2)


def test_what_is_written_is_said_and_can_be_read_by_others(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["explain", "flowers", "--at", "head", "--out", str(tmp_path / "data"), "--row", "1"]) == 0
    out, err = capsys.readouterr()
    assert "step.safetensors (" in err
    assert "wrote" not in out
    fresh = tmp_path / "plain"
    fresh.write_text("")
    assert {path.stat().st_mode for path in (tmp_path / "data").iterdir()} == {fresh.stat().st_mode}


def test_nothing_is_written_into_the_run_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert "lies in the run itself" in told(capsys, "book", "--verdicts", "--out", "runs/book/checkpoints", code=2)


@pytest.mark.parametrize("flag", ["--step", "--row"])
def test_what_says_nothing_of_the_verdicts_is_refused(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "says nothing of the verdicts" in told(capsys, "book", "--verdicts", flag, "1", code=2)


def test_a_name_there_is_not_is_said_before_any_step_is_made(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fogwalk.training.replay import Replay

    monkeypatch.setattr(Replay, "to", None)
    assert "Did you mean layers.0" in told(capsys, "book", "--at", "layers.0.atention", code=2)


def test_a_full_disk_is_no_fault_of_fogwalk(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from fogwalk.cli import plain

    def full(text: str) -> str:
        if "what one update did" in text:
            raise OSError(errno.ENOSPC, "No space left on device")
        return text

    monkeypatch.setattr(plain, "printable", full)
    assert main(["explain", "book"]) == 1
    err = capsys.readouterr().err
    assert "nothing more can be written: No space left on device" in err
    assert "fault" not in err


def test_a_removed_run_takes_its_waypoints_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shop: Path) -> None:
    from fogwalk.runs.folder import RunFolder
    from fogwalk.training import waypoints

    shutil.copytree(shop, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    where = waypoints.place(RunFolder(Path("runs/book")))
    (where / "000003").mkdir(parents=True)
    assert main(["remove", "book", "--yes"]) == 0
    assert not where.exists()
