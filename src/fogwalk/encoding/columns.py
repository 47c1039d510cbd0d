"""Columns of a table -> numbers a network reads: learned from the rows that are not held back, saved with the model.

Before this   data/tables/ gives the columns and tells which rows are held back.
After this    batches/rows.py gathers the rows; models/plain.py reads them; a table to predict for goes the same way.
A number is centred on its median and scaled by its quartiles, and what lies far out is drawn in: x / √(1 + (x/3)²), so that a
few huge ones do not drown the rest (robust scaling and smooth clipping; Holzmüller et al. 2024). A word of a few becomes a one
among zeros; a word of many becomes its number in a list, and the model learns a vector for each.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fogwalk.data.tables import cells
from fogwalk.data.tables.table import Table
from fogwalk.errors import DataError

ONE_HOT = 16  # words of a column that become ones among zeros; more become numbers in a list
MOST_WORDS = 10_000  # that a column may have to be read as words
RARE = 2  # rows a word of many must stand in to be learned by itself
FAR = 3.0  # scaled numbers beyond about this are drawn in
NORMAL = 1.349  # between the quartiles of a standard normal distribution
FILE = "columns.json"

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Number:
    """A column of numbers: how they are written, where they are centred and how they are scaled; whether a missing one is told
    by a one beside it."""

    name: str
    written: tuple[str, ...]
    center: float
    scale: float
    indicator: bool


@dataclass(frozen=True)
class Category:
    """A column of words, most frequent first; `listed` when they are told by their number. What was never met, or seldom, or is
    missing where nothing was missing, is number 0 or no one at all."""

    name: str
    words: tuple[str, ...]
    listed: bool
    missing: bool  # whether nothing is a word of its own, the last


@dataclass(frozen=True)
class Columns:
    """What was learned of a table's columns, and which were left out and why. A row becomes `numbers` floats, then the number
    of a word for each of the `lists`, whose lengths these are."""

    read: tuple[Number | Category, ...]
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The columns that are read."""
        return [column.name for column in self.read]

    @property
    def numbers(self) -> int:
        """Floats of a row that are no numbers in a list."""
        return sum(_width(column) for column in self.read)

    @property
    def lists(self) -> tuple[int, ...]:
        """For each column of many words, how many there are, the unknown one counted."""
        return tuple(len(column.words) + 1 for column in self.read if isinstance(column, Category) and column.listed)

    def encode(self, table: Table, *, strict: bool = True) -> Matrix:
        """Rows as float32 [rows, numbers + lists]. Raises DataError where a column is missing or, if `strict`, is not what was
        learned."""
        for name in self.names:
            if name not in table.columns:
                raise DataError(
                    f"there is no column '{name}', which the model reads",
                    expected=f"It reads: {', '.join(self.names[:20])}{', …' if len(self.names) > 20 else ''}.",
                )
        floats: list[Matrix] = []
        listed: list[Matrix] = []
        for column in self.read:
            values = table.columns[column.name]
            if isinstance(column, Number):
                floats += _scaled(column, values, strict)
            else:
                codes = _codes(column, values)
                if column.listed:
                    listed.append(codes[:, None].astype(np.float32))
                else:
                    ones = np.zeros((len(codes), len(column.words) + 1), dtype=np.float32)
                    ones[np.arange(len(codes)), codes] = 1
                    floats.append(ones[:, 1:])
        return np.concatenate([*floats, *listed], axis=1) if floats or listed else np.zeros((len(table), 0), np.float32)

    def places(self) -> dict[str, list[int]]:
        """Where in an encoded row each column stands."""
        found, at, listed = {}, 0, self.numbers
        for column in self.read:
            if isinstance(column, Category) and column.listed:
                found[column.name], listed = [listed], listed + 1
            else:
                found[column.name] = list(range(at, at + _width(column)))
                at += _width(column)
        return found

    def save(self, folder: Path) -> None:
        """Write columns.json."""
        kinds = [{"kind": type(column).__name__.lower(), **asdict(column)} for column in self.read]
        text = json.dumps({"read": kinds, "left_out": self.left_out}, ensure_ascii=False, indent=1)
        (folder / FILE).write_text(text + "\n", encoding="utf-8", errors="surrogatepass")

    @classmethod
    def load(cls, folder: Path) -> Columns:
        """Read columns.json."""
        record = json.loads((folder / FILE).read_text(encoding="utf-8", errors="surrogatepass"))
        read: list[Number | Category] = []
        for item in record["read"]:
            kind = item.pop("kind")
            lists: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in item.items()
            }
            read.append(Number(**lists) if kind == "number" else Category(**lists))
        return cls(tuple(read), record["left_out"])


