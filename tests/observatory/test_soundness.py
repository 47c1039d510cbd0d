"""Runs that are not as a training leaves them: links and pipes are never read, and what was lost is told in words."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.testclient import TestClient

from fogwalk.observatory.carried import carried
from fogwalk.observatory.follow import followed
from fogwalk.observatory.reading import MOST_STORIES, Shelf
from fogwalk.observatory.server import application
from fogwalk.observatory.story import Story
from fogwalk.runs.folder import RunFolder

ADDRESSES = ("/curves", "/events", "/verdicts", "/measures", "/steps/7", "/frames/1", "/answer?prompt=the", "/round")


def links_out(path: Path, elsewhere: Path) -> None:
    """In the place of a file or folder a link to a copy of it that stands elsewhere."""
    path.rename(elsewhere / path.name)
    path.symlink_to(elsewhere / path.name)


def piped(path: Path, elsewhere: Path) -> None:
    """In the place of a file a pipe, from which a reader would wait for ever."""
    path.unlink()
    os.mkfifo(path)


HARMS: list[tuple[Callable[[Path, Path], None], str]] = [
    (links_out, "events.jsonl"),
    (links_out, "status.json"),
    (links_out, "settings.toml"),
    (links_out, "encoding"),
    (links_out, "checkpoints"),
    (links_out, "checkpoints/000020"),
    (links_out, "checkpoints/000020/model.safetensors"),
    (links_out, "probes"),
    (links_out, ""),
    (piped, "events.jsonl"),
    (piped, "status.json"),
    (piped, "checkpoints/000020/settings.toml"),
]


@pytest.mark.parametrize(("harm", "what"), HARMS)
def test_what_leads_elsewhere_or_is_no_file_is_told_and_never_read(
    harm: Callable[[Path, Path], None], what: str, shelf: Path, tmp_path: Path
) -> None:
    shutil.copytree(shelf, tmp_path / "runs")
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "runs" / "book" / what
    harm(path, tmp_path / "elsewhere")
    told: list[Any] = []

    def ask() -> None:
        with TestClient(application(tmp_path / "runs"), base_url="http://localhost") as client:
            told.append({one["name"]: one for one in client.get("/api/runs").json()["runs"]})
            told.append(client.get("/api/runs/book").json())
            told.append([client.get(f"/api/runs/book{address}") for address in ADDRESSES])
            control = client.post("/api/runs/book/control", json={"stop": True}, headers={"origin": "http://localhost"})
            told.append(control)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(60)
    assert not asking.is_alive(), "it waits for a pipe"
    listed, opened, answers, control = told
    assert listed["moons"]["state"] == "finished"
    words = "is a link to" if harm is links_out else "is no file"
    for one in (listed["book"], opened):
        assert one["state"] == "damaged"
        assert f"{path} {words}" in one["wrong"]
        assert (one["step"], one["spark"], one.get("planned", {})) == (None, [], {})
    for answer in (*answers, control):
        assert answer.status_code == 409
        assert words in answer.json()["error"]
    assert not (tmp_path / "elsewhere" / "control").exists()


def test_a_link_to_what_is_shown_anyway_is_followed(shelf: Path, tmp_path: Path) -> None:
    shutil.copytree(shelf, tmp_path / "runs")
    events = tmp_path / "runs" / "book" / "events.jsonl"
    events.rename(events.with_name("kept.jsonl"))
    events.symlink_to("kept.jsonl")
    (tmp_path / "runs" / "again").symlink_to("book")
    (tmp_path / "linked").symlink_to("runs")
    listed = {one["name"]: one for one in Shelf(tmp_path / "linked").listed()}
    assert [listed[name]["wrong"] for name in ("book", "again")] == ["", ""]
    assert len(listed["again"]["spark"]) == 20


# -- what was lost -------------------------------------------------------------------------------------------------------


def lines(folder: Path) -> list[str]:
    return (folder / "events.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)


def at_step(line: str, *steps: int) -> bool:
    record = json.loads(line)
    return record["event"] == "step" and record["step"] in steps


def harmed(folder: Path, harm: str) -> None:
    """Do to a run what its name says."""
    kept = lines(folder)
    (half,) = (place for place, line in enumerate(kept) if at_step(line, 12))
    if harm == "the end was lost":
        kept = [*kept[:half], kept[half][:20]]
    elif harm == "the end was lost and its process killed":
        kept = kept[:half]
        status = json.loads((folder / "status.json").read_text())
        (folder / "status.json").write_text(json.dumps(status | {"state": "training"}))
    elif harm == "damaged in the middle":
        kept[half - 1 : half + 2] = [kept[half][:20] + "\0\0" + kept[half + 1][30:]]
    elif harm == "lines were cut out":
        kept = [line for line in kept if not at_step(line, 5, 6, 7, 9)]
    elif harm == "a line without a loss":
        kept[half] = '{"event": "step", "step": 12}\n'
    elif harm == "no settings":
        (folder / "settings.toml").unlink()
    (folder / "events.jsonl").write_text("".join(kept), encoding="utf-8")
    if harm == "no events":
        (folder / "events.jsonl").unlink()


@pytest.mark.parametrize(
    ("harm", "words", "step"),
    [
        ("the end was lost", ["events.jsonl ends with step 11, and the run has made 20"], 11),
        ("the end was lost and its process killed", ["ends with step 11, and the run has made 20"], 11),
        ("damaged in the middle", ["holds a line that cannot be read", "has no line of steps"], 20),
        ("lines were cut out", ["has no line of steps 5 to 7, and 1 more such gaps"], 20),
        ("a line without a loss", ["holds a line that cannot be read", "has no line of step 12:"], 20),
        ("no events", ["events.jsonl is missing, and the run has made 20 steps"], 0),
        ("no settings", ["settings.toml is missing", "from the checkpoint of step 20"], 20),
    ],
)
def test_what_was_lost_of_a_run_is_told(harm: str, words: list[str], step: int, shelf: Path, tmp_path: Path) -> None:
    shutil.copytree(shelf / "moons", tmp_path / "moons")
    assert Shelf(tmp_path).listed()[0]["remarks"] == []
    harmed(tmp_path / "moons", harm)
    with TestClient(application(tmp_path), base_url="http://localhost") as client:
        listed, opened = client.get("/api/runs").json()["runs"][0], client.get("/api/runs/moons").json()
        assert client.get("/api/runs/moons/curves").status_code == 200
    assert listed["wrong"] == ""
    assert listed["remarks"] == opened["remarks"]
    told = "\n".join(listed["remarks"])
    assert all(word in told for word in words), told
    assert "It has a line for every step" in told or "holds the settings" in told, "what was expected"
    assert "Copy" in told, "what can be done"
    assert listed["step"] == opened["step"] == step, "the frame and the curves end together"


def test_a_run_that_is_being_written_has_lost_nothing(shelf: Path, tmp_path: Path) -> None:
    from fogwalk.runs.lock import holding

    shutil.copytree(shelf / "moons", tmp_path / "moons")
    harmed(tmp_path / "moons", "the end was lost and its process killed")
    with holding(RunFolder(tmp_path / "moons")):
        assert Shelf(tmp_path).listed()[0]["remarks"] == []
    assert all(Shelf(folder.path).entry(folder)["remarks"] == [] for folder in carried())


# -- many runs -----------------------------------------------------------------------------------------------------------


def test_a_list_is_read_beside_other_answers_and_only_once(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fogwalk.observatory.asking import _answered

    for number in range(12):
        shutil.copytree(shelf / "moons", tmp_path / f"run-{number}")
    reads: list[str] = []
    read = Story.read

    def slowly(story: Story) -> Story:
        reads.append(story.path.parent.name)
        time.sleep(0.05)
        return read(story)

    monkeypatch.setattr(Story, "read", slowly)
    guard, came = application(tmp_path), []

    async def ask(path: str) -> None:
        assert (await _answered(guard, path, {})).status in (200, 404)
        came.append(path)

    async def both() -> None:
        listing = asyncio.create_task(ask("/api/runs"))
        await asyncio.sleep(0.05)
        await ask("/api/nothing")
        await listing

    asyncio.run(both())
    assert came == ["/api/nothing", "/api/runs"], "the list holds up no other answer"
    assert set(reads) >= {f"run-{number}" for number in range(12)}
    reads.clear()
    asyncio.run(ask("/api/runs"))
    assert reads == [], "nothing is another"
    with (tmp_path / "run-3" / "events.jsonl").open("a") as file:
        file.write('{"event": "evaluated", "step": 20, "validation_loss": 0.001}\n')
    shown = cast(Any, guard.app).state.place.shelf
    assert {one["name"]: one["best"] for one in shown.listed()}["run-3"] == 0.001
    assert reads == ["run-3"]


def test_events_are_kept_of_the_runs_that_were_looked_at_last(shelf: Path, tmp_path: Path) -> None:
    for number in range(MOST_STORIES + 4):
        shutil.copytree(shelf / "moons", tmp_path / f"run-{number}")
    shown = Shelf(tmp_path)
    assert len(shown.listed()) > MOST_STORIES
    assert len(shown._stories) == MOST_STORIES, (
        "what a list has read is there for whoever opens it, as far as there is room"
    )
    for folder in shown.runs():
        assert len(shown.curves(folder, 10)["points"]) == 10
    assert len(shown._stories) == MOST_STORIES


# -- another file in the same place --------------------------------------------------------------------------------------


def heard(path: Path, offset: int, *meanwhile: Callable[[], object]) -> str:
    """What a page is sent while, between two looks, things happen."""
    turns = iter(meanwhile)

    async def gone() -> bool:
        turn = next(turns, None)
        if turn:
            turn()
        return turn is None

    async def all_of_it() -> bytes:
        return b"".join([part async for part in followed(path, offset, gone)])

    return asyncio.run(all_of_it()).decode()


def test_a_page_is_told_that_another_file_took_the_place(shelf: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    whole = (shelf / "moons" / "events.jsonl").read_bytes()
    anew = "id: 0\nevent: anew\ndata: {}\n\n"

    def nothing() -> None:
        pass

    def replaced() -> None:
        (tmp_path / "other").write_bytes(whole + whole)
        (tmp_path / "other").replace(events)

    def shorter() -> None:
        events.write_bytes(whole[: whole.index(b"\n") + 1])

    for change in (replaced, shorter):
        events.write_bytes(whole)
        assert heard(events, len(whole), nothing, nothing) == ""
        assert heard(events, len(whole), nothing, change, nothing) == anew
    events.write_bytes(whole)
    assert heard(events, len(whole), nothing, events.unlink, lambda: events.write_bytes(whole + whole), nothing) == anew
    assert heard(events, len(whole) - 5, nothing, nothing) == anew, "no line ends there: it is another file"
    assert heard(events, 2 * len(whole), nothing) == ""


def test_only_a_line_feed_ends_a_line_and_what_is_no_event_is_passed_over(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    written = [
        b'{"event": "warned",\r"step": 1, "message": "a"}\n',
        b'{"event": "step", "step": 2, "loss": "low"}\r\n',
        b'{"event": "step", "step": 3, "loss": NaN, "seconds": 1, "examples": 1}\n',
    ]
    events.write_bytes(b"".join(written))
    ends = [sum(map(len, written[: place + 1])) for place in range(len(written))]
    told = [
        dict(line.split(": ", 1) for line in block.split("\n")) for block in heard(events, 0, int).split("\n\n")[:-1]
    ]
    assert [int(block["id"]) for block in told] == ends
    assert "data" not in told[1]
    assert [json.loads(told[place]["data"])["step"] for place in (0, 2)] == [1, 3]
    assert json.loads(told[2]["data"])["loss"] is None
    assert "\r" not in told[0]["data"], "that would end a line of the stream"
    for offset in ends:
        assert "anew" not in heard(events, offset, int)


def test_how_a_run_stands_is_told_at_once(tmp_path: Path) -> None:
    async def heard_first() -> bytes:
        async for part in followed(tmp_path / "none", 0, gone, lambda: {"state": "paused"}):
            return part
        return b""

    async def gone() -> bool:
        return False

    assert asyncio.run(heard_first()) == b'event: stands\ndata: {"state": "paused"}\n\n'
