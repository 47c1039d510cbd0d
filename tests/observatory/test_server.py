"""What the page's server sends is what the run's files hold and what `explain` says; a wrong question is answered in words."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from fogwalk import load
from fogwalk.insight.telling.entry import Place, module_told
from fogwalk.observatory.server import application
from fogwalk.runs.log import loss_trace, read_all

NAMES = ["book", "moons", "digits"]


def test_every_run_is_listed_the_newest_first(page: TestClient, shelf: Path) -> None:
    told = page.get("/api/runs").json()
    assert told["folder"] == str(shelf)
    own = [run for run in told["runs"] if not run["recorded"]]
    assert [run["name"] for run in own] == ["digits", "wide", "iris", "moons", "book"]
    assert told["runs"][:5] == own, "those that come along stand below"
    for run in own:
        assert run["state"] == "finished"
        assert (run["step"], run["steps"]) == (20, 20)
        best = min(
            one["validation_loss"]
            for one in read_all(shelf / run["name"] / "events.jsonl")
            if one["event"] == "evaluated"
        )
        assert run["best"] == best
        assert len(run["spark"]) == 20


@pytest.mark.parametrize("name", NAMES)
def test_the_curves_are_those_of_the_file(name: str, page: TestClient, shelf: Path) -> None:
    losses = loss_trace(shelf / name / "events.jsonl")
    told = page.get(f"/api/runs/{name}/curves?width=600").json()
    assert [point[:4] for point in told["points"]] == [[step, step, loss, loss] for step, loss in losses.items()]
    narrow = page.get(f"/api/runs/{name}/curves?width=4").json()["points"]
    assert len(narrow) == 4
    assert min(point[2] for point in narrow) == min(losses.values()), "no spike is lost"
    assert max(point[3] for point in narrow) == max(losses.values())
    assert told["offset"] == (shelf / name / "events.jsonl").stat().st_size
    assert [step for step, *_ in told["validations"]] == [10, 20]
    assert told["last"]["loss"] == losses[20]
    assert told["steps"] == 20


@pytest.mark.parametrize("name", NAMES)
def test_a_step_is_told_as_explain_tells_it(name: str, page: TestClient, shelf: Path) -> None:
    explanation = load(shelf / name).explain(7, row=1)
    told = page.get(f"/api/runs/{name}/steps/7?row=1").json()
    assert "\n\n".join(told["stations"].values()) == repr(explanation)
    assert told["structure"]["loss"]["logged"] == loss_trace(shelf / name / "events.jsonl")[7]
    entry = page.get(f"/api/runs/{name}/steps/7/entry?at=head&row=1").json()
    assert entry["text"] == str(explanation.at("head", row=1))
    answer = page.get(f"/api/runs/{name}/steps/7/tensor?name=old/head.weight")
    shape = [int(size) for size in answer.headers["x-shape"].split(",")]
    weight = explanation.step.moved["head.weight"].old.numpy()
    assert np.array_equal(np.frombuffer(answer.content, "<f4").reshape(shape), weight)
    answer = page.get(f"/api/runs/{name}/steps/7/tensor?name=value/head.output&row=1")
    value = explanation.step.values["head.output"].value[1].numpy()
    assert np.array_equal(np.frombuffer(answer.content, "<f4").reshape(value.shape), value)


def test_an_answer_verdicts_and_measures_are_those_of_the_run(page: TestClient, shelf: Path) -> None:
    book = load(shelf / "book")
    told = page.get("/api/runs/book/answer", params={"prompt": "the cat"}).json()
    assert sum(told["tensors"]["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert told["structure"]["best_name"] == book.explain_answer("the cat").structure["best_name"]
    entry = {"prompt": "the cat", "at": "layers.1.attention", "place": 2, "head": 1}
    told = page.get("/api/runs/book/answer/entry", params=entry).json()
    explained = book.explain_answer("the cat")
    assert told["text"] == str(explained.at("layers.1.attention", place=2, head=1))
    at, lines = module_told(explained.seen, "layers.1.attention", Place(place=2, head=1))
    assert told["layer"]["at"] == list(at)
    assert [one["result"] for one in told["layer"]["forward"]] == [line.result for line in lines.forward]
    entry = {"prompt": "the cat", "at": "layers.1.attention.weights", "place": 2}
    told = page.get("/api/runs/book/answer/entry", params=entry).json()
    assert told == {"text": str(explained.at("layers.1.attention.weights", place=2)), "layer": None}
    assert [one["name"] for one in page.get("/api/runs/book/verdicts").json()] == [one.name for one in book.verdicts()]
    measures = page.get("/api/runs/book/measures").json()
    assert measures["form"]["steps"] == [0, 5, 10, 15, 20]
    assert len(measures["numbers"]["gradient/head.weight"]) == 5


def test_events_come_as_they_are_written_and_from_where_one_stopped(shelf: Path, tmp_path: Path) -> None:
    from fogwalk.observatory.follow import whole_lines

    shutil.copytree(shelf / "book", tmp_path / "book")
    events = tmp_path / "book" / "events.jsonl"
    whole = events.read_bytes()
    records = [json.loads(line) for line in whole.splitlines()]
    half = len(whole) // 2
    events.write_bytes(whole[:half])
    first = whole_lines(events, 0)
    assert whole[: first[-1][0]].endswith(b"\n"), "a torn line waits for its end"
    events.write_bytes(whole)
    second = whole_lines(events, first[-1][0])
    assert [json.loads(line) for _, line in first + second] == records, "none is missing and none comes twice"
    assert whole_lines(events, len(whole)) == []
    events.write_bytes(whole[:100])
    assert whole_lines(tmp_path / "none", 0) == []


def test_the_stream_says_where_each_line_ends(shelf: Path) -> None:
    import asyncio

    from fogwalk.observatory.follow import followed

    events = shelf / "moons" / "events.jsonl"
    turns = iter([False, True])

    async def gone() -> bool:
        return next(turns)

    async def heard() -> bytes:
        return b"".join([part async for part in followed(events, 0, gone)])

    said = asyncio.run(heard())
    blocks = said.decode().strip().split("\n\n")
    assert len(blocks) == len(events.read_bytes().splitlines())
    assert blocks[-1].startswith(f"id: {events.stat().st_size}\ndata: {{")


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/api/runs/bok", 404, "Did you mean book"),
        ("/api/runs/..%2F..%2Fetc", 404, ""),
        ("/api/runs/book/steps/21", 404, "has no step 21"),
        ("/api/runs/book/steps/0", 404, "counted from 1"),
        ("/api/runs/book/steps/3?row=99", 404, "row=99 is outside"),
        ("/api/runs/book/steps/3/entry?at=head&unit=999", 404, "unit=999 is outside"),
        ("/api/runs/book/steps/3/layer?at=head&place=999", 404, "place=999 is outside"),
        ("/api/runs/book/steps/3?row=-1", 404, "row cannot be '-1'"),
        ("/api/runs/book/steps/3/entry?at=hed", 404, "Did you mean head"),
        ("/api/runs/book/steps/3/tensor?name=../../x", 409, "has no tensor"),
        ("/api/runs/book/curves?width=many", 404, "width cannot be 'many'"),
        ("/api/runs/book/answer?prompt=", 404, "the prompt is empty"),
        ("/api/runs/moons/answer?prompt=%00", 404, "the prompt holds"),
        ("/api/runs/moons/answer/inside?held=0", 409, "could not be done"),
        ("/api/runs/book/answer?prompt=the cat sat on the mat", 404, "looks back over 8"),
        ("/api/nothing", 404, "nothing is at /api/nothing"),
        ("/page/../server.py", 404, ""),
        ("/page/%2e%2e/server.py", 404, ""),
    ],
)
def test_what_is_asked_wrongly_is_answered_in_words(address: str, status: int, words: str, page: TestClient) -> None:
    answer = page.get(address)
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert "--" not in answer.json()["error"], "there is no command line to write a flag in"
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    "harm",
    [
        "no settings",
        "half an event",
        "no events",
        "binary events",
        "no checkpoints",
        "a newer version",
        "binary settings",
    ],
)
def test_a_damaged_run_is_told_and_hides_no_other(harm: str, shelf: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    shutil.copytree(shelf, root)
    run = root / "book"
    if harm == "no settings":
        (run / "settings.toml").unlink()
        for checkpoint in (run / "checkpoints").iterdir():
            (checkpoint / "settings.toml").unlink()
    elif harm == "half an event":
        content = (run / "events.jsonl").read_bytes()
        (run / "events.jsonl").write_bytes(content[: len(content) // 2])
    elif harm == "no events":
        (run / "events.jsonl").unlink()
    elif harm == "binary events":
        (run / "events.jsonl").write_bytes(bytes(range(256)) * 100)
    elif harm == "no checkpoints":
        shutil.rmtree(run / "checkpoints")
    elif harm == "a newer version":
        content = (run / "settings.toml").read_text()
        (run / "settings.toml").write_text(content + "\n[unheard]\nof = 3\n")
    else:
        (run / "settings.toml").write_bytes(bytes(range(256)))
    (root / "not a run").mkdir()
    (root / "file").write_text("")
    with TestClient(application(root), base_url="http://localhost") as client:
        listed = {one["name"]: one for one in client.get("/api/runs").json()["runs"]}
        assert {"moons", "digits"} <= set(listed)
        assert "not a run" not in listed
        for address in ("", "/curves", "/verdicts", "/measures", "/steps/7", "/answer?prompt=the"):
            answer = client.get(f"/api/runs/book{address}")
            assert answer.status_code in (200, 404, 409), address
            assert answer.status_code == 200 or answer.json()["error"], address
            assert "Traceback" not in answer.text
        if "settings" in harm or harm == "a newer version":
            assert listed["book"]["state"] == "damaged"
            assert listed["book"]["wrong"]


def test_no_runs_and_no_folder_are_states_of_their_own(tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "none"):
        with TestClient(application(root), base_url="http://localhost") as client:
            told = client.get("/api/runs").json()
            assert told["folder"] == str(root)
            assert all(run["recorded"] for run in told["runs"])


def test_one_run_alone_can_be_observed(shelf: Path) -> None:
    with TestClient(application(shelf / "book"), base_url="http://localhost") as client:
        assert [one["name"] for one in client.get("/api/runs").json()["runs"]] == ["book"]


def test_a_training_comes_before_what_the_desk_does(page: TestClient) -> None:
    import os

    assert page.get("/api/runs/moons/steps/3").status_code == 200
    (process,) = page.app.app.state.place.desk._pool._processes.values()
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(19, own + 10)


def test_a_desk_that_dies_is_said_and_comes_back(page: TestClient) -> None:
    assert page.get("/api/runs/moons/steps/3").status_code == 200
    desk = page.app.app.state.place.desk
    for process in desk._pool._processes.values():
        process.kill()
    time.sleep(0.2)
    died = page.get("/api/runs/moons/steps/4")
    assert died.status_code == 409
    assert "has died" in died.json()["error"]
    assert page.get("/api/runs/moons/steps/4").status_code == 200


def test_a_map_is_sent_whole_once_and_of_many_looks_what_can_be_drawn(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fogwalk.insight import recorder
    from fogwalk.observatory.work.looks import MOST_LOOKS, measures

    shutil.copytree(shelf / "moons", tmp_path / "moons")
    probes = tmp_path / "moons" / "probes"
    for step in range(25, 25 + 1000):
        shutil.copy(probes / "000020.safetensors", probes / f"{step:06}.safetensors")
    reads: list[Path] = []
    read = recorder.read
    monkeypatch.setattr(recorder, "read", lambda path: (reads.append(path), read(path))[1])
    told = json.loads(measures(str(probes.parent)))
    steps = told["form"]["steps"]
    assert (told["of"], told["going"]) == (1005, False)
    assert MOST_LOOKS / 2 <= len(steps) == len(reads) <= MOST_LOOKS
    assert (steps[0], steps[-1]) == (0, 1024)
    assert steps == sorted(set(steps))
    assert all(len(values) == len(steps) for values in told["numbers"].values())
    again = json.loads(measures(str(probes.parent), told["seen"]))
    assert again == {"seen": told["seen"], "going": False, "same": True}, "nothing is sent twice"
    shutil.copy(probes / "000020.safetensors", probes / "001025.safetensors")
    more = json.loads(measures(str(probes.parent), told["seen"]))
    assert (more["of"], more["form"]["steps"][-1]) == (1006, 1025)
    assert len(reads) <= len(steps) + 2, "what was read is kept"
    with TestClient(application(tmp_path), base_url="http://localhost") as client:
        assert client.get("/api/runs/moons/measures", params={"seen": more["seen"]}).json()["same"]
