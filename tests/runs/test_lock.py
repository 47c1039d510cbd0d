"""One writer: a second one, in another process, is refused at once with the first one's process and host."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fogwalk.errors import RunBusy
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.lock import holding, is_held

HOLD = """
import sys
from pathlib import Path
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.lock import holding
with holding(RunFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(folder: RunFolder) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the folder until its input ends, or it dies."""
    words = [sys.executable, "-c", HOLD, str(folder.path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.communicate("")


def test_a_second_writer_is_refused_within_a_second_naming_process_and_host(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_status(pid=1, host="elsewhere")  # of an earlier process: not the one that holds it now
    with another_process(folder) as process:
        began = time.monotonic()
        with pytest.raises(RunBusy) as caught, holding(folder):
            raise AssertionError("two writers")
        assert time.monotonic() - began < 1
        told = str(caught.value)
        assert f"{tmp_path} is in use by process {process.pid} on {socket.gethostname()}" in told
        assert "Ctrl+C" in told
        assert is_held(tmp_path)
    assert not is_held(tmp_path)


def test_the_lock_is_free_after_kill_9(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with another_process(folder) as process:
        process.kill()
        process.wait()
        assert not is_held(tmp_path)
        with holding(folder):
            assert is_held(tmp_path)


def test_a_second_writer_in_one_process_is_refused_too(tmp_path: Path) -> None:
    with holding(RunFolder(tmp_path)):
        with pytest.raises(RunBusy), holding(RunFolder(tmp_path)):
            pass
        assert is_held(tmp_path)
    with holding(RunFolder(tmp_path)):
        pass


def test_the_lock_is_given_back_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a fault"), holding(RunFolder(tmp_path)):
        raise ValueError("a fault")
    assert not is_held(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir() if entry.name != ".lock"] == []


def test_looking_whether_a_run_is_held_leaves_nothing_behind(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    assert not is_held(tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_readers_that_look_all_the_time_never_refuse_a_writer(tmp_path: Path) -> None:
    folder, done = RunFolder(tmp_path), threading.Event()
    with holding(folder):
        pass

    def look() -> None:
        while not done.is_set():
            is_held(tmp_path)

    reader = threading.Thread(target=look)
    reader.start()
    try:
        for _ in range(50):
            with holding(folder):
                pass
    finally:
        done.set()
        reader.join()


def test_a_lock_that_cannot_be_made_is_said_in_words(tmp_path: Path) -> None:
    from fogwalk.errors import RunError

    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="could not be written"), holding(RunFolder(tmp_path / "file")):
        pass
