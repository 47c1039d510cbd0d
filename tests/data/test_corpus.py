"""A corpus: documents in one order, the same twice; what cannot be read is left out and said, what changes is told."""

from __future__ import annotations

import gzip
import os
import time
from pathlib import Path
from typing import Any

import pytest

from fogwalk.data.corpus import Corpus
from fogwalk.errors import DataError, SettingError
from tests.data.support import documents, put, read, refused


def test_what_is_no_text_in_a_folder_is_left_out_and_said(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "a", "b.txt": b"\x89PNG\r\n", "c.txt": b"", "d.txt": b"caf\xe9\n", "e.txt": b"a\0b"})
    corpus = Corpus([str(tmp_path)])
    assert documents(corpus) == documents(corpus) == ["a"]
    (told,) = corpus.left_out()
    assert "read 1 files; left out 4" in told
    assert "b.txt (is a PNG image, not text)" in told
    assert "and 1 more" in told


def test_mixed_encodings_are_left_out_with_their_line(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "naïve", "b.txt": "x\nnaïve".encode("latin-1"), "c.txt": "naïve".encode("utf-16")})
    corpus = Corpus([str(tmp_path)])
    assert documents(corpus) == ["naïve", "naïve"]
    assert "b.txt (is not UTF-8: byte 0xef at line 2)" in corpus.left_out()[0]


def test_one_file_that_cannot_be_read_is_an_error_and_not_left_out(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": b"\x89PNG\r\n"})
    assert "a PNG image" in refused(tmp_path / "a.txt")


@pytest.mark.parametrize("digest_first", [True, False])
def test_a_file_that_does_not_open_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, digest_first: bool
) -> None:
    put(tmp_path, {"a.txt": "a", "b.txt": "b"})
    opening = Path.open

    def refuse(path: Path, *arguments: Any, **named: Any) -> Any:
        if path.name == "b.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return opening(path, *arguments, **named)

    monkeypatch.setattr(Path, "open", refuse)
    corpus = Corpus([str(tmp_path)])
    assert not digest_first or corpus.digest
    assert documents(corpus) == ["a"]
    assert "b.txt (cannot be read: Permission denied)" in corpus.left_out()[0]


def test_the_digest_changes_with_a_content_with_the_order_and_with_how_it_is_read(tmp_path: Path) -> None:
    def digest(folder: str, encoding: str = "auto", **files: str) -> str:
        put(tmp_path / folder, {f"{name}.txt": content for name, content in files.items()})
        return Corpus([str(tmp_path / folder)], encoding).digest

    one = digest("one", a="aa", b="bb")
    assert digest("same", b="bb", a="aa") == one
    assert digest("renamed", c="aa", d="bb") == one
    others = [digest("x", a="aa", b="bc"), digest("y", b="aa", a="bb"), digest("z", a="aabb")]
    assert len({one, *others, digest("one", "latin-1")}) == 5


def test_a_file_that_grows_while_it_is_read_is_told(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "line\n" * 600_000})
    parts = Corpus([str(tmp_path / "a.txt")]).parts()
    next(parts)
    with (tmp_path / "a.txt").open("a") as file:
        file.write("more")
    with pytest.raises(DataError, match=r"a.txt changed while it was being read"):
        list(parts)


@pytest.mark.parametrize("first", ["digest", "parts"])
def test_a_file_that_changes_between_two_readings_is_told(tmp_path: Path, first: str) -> None:
    put(tmp_path, {"a.txt": "before"})
    corpus = Corpus([str(tmp_path / "a.txt")])
    assert corpus.digest if first == "digest" else documents(corpus)
    put(tmp_path, {"a.txt": "afterwards"})
    with pytest.raises(DataError, match="changed while it was being read"):
        documents(corpus)


def test_a_file_that_vanishes_is_told(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "line\n" * 600_000})
    corpus = Corpus([str(tmp_path / "a.txt")])
    parts = corpus.parts()
    next(parts)
    os.unlink(tmp_path / "a.txt")
    with pytest.raises(DataError, match=r"a.txt vanished"):
        list(parts)
    with pytest.raises(DataError, match=r"a.txt vanished"):
        documents(corpus)


