"""What is predicted: whether it can be, and which columns give it away.

Before this   columns.py has learned the columns; data/tables/cells.py reads what cells spell.
After this    tasks/recognition.py refuses with it what cannot be predicted, and says what is doubtful.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fogwalk.data.tables import cells
from fogwalk.data.tables.table import Rows, Table
from fogwalk.encoding.columns import Columns, Matrix, Number, places_of
from fogwalk.errors import DataError

FEWEST = 20  # rows from which something is told of a column
MOST = 50_000  # rows that are looked at for it
NAMED = 8  # classes that are named
ALONE = 0.999  # rank correlation, and share of the variance, above which a column alone tells a number


# -- whether it can be predicted -----------------------------------------------------------------------------------------


def numbers_of(name: str, values: Any, decimal_comma: bool) -> cells.Numbers:
    """The numbers to predict; raises DataError where too many cells hold none."""
    found = cells.read_numbers(values, decimal_comma)
    if found.wrong > cells.STRAYS * len(values):
        _require_no_times(name, values)
        raise DataError(
            f"'{name}' holds '{found.example}' and {found.wrong - 1:,} more cells that are no numbers",
            remedy="Predict it as a class: --task classification.",
        )
    return found


def check_classes(name: str, values: Any, classes: tuple[str, ...], codes: NDArray[np.int64]) -> None:
    """Raise DataError where there are too many classes, or some of one record."""
    counts = np.bincount(codes, minlength=len(classes))
    if len(classes) > max(len(codes) / 2, cells.MOST_CLASSES):
        _require_no_times(name, values)
        raise DataError(
            f"'{name}' holds {len(classes):,} different words in {len(codes):,} rows: almost every row its own",
            expected="What is predicted is one of some classes, each of which many rows are of.",
            remedy="Name another column; or predict it as a number: --task regression.",
        )
    if single := [one for one, count in zip(classes, counts, strict=True) if count < 2]:
        _require_no_times(name, values)
        shown = ", ".join(f"'{one}'" for one in single[:NAMED])
        raise DataError(
            f"'{name}' is {shown} once only: that cannot be both learned and validated",
            remedy="Take it out, give more of it, or give it the name of a class it is like.",
        )


def _require_no_times(name: str, values: Any) -> None:
    if cells.is_time(values):
        example = next(word for word in cells.texts(values).to_pylist() if word is not None)
        raise DataError(
            f"'{name}' holds dates or times, such as '{example}', which cannot be predicted",
            remedy="Name another column, or turn it into a number, such as days since the first of them.",
        )


def alike(classes: tuple[str, ...]) -> list[str]:
    """What to say of classes that differ in nothing but capitals and blanks."""
    same: dict[str, list[str]] = {}
    for one in classes:
        same.setdefault("".join(one.casefold().split()), []).append(f"'{one}'")
    return [
        f"{', '.join(names)} are {len(names)} classes that differ only in capitals or blanks: spell them alike if they mean one"
        for names in same.values()
        if len(names) > 1
    ]


# -- what gives it away ----------------------------------------------------------------------------------------------------
# A column that alone tells the target, but for one row in a hundred, may have been written down after what is to be predicted
# had happened.


def tells_number(columns: Columns, table: Table, rows: Rows, numbers: cells.Values) -> list[str]:
    """The columns that put the rows in the target's own order, or whose words fix it; `numbers` are those of the rows."""
    if len(rows) > MOST:
        some = np.linspace(0, len(rows) - 1, MOST).astype(np.int64)
        rows, numbers = rows[some], numbers[some]
    told = []
    for column in columns.read:
        values = table.columns[column.name].take(rows)
        if isinstance(column, Number):
            own = cells.numbers(values, column.written).values
            known = np.isfinite(own)
            alone = abs(_rank_correlation(own[known], numbers[known])) if _enough(known) else 0.0
        else:
            places = places_of(column, values, [])
            # Of one row, its word fixes every number; what is unknown is no word.
            known = (np.bincount(places)[places] >= 2) & (places > 0)
            alone = _explained(places[known], numbers[known]) if _enough(known) else 0.0
        if alone > ALONE:
            told.append(column.name)
    return told


def _enough(known: NDArray[np.bool_]) -> bool:
    return bool(known.sum() >= max(FEWEST, len(known) / 2))


def _rank_correlation(one: cells.Values, other: cells.Values) -> float:
    """Spearman's: whether one rises wherever the other does, whatever its unit."""
    ranks, others = _ranks(one), _ranks(other)
    spread = float(ranks.std() * others.std())
    return float(np.mean((ranks - ranks.mean()) * (others - others.mean()))) / spread if spread else 0.0


def _ranks(values: cells.Values) -> cells.Values:
    """Equal ones have the mean of their places."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[which], dtype=np.float64)


def _explained(groups: NDArray[np.int64], numbers: cells.Values) -> float:
    """The share of the variance that is between the groups' means."""
    means = np.bincount(groups, numbers) / np.maximum(np.bincount(groups), 1)
    whole = float(numbers.var())
    return 1 - float(np.square(numbers - means[groups]).mean()) / whole if whole else 0.0


def tells_class(columns: Columns, rows: Matrix, classes: NDArray[np.int64]) -> list[str]:
    """The columns each of whose words, or pieces of whose range, belong to one class."""
    # The number of a word in its list is no measure of it.
    return [
        name
        for name, places in columns.places().items()
        if places[0] < columns.numbers and _tells(rows[:, places], classes)
    ]


def _tells(own: Matrix, classes: NDArray[np.int64]) -> bool:
    if len(own) < FEWEST:
        return False
    most = np.bincount(classes).max() / len(classes)
    # Cut into at most as many pieces as there are classes, or one for each word.
    order = np.lexsort(own.T)
    pieces = np.any(np.diff(own[order], axis=0) != 0, axis=1)
    groups = np.concatenate([[0], np.cumsum(pieces)])
    ordered = classes[order]
    if groups[-1] + 1 > len(own) / 10:
        changes = np.flatnonzero(np.diff(ordered))
        return len(changes) + 1 <= len(np.unique(classes)) and most < 0.99
    count = int(classes.max()) + 1
    met, counts = np.unique(groups * count + ordered, return_counts=True)
    most_of_each = np.zeros(groups[-1] + 1)
    np.maximum.at(most_of_each, met // count, counts)
    right = most_of_each.sum()
    return bool(right / len(own) > 0.99 and most < 0.95)


def given_away(giving: list[str], target: str) -> list[str]:
    """What is said of columns that tell the target by themselves."""
    if not giving:
        return []
    shown = ", ".join(f"'{name}'" for name in giving[:4])
    alone = "alone tells" if len(giving) == 1 else "each alone tell"
    return [
        f"{shown} {alone} '{target}' nearly always: known only afterwards? Then take it out of the table, or the model learns "
        "nothing else"
    ]
