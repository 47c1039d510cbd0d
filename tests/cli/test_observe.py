"""fogwalk observe, as a person types it: it says where it stands and what it reads, and ends at once."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fogwalk.cli import main
from fogwalk.cli.observe import PORT, TRIED, _reached
from fogwalk.cli.watched import Page
from fogwalk.events import Saved
from fogwalk.observatory import children
from fogwalk.runs.log import loss_trace


@contextmanager
def observing(place: Path, *words: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    """The process, the address it printed, and the line below it."""
    command = [sys.executable, "-m", "fogwalk", "observe", *words, "--no-open"]
    with subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield process, process.stdout.readline().strip(), process.stdout.readline().strip()
        finally:
            process.kill()


def asked(address: str) -> bytes:
    """What stands at an address, which may need a moment to be there."""
    for _ in range(100):
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return bytes(answer.read())
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{address} does not answer")


def test_it_says_the_folder_it_reads_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    with observing(tmp_path, "--port", "0") as (process, address, told):
        assert told.startswith(f"shows the runs of {tmp_path / 'runs'}")
        listed = json.loads(asked(f"{address}api/runs"))
        assert listed["folder"] == str(tmp_path / "runs")
        assert all(run["recorded"] for run in listed["runs"])
        assert b"<title>Fogwalk</title>" in asked(address)
        stream = urllib.request.Request(f"{address}page/app.js")
        with urllib.request.urlopen(stream, timeout=5) as answer:
            assert "javascript" in answer.headers["content-type"]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) in (0, 130)
        assert "Traceback" not in (process.stderr.read() if process.stderr else "")


def test_a_port_that_is_taken_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert main(["observe", str(tmp_path), "--no-open", "--port", str(taken)]) == 2
        assert f"port {taken} is taken" in capsys.readouterr().err


def test_where_the_usual_port_is_taken_the_next_is_used(tmp_path: Path) -> None:
    held = socket.socket()
    try:
        held.bind(("127.0.0.1", PORT))
        held.listen()
    except OSError:  # somebody else holds it, which does as well
        held.close()
    with held, observing(tmp_path) as (_, address, _):
        port = int(address.rstrip("/").rpartition(":")[2])
        assert PORT < port < PORT + TRIED


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--port", "99999"], "--port cannot be 99999"),
        (["--port", "-1"], "--port cannot be -1"),
        (["--host", "no such host!"], "--host cannot be"),
        (["--host", "203.0.113.7"], "no address 203.0.113.7"),
        (["file.txt"], "file.txt is not a folder"),
        (["--run", "zzz"], "there is no run called 'zzz'"),
        (["nosuch", "--run", "two-mons"], "Did you mean two-moons?"),
    ],
)
def test_what_cannot_be_is_said(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file.txt").write_text("")
    assert main(["observe", *words, "--no-open"]) == 2
    assert told in capsys.readouterr().err


def test_a_folder_that_there_is_not_is_said(tmp_path: Path) -> None:
    with observing(tmp_path, "nosuch", "--port", "0") as (process, _, told):
        assert told.startswith(f"shows the runs of {tmp_path / 'nosuch'}")
        assert process.stdout
        assert "there is no such folder yet" in process.stdout.readline()
    (tmp_path / "some").mkdir()
    with observing(tmp_path, "some", "--port", "0", "--host", "127.0.0.2") as (process, _, _):
        assert process.stdout
        assert "whoever has this address" in process.stdout.readline(), "of one that there is no such word"


def test_a_training_opens_its_page_and_goes_on_when_that_dies(tmp_path: Path, small_text: str) -> None:
    (tmp_path / "book.txt").write_text(small_text, encoding="utf-8")
    command = [sys.executable, "-m", "fogwalk", "train", "book.txt", "--observe", "--preset", "tiny", "--threads", "1"]
    command += [
        "--model.width",
        "16",
        "--model.heads",
        "2",
        "--model.layers",
        "2",
        "--model.context",
        "8",
        "--pace",
        "100",
    ]
    command += ["--training.steps", "1000", "--training.batch", "4", "--training.compile", "off", "--out", "runs/otter"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as training:
        assert training.stderr
        told = training.stderr.readline().strip()
        address = told.removeprefix("watch").strip()
        assert address.endswith("/?run=otter&view=live")
        host = address.partition("?")[0]
        assert json.loads(asked(f"{host}api/runs/otter"))["state"] == "training"
        children = Path(f"/proc/{training.pid}/task/{training.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        assert children
        training.communicate(timeout=120)
        assert training.returncode == 0
    assert max(loss_trace(tmp_path / "runs/otter/events.jsonl")) == 1000


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-c", "import sys; sys.exit('error: ports 1 to 2 are taken\\n  Name another.')"], "ports 1 to 2 are taken"),
        (["-c", "raise ValueError('no page')"], "ValueError: no page"),
        (["-c", ""], "it ended without a word"),
    ],
)
def test_a_page_that_cannot_be_opened_is_said_once_in_a_line(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "command", lambda *_: [sys.executable, *words])
    page, event = Page(), Saved(step=0, path="runs/otter/checkpoints/0", bytes=1, seconds=0.0)
    told = ""
    for _ in range(200):
        page(event)
        told += capsys.readouterr().err
        time.sleep(0.05)
        if told:
            break
    page(event)
    assert f"{told}{capsys.readouterr().err}" == f"watch     no page: {why}; training goes on\n"
    page.stay()
    page.end()
    assert not capsys.readouterr().out


def test_the_page_of_a_training_runs_nothing_of_the_folder(tmp_path: Path) -> None:
    for name in ("random", "pickle", "socket", "uvicorn"):
        (tmp_path / f"{name}.py").write_text(f"from pathlib import Path\nPath(r'{tmp_path}/ran').touch()\n")
    fogwalk = [sys.executable, "-P", "-m", "fogwalk", "train", "sample:xor", "--observe", "--model.hidden", "4"]
    more = ["--threads", "1", "--pace", "20", "--training.steps", "100", "--out", "runs/otter"]
    with subprocess.Popen([*fogwalk, *more], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as training:
        assert training.stderr
        told = training.stderr.readline().strip()
        assert "/?run=otter" in told
        asked(told.removeprefix("watch").strip())
        training.communicate(timeout=120)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.2"])
def test_another_host_is_answered_only_with_the_token(host: str, tmp_path: Path) -> None:
    with observing(tmp_path, "--port", "0", "--host", host) as (_, address, _):
        assert "?token=" in address
        assert "0.0.0.0" not in address, "nobody can open that elsewhere"
        plain, _, _ = address.partition("?")
        assert b"<title>Fogwalk</title>" in asked(address)
        for wrong in ("", "?token=", "?token=wrong"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{plain}api/runs{wrong}", timeout=5)
            assert refused.value.code == 401
            refused.value.close()


def test_an_address_that_stands_for_all_is_told_as_those_that_can_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    known = [
        (socket.AF_INET, 1, 6, "", (address, 0)) for address in ("127.0.1.1", "192.0.2.7", "192.0.2.7", "169.254.1.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked: known)
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        told = _reached("0.0.0.0", taken)
        assert told.count("192.0.2.7") == 1
        assert not {"0.0.0.0", "127.0.1.1", "169.254.1.1"} & set(told)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        assert _reached("localhost", taken) == ["localhost"], "one address alone is told as it was named"
