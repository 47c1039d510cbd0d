"""A table: named columns of equal length, as they stand in files. What they mean is found out later, in encoding/columns.py.

Before this   ../files.py has found the files; delimited.py, lines.py, parquet.py and spreadsheet.py beside this file read them.
After this    encoding/columns.py makes numbers of the columns; holdout.py tells which rows are held back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fogwalk.data.files import find_files
from fogwalk.data.opening import ending, raw_digest
from fogwalk.data.tables.samples import columns as sample_columns
from fogwalk.errors import DataError
from fogwalk.registry import TABLES, did_you_mean, nearest

# What stands for nothing, in lower case; so does a cell that is empty or blank.
MISSING = ("", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "?", "-", "--", ".", "missing")

Say = Callable[[str], None]
Rows = NDArray[np.int64]
Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Table:
    """Columns as pyarrow arrays of text, numbers, booleans or times; a cell that is None holds nothing, and so does one among
    numbers that is none. `decimal_comma` tells that numbers are likely written 1.234,5, as where semicolons stand between."""

    columns: dict[str, Any]
    decimal_comma: bool = False

    def __post_init__(self) -> None:
        from pyarrow import compute, scalar, types

        def known(values: Any) -> Any:
            if not types.is_floating(values.type) or not compute.any(compute.is_nan(values)).as_py():
                return values
            return compute.if_else(compute.is_nan(values), scalar(None, values.type), values)

        object.__setattr__(self, "columns", {name: known(values) for name, values in self.columns.items()})

    @property
    def names(self) -> list[str]:
        """The columns in their order."""
        return list(self.columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def take(self, rows: Rows) -> Table:
        """Some of the rows, in this order."""
        return Table({name: values.take(rows) for name, values in self.columns.items()}, self.decimal_comma)

    def without(self, names: Sequence[str]) -> Table:
        """All but some columns."""
        kept = {name: values for name, values in self.columns.items() if name not in names}
        return Table(kept, self.decimal_comma)

    def require(self, name: str, flag: str) -> None:
        """Raise DataError, naming the nearest, where there is no such column."""
        if name not in self.columns:
            raise DataError(
                f"there is no column '{name}'",
                expected=f"The columns: {', '.join(self.names[:20])}{', …' if len(self.names) > 20 else ''}.",
                remedy=did_you_mean(name, self.names) if len(self.names) > 20 or nearest(name, self.names) else "",
                origin=f"It came from --{flag}.",
            )


_HASHED = 50_000  # rows at once


def row_hashes(table: Table) -> Hashes:
    """64 bits of each row's BLAKE2b over its cells as text."""
    import pyarrow
    from pyarrow import compute

    def joined() -> Iterator[bytes]:
        for start in range(0, len(table), _HASHED):  # in portions: one array of text holds two gigabytes at most
            cells = [values.slice(start, _HASHED).cast(pyarrow.string()) for values in table.columns.values()]
            rows = compute.binary_join_element_wise(*cells, "\x1f", null_handling="replace", null_replacement="\x1e")
            yield from (row.encode("utf-8", "surrogatepass") for row in rows.to_pylist())

    return hashes(joined())


def hashes(records: Iterable[bytes]) -> Hashes:
    """64 bits of each record's BLAKE2b."""
    digests = b"".join(hashlib.blake2b(record, digest_size=8).digest() for record in records)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)


@dataclass(frozen=True)
class Found:
    """A table and where it was read; `digest` is the hash of the bytes, `notes` tell what was read otherwise than it stands."""

    table: Table
    digest: str
    notes: tuple[str, ...]


def read_table(paths: Sequence[str], encoding: str = "auto") -> Found:
    """One table of all the files that these paths mean, which must have the same columns; raises DataError that says what is
    wrong, with file and line."""
    key = (tuple(paths), encoding, _stamps(paths))
    if key not in _read:
        _read.clear()
        _read[key] = _whole(paths, encoding)
    return _read[key]


# The table that was read last: what a path holds is asked for before it is read in earnest.
_read: dict[tuple[object, ...], Found] = {}


def forget() -> None:
    """Let go of the table that was read last."""
    _read.clear()


def _stamps(paths: Sequence[str]) -> tuple[object, ...]:
    files = [path for path in paths if not path.startswith("sample:")]
    places = [place for _, place in find_files(files).places] if files else []
    return tuple((str(place), place.stat().st_size, place.stat().st_mtime_ns) for place in places)


def _whole(paths: Sequence[str], encoding: str) -> Found:
    notes: list[str] = []

    def say(words: str) -> None:
        if words not in notes:
            notes.append(words)

    whole = hashlib.sha256(f"table\0{encoding}".encode())
    tables: list[tuple[str, Table]] = []
    for path in (path for path in paths if path.startswith("sample:")):
        table = Table(sample_columns(path))
        tables.append((path, table))
        whole.update(f"\0{path}\0".encode() + row_hashes(table).tobytes())
    files = [path for path in paths if not path.startswith("sample:")]
    for name, place in find_files(files).places if files else ():
        format = format_of(place)
        if format not in TABLES:
            raise DataError(
                f"{place} is not a table that Fogwalk reads",
                expected="Tables are .csv, .tsv, .parquet, .jsonl and .xlsx files.",
                remedy="A text is learned without --target.",
            )
        tables.append((name, TABLES.get(format)(place, encoding, say)))
        whole.update(f"\0{format}\0{raw_digest(place)}".encode())
    return Found(_joined(tables), whole.hexdigest(), tuple(notes))


_ENDINGS = {".tsv": "csv", ".tab": "csv", ".ndjson": "jsonl", ".pq": "parquet", ".xlsm": "xlsx"}


def format_of(place: Path) -> str:
    """What a file's name says it is, .gz and .zst taken off: csv, jsonl, parquet, xlsx, or another ending."""
    name = ending(place)
    return _ENDINGS.get(name, name[1:])


def _joined(tables: list[tuple[str, Table]]) -> Table:
    _, first = tables[0]
    for other in tables[1:]:
        for (full, whole), (lacking, part) in permutations((tables[0], other)):
            if missing := [column for column in whole.names if column not in part.columns]:
                raise DataError(
                    f"{lacking} has no column '{missing[0]}', but {full} has",
                    expected="Files that are read as one table have the same columns.",
                )
    if len(tables) == 1:
        return first
    import pyarrow

    parts = {name: [table.columns[name] for _, table in tables] for name in first.names}
    joined = {
        name: pyarrow.concat_arrays(
            [_as_text(part) for part in arrays] if len({str(a.type) for a in arrays}) > 1 else arrays
        )
        for name, arrays in parts.items()
    }
    return Table(joined, all(table.decimal_comma for _, table in tables))


def _as_text(values: Any) -> Any:
    import pyarrow

    return values.cast(pyarrow.string())


def named(place: Path, header: Sequence[str]) -> list[str]:
    """The names in a header, blanks around them taken off, those without one numbered; one that stands twice is a DataError."""
    names = [name.strip() or f"column {number}" for number, name in enumerate(header, 1)]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"{place} names the column '{twice[0]}' twice in its header", remedy="Rename one of them.")
    return names
