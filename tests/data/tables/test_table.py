"""Tables as people have them: read whole, or refused with the file and the line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from fogwalk.data.tables.table import read_table
from fogwalk.errors import DataError


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(path: Path, encoding: str = "auto") -> list[tuple[object, ...]]:
    table = read_table([str(path)], encoding).table
    return list(zip(*(values.to_pylist() for values in table.columns.values()), strict=True))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_whatever_stands_between_the_cells(tmp_path: Path, delimiter: str) -> None:
    lines = [("a", "b", "c"), ("1", "x y", ""), ("2", "z", "n/a")]
    path = written(tmp_path, "t.csv", "".join(delimiter.join(line) + "\n" for line in lines))
    assert read_table([str(path)]).table.names == ["a", "b", "c"]
    assert rows(path) == lines[1:]


@pytest.mark.parametrize(
    ("content", "names", "first"),
    [
        ("name;price (EUR, net, gross)\na;1\nb;2\n", ["name", "price (EUR, net, gross)"], ("a", "1")),
        ('"a, b, c";d\n1;"2, 3"\n', ["a, b, c", "d"], ("1", "2, 3")),
        ("a;b\n1,5;2,5\n2,5;3,5\n", ["a", "b"], ("1,5", "2,5")),
        ("a|b, c\n\n1|2\n", ["a", "b, c"], ("1", "2")),
        ("sep=;\na,b;c\n1;2\n", ["a,b", "c"], ("1", "2")),
        ('"sep=\t"\r\na\tb\r\n1\t2\r\n', ["a", "b"], ("1", "2")),
    ],
)
def test_what_stands_between_is_told_by_several_lines(
    tmp_path: Path, content: str, names: list[str], first: tuple[str, ...]
) -> None:
    path = written(tmp_path, "t.csv", content)
    assert read_table([str(path)]).table.names == names
    assert rows(path)[0] == first


@pytest.mark.parametrize(
    ("content", "decimal"),
    [
        ("a;b\nx;1\ny;2\n", True),
        ("a;b\n.50;12.345\n.75;1\n", False),
        ("a;b\n1,234.50;x\n", False),
        ("a;b\n3.5;0,5\n", True),
        ("a,b\n1,2\n", False),
    ],
)
def test_semicolons_mean_decimal_commas_unless_a_cell_says_otherwise(
    tmp_path: Path, content: str, decimal: bool
) -> None:
    assert read_table([str(written(tmp_path, "t.csv", content))]).table.decimal_comma == decimal


@pytest.mark.parametrize(
    "header",
    [
        "2019,2020,2021",
        "country,2010,2015,2020",
        "country,1990,2018",
        "country,2023,2022,2021",
        "label,0,1,2,3",
        ",0,1,2,3",
        "y,400.5,401.25,402,402.5,404,405,406,407",
        "x,1",
        "5.1,a,b",
    ],
)
def test_a_header_may_count(tmp_path: Path, header: str) -> None:
    path = written(tmp_path, "t.csv", f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    assert len(rows(path)) == 1


def test_blank_lines_of_one_column_are_rows(tmp_path: Path) -> None:
    assert rows(written(tmp_path, "t.csv", '\na\n1\n\n""\r\n\r\n3\n\n\n')) == [("1",), ("",), ("",), ("",), ("3",)]


def test_quoted_cells_hold_delimiters_quotes_and_line_ends(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", 'name,said\r\n"Smith, J.","one\r\ntwo"\r\nBo,"""yes"""\r\n')
    assert rows(path) == [("Smith, J.", "one\r\ntwo"), ("Bo", '"yes"')]


def test_old_windows_tables_are_read_and_said(tmp_path: Path) -> None:
    path = written(tmp_path, "t.csv", "Straße,größe\nä,1\né,2\n".encode("cp1252"))
    found = read_table([str(path)])
    assert found.table.names == ["Straße", "größe"]
    assert "Windows-1252" in found.notes[0]
    assert rows(path, "cp1252") == [("ä", "1"), ("é", "2")]


def test_marks_of_utf8_and_utf16_are_no_part_of_the_first_name(tmp_path: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        path = written(tmp_path, f"{encoding}.csv", "a,b\n1,2\n3,4\n".encode(encoding))
        assert read_table([str(path)]).table.names == ["a", "b"]


@pytest.mark.parametrize("packed", ["gz", "zst", "zstd"])
def test_packed_ones_and_several_files_of_the_same_columns(tmp_path: Path, packed: str) -> None:
    written(tmp_path, "1.csv", "a,b\n1,2\n")
    content = b"b,a\n4,3\n"
    short = gzip.compress(content) if packed == "gz" else bytes(pyarrow.compress(content, "zstd", asbytes=True))
    written(tmp_path, f"2.csv.{packed}", short)
    table = read_table([str(tmp_path)]).table
    assert {name: values.to_pylist() for name, values in table.columns.items()} == {"a": ["1", "3"], "b": ["2", "4"]}


def test_files_of_other_columns_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "1.csv", "a,b\n1,2\n")
    written(tmp_path, "2.csv", "a,c\n1,2\n")
    with pytest.raises(DataError, match=r"2.csv has no column 'b', but 1.csv has"):
        read_table([str(tmp_path)])


def test_files_of_more_columns_are_refused(tmp_path: Path) -> None:
    written(tmp_path, "1.csv", "a,b\n1,2\n")
    written(tmp_path, "2.csv", "a,b,c\n1,2,3\n")
    with pytest.raises(DataError, match=r"1.csv has no column 'c', but 2.csv has"):
        read_table([str(tmp_path)])


def test_json_lines_keep_numbers_and_booleans(tmp_path: Path) -> None:
    lines = [{"a": 1, "b": True, "c": "x", "d": [1]}, {"a": 2.5, "c": None, "d": []}]
    path = written(tmp_path, "t.jsonl", "\n".join(map(json.dumps, lines)))
    found = read_table([str(path)])
    assert {name: values.to_pylist() for name, values in found.table.columns.items()} == {
        "a": [1.0, 2.5],
        "b": [True, None],
        "c": ["x", None],
    }
    assert "'d' of t.jsonl holds lists" in found.notes[0]


def test_parquet_keeps_its_types(tmp_path: Path) -> None:
    table = pyarrow.table({"a": [1, 2], "b": pyarrow.array(["x", "y"]).dictionary_encode(), "c": [[1], [2]]})
    parquet.write_table(table, tmp_path / "t.parquet")
    found = read_table([str(tmp_path / "t.parquet")])
    assert {name: values.to_pylist() for name, values in found.table.columns.items()} == {"a": [1, 2], "b": ["x", "y"]}


def test_half_floats_are_numbers(tmp_path: Path) -> None:
    halves = pyarrow.array(np.array([1.5, np.nan, 3], np.float16))
    parquet.write_table(pyarrow.table({"a": halves}), tmp_path / "t.parquet")
    assert rows(tmp_path / "t.parquet") == [(1.5,), (None,), (3.0,)]


def test_what_is_no_number_is_nothing_and_bytes_are_left_out(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"a": [1.0, float("nan")], "b": [b"\xff", b"x"]}), tmp_path / "t.parquet")
    found = read_table([str(tmp_path / "t.parquet")])
    assert {name: values.to_pylist() for name, values in found.table.columns.items()} == {"a": [1.0, None]}
    assert found.notes == ("'b' of t.parquet holds binary, and is left out",)


def test_the_first_sheet_of_a_spreadsheet(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["size", "kind", None], [1.5, "x", None], [2, None, None]):
        book.active.append(row)
    book.create_sheet("other")
    book.save(tmp_path / "t.xlsx")
    found = read_table([str(tmp_path / "t.xlsx")])
    assert {name: values.to_pylist() for name, values in found.table.columns.items()} == {
        "size": [1.5, 2.0],
        "kind": ["x", None],
    }
    assert "2 sheets" in found.notes[0]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.csv", "a,b\n1,2\n1,2,3\n", r"t.csv line 3 has 3 fields, but the header has 2"),
        ("t.csv", 'a,b\n"x\ny",2\n1\n', r"t.csv line 4 has 1 field, but the header has 2"),
        ("t.csv", "5.1,3.5\n4.9,3.0\n", r"t.csv has no header: its first line is '5.1,3.5'"),
        (
            "t.csv",
            "5.1,3.5,1.4,0.2,Iris-setosa\n4.9,3.0,1.4,0.2,x\n",
            r"t.csv has no header: its first line is '5.1,3.5,1",
        ),
        ("t.csv", "5,1;3,5;x\n4,9;3,0;x\n", r"t.csv has no header: its first line is '5,1;3,5;x'"),
        ("t.csv", "1,1,3\n1,2,3\n", r"t.csv has no header: its first line is '1,1,3'"),
        ("t.csv", "2021,1995,red\n2022,2001,blue\n", r"t.csv has no header"),
        ("t.csv", "a, b, c;d\n1,2;3\n1,2,3\n", r"t.csv line 2 has 2 fields, but the header has 3"),
        ("t.csv", "sep=;\na;b\n1;2\n1\n", r"t.csv line 4 has 1 field, but the header has 2"),
        ("t.csv", "\n\na,b\n1,2\n1\n", r"t.csv line 5 has 1 field, but the header has 2"),
        ("t.csv", "sep=;\n", r"t.csv is empty"),
        ("t.csv", "a,b\n1,2\n3,4\n".encode("utf-16-le"), r"t.csv looks like utf-16-le without its mark"),
        ("t.csv", "a,b\n1,2\n3,4\n".encode("utf-16-be"), r"t.csv looks like utf-16-be without its mark"),
        ("t.csv", "a,b,a\n1,2,3\n", r"t.csv names the column 'a' twice"),
        ("t.csv", "a,b\n", r"t.csv holds a header and no rows"),
        ("t.csv", "", r"t.csv is empty"),
        ("t.csv", '"a,b\n' + "1,2\n" * 50_000, r"t.csv"),
        ("t.csv", b"\x89PNG\r\n\x1a\n0000", r"t.csv is a PNG image, not CSV"),
        ("t.csv", b"a,b\n\x00\xff\x00,1\n", r"t.csv is binary, not CSV"),
        ("t.jsonl", '{"a": 1}\n[1]\n', r"t.jsonl line 2"),
        ("t.jsonl", "", r"t.jsonl is empty"),
        ("t.parquet", b"PAR1 and no more", r"t.parquet is not a Parquet table"),
        ("t.xlsx", b"PK\x03\x04 and no more", r"t.xlsx is not an .xlsx spreadsheet"),
        ("t.pdf", b"%PDF-1.4", r"t.pdf is not a table"),
    ],
)
def test_what_is_wrong_is_told_with_the_file_and_the_line(
    tmp_path: Path, name: str, content: str | bytes, told: str
) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(DataError, match=told) as caught:
        read_table([str(path)])
    assert caught.value.exit_code == 3


def test_whole_numbers_stay_whole_and_what_no_file_can_hold_is_replaced(tmp_path: Path) -> None:
    huge = "1" + "0" * 400
    lines = f'{{"a": 9007199254740993, "t": "\\ud83d", "h": {huge}}}\n{{"a": 2, "t": "x", "h": 1.5}}\n'
    columns = read_table([str(written(tmp_path, "t.jsonl", lines))]).table.columns
    assert columns["a"].to_pylist() == [9007199254740993, 2]
    assert columns["t"].to_pylist() == ["?", "x"]
    assert columns["h"].to_pylist() == [float("inf"), 1.5]


def test_columns_of_types_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    ids = pyarrow.array([b"0123456789abcdef", b"fedcba9876543210"], pyarrow.binary(16))
    parquet.write_table(pyarrow.table({"id": ids, "a": [1, 2]}), tmp_path / "t.parquet")
    found = read_table([str(tmp_path / "t.parquet")])
    assert found.table.names == ["a"]
    assert "'id' of t.parquet holds fixed_size_binary[16]" in found.notes[0]
