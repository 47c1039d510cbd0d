"""JSON lines: one object a line, one of whose fields is the document."""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from fogwalk.data.decoding import by_mark, decoded, known
from fogwalk.data.opening import opened
from fogwalk.data.sources.columns import documents, pick_column, probed
from fogwalk.data.sources.delimited import Lines
from fogwalk.data.sources.protocol import Piece, Wanted
from fogwalk.errors import DataError, NoText

# Of one line: bytes or, where a letter takes more than one, letters. Beyond it a missing line end is likelier than a document.
LONGEST = 256_000_000
_KINDS: dict[type, str] = {dict: "an object", list: "a list", bool: "true or false"}


def read(place: Path, wanted: Wanted, say: Callable[[str], None]) -> Iterator[Piece]:
    """The text field of every line; raises DataError with the line's number where it is no JSON object."""
    rows = objects(place, wanted)
    first = probed(rows, lambda row: row[1], wanted.column)
    if not first:
        raise NoText(f"{place} is empty", expected="It should hold one JSON object a line.")
    column, why = pick_column(place, [row for _, row in first], wanted.column)
    say(f"text from the field '{column}' of {place.name} ({why})")
    yield from documents(place, column, _texts(place, column, itertools.chain(first, rows)), say)


def _texts(place: Path, column: str, rows: Iterable[tuple[int, dict[str, object]]]) -> Iterator[str | None]:
    for number, row in rows:
        value = row.get(column)
        if value is not None and not isinstance(value, str):
            kind = _KINDS.get(type(value), "a number")
            raise DataError(
                f"{place} line {number}: '{column}' is {kind}, not text",
                expected=f'Each line says it as {{"{column}": "..."}}; one without it, or with null, is left out.',
                remedy="Mend or take out that line, or name another column: --data.column",
            )
        yield value


def objects(place: Path, wanted: Wanted) -> Iterator[tuple[int, dict[str, object]]]:
    """The number and the object of every line that is not blank; raises DataError where it is none."""
    with opened(place) as stream:
        is_wide = _is_wide(stream, wanted.encoding)
        wide = Lines(place, decoded(stream, place, wanted.encoding), LONGEST, "JSON lines")
        for number, line in enumerate(wide if is_wide else _narrow(stream, place, wanted.encoding), 1):
            if line and not line.isspace():
                yield number, _object(place, number, line)


def _is_wide(stream: BinaryIO, encoding: str) -> bool:
    """Whether a letter takes more than one byte, so that no byte is a line's end: UTF-16 and UTF-32."""
    if encoding != "auto":
        return known(encoding).replace("_", "-").startswith(("utf-16", "utf-32"))
    return by_mark(cast(io.BufferedReader, stream).peek(4)) is not None


def _narrow(stream: BinaryIO, place: Path, encoding: str) -> Iterator[str]:
    name = "utf-8" if encoding == "auto" else known(encoding).removesuffix("-sig")
    for number in itertools.count(1):
        line = stream.readline(LONGEST)
        if not line:
            return
        if len(line) == LONGEST:
            raise DataError(f"{place} line {number} is longer than {LONGEST // 1_000_000} MB: it is hardly JSON lines")
        try:
            text = line.decode(name)
        except UnicodeDecodeError as error:
            raise NoText(
                f"{place} line {number} is not {name}: byte 0x{line[error.start]:02x}",
                remedy="Name the encoding: --data.encoding cp1252",
            ) from None
        yield text.removeprefix("\ufeff") if number == 1 else text


def _object(place: Path, number: int, line: str) -> dict[str, object]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{place} line {number} is not JSON: {error}", expected='Each line is one object, such as {"text": "..."}.'
        ) from None
    if isinstance(value, str):
        return {"text": value}
    if not isinstance(value, dict):
        raise DataError(
            f"{place} line {number} is JSON, but a {type(value).__name__} and no object",
            expected='Each line is one object, such as {"text": "..."}.',
        )
    return value
