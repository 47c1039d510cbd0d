"""A report is one file that asks for nothing, holds what the server answers, number by number, and tells of no place on the
machine it was made on; nothing of a person's data can be markup in it."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from fogwalk import trainer
from fogwalk.cli import main
from fogwalk.data.recognise import settled
from fogwalk.observatory import asking, recording
from fogwalk.observatory.asking import key_of
from fogwalk.observatory.recording import record, spread
from fogwalk.observatory.report import MOST_BYTES, whole
from fogwalk.observatory.server import PAGE, application
from fogwalk.runs.folder import RunFolder
from fogwalk.settings import Source

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


def opened(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a file holds, and each answer by its question, read as page/recorded.js does."""
    packed = re.search(r'<script type="text/plain" id="recording">([A-Za-z0-9+/=]*)</script>', text)
    assert packed
    content = gzip.decompress(base64.b64decode(packed[1]))
    (size,) = struct.unpack("<I", content[:4])
    header, bodies = json.loads(content[4 : 4 + size]), content[4 + size :]
    found = {
        key: (status, bodies[at : at + many], shape) for key, (at, many, status, shape) in header["answers"].items()
    }
    return header["held"], found


class Elements(HTMLParser):
    """The elements of a page with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def files(shelf: Path) -> dict[str, str]:
    """The report of a run of each sort, with fewer of its steps than a person gets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "MOST_STEPS", 3)
        return {name: whole(record(RunFolder(shelf / name))) for name in ("book", "moons", "digits")}


@pytest.mark.parametrize("name", ["book", "moons", "digits"])
def test_a_file_holds_what_the_server_answers(name: str, files: dict[str, str], shelf: Path) -> None:
    held, answers = opened(files[name])
    assert held["run"] == name
    assert {1, 20} <= set(held["steps"])
    assert len(files[name]) < MOST_BYTES
    checked = 0
    with TestClient(application(shelf / name), base_url="http://localhost") as client:
        for key, (status, body, shape) in answers.items():
            path, query = json.loads(key)
            if path in ("runs", f"runs/{name}") or (checked > 40 and zlib.crc32(key.encode()) % 97):
                continue  # the first two tell of places; of the many others some
            answer = client.get(f"/api/{path}", params=dict(query))
            checked += 1
            assert answer.status_code == status, key
            if shape is not None:
                assert answer.headers["x-shape"] == shape
                assert answer.content == body
            elif str(shelf.parent) not in answer.text and str(Path.cwd()) not in answer.text:
                assert answer.json() == json.loads(body), key
    assert checked > 30


def test_the_questions_of_the_screens_are_held(files: dict[str, str]) -> None:
    held, answers = opened(files["book"])
    for path in ("runs", "runs/book", "runs/book/verdicts", "runs/book/measures"):
        assert answers[key_of(path, {})][0] == 200
    assert answers[key_of("runs/book/curves", {"width": "600"})][0] == 200
    for step in held["steps"]:
        for row in held["rows"]:
            assert answers[key_of(f"runs/book/steps/{step}", {"row": str(row)})][0] == 200
        for entry in ("loss", "head", "layers.1.attention"):
            assert answers[key_of(f"runs/book/steps/{step}/entry", {"at": entry, "row": "0"})][0] == 200
        assert answers[key_of(f"runs/book/steps/{step}/entry", {"at": "head.weight"})][0] == 200
    assert held["prompts"]
    for prompt in held["prompts"]:
        assert answers[key_of("runs/book/answer", {"prompt": prompt})][0] == 200
    held, answers = opened(files["moons"])
    assert {0, 1, 10, 20} <= set(held["screens"]["network"])
    for frame in held["screens"]["network"]:
        assert answers[key_of(f"runs/moons/frames/{frame}", {})][0] == 200


def test_no_place_of_the_machine_stands_in_a_file(files: dict[str, str], shelf: Path) -> None:
    for name, text in files.items():
        _, answers = opened(text)
        everything = text + "".join(body.decode("latin-1") for _, body, _ in answers.values())
        for place in (str(shelf), str(shelf.parent), str(Path.home()) + "/", str(Path.cwd()) + "/"):
            assert place not in everything, f"{place} stands in the report of {name}"
        listed = json.loads(answers[key_of("runs", {})][1])
        assert listed["folder"] == ""
        assert [run["name"] for run in listed["runs"]] == [name], "this run alone"
    run = json.loads(opened(files["book"])[1][key_of("runs/book", {})][1])
    assert run["data"] == ["book.txt"]
    assert run["planned"]["settings"]["data.path"] == ["book.txt"]


def test_a_file_asks_for_nothing(files: dict[str, str]) -> None:
    page = Elements()
    page.feed(files["moons"])
    policy = next(one["content"] for tag, one in page.found if one.get("http-equiv") == "Content-Security-Policy")
    assert policy
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "connect-src" not in policy
    assert "unsafe-eval" not in policy
    for tag, told in page.found:
        assert "src" not in told, tag
        assert told.get("href", "").startswith(("#", "data:")) if "href" in told else True, (tag, told)
    imported = re.search(r'<script type="importmap">(.*?)</script>', files["moons"])
    assert imported
    names = json.loads(imported[1])["imports"]
    assert set(names) == {f"fogwalk/{path.relative_to(PAGE).as_posix()}" for path in PAGE.rglob("*.js")}
    for name, address in names.items():
        text = base64.b64decode(address.partition("base64,")[2]).decode()
        for other in re.findall(r'^(?:import|export) (?:[^;"]* from )?"([^"]+)"', text, re.MULTILINE):
            assert other in names, f"{name} imports {other}"


