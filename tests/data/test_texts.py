"""Raw files -> documents: what is text is read, what is not is told by name, and the split is stable."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogwalk.data.texts import Texts, read_documents, read_text, read_texts
from fogwalk.errors import DataError


def refused(path: Path) -> str:
    """The message that a path is refused with."""
    with pytest.raises(DataError) as caught:
        read_texts(str(path), 0.1)
    return str(caught.value)


def put(folder: Path, **files: bytes | str) -> Path:
    """Files in a folder; `__` stands for a slash, `_` before the ending for the dot."""
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_txt", ".txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def names(texts: tuple[Any, ...]) -> list[str]:
    """The names of documents."""
    return [document.name for document in texts]


def test_a_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfhello")
    assert read_text(tmp_path / "a.txt") == "hello"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_any_utf8_text_is_read_unchanged(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    text = "a" + text  # neither blank nor with a mark of another kind of file
    path.write_bytes(text.encode())
    assert read_text(path) == text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_wider_encodings_are_told(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes(("\ufeff" * encoding.endswith("e") + "hello\n" * 9).encode(encoding))
    assert "is UTF-16 text" in refused(tmp_path / "a.txt") or "is binary" in refused(tmp_path / "a.txt")


def test_utf_16_is_told_with_the_command_that_converts_it(tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_bytes("hello".encode("utf-16"))
    told = refused(tmp_path / "a b.txt")
    assert "is UTF-16 text, not UTF-8" in told
    assert f'iconv -f UTF-16 -t UTF-8 "{tmp_path / "a b.txt"}"' in told


@pytest.mark.parametrize("line", [1, 2, 700])
def test_an_older_encoding_is_told_with_its_line(tmp_path: Path, line: int) -> None:
    (tmp_path / "a.txt").write_bytes(b"plain\n" * (line - 1) + "naïve café\n".encode("latin-1"))
    told = refused(tmp_path / "a.txt")
    assert f"is not UTF-8: byte 0xef at line {line}" in told
    assert "Latin-1" in told
    assert "iconv" in told


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
        (gzip.compress(b"hello"), "gzip-compressed"),
        (b"%PDF-1.4\n", "a PDF document"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"GGUF\x03\0\0\0", "a GGUF model"),
        (b"\x7fELF\2\1", "a program"),
        (b"hello\0world", "binary"),
        (bytes(range(1, 256)) * 20, "binary"),
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"\0" * 100, "empty"),
        (b"\xef\xbb\xbf\n", "empty"),
    ],
)
def test_what_is_not_text_is_told_by_name(tmp_path: Path, content: bytes, kind: str) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert f"is {kind}" in refused(tmp_path / "a.txt")


@pytest.mark.parametrize(
    "text", ["SQLite is a database.", "GGUF files hold models.", "BZh, he said.", "PAR1 was a bus."]
)
def test_a_text_that_begins_like_the_name_of_a_format_is_a_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    assert read_text(tmp_path / "a.txt") == text


def test_a_missing_path_names_the_nearest(tmp_path: Path) -> None:
    put(tmp_path, book_txt="x", boot_txt="x", zebra="x")
    told = refused(tmp_path / "bok.txt")
    assert f"no such file or folder: {tmp_path / 'bok.txt'}" in told
    assert f"Did you mean {tmp_path / 'book.txt'} or" in told
    assert f"The folder {tmp_path / 'no'} does not exist either." in refused(tmp_path / "no/a.txt")
    assert "Did you mean sample:python-docs or" in refused(Path("sample-python-docs"))


def test_a_path_with_spaces_and_unicode_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mes livres – été 🎈" / "à lire.txt"
    path.parent.mkdir()
    path.write_text("hello")
    assert read_documents(str(path))[0][0].name == "à lire.txt"
    assert read_documents(str(path.parent))[0][0].text == "hello"


def test_the_home_folder_may_be_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    put(tmp_path, a_txt="hello")
    assert read_documents("~/a.txt")[0][0].text == "hello"


def test_a_folder_is_read_in_one_order_however_its_files_were_made(tmp_path: Path) -> None:
    wanted = ["B.txt", "a.txt", "deep/deeper/c.txt", "deep/z.txt", "é.txt"]
    for folder, order in (("one", wanted), ("other", wanted[::-1])):
        for name in order:
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"text of {name}")
    one, other = (read_documents(str(tmp_path / folder)) for folder in ("one", "other"))
    assert names(tuple(one[0])) == wanted
    assert one == other
    assert one[1] == ()


def test_hidden_files_and_folders_and_links_to_folders_are_left_out(tmp_path: Path) -> None:
    put(tmp_path / "texts", a_txt="a", deep__b_txt="b", **{".hidden": "no", ".git__config": "no"})
    os.symlink(tmp_path / "texts", tmp_path / "texts/deep/loop")
    os.symlink(tmp_path / "texts/a.txt", tmp_path / "texts/link.txt")
    os.symlink(tmp_path / "nowhere", tmp_path / "texts/broken.txt")
    os.symlink("itself.txt", tmp_path / "texts/itself.txt")
    os.mkfifo(tmp_path / "texts/pipe")
    documents, notes = read_documents(str(tmp_path / "texts"))
    assert names(tuple(documents)) == ["a.txt", "deep/b.txt", "link.txt"]
    assert notes == ()


def test_what_is_no_text_in_a_folder_is_left_out_and_said(tmp_path: Path) -> None:
    put(tmp_path, a_txt="a", b_txt=b"\x89PNG\r\n", c_txt=b"", d_txt=b"caf\xe9\n", e_txt=b"a\0b")
    documents, notes = read_documents(str(tmp_path))
    assert names(tuple(documents)) == ["a.txt"]
    assert len(notes) == 1
    assert "left out 4 and read 1" in notes[0]
    assert "b.txt (is a PNG image, not text)" in notes[0]
    assert "and 1 more" in notes[0]


def test_a_file_and_a_folder_that_do_not_open_are_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, a_txt="a", b_txt="b", closed__c_txt="c")
    scan, read = os.scandir, Path.read_bytes

    def refuse_folder(path: str) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    def refuse_file(path: Path) -> bytes:
        if path.name == "b.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(os, "scandir", refuse_folder)
    monkeypatch.setattr(Path, "read_bytes", refuse_file)
    documents, notes = read_documents(str(tmp_path))
    assert names(tuple(documents)) == ["a.txt"]
    assert "closed (Permission denied)" in notes[0]
    assert "b.txt (cannot be read: Permission denied)" in notes[0]


def test_a_folder_with_nothing_to_read_is_refused(tmp_path: Path) -> None:
    assert "It holds no files." in refused(tmp_path)
    put(tmp_path, a_txt=b"\x89PNG\r\n")
    assert "a.txt (is a PNG image" in refused(tmp_path)


def test_names_that_no_system_opens_are_refused_in_words(tmp_path: Path) -> None:
    assert "cannot be read: File name too long" in refused(tmp_path / ("x" * 300))


def split(tmp_path: Path, share: float = 0.1, **files: str) -> Texts:
    """A folder of these texts, split."""
    return read_texts(str(put(tmp_path, **files)), share)


def test_a_single_text_gives_its_last_part(tmp_path: Path) -> None:
    text = "".join(map(str, range(1000)))
    (tmp_path / "a.txt").write_text(text)
    for source in (tmp_path / "a.txt", tmp_path):
        texts = read_texts(str(source), 0.1)
        assert texts.training[0].text + texts.validation[0].text == text
        assert len(texts.validation[0].text) == round(len(text) * 0.1)
        assert texts.held_back == "last 10% held back for validation"
        assert not texts.several
        assert texts.characters == len(text)


def lines(number: int) -> str:
    """A document unlike the others."""
    return f"document {number} " * 20


def test_documents_are_split_by_hash_and_an_added_one_moves_next_to_none(tmp_path: Path) -> None:
    before = split(tmp_path, **{f"d{number}_txt": lines(number) for number in range(100)})
    share = sum(len(document.text) for document in before.validation) / before.characters
    assert 0.05 < share < 0.15
    assert set(names(before.training)).isdisjoint(names(before.validation))
    assert before.several
    assert "of 100 documents, chosen by hash" in before.held_back
    after = split(tmp_path, added_txt=lines(1000))
    moved = set(names(before.validation)) ^ set(names(after.validation)) - {"added.txt"}
    assert len(moved) <= 1


def test_the_split_does_not_look_at_names(tmp_path: Path) -> None:
    one = split(tmp_path / "one", **{f"d{number}_txt": lines(number) for number in range(50)})
    other = split(tmp_path / "other", **{f"e{99 - number}_txt": lines(number) for number in range(50)})
    assert {document.text for document in one.validation} == {document.text for document in other.validation}


def test_equal_documents_are_never_on_both_sides(tmp_path: Path) -> None:
    for number in range(20):
        files = {f"d{copy}_{place}_txt": lines(copy * 7 + number) for copy in range(10) for place in range(3)}
        texts = split(tmp_path / str(number), **files)
        learned = {document.text for document in texts.training}
        assert learned.isdisjoint(document.text for document in texts.validation)


@pytest.mark.parametrize("tiny", ["a_txt", "z_txt"])
def test_one_huge_and_one_tiny_document_still_leave_a_tenth_to_validate_on(tmp_path: Path, tiny: str) -> None:
    texts = split(tmp_path, m_txt="huge " * 10_000, **{tiny: "tiny"})
    held = sum(len(document.text) for document in texts.validation)
    assert held == pytest.approx(texts.characters / 10, rel=0.01)
    assert names(texts.validation) == ["m.txt"]
    assert "m.txt" in texts.held_back
    assert texts.several


def test_two_documents_leave_something_on_both_sides(tmp_path: Path) -> None:
    for share in (0.01, 0.1, 0.5, 0.9):
        texts = split(tmp_path / str(share), share, a_txt="one " * 100, b_txt="two " * 100)
        assert texts.training
        assert texts.validation
        assert all(document.text for document in texts.validation)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=12), st.floats(0.02, 0.9))
def test_every_character_is_on_exactly_one_side(sizes: list[int], share: float) -> None:
    from fogwalk.data import texts as module

    documents = [module.Document(f"{n:03}", chr(97 + n % 26) * size) for n, size in enumerate(sizes)]
    training, validation, _ = module._split(documents, share)
    for document in documents:
        parts = [part.text for part in (*training, *validation) if part.name == document.name]
        assert "".join(parts) == document.text


def test_the_digest_changes_with_a_content_and_with_a_name_and_with_nothing_else(tmp_path: Path) -> None:
    def digest(folder: str, **files: str) -> str:
        return split(tmp_path / folder, **files).digest

    one = digest("one", a_txt="aa", b_txt="bb")
    assert digest("same", b_txt="bb", a_txt="aa") == one
    others = [digest("x", a_txt="aa", b_txt="bc"), digest("y", a_txt="aa", c_txt="bb"), digest("z", a_txt="aabb")]
    assert len({one, *others}) == 4
    assert read_texts(str(tmp_path / "one"), 0.3).digest == one
