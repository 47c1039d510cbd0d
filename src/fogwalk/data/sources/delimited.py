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
from fogwalk.data.sources.columns import documents, pick_column, probed
from fogwalk.data.sources.protocol import Piece, Wanted
from fogwalk.errors import DataError, NoText

LONGEST = 100_000_000  # characters of one field


def read(place: Path, wanted: Wanted, say: Callable[[str], None]) -> Iterator[Piece]:
    """The text column of every row; raises DataError with the line's number where a row does not fit the header."""
    csv.field_size_limit(LONGEST)
    with opened(place) as stream:
        rows = _rows(place, Lines(place, decoded(stream, place, wanted.encoding), LONGEST, "CSV"))
        first = probed(rows, lambda row: row, wanted.column)
        if not first:
            raise NoText(f"{place} holds a header and no rows")
        column, why = pick_column(place, [_with_numbers(row) for row in first], wanted.column)
        say(f"text from the column '{column}' of {place.name} ({why})")
        yield from documents(place, column, (row[column] for row in itertools.chain(first, rows)), say)


class Lines:
    """Pieces of text as lines, line ends kept as they are. One longer than `longest` is a DataError: it is hardly `kind`."""

    def __init__(self, place: Path, pieces: Iterator[str], longest: int, kind: str) -> None:
        self.place, self.pieces = place, pieces
        self.longest, self.kind = longest, kind

    def __iter__(self) -> Iterator[str]:
        waiting = [""]  # of a line whose end is still to come: joined once
        size = 0
        for piece in self.pieces:
            ends = waiting[-1].endswith("\r") or "\n" in piece or "\r" in piece
            waiting.append(piece)
            size += len(piece)
            if ends:
                *lines, rest = _cut(waiting)
                yield from lines
                waiting, size = [rest], len(rest)
            if size > self.longest:
                most = f"{self.longest // 1_000_000} MB"
                raise DataError(f"{self.place} has a line longer than {most}: it is hardly {self.kind}")
        yield from _cut(waiting)


def _with_numbers(row: dict[str, str]) -> dict[str, object]:
    """What spells a number is one: a column of nothing else is not text."""
    return {name: _number(value) for name, value in row.items()}


def _number(value: str) -> object:
    try:
        return float(value.replace(",", "."))
    except ValueError:
        return value


def _cut(pieces: list[str]) -> list[str]:
    return io.StringIO("".join(pieces), newline="").readlines()


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
