"""Trainings that the page begins: only what may be chosen, as processes of their own, steered through control/ alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from fogwalk.observatory.choices import MOST_OF_A_FOLDER
from fogwalk.observatory.server import application
from fogwalk.runs.catalogue import GOING, state_of
from fogwalk.runs.control import Wish, kept, wished
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import loss_trace

ORIGIN = {"origin": "http://127.0.0.1:8777"}
TINY = {"model.hidden": "4", "training.steps": 40, "training.batch": 8}


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A page begun in an empty folder beside one that it may not read."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "secret.txt").write_text("not yours " * 100)
    monkeypatch.chdir(tmp_path / "mine")
    with TestClient(application(Path("runs")), base_url="http://127.0.0.1:8777") as client:
        yield client


def begin(client: TestClient, **asked: Any) -> Any:
    headers = ORIGIN | {"content-type": "application/json"}
    return client.post("/api/trainings", content=json.dumps(asked), headers=headers)


def when(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_training_is_begun_waits_makes_single_steps_and_ends(client: TestClient) -> None:
    answer = begin(client, data="sample:xor", settings=TINY, pace=0)
    assert answer.status_code == 200, answer.text
    folder = RunFolder(Path("runs") / answer.json()["name"])
    control = f"/api/runs/{folder.name}/control"
    when(lambda: folder.status().get("state") == "paused")
    assert client.get(f"/api/runs/{folder.name}").json()["state"] == "paused"
    assert loss_trace(folder.events) == {}
    assert client.post(control, json={"until": 1}, headers=ORIGIN).status_code == 200
    when(lambda: folder.status().get("step") == 1 and folder.status().get("state") == "paused")
    assert list(loss_trace(folder.events)) == [1]
    assert client.get(f"/api/runs/{folder.name}/frames/1").json()["loss"] == loss_trace(folder.events)[1]
    for wrong in ({"until": -1}, {"pace": 0}, {"more": 1}, [], {"stop": "yes"}):
        assert client.post(control, json=wrong, headers=ORIGIN).status_code == 404
    assert wished(folder) == Wish(until=1)
    further = client.post(f"/api/runs/{folder.name}/further", json={"steps": 50}, headers=ORIGIN)
    assert "is being trained already" in further.json()["error"]
    client.post(control, json={}, headers=ORIGIN)
    when(lambda: folder.status().get("state") == "finished")
    assert "not being trained" in client.post(control, json={}, headers=ORIGIN).json()["error"]
    assert client.post(f"/api/runs/{folder.name}/further", json={"steps": 45}, headers=ORIGIN).status_code == 200
    when(lambda: folder.status().get("step") == 45 and folder.status().get("state") == "finished")


def test_a_file_under_the_folder_can_be_learned(client: TestClient, small_text: str) -> None:
    Path("notes").mkdir()
    Path("notes/book.txt").write_text(small_text)
    assert client.get("/api/trainings").json()["files"] == ["notes/book.txt"]
    small = {"model.layers": 1, "model.width": 8, "model.heads": 1, "model.context": 8, "training.steps": 2}
    answer = begin(client, data="notes/book.txt", settings=small)
    assert answer.status_code == 200, answer.text
    when(lambda: RunFolder(Path("runs") / answer.json()["name"]).status().get("state") == "finished")


def test_what_lies_beside_the_data_is_never_run(client: TestClient, small_text: str) -> None:
    for name in ("random", "pickle", "socket", "numpy", "torch", "fogwalk"):
        Path(f"{name}.py").write_text("from pathlib import Path\nPath('ran').touch()\n")
    folder = RunFolder(Path("runs") / begin(client, data="sample:xor", settings=TINY).json()["name"])
    when(lambda: folder.status().get("state") == "finished")
    assert client.get(f"/api/runs/{folder.name}/steps/7").status_code == 200, "the desk works beside them too"
    assert not Path("ran").exists()


def test_what_the_training_refuses_is_told_in_its_own_words(client: TestClient) -> None:
    answer = begin(client, data="sample:xor", settings=TINY | {"model.activation": "rulu"})
    assert answer.status_code == 409
    assert "relu" in answer.json()["error"]
    assert "Traceback" not in answer.text
    assert client.get("/api/runs").json()["runs"] == [] or all(
        one.get("recorded") for one in client.get("/api/runs").json()["runs"]
    )


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, "nothing to learn from"),
        ({"data": ""}, "nothing to learn from"),
        ({"data": 3}, "nothing to learn from"),
        ({"data": "sample:mons"}, "Did you mean sample:moons"),
        ({"data": "../secret.txt"}, "is not under"),
        ({"data": "/etc/passwd"}, "is not under"),
        ({"data": "link.txt"}, "is not under"),
        ({"data": "nothing.txt"}, "there is no 'nothing.txt'"),
        ({"data": "x" * 5000}, "there is no"),
        ({"data": "a\0b"}, "there is no"),
        ({"data": "\ud800"}, "cannot be read"),
        ({"data": "sample:xor", "settings": {"optimizer.name": "\ud800"}}, "cannot be read"),
        ({"data": "sample:xor", "settings": {"optimizer.name": "a\0b"}}, "optimizer.name cannot be"),
        ({"data": "sample:xor", "settings": {"out": "elsewhere"}}, "'out' cannot be chosen"),
        ({"data": "sample:xor", "settings": {"config": "x"}}, "cannot be chosen"),
        ({"data": "sample:xor", "settings": {"data.path": "../secret.txt"}}, "cannot be chosen"),
        ({"data": "sample:xor", "settings": {"seed": [1]}}, "seed cannot be"),
        ({"data": "sample:xor", "settings": ["seed"]}, "settings cannot be read"),
        ({"data": "sample:xor", "pace": "fast"}, "pace cannot be"),
        ({"data": "sample:xor", "more": 1}, "knows no 'more'"),
    ],
)
def test_what_may_not_be_asked_is_refused_and_nothing_is_begun(
    asked: dict[str, Any], words: str, client: TestClient
) -> None:
    Path("link.txt").symlink_to("../secret.txt")
    answer = begin(client, **asked)
    assert answer.status_code == 404
    assert words in answer.json()["error"]
    assert not Path("runs").exists()


def test_another_site_begins_nothing(client: TestClient) -> None:
    asked = {"data": "sample:xor", "settings": TINY}
    assert client.post("/api/trainings", json=asked, headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/api/trainings", json=asked).status_code == 403
    assert client.post("/api/trainings", content=b"data=sample:xor", headers=ORIGIN).status_code == 415
    assert client.get("/api/runs/x/control").status_code in (404, 405)
    assert (
        client.post("/api/trainings", content=b"[1", headers=ORIGIN | {"content-type": "application/json"}).status_code
        == 404
    )
    assert not Path("runs").exists()


def test_what_is_offered_names_samples_and_files_and_leaves_runs_out(client: TestClient) -> None:
    Path("a.csv").write_text("x,y\n1,2\n")
    Path(".hidden.txt").write_text("x")
    Path("runs/one").mkdir(parents=True)
    Path("runs/one/notes.txt").write_text("x")
    told = client.get("/api/trainings").json()
    assert told["files"] == ["a.csv"]
    assert told["samples"][:4] == ["sample:xor", "sample:circles", "sample:moons", "sample:spirals"]
    assert "sample:iris" in told["samples"]
    assert all(told["settings"].values())


def test_folders_of_images_are_offered_and_can_be_learned(client: TestClient) -> None:
    from PIL import Image

    for place in ("photos/cat", "photos/dog", "set/train/a", "set/train/b", "set/test/a", "set/test/b", "loose"):
        Path(place).mkdir(parents=True)
        for number in range(6):
            Image.new("L", (4, 4), 40 * number).save(f"{place}/{number}.PNG")
    assert client.get("/api/trainings").json()["folders"] == ["photos", "set"]
    small = {"training.steps": 2, "training.batch": 4}
    answer = begin(client, data="photos", settings=small)
    assert answer.status_code == 200, answer.text
    when(lambda: RunFolder(Path("runs") / answer.json()["name"]).status().get("state") == "finished")


def test_what_is_no_data_is_left_out_and_of_much_a_part_is_offered(client: TestClient) -> None:
    for place in (".git", "node_modules/a", "venv/lib", "src/deep", "notes"):
        Path(place).mkdir(parents=True)
        Path(place, "read.md").write_text("x")
    Path("venv/pyvenv.cfg").write_text("home = /usr")
    Path("src/deep/made.py").write_text("x")
    Path("Upper.CSV").write_text("x,y\n1,2\n")
    for number in range(180):
        Path(f"notes/{number:03}.txt").write_text("x")
    told = client.get("/api/trainings").json()
    assert told["files"][0] == "Upper.CSV", "what stands nearest comes first"
    assert told["files"][1:4] == ["notes/000.txt", "notes/001.txt", "notes/002.txt"]
    assert told["files"][-1] == "src/deep/read.md"
    assert told["code"] == ["src/deep/made.py"]
    assert len(told["files"]) == 2 + MOST_OF_A_FOLDER
    assert told["left_out"] == 181 - MOST_OF_A_FOLDER
    assert not any("venv" in one or "node_modules" in one for one in told["files"])


def test_a_name_that_is_no_text_hides_no_other(client: TestClient) -> None:
    Path(os.fsdecode(b"bad\xff.txt")).write_text("x")
    Path("good.txt").write_text("x")
    assert client.get("/api/trainings").json()["files"] == ["good.txt"]


def test_what_waits_for_the_page_is_saved_and_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with TestClient(application(Path("runs")), base_url="http://127.0.0.1:8777") as client:
        folder = RunFolder(Path("runs") / begin(client, data="sample:xor", settings=TINY, pace=0).json()["name"])
        when(lambda: folder.status().get("state") == "paused")
    when(lambda: folder.status().get("state") == "interrupted")
    assert folder.steps_saved() == [0]


@contextmanager
def killed_while_one_waits() -> Iterator[RunFolder]:
    """A training that waits for the page of a server of its own, which was killed."""
    command = [sys.executable, "-m", "fogwalk", "observe", "--port", "0", "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            address = server.stdout.readline().strip()
            told = {"data": "sample:xor", "settings": TINY, "pace": 0}
            headers = {"content-type": "application/json", "origin": address.rstrip("/")}
            asked = urllib.request.Request(f"{address}api/trainings", json.dumps(told).encode(), headers)
            for _ in range(200):
                try:
                    with urllib.request.urlopen(asked, timeout=60) as answer:
                        folder = RunFolder(Path("runs") / json.loads(answer.read())["name"])
                    break
                except urllib.error.URLError:  # it is not there yet
                    time.sleep(0.1)
            when(lambda: folder.status().get("state") == "paused")
            assert kept(folder) is True
        finally:
            server.kill()
    assert kept(folder) is False
    yield folder
    when(lambda: state_of(folder) not in GOING)


def test_what_waits_when_the_server_is_killed_is_taken_up_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with killed_while_one_waits() as folder:
        with TestClient(application(Path("runs")), base_url="http://127.0.0.1:8777") as client:
            assert kept(folder) is True, "it is no longer alone"
            assert client.get(f"/api/runs/{folder.name}").json()["state"] == "paused"
            control = f"/api/runs/{folder.name}/control"
            assert client.post(control, json={"until": 2}, headers=ORIGIN).status_code == 200
            when(lambda: folder.status().get("step") == 2 and folder.status().get("state") == "paused")
        when(lambda: folder.status().get("state") == "interrupted")
        assert folder.steps_saved()[-1] == 2, "as with the server that began it, it is saved and ends"
