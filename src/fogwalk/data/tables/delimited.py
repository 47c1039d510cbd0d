"""CSV as people have it: comma, semicolon, tab or bar; UTF-8 or Windows-1252; line ends within quotes.

Before this   table.py.
After this    encoding/columns.py tells numbers from words: here every cell is text.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from fogwalk.data.decoding import by_mark, known
from fogwalk.data.opening import MAGIC, opened
from fogwalk.data.tables.table import Say, Table, named
from fogwalk.errors import DataError

DELIMITERS = ",;\t|"


def read(place: Path, encoding: str, say: Say) -> Table:
    """All columns as text; raises DataError with the line's number where a row does not fit the header."""
    import pyarrow
    from pyarrow import csv as arrow

    text = _text(place, encoding, say).lstrip("\r\n")
    start = text[: text.find("\n", 0) + 1] or text
    delimiter = max(DELIMITERS, key=start.count)
    csv.field_size_limit(max(len(text) + 1, 131_072))
    try:
        first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error as error:
        raise DataError(f"{place} line 1 is not CSV: {error}") from None
    header = named(place, first)
    _require_header(place, header, text, delimiter)
    try:
        table = arrow.read_csv(
            io.BytesIO(text.encode()),
            read_options=arrow.ReadOptions(column_names=header, skip_rows=0, use_threads=True, block_size=1 << 24),
            parse_options=arrow.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=arrow.ConvertOptions(column_types=dict.fromkeys(header, pyarrow.string())),
        )
    except pyarrow.ArrowException as error:
        _tell_line(place, text, delimiter, len(header))
        raise DataError(f"{place} is not CSV: {str(error).splitlines()[0]}") from None
    if table.num_rows < 2:
        raise DataError(f"{place} holds a header and no rows", expected="A table to learn from has rows.")
    try:
        columns = {name: _whole(table[name].slice(1)) for name in header}
    except pyarrow.ArrowException:
        raise DataError(f"{place} holds more than two gigabytes in one column", remedy="Save it as Parquet.") from None
    return Table(columns, decimal_comma=delimiter == ";")


def _whole(column: Any) -> Any:
    import pyarrow

    return pyarrow.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)


def _text(place: Path, encoding: str, say: Say) -> str:
    with opened(place) as stream:
        raw = stream.read()
    for magic, kind in MAGIC.items():
        if raw.startswith(magic):
            raise DataError(f"{place} is {kind}, not CSV")
    if not raw.strip():
        raise DataError(f"{place} is empty", expected="It should hold a header and rows.")
    name = known(encoding) if encoding != "auto" else by_mark(raw[:4]) or "utf-8-sig"
    try:
        return raw.decode(name)
    except UnicodeDecodeError as error:
        if encoding != "auto" or name != "utf-8-sig":
            line = raw.count(b"\n", 0, error.start) + 1
            raise DataError(
                f"{place} is not {name.removesuffix('-sig')}: byte 0x{raw[error.start]:02x} at line {line}",
                remedy="Name another with --data.encoding, or leave it out.",
            ) from None
    if b"\x00" in raw:
        raise DataError(f"{place} is binary, not CSV")
    say(f"{place.name} is not UTF-8, and is read as Windows-1252 (--data.encoding names another)")
    return raw.decode("cp1252", "replace")


def _require_header(place: Path, header: list[str], text: str, delimiter: str) -> None:
    """Raise DataError where the first line is data: nothing but numbers, of which a header has none."""
    if header and all(_is_number(name) for name in header):
        raise DataError(
            f"{place} has no header: its first line is {text.splitlines()[0][:60]!r}",
            expected="The first line names the columns.",
            remedy=f"Put a line above it, such as {delimiter.join(f'x{n}' for n in range(1, min(len(header), 4)))}"
            f"{delimiter}{'… ' if len(header) > 4 else ''}target.",
        )


def _is_number(name: str) -> bool:
    try:
        float(name.replace(",", "."))
    except ValueError:
        return False
    return True


def _tell_line(place: Path, text: str, delimiter: str, width: int) -> None:
    """Raise DataError with the number of the first line that does not fit."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if row and len(row) != width:
                raise DataError(
                    f"{place} line {reader.line_num} has {len(row)} fields, but the header has {width}",
                    remedy="Quote fields that hold the delimiter or a line end.",
                )
    except csv.Error as error:
        raise DataError(f"{place} line {reader.line_num} is not CSV: {error}") from None
