"""JSON lines: one object a line, one of whose fields is the document."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from fogwalk.data.decoding import known
from fogwalk.data.opening import opened
from fogwalk.data.sources.columns import PROBED, pick_column
from fogwalk.data.sources.protocol import Piece, Wanted
from fogwalk.errors import DataError

LONGEST = 256_000_000  # bytes of one line: beyond it a missing line end is likelier than a document


def read(place: Path, wanted: Wanted, say: Callable[[str], None]) -> Iterator[Piece]:
    """The text field of every line; raises DataError with the line's number where it is no JSON object."""
    rows = _objects(place, wanted)
    probed = list(itertools.islice(rows, PROBED))
    if not probed:
        raise DataError(f"{place} is empty", expected="It should hold one JSON object a line.")
    column, why = pick_column(place, [row for _, row in probed], wanted.column)
    say(f"text from the field '{column}' of {place.name} ({why})")
    for number, row in itertools.chain(probed, rows):
        value = row.get(column)
        if isinstance(value, str):
            if value:
                yield Piece(value, True)
        elif value is not None:
            raise DataError(f"{place} line {number}: '{column}' is {type(value).__name__}, not text")


def _objects(place: Path, wanted: Wanted) -> Iterator[tuple[int, dict[str, object]]]:
    encoding = "utf-8-sig" if wanted.encoding == "auto" else known(wanted.encoding)
    with opened(place) as stream:
        for number in itertools.count(1):
            line = stream.readline(LONGEST)
            if not line:
                return
            if len(line) == LONGEST:
                raise DataError(
                    f"{place} line {number} is longer than {LONGEST // 1_000_000} MB: it is hardly JSON lines"
                )
            if not line.isspace():
                yield number, _object(place, number, line, encoding if number == 1 else encoding.removesuffix("-sig"))


def _object(place: Path, number: int, line: bytes, encoding: str) -> dict[str, object]:
    try:
        value = json.loads(line.decode(encoding))
    except UnicodeDecodeError as error:
        raise DataError(
            f"{place} line {number} is not {encoding.removesuffix('-sig')}: byte 0x{line[error.start]:02x}",
            remedy="Name the encoding: --data.encoding cp1252",
        ) from None
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
