"""JSON lines as a table: one object a line, its fields the columns."""

from __future__ import annotations

from pathlib import Path

from fogwalk.data.sources.lines import objects
from fogwalk.data.sources.protocol import Wanted
from fogwalk.data.tables.table import Say, Table
from fogwalk.errors import DataError


def read(place: Path, encoding: str, say: Say) -> Table:
    """Columns of booleans, numbers or text; fields that hold lists or objects are left out, and said."""
    import pyarrow

    rows = [row for _, row in objects(place, Wanted(encoding, None))]
    if not rows:
        raise DataError(f"{place} is empty", expected="It should hold one JSON object a line.")
    columns = {}
    for name in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(name) for row in rows]
        kinds = {type(value) for value in values if value is not None}
        if kinds & {dict, list}:
            say(f"'{name}' of {place.name} holds lists or objects, and is left out")
        elif kinds == {bool}:
            columns[name] = pyarrow.array(values, pyarrow.bool_())
        elif kinds and kinds <= {int, float}:
            columns[name] = pyarrow.array([None if value is None else float(value) for value in values])  # type: ignore[arg-type]
        else:
            texts = [None if value is None else _spelled(value) for value in values]
            columns[name] = pyarrow.array(texts, pyarrow.string())
    return Table(columns)


def _spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
