"""Paths -> files: one stable order, hidden ones left out, what is missing answered with the nearest name."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fogwalk.data.files import find_files
from fogwalk.errors import DataError
from tests.data.support import put, read, refused


def names(*paths: Path | str) -> list[str]:
    """The names that files are told by."""
    return [name for name, _ in find_files([str(path) for path in paths]).places]


def test_a_missing_path_names_the_nearest(tmp_path: Path) -> None:
    put(tmp_path, {"book.txt": "x", "boot.txt": "x", "zebra": "x"})
    told = refused(tmp_path / "bok.txt")
    assert f"no such file or folder: {tmp_path / 'bok.txt'}" in told
    assert f"Did you mean {tmp_path / 'book.txt'} or" in told
    assert f"The folder {tmp_path / 'no'} does not exist either." in refused(tmp_path / "no/a.txt")
    assert "Did you mean sample:python-docs or" in refused("sample-python-docs")


def test_a_path_with_spaces_and_unicode_is_read(tmp_path: Path) -> None:
    folder = put(tmp_path / "mes livres – été 🎈", {"à lire.txt": "hello"})
    assert names(folder / "à lire.txt") == ["à lire.txt"]
    assert read(folder) == ["hello"]


def test_names_that_are_not_utf8_are_read_and_digested(tmp_path: Path) -> None:
    from fogwalk.data.corpus import Corpus

    name = os.fsdecode(b"caf\xe9.txt")
    try:
        put(tmp_path, {name: "hello", "b.txt": "world"})
    except OSError:
        pytest.skip("this disk holds no such names")
    corpus = Corpus([str(tmp_path)])
    assert sorted(part.text for part in corpus.parts()) == ["hello", "world"]
    assert len(corpus.digest) == 64


def test_the_home_folder_may_be_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    put(tmp_path, {"a.txt": "hello"})
    assert read("~/a.txt") == ["hello"]


def test_a_folder_is_read_in_one_order_however_its_files_were_made(tmp_path: Path) -> None:
    wanted = ["B.txt", "a.txt", "deep/deeper/c.txt", "deep/z.txt", "é.txt"]
    for folder, order in (("one", wanted), ("other", wanted[::-1])):
        put(tmp_path / folder, {name: f"text of {name}" for name in order})
    assert names(tmp_path / "one") == names(tmp_path / "other") == wanted
    assert read(tmp_path / "one") == [f"text of {name}" for name in wanted]
    assert find_files([str(tmp_path / "one")]).left_out == ()


def test_hidden_files_loops_and_what_is_no_file_are_left_out(tmp_path: Path) -> None:
    folder = put(tmp_path / "texts", {"a.txt": "a", "deep/b.txt": "b", ".hidden": "no", ".git/config": "no"})
    os.symlink(folder, folder / "deep/loop")
    os.symlink(folder / "a.txt", folder / "link.txt")
    os.symlink(tmp_path / "nowhere", folder / "broken.txt")
    os.symlink("itself.txt", folder / "itself.txt")
    os.mkfifo(folder / "pipe")
    assert names(folder) == ["a.txt", "deep/b.txt", "link.txt"]
    assert "cannot be read: Too many levels" in refused(folder / "itself.txt")


def test_a_link_to_what_is_gone_is_told_as_one_and_left_out_of_a_folder_aloud(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "a"})
    os.symlink("nowhere.txt", tmp_path / "b.txt")
    assert f"{tmp_path / 'b.txt'} is a link to nowhere.txt, which is not there" in refused(tmp_path / "b.txt")
    found = find_files([str(tmp_path)])
    assert [name for name, _ in found.places] == ["a.txt"]
    assert found.left_out == ("b.txt (No such file or directory)",)


def test_a_link_that_may_not_be_followed_is_left_out_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"a.txt": "a", "closed.txt": "c"})
    look = Path.stat

    def refuse(path: Path, **how: Any) -> os.stat_result:
        if path.name == "closed.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, **how)

    monkeypatch.setattr(Path, "stat", refuse)
    found = find_files([str(tmp_path)])
    assert [name for name, _ in found.places] == ["a.txt"]
    assert found.left_out == ("closed.txt (Permission denied)",)


@contextmanager
def somebody() -> Iterator[None]:
    """Root may read everything; within this one is nobody."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_links_into_a_folder_without_permission_are_left_out_and_said() -> None:
    with tempfile.TemporaryDirectory() as name:  # tmp_path itself is closed to others
        place = Path(name)
        place.chmod(0o755)
        put(place, {"texts/a.txt": "a", "closed/inner/b.txt": "b"})
        os.symlink(place / "closed", place / "texts/folder")
        os.symlink(place / "closed/inner", place / "texts/inner")
        os.symlink(place / "closed/inner/b.txt", place / "texts/file")
        (place / "closed").chmod(0)
        try:
            with somebody():
                found = find_files([str(place / "texts")])
        finally:
            (place / "closed").chmod(0o755)
    assert [name for name, _ in found.places] == ["a.txt"]
    assert {"file (Permission denied)", "inner (Permission denied)"} <= set(found.left_out)


def test_a_pipe_and_a_device_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is a pipe or a device" in refused(tmp_path / "pipe")
    assert "is a pipe or a device" in refused("/dev/zero")