def _width(column: Number | Category) -> int:
    if isinstance(column, Number):
        return 1 + column.indicator
    return 0 if column.listed else len(column.words)


def _scaled(column: Number, values: Any, strict: bool) -> list[Matrix]:
    found = cells.numbers(values, column.written)
    finite = np.isfinite(found.values)
    if strict and found.wrong > finite.sum():
        raise DataError(
            f"the column '{column.name}' holds '{found.example}', but the model learned numbers there",
            expected=f"{found.wrong:,} of its {len(found.values):,} cells are no numbers.",
        )
    x = np.where(finite, np.clip(found.values, -1e150, 1e150) - column.center, 0.0) / column.scale
    x = np.clip(x, -1e6, 1e6)
    x = x / np.sqrt(1 + (x / FAR) ** 2)
    parts = [x[:, None].astype(np.float32)]
    return [*parts, (~finite)[:, None].astype(np.float32)] if column.indicator else parts


def _codes(column: Category, values: Any) -> NDArray[np.int64]:
    """The place of each cell's word in the list, from 1; 0 for one that is not in it."""
    import pyarrow
    from pyarrow import compute

    words = cells.spelled(values)
    places = compute.index_in(words, value_set=pyarrow.array(column.words, pyarrow.string()))
    codes = np.asarray(compute.fill_null(places, -1).to_numpy(zero_copy_only=False), dtype=np.int64) + 1
    if column.missing:
        codes[np.asarray(compute.is_null(words).to_numpy(zero_copy_only=False), dtype=bool)] = len(column.words)
    return codes


# -- learning ----------------------------------------------------------------------------------------------------------


def learn(table: Table, *, decimal_comma: bool) -> Columns:
    """What each column of these rows is, and its numbers; the rows must be those to learn from, and no others."""
    read: list[Number | Category] = []
    left_out: dict[str, str] = {}
    for name, values in table.columns.items():
        found = _learned(name, values, decimal_comma)
        if isinstance(found, str):
            left_out[name] = found
        else:
            read.append(found)
    return Columns(tuple(read), left_out)


def _learned(name: str, values: Any, decimal_comma: bool) -> Number | Category | str:
    """The column as learned, or why it is left out."""
    from pyarrow import compute, types

    words = cells.texts(values)
    rows, filled = len(words), len(words) - words.null_count
    if not filled:
        return "holds nothing"
    different = compute.count_distinct(words).as_py()
    if different == 1 and filled == rows:
        return "holds one value"
    if cells.is_time(values):
        return "dates or times"
    if not types.is_boolean(values.type):
        found = cells.read_numbers(values, decimal_comma)
        if found.wrong <= cells.STRAYS * filled and np.isfinite(found.values).any():
            if _is_numbered(name, found.values, different, rows):
                return "numbers the rows"
            return number(name, found)
    return _words(name, values, different, filled, rows)


def _is_numbered(name: str, values: cells.Values, different: int, rows: int) -> bool:
    """Whether whole numbers, another in each row, only number them: by name, or 0, 1, 2 ... in their order."""
    if different < rows or rows < 3 or not np.all(np.isfinite(values)) or not np.all(values == np.round(values)):
        return False
    by_name = re.sub(r"(?<=[a-z])(?=I[dD]$)", "_", name).lower().replace(" ", "_")
    if by_name in ("id", "index", "row", "nr", "no", "#", "rowid", "key") or by_name.endswith(
        ("_id", "_index", "_no", "_key")
    ):
        return True
    return by_name.startswith(("column_1", "unnamed")) and bool(np.all(np.diff(values) > 0))


