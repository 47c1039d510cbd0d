"""What a path holds, and which task fits: said before anything is trained, and overruled by what a person chose.

Before this   settings/; tables/ reads what looks like a table.
After this    cli/ and run.py ask before they begin; tasks/ does what was found.
A text is learned unless a column to predict is named, or a sample is a table.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fogwalk.data.files import find_files
from fogwalk.data.images.images import is_images, listed_labels
from fogwalk.data.opening import opened
from fogwalk.data.sources.protocol import TEXT_COLUMNS
from fogwalk.data.tables.cells import is_long_text, is_time, spelled, task_of
from fogwalk.data.tables.samples import TARGETS
from fogwalk.data.tables.table import Table, forget, format_of, read_table
from fogwalk.errors import DataError, FogwalkError, UsageError
from fogwalk.registry import TABLES, TASKS
from fogwalk.settings import Settings, Source, resolve, typed
from fogwalk.settings.fields import counted


def settled(*sources: Source) -> Settings:
    """The settings out of these sources, what they leave open about the task filled with what the data is."""
    return resolve(*found(*sources), *sources)


def found(*sources: Source) -> list[Source]:
    """The task and the model's kind that fit the data, as a source below every other; nothing where it is a text."""
    chosen: dict[str, Any] = {}
    for source in sources:
        chosen |= typed(source)
    given = tuple(map(str, chosen.get("data.path") or ()))
    paths = tuple(absolute(given))
    target = chosen.get("data.target") or next((TARGETS[path] for path in paths if path in TARGETS), None)
    task = chosen.get("task")
    if task is not None and task not in TASKS:
        return []  # refused, with the tasks there are, when the settings are put together
    if task == "language" or not paths:
        return []
    if len(paths) == 1 and is_images(paths[0]):
        why = "found: images"
        values = {"task": "classification", "model_kind": "convolutional"}
        if task is None and (of := listed_labels(paths[0], target, chosen.get("data.encoding") or "auto")):
            label, table = of
            values["task"], because = task_of(table.columns[label], table.decimal_comma)
            why = f"found: images; '{label}' is predicted, and {because}"
        return [Source(why, values)]
    if task is None and target is None:
        if chosen.get("data.column") is None:
            _require_text(given, paths, chosen)
        return []
    if target is None:
        raise UsageError(
            f"--task {task} needs a column to predict", remedy="Name it: --target COLUMN. " + _columns(paths, chosen)
        )
    # Products of few numbers are no faster in two bytes.
    values = {"model_kind": "plain", "data.target": target, "training.precision": "float32"}
    why = "chosen with the task"
    if task is None:
        values["task"], because = _task(paths, target, chosen)
        why = f"found: '{target}' is predicted, and {because}"
    return [Source(why, values)]


def _task(paths: Sequence[str], target: str, chosen: Mapping[str, Any]) -> tuple[str, str]:
    table = read_table(paths, chosen.get("data.encoding") or "auto").table
    table.require(target, "data.target")
    return task_of(table.columns[target], table.decimal_comma)


def absolute(paths: Sequence[str]) -> list[str]:
    """Paths as they are opened: the home folder spelled out."""
    return [path if path.startswith("sample:") else str(Path(path).expanduser().absolute()) for path in paths]


def _columns(paths: Sequence[str], chosen: Mapping[str, Any]) -> str:
    try:
        table = read_table(paths, chosen.get("data.encoding") or "auto").table
    except FogwalkError:  # told when the table is read in earnest
        return ""
    return f"The columns: {', '.join(table.names[:20])}."


LOOKED_AT = 30_000_000  # bytes of a table that is read whole to see whether it holds a text; of a larger one its
BEGINNING = 1_000_000  # first bytes, or
FIRST_ROWS = 2000  # rows; and of many, the first
FILES = 8


def _require_text(given: Sequence[str], paths: Sequence[str], chosen: Mapping[str, Any]) -> None:
    """Raise UsageError for tables that hold no column of text: what is to be predicted has to be named."""
    if any(path.startswith("sample:") for path in paths):
        return
    encoding = chosen.get("data.encoding") or "auto"
    try:
        places = [place for _, place in find_files(paths).places]
        if not all(format_of(place) in TABLES for place in places):
            return
        whole = len(places) == 1 and places[0].stat().st_size <= LOOKED_AT
        tables = [
            read_table(paths, encoding).table if whole else _beginning(place, encoding) for place in places[:FILES]
        ]
    except (FogwalkError, OSError):
        return  # told where it is read as a text
    if any(map(_holds_text, tables)):
        forget()
        return
    table = tables[0]
    likely = likely_targets(table)
    first = likely[0] if likely else table.names[-1]
    ordered = [first, *(name for name in table.names if name != first)]
    rows = f" of {counted(len(table), 'row')}" if whole else ""
    more = f" and {counted(len(places) - 1, 'more file')}" if len(places) > 1 else ""
    raise UsageError(
        f"{places[0].name}{more} {'are tables' if more else f'is a table{rows}'} without a column of text: "
        "what is to be predicted?",
        expected=f"The columns, the likeliest first: {', '.join(ordered[:20])}{', …' if len(ordered) > 20 else ''}.",
        remedy=f"fogwalk train {shlex.join(given)} --target {shlex.quote(first)}",
    )


def _holds_text(table: Table) -> bool:
    columns = table.columns.items()
    return not columns or any(name.lower() in TEXT_COLUMNS or is_long_text(values) for name, values in columns)


def _beginning(place: Path, encoding: str) -> Table:
    """A table of the first rows of a file; raises DataError where they do not end with a line."""
    if (format := format_of(place)) == "xlsx":
        return read_table([str(place)], encoding).table
    with TemporaryDirectory() as folder:
        part = Path(folder) / f"{place.stem}.{format}"
        if format == "parquet":
            _first_rows(place, part)
        else:
            with opened(place) as stream:
                start = stream.read(BEGINNING)
            part.write_bytes(start if len(start) < BEGINNING else start[: start.rfind(b"\n") + 1])
        table = read_table([str(part)], encoding).table
    forget()
    return table


def _first_rows(place: Path, part: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(place) as file:
            rows = next(file.iter_batches(FIRST_ROWS))
    except (pyarrow.ArrowException, StopIteration) as error:
        raise DataError(f"{place} is no Parquet table: {error}") from None
    parquet.write_table(pyarrow.Table.from_batches([rows]), part)


BY_NAME = ("target", "label", "class", "y", "outcome", "species", "price", "survived", "churn", "result", "quality")


def likely_targets(table: Table) -> list[str]:
    """The columns that are likelier than others to be what a person wants to predict, likeliest first: by their names, else the
    last ones first; one whose cells are all different words, or all the same, comes never."""
    from pyarrow import compute

    def rank(name: str) -> tuple[int, int]:
        lower = name.lower()
        return BY_NAME.index(lower) if lower in BY_NAME else len(BY_NAME), -table.names.index(name)

    def may_be(name: str) -> bool:
        words = spelled(table.columns[name])
        different = compute.count_distinct(words).as_py()
        task, _ = task_of(table.columns[name], table.decimal_comma)
        return (
            different > 1 and (task == "regression" or different <= len(table) / 2) and not is_time(table.columns[name])
        )

    return sorted(filter(may_be, table.names), key=rank)
