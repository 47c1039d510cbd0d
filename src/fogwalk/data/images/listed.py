"""A table of file names with a label each: a column whose cells name images beside the table.

Before this   pictures.py; ../tables/ reads the list.
After this    images.py asks for it where a path is a table whose cells are such names.
"""

from __future__ import annotations

import csv
import io
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fogwalk.data.images import pictures
from fogwalk.data.images.images import SUFFIXES, Images
from fogwalk.data.opening import opened
from fogwalk.data.tables.cells import answers, spelled
from fogwalk.data.tables.delimited import DELIMITERS
from fogwalk.data.tables.table import Table, read_table
from fogwalk.errors import DataError, FogwalkError

LOOKED_AT = 1 << 16  # bytes of a table that are read to see whether it names images
ROWS = 200  # of it at most


def is_list(place: Path) -> bool:
    """Whether most cells of some column, as far as one looks, end as the names of images do, and one of these is there; or there
    is at most one more column, so that nothing else could be learned from."""
    try:
        with opened(place) as stream:
            start = stream.read(LOOKED_AT).decode("utf-8", "replace")
        delimiter = max(DELIMITERS, key=start.partition("\n")[0].count)
        rows = list(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter))[1:ROWS]
    except (FogwalkError, csv.Error):
        return False
    width = max(map(len, rows), default=0)
    columns = [[row[at] for row in rows if at < len(row) and row[at]] for at in range(width)]
    files = [cells for cells in columns if _mostly_images(cells)]
    return bool(files) and (len(columns) <= 2 or any(_some_there(place.parent, cells) for cells in files))


def _mostly_images(cells: list[str]) -> bool:
    return bool(cells) and sum(cell.lower().endswith(SUFFIXES) for cell in cells) > 0.5 * len(cells)


def _some_there(folder: Path, cells: list[str]) -> bool:
    return any(os.path.isfile(folder / cell) for cell in cells)


def naming(table: Table) -> dict[str, list[str]]:
    """The columns that name images, each with its first cells."""
    firsts = {
        name: [cell for cell in values.slice(0, ROWS).to_pylist() if isinstance(cell, str) and cell]
        for name, values in table.columns.items()
    }
    return {name: cells for name, cells in firsts.items() if _mostly_images(cells)}


def _columns(table: Table, folder: Path, target: str | None) -> tuple[str | None, str | None]:
    """The column of files, rather one whose files are there; and that of the labels: the one asked for, or the only other."""
    found = naming(table)
    column = next((name for name, cells in found.items() if _some_there(folder, cells)), next(iter(found), None))
    others = [name for name in table.names if name != column]
    return column, others[0] if target is None and len(others) == 1 else target


def labels(place: Path, target: str | None, encoding: str) -> tuple[str, Table] | None:
    """The column of the labels, and its table; nothing where that cannot be told, or the list cannot be read."""
    try:
        table = read_table([str(place)], encoding).table
    except FogwalkError:
        return None  # told where it is read in earnest
    _, target = _columns(table, place.parent, target)
    return (target, table) if target in table.columns and target is not None else None


def read(
    place: Path,
    target: str | None,
    size: int | None,
    channels: int | None,
    *,
    encoding: str = "auto",
    answering: bool = False,
) -> Images:
    """Each image of the list with its label; names that no file has are left out, and said. When `answering`, images may be
    without a label, and the list without the column."""
    table = read_table([str(place)], encoding).table
    column, label = _columns(table, place.parent, target)
    if column is None:
        raise DataError(
            f"{place} names no images", expected=f"One column should hold names such as photo.jpg: {table.names}"
        )
    others = [name for name in table.names if name != column]
    if answering and label not in table.columns:
        label, others = None, []
    told: list[Any] = [""] * len(table)
    if label is not None:
        table.require(label, "data.target")
        told = spelled(answers(table.columns[label])).to_pylist()
        told = [one or "" for one in told] if answering else told
    elif others:
        raise DataError(
            f"{place} has several columns beside '{column}'",
            remedy=f"Name the label: --target {' or '.join(others[:4])}.",
        )
    notes: list[str] = []
    if label is not None and not answering and (rest := [f"'{name}'" for name in others if name != label]):
        notes.append(f"of the list, {', '.join(rest[:4])}{' and more' if len(rest) > 4 else ''} is not looked at")
    files = table.columns[column].to_pylist()
    places = [None if not name else place.parent / name for name in files]
    there = np.array([found is not None and found.is_file() for found in places])
    known = there & np.array([one is not None for one in told])
    if not there.any():
        raise DataError(f"none of the {len(files):,} images that {place} names is there: {files[0]} is the first")
    if not there.all():
        missing = [str(name) for name, found in zip(files, there, strict=True) if not found]
        notes.append(
            f"{len(missing):,} of {len(files):,} images named are not there: {missing[0]}{' …' if len(missing) > 1 else ''}"
        )
    if (unlabelled := int((there & ~known).sum())) and label is not None:
        notes.append(f"{unlabelled:,} images have no label in '{label}', and are left out")
    chosen = np.flatnonzero(known)
    found = pictures.read(
        [found for at in chosen if (found := places[at]) is not None],
        [told[at] for at in chosen],
        [str(files[at]) for at in chosen],
        size,
        channels,
        notes,
        table.take(chosen),
    )
    return replace(found, target=label)
