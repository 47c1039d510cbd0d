"""What a path holds, and which task fits: said before anything is trained, and overruled by what a person chose.

Before this   settings/; tables/ reads what looks like a table.
After this    cli/ and run.py ask before they begin; tasks/ does what was found.
A text is learned unless a column to predict is named, or a sample is a table.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fogwalk.data.images.images import is_images, listed_labels
from fogwalk.data.sources.protocol import TEXT_COLUMNS
from fogwalk.data.tables.cells import is_long_text, is_time, spelled, task_of
from fogwalk.data.tables.samples import TARGETS
from fogwalk.data.tables.table import Table, forget, format_of, read_table
from fogwalk.errors import FogwalkError, UsageError
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
    paths = tuple(absolute(tuple(map(str, chosen.get("data.path") or ()))))
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
        if len(paths) == 1 and chosen.get("data.column") is None:
            _require_text(paths[0], chosen)
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


LOOKED_AT = 30_000_000  # bytes of a table that are read to see whether it holds a text


def _require_text(path: str, chosen: Mapping[str, Any]) -> None:
    """Raise UsageError for one table that holds no column of text: what is to be predicted has to be named."""
    place = Path(path)
    if format_of(place) not in TABLES or not os.path.isfile(place) or place.stat().st_size > LOOKED_AT:
        return
    try:
        table = read_table([path], chosen.get("data.encoding") or "auto").table
    except FogwalkError:
        return  # told where it is read as a text
    if any(name.lower() in TEXT_COLUMNS or is_long_text(values) for name, values in table.columns.items()):
        forget()
        return
    likely = likely_targets(table)
    first = likely[0] if likely else table.names[-1]
    ordered = [first, *(name for name in table.names if name != first)]
    raise UsageError(
        f"{place.name} is a table of {counted(len(table), 'row')} without a column of text: what is to be predicted?",
        expected=f"The columns, the likeliest first: {', '.join(ordered[:20])}{', …' if len(ordered) > 20 else ''}.",
        remedy=f"fogwalk train {shlex.quote(place.name)} --target {shlex.quote(first)}",
    )


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
