"""Whatever stands in the files of one run: that run says what is wrong, all others are as they were, nothing fails."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from fogwalk.observatory.carried import PLACE
from fogwalk.observatory.server import application
from fogwalk.runs.records import EVENTS

READ = ("", "/curves")
ASKED = [
    "/verdicts",
    "/measures",
    "/frames/1",
    "/steps/7",
    "/steps/7/entry?at=head",
    "/steps/7/tensor?name=old/head.weight",
    "/steps/7/stations/loss",
    "/steps/7/layer?at=head",
    "/steps/7/weight?name=head.weight&at=0,0",
    "/steps/7/entries?name=head.weight",
    "/steps/7/histogram?name=old/head.weight",
    "/steps/7/nudge?name=head.weight&at=0,0",
    "/steps/7/tried?name=head.weight&at=0,0&to=1",
    "/answer?prompt=x=1,y=2",
    "/answer?held=0",
    "/answer/entry?held=0&at=head",
    "/answer/next?prompt=x",
    "/answer/tensor?held=0&name=outputs",
    "/answer/inside?held=0",
    "/answer/form",
    "/mistakes",
    "/mistakes/pictures?places=0",
    "/round?prompt=x",
    "/round/opening",
    "/round/thumbnails?prompt=x",
    "/round/head?prompt=x&at=a&head=0",
    "/round/listener?prompt=x&at=a&head=0&place=0",
]
MORE: list[dict[str, Any]] = [
    {"event": "replanned", "step": 0, "seconds": 0.1, "steps": 500, "settings": {}, "reason": "pace", "why": "slow"},
    {
        "event": "resumed",
        "step": 0,
        "seconds": 0.1,
        "steps": 500,
        "settings": {},
        "exact": True,
        "why": "same",
        "unit": "row",
    },
    {"event": "warned", "step": 0, "seconds": 0.1, "message": "careful"},
]
WAYS: dict[str, Any] = {
    "null": None,
    "a string": "word",
    "half a letter": "\ud800",
    "huge": 10**400,
    "infinite": float("inf"),
    "nested": [[{}]],
    "deep": json.loads("[" * 400 + "]" * 400),
}
MISSING = object()


def lines() -> list[dict[str, Any]]:
    """The recorded run of two moons, with an event of every kind."""
    planned, *rest = map(json.loads, (PLACE / "two-moons" / "events.jsonl").read_bytes().splitlines())
    return [planned, *MORE, *rest]


def changed(record: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    return {name: one for name, one in record.items() if name != field} | ({} if value is MISSING else {field: value})


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two copies of it, `one` to be harmed."""
    for name in ("one", "other"):
        shutil.copytree(PLACE / "two-moons", tmp_path / name)
    return tmp_path


@pytest.fixture
def client(runs: Path) -> Iterator[TestClient]:
    with TestClient(application(runs), base_url="http://localhost") as client:
        yield client


def sound(client: TestClient, addresses: tuple[str, ...] | list[str]) -> dict[str, Any]:
    """Asks for everything; what the list says of the run that was harmed."""
    listed = {one["name"]: one for one in client.get("/api/runs").json()["runs"]}
    assert (listed["other"]["wrong"], listed["other"]["remarks"], listed["other"]["step"]) == ("", [], 500)
    for address in addresses:
        answer = client.get(f"/api/runs/one{address}")
        assert answer.status_code in (200, 404, 409), (address, answer.text)
        if answer.status_code != 200 and re.search(r"\b[A-Za-z]+(Error|Exception|Iteration)\b|Traceback", answer.text):
            assert answer.text == client.get(f"/api/runs/other{address}").text, f"{address} is refused otherwise"
    return listed["one"]


