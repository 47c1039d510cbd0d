"""Which column of a table or of JSON objects holds the text: the one asked for, the one so called, or the longest.

Before this   protocol.py.
After this    lines.py, delimited.py and parquet.py beside this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from fogwalk.data.sources.protocol import TEXT_COLUMNS, Piece
from fogwalk.errors import DataError, NoText
from fogwalk.registry import did_you_mean

Row = TypeVar("Row")

PROBED = 200  # rows looked at before a column is chosen; more where some column has held nothing so far, up to
MOST_PROBED = 20_000
PROBED_CHARACTERS = 10_000_000  # and fewer where they are long
CUT = 1 << 20  # characters of one piece, at most


def probed(rows: Iterator[Row], columns: Callable[[Row], Mapping[str, object]], asked: str | None) -> list[Row]:
    """The first rows: so many that each column is known by something it holds, and the one asked for is among them."""
    found: list[Row] = []
    names: set[str] = set()
    filled: set[str] = set()
    size = 0
    for row in rows:
        found.append(row)
        values = columns(row)
        names.update(values)
        filled.update(name for name, value in values.items() if value is not None and value != "")
        size += _weight(values)
        enough = names == filled and (asked is None or asked in names)
        if len(found) >= (PROBED if enough else MOST_PROBED) or size >= PROBED_CHARACTERS:
            break
    return found


def _weight(value: object) -> int:
    """About how many characters a value is as large as in memory."""
    if isinstance(value, Mapping):
        return sum(map(_weight, value.values()))
    if isinstance(value, list):
        return sum(map(_weight, value))
    return len(value) if isinstance(value, str) else 32


def pick_column(place: Path, rows: Sequence[Mapping[str, object]], asked: str | None) -> tuple[str, str]:
    """The column with the text, and why it was chosen; raises DataError when none is asked for that exists."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if asked is not None:
        if asked not in names:
            raise DataError(
                f"{place} has no column '{asked}'"
                + (f" in its first {len(rows):,} rows" if len(rows) > PROBED else ""),
                remedy=did_you_mean(asked, names),
                origin="It came from --data.column.",
            )
        if _first(rows, asked) is not None and not any(isinstance(row.get(asked), str) for row in rows):
            texts_there = [name for name in names if any(isinstance(row.get(name), str) for row in rows)]
            kind = type(_first(rows, asked)).__name__
            raise not_text(place, asked, {"float": "numbers", "int": "numbers"}.get(kind, kind), texts_there)
        return asked, "asked for"
    lengths = {name: sum(len(v) for row in rows if isinstance(v := row.get(name), str)) for name in names}
    texts = {name: length for name, length in lengths.items() if length}
    if not texts:
        shown = ", ".join(names[:8])
        raise NoText(
            f"{place} has no column of text", expected=f"Its columns: {shown}." if shown else "It has no columns."
        )
    for name in TEXT_COLUMNS:
        for there in texts:
            if there.lower() == name:
                return there, "by its name"
    longest = max(texts, key=texts.__getitem__)
    return longest, "the longest text of " + ", ".join(names[:8]) if len(names) > 1 else "the only one"


def documents(place: Path, column: str, texts: Iterable[str | None], say: Callable[[str], None]) -> Iterator[Piece]:
    """Each row's text as a document, a long one in pieces; how many rows hold none is said."""
    rows = without = 0
    for text in texts:
        rows += 1
        if text and len(text) <= CUT:
            yield Piece(text, True)
        elif text:
            for start in range(0, len(text), CUT):
                yield Piece(text[start : start + CUT], start + CUT >= len(text))
        else:
            without += 1
    if without:
        say(f"{without:,} of {rows:,} rows of {place.name} have no text in '{column}' and are left out")


def _first(rows: Sequence[Mapping[str, object]], name: str) -> object:
    return next((row[name] for row in rows if row.get(name) is not None), None)


def not_text(place: Path, column: str, kind: str, texts: Sequence[str]) -> DataError:
    """The column that was asked for holds something else; `texts` are those that hold text."""
    return DataError(
        f"the column '{column}' of {place} holds {kind}, not text",
        remedy=f"Columns of text: {', '.join(texts)}." if texts else "It has no column of text.",
        origin="It came from --data.column.",
    )