def test_data_never_becomes_markup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / ".cache"))
    (tmp_path / "book.txt").write_text(f"a line {EVIL} and another.\n" * 200, encoding="utf-8")
    out = tmp_path / "runs" / "b<img src=x onerror=alert(3)>"
    small = {
        "model.layers": 1,
        "model.width": 8,
        "model.heads": 1,
        "model.context": 8,
        "training.batch": 2,
        "threads": 1,
    }
    prompt = {"training.sample_prompt": "</script>", "training.sample_every": 2, "training.steps": 4}
    trainer.train(
        settled(Source("test", small | prompt | {"data.path": (str(tmp_path / "book.txt"),), "out": str(out)}))
    )
    text = whole(record(RunFolder(out)))
    _, answers = opened(text)
    assert any(b"</script>" in body for _, body, _ in answers.values()), "the data is there"
    assert "alert(" not in text.replace("&lt;img src=x onerror=alert(3)&gt;", "")
    page = Elements()
    page.feed(text)
    assert [tag for tag, _ in page.found].count("script") == 3
    assert "img" not in [tag for tag, _ in page.found]


def test_what_has_no_room_is_left_out_and_the_rest_is_whole(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "MOST_BYTES", 60_000)
    monkeypatch.setattr(recording, "MOST_BYTES", 60_000)
    held, answers = opened(whole(record(RunFolder(shelf / "book"))))
    assert held["steps"] == [1, 20], "the first and the last come first"
    for step in held["steps"]:
        assert answers[key_of(f"runs/book/steps/{step}", {"row": "0"})][0] == 200


@pytest.mark.parametrize(
    ("steps", "most", "order"),
    [
        ([], 5, []),
        ([7], 5, [7]),
        ([1, 9], 5, [9, 1]),
        ([1, 2, 3, 4, 5], 5, [5, 1, 3, 2, 4]),
        (range(1, 102), 3, [101, 1, 51]),
    ],
)
def test_steps_are_chosen_from_the_ends_inward(steps: Any, most: int, order: list[int]) -> None:
    assert spread(steps, most) == order


def test_the_command_says_what_it_wrote(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(shelf / "moons", tmp_path / "runs" / "moons")
    monkeypatch.chdir(tmp_path)
    assert main(["report"]) == 0
    told = capsys.readouterr().out
    assert "wrote moons.html (" in told
    assert "steps 1, 5, 10, 15 and 20 of 20" in told
    assert "next    open moons.html" in told
    before = Path("moons.html").read_bytes()
    assert main(["report", "moons"]) == 2
    assert "moons.html is there already" in capsys.readouterr().err
    assert Path("moons.html").read_bytes() == before
    assert main(["report", "moons", "--force"]) == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere"], 2, "no run called nowhere"),
        (["moons", "--out", "lesson.pdf"], 2, "--out lesson.html"),
        (["moons", "--out", "."], 2, "is a folder"),
        (["moons", "--out", ""], 2, "names no file"),
        (["moons", "--out", "none/lesson.html"], 2, "none is not a folder that is there"),
        (["moons", "--out", "runs/moons/lesson.html"], 2, "lies in the run itself"),
        (["hurt", "--out", "hurt.html"], 1, "is damaged"),
        (["eventless", "--out", "eventless.html"], 1, "has made no step"),
        (["hollow", "--out", "hollow.html"], 1, "no step of"),
        (["led", "--out", "led.html"], 1, "is a link to"),
        (["two-mons"], 2, "no run called two-mons"),
    ],
)
def test_what_cannot_be_sent_is_said(
    words: list[str],
    code: int,
    said: str,
    shelf: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("moons", "hurt", "eventless", "hollow", "led"):
        shutil.copytree(shelf / "moons", tmp_path / "runs" / name)
    for file in (tmp_path / "runs" / "hurt").rglob("settings.toml"):
        file.write_bytes(bytes(range(256)))
    (tmp_path / "runs" / "eventless" / "events.jsonl").unlink()
    shutil.rmtree(tmp_path / "runs" / "hollow" / "checkpoints")
    (tmp_path / "runs" / "led" / "events.jsonl").rename(tmp_path / "elsewhere.jsonl")
    (tmp_path / "runs" / "led" / "events.jsonl").symlink_to(tmp_path / "elsewhere.jsonl")
    monkeypatch.chdir(tmp_path)
    assert main(["report", *words]) == code
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
    assert not list(tmp_path.glob("*.html"))


def test_a_folder_that_cannot_be_written_is_said_before_the_work(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(shelf / "moons", tmp_path / "runs" / "moons")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.access", lambda place, how: False)
    assert main(["report"]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_run_that_comes_along_can_be_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, most in (("SECONDS", 1.0), ("EACH", 5.0), ("ANSWER_SECONDS", 1.0), ("MOST_STEPS", 3), ("MOST_FRAMES", 3)):
        monkeypatch.setattr(recording, name, most)
    assert main(["report", "two-moons"]) == 0
    assert "wrote two-moons.html (" in capsys.readouterr().out
    assert Path("two-moons.html").stat().st_size > 100_000
