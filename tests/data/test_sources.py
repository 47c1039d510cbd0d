"""Data formats -> documents: JSON lines, CSV and Parquet, the column that holds the text, and what is wrong by line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from fogwalk.data import decoding
from fogwalk.data.corpus import Corpus
from fogwalk.data.sources import columns, delimited, lines
from fogwalk.data.sources import parquet as sources_parquet
from tests.data.support import documents, put, read, refused


def jsonl(tmp_path: Path, *rows: str) -> Path:
    """A file of these lines."""
    return put(tmp_path, {"a.jsonl": "\n".join(rows)}) / "a.jsonl"


def csv(tmp_path: Path, content: bytes | str, name: str = "a.csv") -> Path:
    """A table of this content."""
    return put(tmp_path, {name: content}) / name


def parquet(tmp_path: Path, **columns: object) -> Path:
    """A Parquet table of these columns."""
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    return tmp_path / "a.parquet"


def test_each_json_line_is_a_document_and_blank_lines_are_none(tmp_path: Path) -> None:
    path = jsonl(tmp_path, "", '{"text": "one\\nline"}', "  ", '{"id": 3, "text": "two"}', '{"text": ""}', '{"id": 1}')
    assert read(path) == ["one\nline", "two"]


def test_strings_as_json_lines_are_documents(tmp_path: Path) -> None:
    assert read(jsonl(tmp_path, '"one"', '"two"')) == ["one", "two"]


def test_a_byte_order_mark_and_carriage_returns_do_not_disturb_json_lines(tmp_path: Path) -> None:
    put(tmp_path, {"a.ndjson": b'\xef\xbb\xbf{"text": "one"}\r\n{"text": "two"}\r\n'})
    assert read(tmp_path / "a.ndjson") == ["one", "two"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ('{"text": "x"', "line 3 is not JSON"),
        ("plain words", "line 3 is not JSON"),
        ("[" * 100_000, "line 3 is not JSON"),
        ("[1, 2]", "line 3 is JSON, but a list"),
        ("7", "line 3 is JSON, but a int"),
        ('{"text": 7}', "line 3: 'text' is a number, not text"),
        ('{"text": {"a": "b"}}', "line 3: 'text' is an object, not text"),
    ],
)
def test_a_json_line_that_is_wrong_is_told_with_its_file_and_number(tmp_path: Path, row: str, told: str) -> None:
    path = jsonl(tmp_path, '{"text": "x"}', "", row)
    assert f"{path} {told}" in refused(path)


def test_a_bad_line_far_down_in_a_nested_folder_is_told_and_not_passed_over(tmp_path: Path) -> None:
    put(tmp_path, {"deep/er/a.jsonl": '{"text": "x"}\n' * 500 + "oops\n", "b.txt": "fine"})
    assert f"{tmp_path / 'deep/er/a.jsonl'} line 501 is not JSON" in refused(tmp_path)


def test_json_lines_that_are_not_utf8_are_told_with_the_way_out(tmp_path: Path) -> None:
    put(tmp_path, {"a.jsonl": '{"text": "x"}\n{"text": "é"}\n'.encode("cp1252")})
    told = refused(tmp_path / "a.jsonl")
    assert "line 2 is not utf-8: byte 0xe9" in told
    assert "--data.encoding cp1252" in told
    assert read(tmp_path / "a.jsonl", encoding="cp1252") == ["x", "é"]


def test_a_json_line_without_an_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "LONGEST", 1000)
    assert "line 1 is longer than" in refused(jsonl(tmp_path, '{"text": "' + "x" * 2000))


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("piece", [3, 1 << 20])
def test_a_table_is_read_whatever_parts_its_fields_and_rows(
    tmp_path: Path, mark: str, end: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "PIECE", piece)
    rows = [["id", "text"], ["1", '"a, b; c\t|"'], ["2", '"two\nlines, ""quoted"""'], ["3", ""], ["4", "é"]]
    content = end.join(mark.join(row) for row in rows) + end
    path = csv(tmp_path, b"\xef\xbb\xbf" + content.encode())
    assert read(path) == ["a, b; c\t|", 'two\nlines, "quoted"', "é"]


