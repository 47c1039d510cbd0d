"""Parquet as a table: columns keep their types; what holds lists or records is left out, and said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fogwalk.data.tables.table import Say, Table
from fogwalk.errors import DataError


def read(place: Path, encoding: str, say: Say) -> Table:
    """All columns of one kind or another; raises DataError for a file that is damaged."""
    import pyarrow
    from pyarrow import parquet, types

    try:
        with place.open("rb") as file:
            table = parquet.read_table(file)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{place} is not a Parquet table, or is damaged: {str(error).splitlines()[0]}") from None
    if not table.num_rows:
        raise DataError(f"{place} holds no rows")
    columns: dict[str, Any] = {}
    for name in table.column_names:
        values = table[name].combine_chunks()
        values = values.chunk(0) if isinstance(values, pyarrow.ChunkedArray) else values
        if types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if types.is_nested(values.type):
            say(f"'{name}' of {place.name} holds lists or records, and is left out")
        elif not any(known(values.type) for known in _known()):
            say(f"'{name}' of {place.name} holds {values.type}, and is left out")
        elif types.is_decimal(values.type):
            columns[name] = values.cast(pyarrow.float64())
        elif types.is_float16(values.type):  # of which pyarrow computes little
            columns[name] = values.cast(pyarrow.float32())
        elif types.is_large_string(values.type) or types.is_string_view(values.type):
            columns[name] = values.cast(pyarrow.string())
        else:
            columns[name] = values
    return Table(columns)


def _known() -> tuple[Callable[[Any], bool], ...]:
    """Tests of the types that a column may have."""
    from pyarrow import types

    text = (types.is_string, types.is_large_string, types.is_string_view)
    return (*text, types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, _is_when, types.is_null)


def _is_when(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_temporal(kind) and not types.is_duration(kind))
