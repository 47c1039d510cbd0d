"""A table of file names with a label each: a column whose cells name images beside the table.

Before this   pictures.py; ../tables/ reads the list.
After this    images.py asks for it where a path is a table whose cells are such names.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np

from fogwalk.data.images import pictures
from fogwalk.data.images.images import SUFFIXES, Images
from fogwalk.data.opening import opened
from fogwalk.data.tables.cells import spelled
from fogwalk.data.tables.delimited import DELIMITERS
from fogwalk.data.tables.table import Table, read_table
from fogwalk.errors import DataError, FogwalkError

LOOKED_AT = 1 << 16  # bytes of a table that are read to see whether it names images


def is_list(place: Path) -> bool:
    """Whether most cells of some column, as far as one looks, end as the names of images do."""
    try:
        with opened(place) as stream:
            start = stream.read(LOOKED_AT).decode("utf-8", "replace")
        delimiter = max(DELIMITERS, key=start.partition("\n")[0].count)
        rows = list(csv.reader(io.StringIO(start, newline=""), delimiter=delimiter))[1:200]
    except (FogwalkError, csv.Error):
        return False
    width = max(map(len, rows), default=0)
    return any(_mostly_images([row[at] for row in rows if at < len(row) and row[at]]) for at in range(width))


def _mostly_images(cells: list[str]) -> bool:
    return bool(cells) and sum(cell.lower().endswith(SUFFIXES) for cell in cells) > 0.5 * len(cells)


def _column_of_files(table: Table) -> str | None:
    for name, values in table.columns.items():
        cells = [cell for cell in values.slice(0, 200).to_pylist() if isinstance(cell, str) and cell]
        if _mostly_images(cells):
            return name
    return None


def read(place: Path, target: str | None, size: int | None, channels: int | None, *, answering: bool = False) -> Images:
    """Each image of the list with its label; names that no file has are left out, and said. When `answering`, images may be
    without a label, and the list without the column."""
    table = read_table([str(place)]).table
    column = _column_of_files(table)
    if column is None:
        raise DataError(
            f"{place} names no images", expected=f"One column should hold names such as photo.jpg: {table.names}"
        )
    others = [name for name in table.names if name != column]
    if answering and target not in table.columns:
        target, others = None, []
    if target is None and len(others) == 1:
        target = others[0]
    labels: list[Any] = [""] * len(table)
    if target is not None:
        table.require(target, "data.target")
        labels = spelled(table.columns[target]).to_pylist()
        labels = [label or "" for label in labels] if answering else labels
    elif others:
        raise DataError(
            f"{place} has several columns beside '{column}'",
            remedy=f"Name the label: --target {' or '.join(others[:4])}.",
        )
    notes: list[str] = []
    files = table.columns[column].to_pylist()
    places = [None if not name else place.parent / name for name in files]
    there = np.array([found is not None and found.is_file() for found in places])
    known = there & np.array([label is not None for label in labels])
    if not there.any():
        raise DataError(f"none of the {len(files):,} images that {place} names is there: {files[0]} is the first")
    if not there.all():
        missing = [str(name) for name, found in zip(files, there, strict=True) if not found]
        notes.append(
            f"{len(missing):,} of {len(files):,} images named are not there: {missing[0]}{' …' if len(missing) > 1 else ''}"
        )
    if (unlabelled := int((there & ~known).sum())) and target is not None:
        notes.append(f"{unlabelled:,} images have no label in '{target}', and are left out")
    chosen = np.flatnonzero(known)
    return pictures.read(
        [found for at in chosen if (found := places[at]) is not None],
        [labels[at] for at in chosen],
        [str(files[at]) for at in chosen],
        size,
        channels,
        notes,
    )
