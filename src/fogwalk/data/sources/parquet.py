"""Parquet tables, read in portions; one column holds the documents."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from fogwalk.data.sources.columns import documents, not_text, pick_column, probed
from fogwalk.data.sources.protocol import Piece, Wanted
from fogwalk.errors import DataError

ROWS = 1000  # read at once, or fewer where they are long: of so many bytes together
BYTES = 16_000_000
_BUFFERED = 1 << 20  # bytes of a column read at once: without it a whole row group's


def read(place: Path, wanted: Wanted, say: Callable[[str], None]) -> Iterator[Piece]:
    """The text column of every row; raises DataError for a file that is damaged or has no such column."""
    import pyarrow
    import pyarrow.parquet

    try:
        # Opened here: pyarrow opens no name that is not UTF-8.
        with place.open("rb") as file, pyarrow.parquet.ParquetFile(file, buffer_size=_BUFFERED) as table:
            kinds = {field.name: str(field.type) for field in table.schema_arrow}
            names = [field.name for field in table.schema_arrow if _is_text(field.type)]
            asked = wanted.column
            if asked is not None and asked in kinds and asked not in names:
                raise not_text(place, asked, kinds[asked], names)
            at_once = _rows_at_once(table.metadata)
            with closing(_rows(table, at_once, names)) as filled:
                rows = probed(filled, lambda row: row, asked) or [dict.fromkeys(names or kinds)]
            column, why = pick_column(place, rows, asked)
            del rows
            say(f"text from the column '{column}' of {place.name} ({why})")
            read = (batch.column(0).to_pylist() for batch in table.iter_batches(batch_size=at_once, columns=[column]))
            yield from documents(place, column, itertools.chain.from_iterable(read), say)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{place} is not a Parquet table, or is damaged: {str(error).splitlines()[0]}") from None


def _rows(table: Any, at_once: int, names: list[str]) -> Generator[dict[str, Any], None, None]:
    """The rows that hold any text at all."""
    for batch in table.iter_batches(batch_size=at_once, columns=names) if names else ():
        yield from (row for row in batch.to_pylist() if any(row.values()))


def _rows_at_once(metadata: Any) -> int:
    groups = (metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    each = sum(groups) / max(metadata.num_rows, 1)
    return max(1, min(ROWS, int(BYTES / max(each, 1))))


def _is_text(kind: Any) -> bool:
    """Whether a column of this Arrow type holds text, perhaps each different one but once."""
    from pyarrow import types

    inner = kind.value_type if types.is_dictionary(kind) else kind
    return bool(types.is_string(inner) or types.is_large_string(inner) or types.is_string_view(inner))
