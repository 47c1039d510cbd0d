"""fogwalk data inspect, for a table or for images: what is there, how each column would be read, and how it would be split."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fogwalk.settings import Settings

if TYPE_CHECKING:  # with the task comes torch
    from fogwalk.encoding.columns import Category, Number
    from fogwalk.tasks.recognition import Recognition

WORDS = 5  # of a column that are shown


def inspect_records(settings: Settings, *, as_json: bool) -> int:
    """Print what there is."""
    from fogwalk.cli.plain import printable
    from fogwalk.cli.tables import print_json, print_table
    from fogwalk.encoding.columns import Columns
    from fogwalk.tasks.recognition import Recognition
    from fogwalk.training import plan

    task = Recognition(plan.close_before_data(settings))
    record = _record(task, settings)
    if as_json:
        print_json(record)
        return 0
    for words in (f"{record['task']} ({record['why']})", *task.words(), task.chance()):
        print(printable(words))
    if isinstance(task.encoder, Columns):
        print()
        table = task.records.table  # type: ignore[attr-defined]  # what columns are read from
        rows = [
            (printable(column.name), *map(printable, _told(column, table.columns[column.name])))
            for column in task.encoder.read
        ]
        rows += [(printable(name), "left out", printable(why)) for name, why in task.encoder.left_out.items()]
        if settings.data.group:
            rows.append((printable(settings.data.group), "left out", "rows are held back by it"))
        print_table(("column", "read as", "what it holds"), rows)
    return 0


def _record(task: Recognition, settings: Settings) -> dict[str, Any]:
    from fogwalk.encoding.columns import Columns

    columns = [asdict(column) for column in task.encoder.read] if isinstance(task.encoder, Columns) else []
    return {
        **task.facts,
        "task": settings.task,
        "why": settings.origin("task"),
        "unit": task.sizes.unit,
        "read": columns,
        "doubts": task.doubts(),
        "notes": task.notes,
    }


def _told(column: Number | Category, values: Any) -> tuple[str, str]:
    """What a column is read as, and what it holds."""
    from fogwalk.data.tables.cells import blanks
    from fogwalk.encoding.columns import Number

    written = ", ".join(blanks(values)[:3])
    missing = ", some missing" + (f" ({written})" if written else "")
    if isinstance(column, Number):
        how = f", written as {' or '.join(column.written)}" if column.written else ""
        return "number", (
            f"median {column.center:.4g}, spread {column.scale:.4g}{missing if column.indicator else ''}{how}"
        )
    words = [word for word in column.words if word != "\nmissing"]
    shown = ", ".join(words[:WORDS]) + (f", … ({len(words):,})" if len(words) > WORDS else "")
    return "words, a vector for each" if column.listed else "words", shown + (missing if column.missing else "")
