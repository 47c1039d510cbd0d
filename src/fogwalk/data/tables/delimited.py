"""CSV as people have it: comma, semicolon, tab or bar; UTF-8 or Windows-1252; line ends within quotes.

Before this   table.py.
After this    encoding/columns.py tells numbers from words: here every cell is text.
"""

from __future__ import annotations

import csv
import io
import re
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

from fogwalk.data.decoding import by_mark, known, require_mark
from fogwalk.data.opening import MAGIC, opened
from fogwalk.data.tables.cells import has_decimal_commas
from fogwalk.data.tables.table import Say, Table, named
from fogwalk.errors import DataError

DELIMITERS = ",;\t|"
_LOOKED_AT = 1 << 16  # characters, and
_LINES = 20  # lines, by which a delimiter is chosen
_MANY = 8  # numbers that no row of data holds in their order
_SEPARATOR = re.compile(r"""(?i)"?sep=(?P<delimiter>[^\w\s"']|\t)"?\r?(\n|$)""")  # Excel's own first line


def read(place: Path, encoding: str, say: Say) -> Table:
    """All columns as text; raises DataError with the line's number where a row does not fit the header."""
    import pyarrow
    from pyarrow import csv as arrow

    whole = _text(place, encoding, say)
    text = whole.lstrip("\r\n")
    if told := _SEPARATOR.match(text):
        text = text[told.end() :].lstrip("\r\n")
    if not text:
        raise DataError(f"{place} is empty", expected="It should hold a header and rows.")
    above = whole.count("\n", 0, len(whole) - len(text))
    csv.field_size_limit(max(len(text) + 1, 131_072))
    try:
        delimiter = told["delimiter"] if told else _delimiter_of(text)
        first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error as error:
        raise DataError(f"{place} line {above + 1} is not CSV: {error}") from None
    _require_header(place, first, text, delimiter)
    header = named(place, first)
    if len(header) == 1:
        text = text.rstrip("\r\n") + "\n"
    try:
        table = arrow.read_csv(
            io.BytesIO(text.encode()),
            read_options=arrow.ReadOptions(column_names=header, skip_rows=0, use_threads=True, block_size=1 << 24),
            parse_options=arrow.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                ignore_empty_lines=len(header) > 1,  # in one column a line that is empty is a row
            ),
            convert_options=arrow.ConvertOptions(column_types=dict.fromkeys(header, pyarrow.string())),
        )
    except pyarrow.ArrowException as error:
        _tell_line(place, text, delimiter, len(header), above)
        raise DataError(f"{place} is not CSV: {str(error).splitlines()[0]}") from None
    if table.num_rows < 2:
        raise DataError(f"{place} holds a header and no rows", expected="A table to learn from has rows.")
    try:
        columns = {name: _whole(table[name].slice(1)) for name in header}
    except pyarrow.ArrowException:
        raise DataError(f"{place} holds more than two gigabytes in one column", remedy="Save it as Parquet.") from None
    return Table(columns, decimal_comma=delimiter == ";" and has_decimal_commas(columns.values()))


def _delimiter_of(text: str) -> str:
    """What parts the first lines into the same number of fields each; of several such, or of none, what parts the first line
    into most; a comma last, which decimal ones may be."""

    def fits(delimiter: str) -> tuple[bool, int, bool]:
        reader = csv.reader(io.StringIO(text[:_LOOKED_AT], newline=""), delimiter=delimiter)
        widths = [len(row) for row in islice(reader, _LINES) if row]
        if len(text) > _LOOKED_AT and len(widths) > 1:
            widths.pop()  # it may be cut off
        same = widths[0] > 1 and len(set(widths)) == 1
        return same, widths[0], same and delimiter != ","

    return max(DELIMITERS, key=fits)


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
    if name == "utf-8-sig":
        require_mark(raw[:4096], place)
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


def _require_header(place: Path, first: list[str], text: str, delimiter: str) -> None:
    """Raise DataError where the first line is data: mostly numbers, of which a header has few unless they count."""
    numbers = [number for name in first if (number := _number(name)) is not None]
    if len(numbers) > len(first) / 2 and not _counts(numbers, words=len(numbers) < len(first)):
        names = [*(f"x{number}" for number in range(1, min(len(first), 4))), *["…"] * (len(first) > 4), "target"]
        raise DataError(
            f"{place} has no header: its first line is {text.splitlines()[0][:60]!r}",
            expected="The first line names the columns.",
            remedy=f"Put a line above it, such as {delimiter.join(names)}.",
        )


def _counts(numbers: list[float], *, words: bool) -> bool:
    """Whether numbers name columns: years that follow each other; or, beside `words`, years that rise (country,2010,2018), whole
    numbers that stand equally far apart (label,0,1,2), or many that rise or fall, as wavelengths do."""
    steps = {after - before for before, after in pairwise(numbers)}
    whole = all(map(float.is_integer, numbers))
    years = whole and all(1900 <= number <= 2100 for number in numbers)
    if not words:
        return years and steps == {1}
    rises, falls = all(step > 0 for step in steps), all(step < 0 for step in steps)
    even = whole and len(steps) == 1 and (steps == {1} or len(numbers) > 2)
    return ((rises or falls) and (even or len(numbers) >= _MANY)) or (years and rises)


def _number(name: str) -> float | None:
    try:
        return float(name.replace(",", "."))
    except ValueError:
        return None


def _tell_line(place: Path, text: str, delimiter: str, width: int, above: int) -> None:
    """Raise DataError with the number of the first line that does not fit; `above` are lines before the text."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    wrong: list[tuple[int, int]] = []
    try:
        wrong = [(above + reader.line_num, len(row)) for row in reader if row and len(row) != width]
    except csv.Error as error:
        raise DataError(f"{place} line {above + reader.line_num} is not CSV: {error}") from None
    if wrong:
        line, fields = wrong[0]
        more = f"So it is with {len(wrong) - 1:,} more: line{'s' * (len(wrong) > 2)} {_some(wrong[1:])}."
        raise DataError(
            f"{place} line {line} has {fields} field{'s' * (fields != 1)}, but the header has {width}",
            expected=more if len(wrong) > 1 else "",
            remedy="Quote fields that hold the delimiter or a line end."
            if fields > width
            else "A row has a delimiter for each empty cell too.",
        )


def _some(wrong: list[tuple[int, int]]) -> str:
    return ", ".join(str(line) for line, _ in wrong[:3]) + (", …" if len(wrong) > 3 else "")
