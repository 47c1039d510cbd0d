"""The runs that come along with Fogwalk: they are in the wheel, tell of no machine, and answer to everything, read only."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from fogwalk.observatory import carried as runs
from fogwalk.observatory.carried import CARRIED, PLACE, carried
from fogwalk.observatory.server import application
from fogwalk.runs.log import loss_trace
from fogwalk.runs.publish import problems

MOST_BYTES = 1_000_000
ROOT = Path(__file__).parents[2]


def files(place: Path) -> dict[str, int]:
    """Every file below a folder with the time it was written."""
    return {
        found.relative_to(place).as_posix(): found.stat().st_mtime_ns for found in place.rglob("*") if found.is_file()
    }


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The page of a folder without runs."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    with TestClient(application(tmp_path / "runs"), base_url="http://localhost") as client:
        yield client


def test_they_are_whole_small_and_tell_of_no_machine() -> None:
    assert [folder.name for folder in carried()] == list(CARRIED)
    assert sum(file.stat().st_size for file in PLACE.rglob("*") if file.is_file()) < MOST_BYTES
    for folder in carried():
        for step in folder.steps_saved():
            assert problems(folder.checkpoint(step)) == []
        assert {"pid", "host"}.isdisjoint(folder.status())
        assert folder.status()["state"] == "finished"
        for file in folder.path.rglob("*"):
            if file.suffix in (".json", ".jsonl", ".toml"):
                content = file.read_text(encoding="utf-8")
                assert not any(place in content for place in ("/home", "/work", "/tmp", "/root", "C:\\")), file


def test_the_page_of_an_empty_folder_shows_them(empty: TestClient) -> None:
    told = empty.get("/api/runs").json()["runs"]
    assert [(run["name"], run["recorded"], run["state"]) for run in told] == [
        (name, True, "finished") for name in CARRIED
    ]
    assert [run["shows"] for run in told] == list(CARRIED.values())
    before = files(PLACE)
    mine = {"origin": "http://localhost"}
    for name in CARRIED:
        for what, asked in (("further", {"steps": 10_000}), ("control", {"stop": True})):
            refused = empty.post(f"/api/runs/{name}/{what}", json=asked, headers=mine)
            assert refused.status_code == 404
            assert "comes along with Fogwalk" in refused.json()["error"]
        run = f"/api/runs/{name}"
        logged = loss_trace(PLACE / name / "events.jsonl")
        last = max(logged)
        assert empty.get(run).json()["step"] == last
        for step in (1, last):
            loss = empty.get(f"{run}/steps/{step}").json()["structure"]["loss"]
            assert loss["logged"] == logged[step]
            assert loss["replayed"] == pytest.approx(logged[step], rel=1e-2), "to the bit only where it was trained"
        assert isinstance(empty.get(f"{run}/verdicts").json(), list)
        assert len(empty.get(f"{run}/measures").json()["form"]["steps"]) >= 9
    assert empty.get("/api/runs/two-moons/frames/500").json()["plane"]["side"]
    assert empty.get("/api/runs/two-moons/answer", params={"prompt": "x=1, y=0.5"}).status_code == 200
    assert empty.get("/api/runs/handbook/answer", params={"prompt": "The network "}).status_code == 200
    assert files(PLACE) == before, "nothing is written into them"


def test_they_are_read_where_nothing_can_be_written(
    empty: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "site-packages"
    shutil.copytree(PLACE, place)
    monkeypatch.setattr(runs, "PLACE", place)
    folders = [place, *(found for found in place.rglob("*") if found.is_dir())]
    for folder in folders:
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        assert os.geteuid() == 0 or not os.access(place, os.W_OK)
        before = files(place)
        assert [run["wrong"] for run in empty.get("/api/runs").json()["runs"]] == ["", ""]
        assert empty.get("/api/runs/two-moons/steps/120").status_code == 200
        assert files(place) == before
    finally:
        for folder in folders:
            folder.chmod(stat.S_IRWXU)


def test_a_run_of_the_same_name_stands_for_itself(shelf: Path, tmp_path: Path) -> None:
    shutil.copytree(shelf / "moons", tmp_path / "two-moons")
    with TestClient(application(tmp_path), base_url="http://localhost") as client:
        told = {run["name"]: run["recorded"] for run in client.get("/api/runs").json()["runs"]}
        assert told == {"two-moons": False, "handbook": True}
        assert client.get("/api/runs/two-moons").json()["step"] == 20


def test_a_wheel_holds_them_and_the_page(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    script = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(tmp_path)], cwd=source, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    package = ROOT / "src" / "fogwalk"
    for part in ("observatory/recorded", "observatory/page", "data/texts"):
        for file in (package / part).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert f"fogwalk/{file.relative_to(package).as_posix()}" in names
    assert wheel.stat().st_size < 2_000_000
