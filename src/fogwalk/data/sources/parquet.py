"""Parquet tables, read in portions; one column holds the documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fogwalk.data.sources.columns import PROBED, pick_column
from fogwalk.data.sources.protocol import Piece, Wanted
from fogwalk.errors import DataError

ROWS = 1000  # read at once


def read(place: Path, wanted: Wanted, say: Callable[[str], None]) -> Iterator[Piece]:
    """The text column of every row; raises DataError for a file that is damaged or has no such column."""
    import pyarrow
    import pyarrow.parquet

    try:
        # Opened here: pyarrow opens no name that is not UTF-8.
        with place.open("rb") as file, pyarrow.parquet.ParquetFile(file) as table:
            names = table.schema_arrow.names
            first = next(table.iter_batches(batch_size=PROBED, columns=names), None)
            rows = first.to_pylist() if first is not None else []
            column, why = pick_column(place, rows or [dict.fromkeys(names)], wanted.column)
            say(f"text from the column '{column}' of {place.name} ({why})")
            for batch in table.iter_batches(batch_size=ROWS, columns=[column]):
                yield from (Piece(text, True) for text in batch.column(0).to_pylist() if text)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{place} is not a Parquet table, or is damaged: {str(error).splitlines()[0]}") from None
