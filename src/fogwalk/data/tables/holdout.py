"""Which rows are held back to validate on: told by each row's own bytes, so that the same rows are held back whenever the
table is read, whatever their order, and twins stand on one side.

Before this   table.py.
After this    encoding/columns.py learns from the rows that are not held back, and from them alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fogwalk.data.tables.table import Hashes

Held = NDArray[np.bool_]

BEYOND = 1.5  # times the share that groups may make up


def held_back(rows: Hashes, share: float, classes: NDArray[np.int64] | None = None) -> Held:
    """Of each class, or of all rows, the share with the lowest hashes: at least one and never all. Rows of equal hash stand
    on one side."""
    held = np.zeros(len(rows), dtype=bool)
    for one in np.unique(classes) if classes is not None else [None]:
        members = np.flatnonzero(classes == one) if one is not None else np.arange(len(rows))
        different = np.sort(np.unique(rows[members]))
        if len(different) < 2:
            continue
        ordered = np.sort(rows[members])
        last = ordered[max(round(share * len(members)), 1) - 1]
        last = min(last, different[-2])
        held[members] = rows[members] <= last
    return held


def held_back_groups(groups: Hashes, share: float) -> Held:
    """Whole groups, lowest hash first, until the share of rows is reached, without those that would go far beyond it; at least
    one and never all. Where none fits, the smallest."""
    different, counts = np.unique(groups, return_counts=True)
    wanted = share * len(groups)
    taken: list[int] = []
    total = 0
    for at, count in enumerate(counts.tolist()):
        if total >= wanted or len(taken) == len(different) - 1:
            break
        if total + count <= BEYOND * wanted:
            taken.append(at)
            total += count
    return np.asarray(np.isin(groups, different[taken or [int(counts.argmin())]]))
