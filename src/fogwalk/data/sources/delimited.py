"""CSV and its kin: comma, semicolon or tab, quoted line ends; one column holds the documents."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

from fogwalk.data.decoding import decoded
from fogwalk.data.opening import opened
from fogwalk.data.sources.columns import PROBED, documents, pick_column
from fogwalk.data.sources.protocol import Piece, Wanted
from fogwalk.errors import DataError

LONGEST = 100_000_000  # characters of one field


def read(place: Path, wanted: Wanted, say: Callable[[str], None]) -> Iterator[Piece]:
    """The text column of every row; raises DataError with the line's number where a row does not fit the header."""
    csv.field_size_limit(LONGEST)
    with opened(place) as stream:
        rows = _rows(place, Lines(place, decoded(stream, place, wanted.encoding)))
        probed = list(itertools.islice(rows, PROBED))
        if not probed:
            raise DataError(f"{place} holds a header and no rows")
        column, why = pick_column(place, probed, wanted.column)
        say(f"text from the column '{column}' of {place.name} ({why})")
        yield from documents(place, column, (row[column] for row in itertools.chain(probed, rows)), say)


class Lines:
    """Pieces of text as lines, line ends kept as they are."""

    def __init__(self, place: Path, pieces: Iterator[str]) -> None:
        self.place = place
        self.pieces = pieces
        self.rest = ""

    def __iter__(self) -> Iterator[str]:
        for piece in self.pieces:
            lines = io.StringIO(self.rest + piece, newline="").readlines()
            self.rest = lines.pop() if lines else ""
            yield from lines
            if len(self.rest) > LONGEST:
                raise DataError(f"{self.place} has a line longer than {LONGEST // 1_000_000} MB: it is hardly CSV")
        if self.rest:
            yield self.rest


def _rows(place: Path, lines: Lines) -> Iterator[dict[str, str]]:
    source = iter(lines)
    header_line = next(source, "")
    delimiter = max(",;\t|", key=header_line.count)
    reader = csv.reader(itertools.chain([header_line], source), delimiter=delimiter, strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        twice = [name for name in header if header.count(name) > 1]
        if twice:
            raise DataError(f"{place} names the column '{twice[0]}' twice in its header")
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                raise DataError(
                    f"{place} line {reader.line_num} has {len(row)} fields, but the header has {len(header)}",
                    remedy="Quote fields that hold the delimiter or a line end.",
                )
            yield cast(dict[str, str], dict(zip(header, row, strict=True)))
    except csv.Error as error:
        raise DataError(f"{place} line {reader.line_num} is not CSV: {error}") from None
