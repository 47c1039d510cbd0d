"""Bytes -> text: marks, older encodings, packed files; what is no text is told by name and line."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogwalk.data import decoding
from fogwalk.data.corpus import Corpus
from fogwalk.data.decoding import decoded
from fogwalk.errors import SettingError
from tests.data.support import put, read, refused


def test_a_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": b"\xef\xbb\xbfhello"})
    assert read(tmp_path / "a.txt") == ["hello"]
    assert read(tmp_path / "a.txt", encoding="utf-8") == ["hello"]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), st.integers(1, 9))
def test_any_utf8_text_is_read_unchanged_however_it_is_cut(text: str, piece: int) -> None:
    text = "a" * 4096 + text  # past the first look: neither blank nor with a mark of another kind of file
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "PIECE", piece)
        assert "".join(decoded(io.BytesIO(text.encode()), Path("any.txt"), "auto")) == text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_wider_encodings_are_read_by_their_mark(tmp_path: Path, encoding: str) -> None:
    put(tmp_path, {"a.txt": "héllo 🎈\n".encode(encoding)})
    assert read(tmp_path / "a.txt") == ["héllo 🎈\n"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_wider_encodings_without_a_mark_are_told_and_can_be_named(tmp_path: Path, encoding: str) -> None:
    put(tmp_path, {"a.txt": ("hello\n" * 9).encode(encoding)})
    told = refused(tmp_path / "a.txt")
    assert "is binary" in told if "32" in encoding else f"looks like {encoding} without its mark" in told
    assert read(tmp_path / "a.txt", encoding=encoding) == ["hello\n" * 9]


@pytest.mark.parametrize("line", [1, 2, 700, 300_000])
def test_an_older_encoding_is_told_with_its_line_and_the_way_out(tmp_path: Path, line: int) -> None:
    text = "plain\n" * (line - 1) + "naïve café\n"
    put(tmp_path, {"a.txt": text.encode("cp1252")})
    told = refused(tmp_path / "a.txt")
    assert f"is not UTF-8: byte 0xef at line {line}" in told
    assert "Latin-1" in told
    assert "--data.encoding cp1252" in told
    assert read(tmp_path / "a.txt", encoding="cp1252") == [text]


def test_a_text_that_is_not_in_the_encoding_asked_for_is_told(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "plain\nnaïve"})
    assert "is not ascii: byte 0xc3 at line 2" in refused(tmp_path / "a.txt", encoding="ascii")
    assert "utf-16" in refused(tmp_path / "a.txt", encoding="utf-16")


@pytest.mark.parametrize("encoding", ["utf-9", "base64", "rot13", "hex", "undefined", "a\0b", "é", ""])
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "."])
def test_an_unknown_encoding_is_told_whatever_is_read(tmp_path: Path, encoding: str, name: str) -> None:
    put(tmp_path, {"a.txt": "hello", "a.jsonl": '{"text": "a"}', "a.csv": "text\na\n"})
    with pytest.raises(SettingError, match="unknown encoding"):
        read(tmp_path / name, encoding=encoding)


def zipped() -> bytes:
    """A small archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", "hello")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "a PNG image"),
        (b"\xff\xd8\xff\xe0", "a JPEG image"),
        (b"GIF89a\1\0", "a GIF image"),
        (zipped(), "a ZIP archive"),
        (gzip.compress(b"\x89PNG\r\n\x1a\n"), "a PNG image"),
        (b"%PDF-1.4\n", "a PDF document"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"GGUF\x03\0\0\0", "binary"),
        (b"\x7fELF\2\1", "a program"),
        (b"hello\0world", "binary"),
        (bytes(range(1, 256)) * 20, "binary"),
        (b"", "empty"),
        (b" \r\n\t", "empty: it holds nothing but blanks"),
        (b"\n" * 9999, "empty: it holds nothing but blanks"),
        (b"\0" * 100, "empty: it holds nothing but zeros"),
        (b"\xef\xbb\xbf\n", "empty: it holds nothing but blanks"),
        (b"\xff\xfe", "empty"),
        (gzip.compress(b""), "empty"),
    ],
)
def test_what_is_not_text_is_told_by_name(tmp_path: Path, content: bytes, kind: str) -> None:
    put(tmp_path, {"a.txt": content})
    assert f"is {kind}" in refused(tmp_path / "a.txt")