def write(runs: Path, records: list[dict[str, Any]]) -> None:
    (runs / "one" / "events.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


@pytest.mark.parametrize("kind", EVENTS)
def test_no_field_of_any_event_hides_a_run(kind: str, runs: Path, client: TestClient) -> None:
    whole = lines()
    write(runs, whole)
    assert sound(client, READ)["remarks"] == []
    place = [at for at, record in enumerate(whole) if record["event"] == kind][-1]
    for field in ("event", *EVENTS[kind]):
        for value in (MISSING, *WAYS.values()):
            write(runs, [*whole[:place], changed(whole[place], field, value), *whole[place + 1 :]])
            told = sound(client, READ)
            assert told["wrong"] == ""
            for words in told["remarks"]:
                assert "events.jsonl" in words
                assert "Copy the file again" in words


@pytest.mark.parametrize("way", ["missing", *WAYS])
def test_no_field_of_any_event_stops_an_answer(way: str, runs: Path, client: TestClient) -> None:
    """Of every kind each field once, in lines beside the whole ones; of what stands once, in its place."""
    value, harmed, seen = WAYS.get(way, MISSING), [], set()
    for record in lines():
        if record["event"] not in seen:
            seen.add(record["event"])
            harmed += [changed(record, field, value) for field in EVENTS[record["event"]]]
        if record["event"] not in ("planned", "stopped"):
            harmed.append(record)
    write(runs, harmed)
    assert sound(client, [*READ, *ASKED])["remarks"]


HARMS: list[tuple[str, str, str]] = [
    ("events", '{"event": "step", "step": 501}', "line 524: an event 'step' of step 501 without its loss"),
    ("events", '{"event": "step", "step": 501, "loss": "low", "seconds": 1, "examples": 1}', 'its loss is "low"'),
    ("events", '{"event": "evaluated", "step": 500}', "without its validation_loss"),
    ("events", '{"event": "sampled", "step": 500, "text": "a"}', "without its prompt"),
    ("events", '{"event": "warned", "step": 500}', "without its message"),
    ("events", '{"event": "warned", "step": 500, "message": "\\udfff"}', "cut in half"),
    ("events", '{"event": "stopped", "step": 500}', "without its reason"),
    ("status.json", '{"state": "finished", "step": 500, "started": 1' + "0" * 400 + "}", "status.json cannot be used"),
    ("status.json", "[" * 100_000, "status.json cannot be used"),
    ("control/wish.json", "[" * 100_000, "wish.json cannot be read"),
]


@pytest.mark.parametrize(("file", "content", "words"), HARMS)
def test_what_is_wrong_with_a_run_is_told(file: str, content: str, words: str, runs: Path, client: TestClient) -> None:
    path = runs / "one" / file
    path.parent.mkdir(exist_ok=True)
    if file == "events":
        path = path.with_name("events.jsonl")
        content = path.read_text() + content + "\n"
    path.write_text(content)
    told = sound(client, READ)
    assert words in "\n".join(told["remarks"])
    assert (told["state"], told["step"], told["steps"]) == ("finished", 500, 500), (
        "where it stands is known from the rest"
    )
    opened = client.get("/api/runs/one").json()
    assert [opened[name] for name in ("state", "step", "steps")] == ["finished", 500, 500]


def test_a_folder_whose_name_is_no_text_hides_no_run(runs: Path, client: TestClient) -> None:
    (runs / "one").rename(runs / "caf\udce9")
    listed = {one["name"]: one for one in client.get("/api/runs").json()["runs"]}
    assert "Rename it" in listed["caf?"]["wrong"]
    assert listed["other"]["wrong"] == ""
    assert client.get("/api/runs/othr").json()["error"].endswith("Did you mean other?")


def test_an_older_run_than_the_list_holds_is_found_without_a_look_at_the_others(
    runs: Path, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fogwalk.runs.folder import RunFolder

    monkeypatch.setattr("fogwalk.observatory.reading.MOST_RUNS", 1)
    told = client.get("/api/runs").json()
    shown = [one["name"] for one in told["runs"] if not one["recorded"]]
    assert told["more"] == len({"one", "other"} - set(shown)) == 1
    (hidden,) = {"one", "other"} - set(shown)
    read: list[str] = []
    status = RunFolder.read_status
    monkeypatch.setattr(RunFolder, "read_status", lambda folder: (read.append(folder.name), status(folder))[1])
    assert client.get(f"/api/runs/{hidden}").json()["name"] == hidden
    assert set(read) == {hidden}