def test_a_tsv_and_blank_lines(tmp_path: Path) -> None:
    assert read(csv(tmp_path, "n\ttext\n\n1\tone\n\n2\ttwo", "a.tsv")) == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("a,text\n1,x\n1,2,3\n", "line 3 has 3 fields, but the header has 2"),
        ("a,text\n1\n", "line 2 has 1 fields, but the header has 2"),
        ("text,text\n1,2\n", "names the column 'text' twice"),
        ("a,text\n", "holds a header and no rows"),
        ('a,text\n1,"never closed\n', "is not CSV"),
        ('a,text\n1,"x"y\n', "line 2 is not CSV"),
        ("", "is empty"),
    ],
)
def test_a_table_that_is_wrong_is_told(tmp_path: Path, content: str, told: str) -> None:
    assert told in refused(csv(tmp_path, content))


def test_a_table_of_one_endless_line_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "LONGEST", 1000)
    monkeypatch.setattr(decoding, "PIECE", 500)
    assert "hardly CSV" in refused(csv(tmp_path, "x" * 9000))


def test_json_lines_in_letters_of_two_bytes_of_one_endless_line_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "LONGEST", 1000)
    monkeypatch.setattr(decoding, "PIECE", 500)
    path = tmp_path / "a.jsonl"
    path.write_text("x" * 9000, encoding="utf-16")
    assert "hardly JSON lines" in refused(path)


def test_lines_are_cut_at_their_ends_however_the_pieces_fall() -> None:
    text = 'a\r\nbb\rccc\n\n"d\n\re'
    for size in range(1, len(text) + 1):
        pieces = (text[start : start + size] for start in range(0, len(text), size))
        found = list(delimited.Lines(Path("a.csv"), pieces, 100, "CSV"))
        assert found == ["a\r\n", "bb\r", "ccc\n", "\n", '"d\n', "\r", "e"]


def test_a_parquet_table_is_read_by_its_text_column_also_under_another_name(tmp_path: Path) -> None:
    path = parquet(tmp_path, n=list(range(2500)), text=[f"row {n}" if n % 5 else None for n in range(2500)])
    wanted = [f"row {n}" for n in range(2500) if n % 5]
    assert read(path) == wanted
    path.rename(tmp_path / "odd name")
    assert read(tmp_path / "odd name") == wanted


def test_a_parquet_table_that_is_damaged_or_none_is_told(tmp_path: Path) -> None:
    path = parquet(tmp_path, text=["hello"] * 1000)
    path.write_bytes(path.read_bytes()[:-20])
    assert "is not a Parquet table, or is damaged" in refused(path)
    path.write_bytes(b"hello")
    assert "is not a Parquet table, or is damaged" in refused(path)
    assert "has no column of text" in refused(parquet(tmp_path, n=[1, 2]))


def test_a_parquet_text_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    broken = pyarrow.array([b"caf\xe9"], pyarrow.binary()).view(pyarrow.string())
    assert "damaged" in refused(parquet(tmp_path, text=broken))


def chosen(path: Path, column: str | None = None) -> tuple[list[str], str]:
    """The documents, and what was said about the column."""
    corpus = Corpus([str(path)], column=column)
    found = documents(corpus)
    (note,) = corpus.notes
    return found, note


def test_the_column_is_guessed_by_its_name_then_by_its_length_and_said(tmp_path: Path) -> None:
    path = jsonl(tmp_path, '{"title": "a much longer title", "Body": "b"}')
    assert chosen(path) == (["b"], "text from the field 'Body' of a.jsonl (by its name)")
    found, note = chosen(csv(tmp_path, "id,words\nx,a long text\n"))
    assert found == ["a long text"]
    assert note == "text from the column 'words' of a.csv (the longest text of id, words)"
    assert "'z' of a.parquet (the only one)" in chosen(parquet(tmp_path, z=["hello"]))[1]


def test_the_column_asked_for_is_taken_and_said(tmp_path: Path) -> None:
    for path in (
        jsonl(tmp_path, '{"text": "no", "title": "yes"}'),
        csv(tmp_path, "text,title\nno,yes\n"),
        parquet(tmp_path, text=["no"], title=["yes"]),
    ):
        found, note = chosen(path, "title")
        assert found == ["yes"]
        assert "asked for" in note


def test_a_column_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    for path in (
        jsonl(tmp_path, '{"text": "no", "title": "yes"}'),
        csv(tmp_path, "text,title\nno,yes\n"),
        parquet(tmp_path, text=["no"], title=["yes"]),
    ):
        told = refused(path, column="tilte")
        assert f"{path} has no column 'tilte'" in told
        assert "Did you mean title?" in told
        assert "--data.column" in told