@pytest.mark.parametrize(
    "text", ["SQLite is a database.", "GGUF files hold models.", "BZh, he said.", " " * 9999 + "at last"]
)
def test_a_text_that_begins_like_something_else_is_a_text(tmp_path: Path, text: str) -> None:
    put(tmp_path, {"a.txt": text})
    assert read(tmp_path / "a.txt") == [text]


def test_two_encodings_in_one_text_are_told_and_no_other_is_advised(tmp_path: Path) -> None:
    put(
        tmp_path,
        {"a.txt": "café\n".encode() + "Grüße\n".encode("latin-1"), "b.txt": "plain\nGrüße\n".encode("latin-1")},
    )
    mixed, other = refused(tmp_path / "a.txt"), refused(tmp_path / "b.txt")
    assert "byte 0xfc at line 2" in mixed
    assert "two encodings are mixed" in mixed
    assert "cp1252" not in mixed
    assert "--data.encoding cp1252" in other


def packed(content: bytes, ending: str) -> bytes:
    """The content as gzip or zstd."""
    packed = pyarrow.compress(content, "zstd", asbytes=True)
    return gzip.compress(content) if ending == "gz" else bytes(packed)


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_packed_texts_are_read_and_known_by_their_bytes(tmp_path: Path, ending: str) -> None:
    text = "héllo\n" * 500_000
    put(tmp_path, {f"a.txt.{ending}": packed(text.encode(), ending), "b": packed(b"named like nothing", ending)})
    assert read(tmp_path / f"a.txt.{ending}") == [text]
    assert read(tmp_path / "b") == ["named like nothing"]
    put(tmp_path, {f"c.jsonl.{ending}": packed(b'{"text": "one"}\n{"text": "two"}\n', ending)})
    assert read(tmp_path / f"c.jsonl.{ending}") == ["one", "two"]
    put(tmp_path, {f"d.csv.{ending}": packed(b"text,n\none,1\n", ending)})
    assert read(tmp_path / f"d.csv.{ending}") == ["one"]


@pytest.mark.parametrize("ending", ["gz", "zst"])
@pytest.mark.parametrize("size", [100, 3_000_000])
def test_a_packed_file_that_ends_early_is_told(tmp_path: Path, ending: str, size: int) -> None:
    whole = packed(os.urandom(size).hex().encode(), ending)
    for kept in (len(whole) // 2, len(whole) - 1):
        put(tmp_path, {f"a.{ending}": whole[:kept]})
        assert "compressed data ends early or is altered" in refused(tmp_path / f"a.{ending}")


def test_a_gzip_with_a_flipped_bit_is_told(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(os.urandom(50_000).hex().encode()))
    content[len(content) // 2] ^= 4
    put(tmp_path, {"a.gz": bytes(content)})
    assert "damaged" in refused(tmp_path / "a.gz")


def test_a_long_text_of_one_line_comes_in_bounded_pieces(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": b"no line ends. " * 2_200_000})
    sizes = [len(part.text) for part in Corpus([str(tmp_path / "a.txt")]).parts()]
    assert sum(sizes) == 14 * 2_200_000
    assert max(sizes) <= decoding.PIECE


def test_a_text_may_begin_with_many_blanks_but_not_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, {"a.txt": b" " * 2_500_000 + b"text", "b.txt": b" " * 5000})
    assert read(tmp_path / "a.txt") == [" " * 2_500_000 + "text"]
    assert "nothing but blanks" in refused(tmp_path / "b.txt")
    monkeypatch.setattr(decoding, "MOST_BLANK", 1 << 20)
    assert "begins with 1 MB of blanks" in refused(tmp_path / "a.txt")