def test_a_folder_that_does_not_open_is_left_out_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"a.txt": "a", "closed/c.txt": "c"})
    scan = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_files([str(tmp_path)])
    assert [name for name, _ in found.places] == ["a.txt"]
    assert found.left_out == ("closed (Permission denied)",)


def test_a_folder_with_nothing_to_read_is_refused(tmp_path: Path) -> None:
    assert "It holds no files." in refused(tmp_path)
    put(tmp_path, {"a.txt": b"\x89PNG\r\n"})
    assert "a.txt (is a PNG image" in refused(tmp_path)


def test_names_that_no_system_opens_are_refused_in_words(tmp_path: Path) -> None:
    assert "cannot be read: File name too long" in refused(tmp_path / ("x" * 300))


def test_a_folder_whose_name_ends_like_a_table_is_a_folder(tmp_path: Path) -> None:
    assert read(put(tmp_path / "notes.csv", {"a.txt": "hello"})) == ["hello"]


def test_several_paths_come_in_the_order_they_were_typed(tmp_path: Path) -> None:
    put(tmp_path, {"z.txt": "z", "b/y.txt": "y", "b/a.txt": "a"})
    assert names(tmp_path / "z.txt", tmp_path / "b") == ["z.txt", "b/a.txt", "b/y.txt"]
    assert read(tmp_path / "z.txt", tmp_path / "b") == ["z", "a", "y"]


def test_every_file_is_read_once_and_none_is_lost_to_another_of_its_name(tmp_path: Path) -> None:
    put(tmp_path, {"one/same/a.txt": "first", "two/same/a.txt": "second"})
    one, two = tmp_path / "one/same", tmp_path / "two/same"
    assert read(one, two) == ["first", "second"]
    assert read(one / "a.txt", two / "a.txt") == ["first", "second"]
    assert read(one / "a.txt", one / "a.txt", one) == ["first"]


def test_the_folder_one_stands_in_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"a.txt": "a", "b/c.txt": "c"})
    monkeypatch.chdir(tmp_path)
    assert names(".", "b") == [f"{tmp_path.name}/a.txt", f"{tmp_path.name}/b/c.txt"], (
        "as for the folder by its whole path"
    )


def test_a_pattern_means_the_files_it_matches(tmp_path: Path) -> None:
    put(tmp_path, {"a.md": "a", "b.txt": "b", "deep/c.md": "c"})
    assert read(tmp_path / "*.md") == ["a"]
    assert read(tmp_path / "**/*.md") == ["a", "c"]
    with pytest.raises(DataError, match="no file matches"):
        find_files([str(tmp_path / "*.pdf")])


def test_a_link_that_opens_nothing_is_passed_over_by_a_pattern(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "a"})
    (tmp_path / "b.txt").symlink_to("x" * 300)
    (tmp_path / "c.txt").symlink_to("gone")
    assert read(tmp_path / "*.txt") == ["a"]


def test_files_have_one_name_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, {"n/a.txt": "a", "n/b.txt": "b", "c.txt": "c"})
    monkeypatch.chdir(tmp_path)
    for words in (["n/*.txt"], ["n", "c.txt"], [".", "n/a.txt"], ["n/a.txt"]):
        here = [name for name, _ in find_files(words).places]
        there = [name for name, _ in find_files([str(tmp_path / word) for word in words]).places]
        assert here == there


def test_a_file_that_was_named_beside_its_folder_was_named(tmp_path: Path) -> None:
    put(tmp_path, {"n/a.txt": "a", "n/b.txt": "b"})
    for words in (["n", "n/b.txt"], ["n/b.txt", "n"]):
        found = find_files([str(tmp_path / word) for word in words])
        assert [dict(found.places)[name].name for name in found.named] == ["b.txt"]


def test_a_file_with_a_bracket_in_its_name_is_no_pattern(tmp_path: Path) -> None:
    put(tmp_path, {"a[1].txt": "hello", "a1.txt": "other"})
    assert read(tmp_path / "a[1].txt") == ["hello"]


def test_a_folder_with_a_bracket_in_its_name_is_no_pattern_and_holds_patterns(tmp_path: Path) -> None:
    place = put(tmp_path / "[old] texts", {"notes/a.md": "a", "notes/b.md": "b", "book.txt": "c"})
    assert read(place / "notes/*.md") == ["a", "b"]
    assert read(place) == ["c", "a", "b"]
    assert "Did you mean" in refused(place / "bok.txt")
    assert "no file matches" in refused(place / "notes/*.txt")


def test_a_pattern_goes_through_no_link_and_reads_the_folders_it_matches(tmp_path: Path) -> None:
    put(tmp_path, {"lp/d/a.txt": "a", "mix/b.txt": "b", "mixed/c.txt": "c"})
    (tmp_path / "lp/d/up").symlink_to("..")
    assert read(tmp_path / "lp/**/*.txt") == ["a"]
    assert read(tmp_path / "mix*") == ["b", "c"]
    (tmp_path / "link").symlink_to("lp/d")
    assert read(tmp_path / "link/*.txt") == ["a"], "one that was named is gone through"