def test_a_column_that_is_not_text_is_told_with_those_that_are(tmp_path: Path) -> None:
    rows = jsonl(tmp_path, '{"n": 1, "text": "x"}')
    for path, kind in ((rows, "numbers"), (parquet(tmp_path, n=[1], text=["x"]), "int64")):
        told = refused(path, column="n")
        assert "the column 'n'" in told
        assert f"holds {kind}, not text" in told
        assert "Columns of text: text." in told
    assert "has no column of text" in refused(jsonl(tmp_path, '{"n": 1}'))


@pytest.mark.parametrize("late", [7, {"a": 1}, [1]])
def test_a_parquet_column_that_begins_with_nothing_is_judged_by_its_type(tmp_path: Path, late: object) -> None:
    path = parquet(tmp_path, text=[None] * 300 + [late], other=["x"] * 301)
    assert "the column 'text' of" in refused(path, column="text")
    assert read(path) == ["x"] * 301
    assert read(parquet(tmp_path, n=[1] * 301, text=[None] * 300 + ["late"])) == ["late"]
    repeated = pyarrow.array(["one", "two", "one"]).dictionary_encode()
    assert read(parquet(tmp_path, text=repeated)) == ["one", "two", "one"]


def test_rows_without_the_text_are_counted_and_said(tmp_path: Path) -> None:
    for path in (
        jsonl(tmp_path, '{"text": "one"}', '{"content": "two"}', '{"text": ""}'),
        csv(tmp_path, "text,n\none,1\n,2\n,3\n"),
        parquet(tmp_path, text=["one", None, ""]),
    ):
        corpus = Corpus([str(path)])
        assert [part.text for part in corpus.parts()] == ["one"]
        assert f"2 of 3 rows of {path.name} have no text in 'text' and are left out" in corpus.notes


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_json_lines_of_wide_letters_are_read(tmp_path: Path, encoding: str) -> None:
    rows = '{"text": "one ਊ"}\r\n{"text": "two\\nlines"}\n'  # U+0A0A: both its bytes look like a line's end
    path = put(tmp_path, {"a.jsonl": rows.encode(encoding)}) / "a.jsonl"
    wanted = ["one ਊ", "two\nlines"]
    if "le" not in encoding and "be" not in encoding:
        assert read(path) == wanted
    assert read(path, encoding=encoding) == wanted


def test_a_column_that_begins_with_nothing_may_still_hold_text(tmp_path: Path) -> None:
    assert read(parquet(tmp_path, n=[1] * 301, text=[None] * 300 + ["late"]), column="text") == ["late"]


def test_a_column_that_begins_empty_is_found_all_the_same(tmp_path: Path) -> None:
    rows = [{"id": f"k{number}", "text": None} for number in range(700)]
    rows += [{"id": f"k{number}", "text": f"row {number}"} for number in range(30)]
    path = jsonl(tmp_path, *map(json.dumps, rows))
    wanted = [f"row {number}" for number in range(30)]
    assert read(path) == wanted
    late = jsonl(tmp_path, *(json.dumps({name: value for name, value in row.items() if value}) for row in rows))
    assert read(late, column="text") == wanted
    table = "id,notes\n" + "\n".join(f"k{number}," for number in range(700)) + "\nk,a note\n"
    assert read(csv(tmp_path, table), column="notes") == ["a note"]


def test_a_long_document_of_a_table_comes_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "CUT", 7)
    path = jsonl(
        tmp_path, json.dumps({"text": "a document of some length"}), '{"text": "short"}', '{"text": "seven.."}'
    )
    parts = list(Corpus([str(path)]).parts())
    assert [part.text for part in parts] == ["a docum", "ent of ", "some le", "ngth", "short", "seven.."]
    assert [part.last for part in parts] == [False, False, False, True, True, True]


def test_few_rows_are_looked_at_and_read_at_once_where_they_are_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "PROBED_CHARACTERS", 1000)
    looked: list[int] = []

    def rows() -> Iterator[dict[str, str]]:
        for number in range(100):
            looked.append(number)
            yield {"text": "x" * 400}

    assert len(columns.probed(rows(), lambda row: row, None)) == len(looked) == 3
    lists = ({"text": "", "numbers": [[0.5] * 10, {"a": [1] * 10}]} for _ in range(100))
    assert len(columns.probed(lists, lambda row: row, None)) == 2  # a number is 32
    monkeypatch.setattr(sources_parquet, "BYTES", 1000)
    path = parquet(tmp_path, text=[f"{number} " * 99 for number in range(50)])
    assert read(path) == [f"{number} " * 99 for number in range(50)]
    with pyarrow.parquet.ParquetFile(path) as table:
        assert 1 <= sources_parquet._rows_at_once(table.metadata) < 10