def number(name: str, found: cells.Numbers) -> Number:
    """Median, and the range of the quartiles as a standard normal distribution's; of what has none, half of its whole range."""
    known = found.values[np.isfinite(found.values)]
    low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
    scale = (high - low) / NORMAL or (known.max() - known.min()) / 2 or 1.0
    return Number(name, found.written, float(middle), float(scale), bool(len(known) < len(found.values)))


def _words(name: str, values: Any, different: int, filled: int, rows: int) -> Category | str:
    from pyarrow import compute

    words = cells.spelled(values)
    if cells.is_long_text(values):
        return "free text"
    if different > max(filled / 2, ONE_HOT) or different > MOST_WORDS:
        return f"{different:,} different words in {filled:,} rows"
    missing = filled < rows
    counted = compute.value_counts(words).to_pylist()
    ordered = sorted((-one["counts"], one["values"]) for one in counted if one["values"] is not None)
    listed = len(ordered) + missing > ONE_HOT
    kept = [word for count, word in ordered if not listed or -count >= RARE]
    # Words hold no newline beside letters, so that nothing is never one of them.
    return Category(name, tuple([*kept, "\nmissing"] if missing else kept), listed, missing)


# -- the target --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """What is predicted: one of these classes, or a number, which is centred on its mean and scaled by its deviation."""

    name: str
    classes: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    center: float = 0.0
    scale: float = 1.0

    def save(self, folder: Path) -> None:
        """Write target.json."""
        text = json.dumps(asdict(self), ensure_ascii=False, indent=1)
        (folder / "target.json").write_text(text + "\n", encoding="utf-8", errors="surrogatepass")

    @classmethod
    def load(cls, folder: Path) -> Target:
        """Read target.json."""
        record = json.loads((folder / "target.json").read_text(encoding="utf-8", errors="surrogatepass"))
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}
        return cls(**values)

    def codes(self, values: Any) -> NDArray[np.int64]:
        """The place of each cell's class, from 0; -1 where it is none of them."""
        import pyarrow
        from pyarrow import compute

        places = compute.index_in(cells.spelled(values), value_set=pyarrow.array(self.classes, pyarrow.string()))
        return np.asarray(compute.fill_null(places, -1).to_numpy(zero_copy_only=False), dtype=np.int64)

    def numbers(self, values: Any) -> cells.Values:
        """Each cell's number; NaN where it is none."""
        return cells.numbers(values, self.written).values


def numbers_target(name: str, values: Any, learned: NDArray[np.bool_], decimal_comma: bool) -> Target:
    """Mean and deviation, over the rows to learn from."""
    found = cells.read_numbers(values, decimal_comma)
    known = found.values[learned]
    return Target(name, (), found.written, float(known.mean()), float(known.std()) or 1.0)


def gives_away(
    columns: Columns, rows: Matrix, classes: NDArray[np.int64] | None, numbers: cells.Values | None
) -> list[str]:
    """The columns each of which alone tells the target, but for one row in a hundred; so may a name that was written down
    after what is to be predicted had happened."""
    told = []
    for name, places in columns.places().items():
        # The number of a word in its list is no measure of it.
        if places[0] < columns.numbers and _tells(rows[:, places], classes, numbers):
            told.append(name)
    return told


def _tells(own: Matrix, classes: NDArray[np.int64] | None, numbers: cells.Values | None) -> bool:
    if len(own) < 20:
        return False
    if numbers is not None:
        return any(abs(_correlation(own[:, at], numbers)) > 0.999 for at in range(own.shape[1]))
    assert classes is not None
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


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    spread = float(np.std(one) * np.std(other))
    if not spread or not math.isfinite(spread):
        return 0.0
    return float(np.mean((one - one.mean()) * (other - other.mean())) / spread)


def summary(columns: Columns) -> str:
    """What is read, in words: 4 columns: 3 numbers, 1 of words."""
    numbers = sum(isinstance(column, Number) for column in columns.read)
    words = len(columns.read) - numbers
    parts = [f"{numbers:,} of numbers"] * bool(numbers) + [f"{words:,} of words"] * bool(words)
    return f"{len(columns.read):,} column{'s' * (len(columns.read) != 1)} read ({', '.join(parts)})"
