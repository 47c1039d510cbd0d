"""What is kept between runs: made once, checked, made anew where damaged, never in the way, bounded in size."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fogwalk import cache
from fogwalk.cache import cache_folder, cached, shrink
from fogwalk.cli import main
from fogwalk.errors import RunError
from fogwalk.runs.publish import publish


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


class Writer:
    """Fills a folder with so many bytes, and counts how often."""

    def __init__(self, size: int = 100) -> None:
        self.size, self.asked = size, 0

    def __call__(self, folder: Path) -> None:
        self.asked += 1
        (folder / "a").write_bytes(b"x" * self.size)


def test_the_second_time_nothing_is_written() -> None:
    write = Writer()
    assert cached("kind", "key", write, Path) == cached("kind", "key", write, Path) == cache_folder() / "kind/key"
    assert write.asked == 1


def test_what_is_damaged_is_written_anew() -> None:
    write = Writer()
    place = cached("kind", "key", write, Path)
    (place / "a").write_bytes(b"y" * 100)
    assert (cached("kind", "key", write, Path) / "a").read_bytes() == b"x" * 100
    assert write.asked == 2


def test_where_nothing_can_be_kept_it_is_made_for_this_process(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    place = cached("kind", "key", Writer(), Path)
    assert (place / "a").is_file()
    assert not place.is_relative_to(tmp_path)


def test_a_full_disk_leaves_nothing_in_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("fogwalk.runs.publish.os.fsync", fail)
    assert (cached("kind", "key", Writer(), Path) / "a").is_file()
    assert list(cache_folder().glob("*/*")) == []


def test_a_disk_too_full_for_anything_is_said_in_words() -> None:
    def fail(folder: Path) -> None:
        raise OSError(28, os.strerror(28))

    with pytest.raises(RunError, match="the disk is full"):
        cached("kind", "key", fail, Path)


def test_a_cache_that_can_only_be_read_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(place: Path) -> None:
        raise OSError(30, os.strerror(30))

    write = Writer()
    place = cached("kind", "key", write, Path)
    monkeypatch.setattr(os, "utime", refuse)
    assert cached("kind", "key", write, Path) == place
    assert write.asked == 1


def test_what_was_used_longest_ago_goes_first_and_what_is_kept_stays() -> None:
    places = [cached("kind", str(number), Writer(10_000), Path) for number in range(4)]
    for age, place in zip((40, 30, 20, 10), places, strict=True):
        os.utime(place, (time.time() - age,) * 2)
    cached("kind", "1", Writer(), Path)  # used again: now the newest
    assert shrink(25_000, keep=places[0]) == 2
    assert [place.name for place in places if place.exists()] == ["0", "1"]
    assert 20_000 < cache.size() < 25_000


def test_the_cap_is_kept_when_something_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "CAP", 15_000)
    for number in range(3):
        assert cached("kind", str(number), Writer(10_000), Path).exists()
    assert [place.name for place in cache_folder().glob("*/*")] == ["2"]


def test_what_a_killed_process_left_is_removed_after_a_day() -> None:
    for name, age in (("old", 2), ("new", 0)):
        folder = cache_folder() / "kind" / f".unfinished-1-{name}"
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age * 86_400,) * 2)
    cached("kind", "key", Writer(), Path)
    assert {entry.name for entry in cache_folder().glob("*/.*")} == {".unfinished-1-new"}


def test_two_processes_that_make_one_thing_do_not_disturb_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(folder: Path) -> None:
        Writer()(folder)
        with monkeypatch.context() as patch:  # the second begins, and ends, while the first writes
            patch.setattr(os, "getpid", lambda: 1)
            cached("kind", "key", Writer(), Path)

    place = cached("kind", "key", slow, Path)
    assert (place / "a").read_bytes() == b"x" * 100
    assert [entry.name for entry in cache_folder().glob("*/*")] == ["key"]


def test_of_two_processes_that_publish_at_once_the_second_takes_what_the_first_has_published(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def beaten(place: Path, write: Callable[[Path], None]) -> int:
        publish(place, write)
        raise OSError(errno.ENOTEMPTY, "Directory not empty")

    monkeypatch.setattr(cache, "publish", beaten)
    place = cached("kind", "key", Writer(), Path)
    assert place.parent == cache_folder() / "kind"


def test_what_another_process_clears_before_it_is_opened_is_made_for_this_one() -> None:
    def late(place: Path) -> bytes:
        if place.is_relative_to(cache_folder()):
            shrink(0)
        return (place / "a").read_bytes()

    assert cached("kind", "key", Writer(), late) == b"x" * 100
    assert list(cache_folder().glob("*/*")) == []


def test_doctor_clears_the_cache_and_says_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    cached("kind", "key", Writer(), Path)
    assert main(["doctor", "--clear-cache", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["removed from the cache"] == "1 entries"
    assert cache.size() == 0


def test_a_cache_that_may_not_be_seen_is_made_for_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(place: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(place))

    seen = Path.is_dir
    monkeypatch.setattr(Path, "is_dir", lambda place: refuse(place) if place.is_relative_to(tmp_path) else seen(place))
    assert cached("kind", "key", Writer(), lambda place: (place / "a").read_bytes()) == b"x" * 100
    monkeypatch.setattr(Path, "glob", lambda place, pattern: iter([refuse(place)]))
    assert cache.size() == 0


def test_why_nothing_can_be_kept_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cache.unusable() == ""
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert cache.unusable() == f"{tmp_path / 'cache'} is no folder"
    assert main(["doctor"]) == 0
    assert "nothing can be kept there" in " ".join(capsys.readouterr().out.split())
