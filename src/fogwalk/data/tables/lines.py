"""JSON lines as a table: one object a line, its fields the columns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

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
        elif kinds == {int} and all(value is None or abs(value) < 2**63 for value in values):  # type: ignore[arg-type]
            columns[name] = pyarrow.array(values, pyarrow.int64())
        elif kinds and kinds <= {int, float}:
            columns[name] = pyarrow.array([None if value is None else _float(value) for value in values])
        else:
            texts = [None if value is None else _spelled(value) for value in values]
            columns[name] = pyarrow.array(texts, pyarrow.string())
    return Table(columns)


def _spelled(value: object) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text.encode("utf-8", "replace").decode()  # half of a surrogate pair, which JSON can spell, is no text


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