@pytest.mark.parametrize("most", [0, 250, 10**6])
def test_reading_again_gives_the_same_whether_it_is_remembered_or_not(
    most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fogwalk.data.corpus.REMEMBERED", most)
    put(tmp_path, {"a.txt": "déjà vu", "b.jsonl": '{"text": "one"}\n{"text": "two"}\n'})
    corpus = Corpus([str(tmp_path)])
    first = documents(corpus)
    assert documents(corpus) == first == ["déjà vu", "one", "two"]
    corpus.forget()
    assert documents(corpus) == first


def test_a_remembered_text_that_changes_is_told(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "one"})
    corpus = Corpus([str(tmp_path / "a.txt")])
    assert documents(corpus) == ["one"]
    put(tmp_path, {"a.txt": "another"})
    with pytest.raises(DataError, match="changed while it was being read"):
        documents(corpus)


def test_halves_of_surrogate_pairs_become_the_replacement_character(tmp_path: Path) -> None:
    put(tmp_path, {"a.jsonl": '{"text": "a\\ud800b"}\n{"text": "\\ud83c\\udf88"}\n'})
    corpus = Corpus([str(tmp_path / "a.jsonl")])
    assert documents(corpus) == ["a\ufffdb", "🎈"]
    assert any("surrogate" in note for note in corpus.notes)


def test_samples_and_files_go_together(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "hello"})
    found = read("sample:python-docs", tmp_path / "a.txt")
    assert len(found) == 2
    assert found[1] == "hello"


def test_a_file_that_was_named_and_is_wrong_is_an_error_in_a_folder_it_is_left_out(tmp_path: Path) -> None:
    put(
        tmp_path,
        {"n/a.txt": "a", "n/b.jsonl": '{"text": "b"}\n{"text": "c"', "n/c.txt.gz": gzip.compress(b"abc" * 99)[:-9]},
    )
    corpus = Corpus([str(tmp_path / "n")])
    assert documents(corpus) == ["a"]
    assert "b.jsonl (line 2 is not JSON" in corpus.left_out()[0]
    assert "c.txt.gz (is damaged" in corpus.left_out()[0]
    assert "b.jsonl line 2 is not JSON" in refused(tmp_path / "n/a.txt", tmp_path / "n/b.jsonl")
    assert "c.txt.gz is damaged" in refused(tmp_path / "n/a.txt", tmp_path / "n/c.txt.gz")


def test_an_image_among_files_that_were_named_is_left_out_for_a_shell_names_every_file_of_a_folder(
    tmp_path: Path,
) -> None:
    put(tmp_path, {"a.txt": "a", "b.png": b"\x89PNG\r\n"})
    assert read(tmp_path / "a.txt", tmp_path / "b.png") == ["a"]


def test_a_column_that_was_asked_for_must_be_in_every_table(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "a", "b.jsonl": '{"body": "b"}', "c.jsonl": '{"title": "c"}'})
    assert read(tmp_path / "a.txt", tmp_path / "b.jsonl", column="body") == ["a", "b"]
    told = refused(tmp_path, column="boddy")
    assert "b.jsonl has no column 'boddy'" in told
    assert "Did you mean body?" in told
    assert "c.jsonl has no column 'body'" in refused(tmp_path, column="body")


def test_the_way_out_for_another_encoding_among_several_is_told(tmp_path: Path) -> None:
    for name, content in {"b.txt": b"caf\xe9\n", "b.jsonl": b'{"text": "a"}\n{"text": "caf\xe9"}\n'}.items():
        put(tmp_path / name, {"a.txt": "a", name: content})
        corpus = Corpus([str(tmp_path / name)])
        assert documents(corpus) == ["a"]
        assert "--data.encoding cp1252" in corpus.left_out()[0]


def test_reading_ends_with_the_time_it_may_take(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "a"})
    path = str(tmp_path / "a.txt")
    assert documents(Corpus([path], until=time.perf_counter() + 60)) == ["a"]
    with pytest.raises(SettingError, match="not read to its end") as caught:
        documents(Corpus([path], until=time.perf_counter() - 1))
    assert caught.value.keys == ("minutes",)
