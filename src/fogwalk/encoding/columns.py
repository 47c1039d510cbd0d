"""Columns of a table -> numbers a network reads: learned from the rows that are not held back, saved with the model.

Before this   data/tables/ gives the columns and tells which rows are held back.
After this    batches/rows.py gathers the rows; models/plain.py reads them; a table to predict for goes the same way.
A number is centred on its median and scaled by its quartiles, and what lies far out is drawn in: x / √(1 + (x/3)²), so that a
few huge ones do not drown the rest (robust scaling and smooth clipping; Holzmüller et al. 2024). A word of a few becomes a one
among zeros; a word of many becomes its number in a list, and the model learns a vector for each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
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
NEARLY = 0.9  # share of different ones among codes, such as telephone numbers, above which they tell nothing
PADDED = 0.01  # share of cells with zeros before a number above which a column holds codes
SHOWN = 40  # characters of a cell that is shown
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
class Unread:
    """Of a column's cells, how many hold what is no number, or a word that was not learned; and the first of them."""

    column: Number | Category
    count: int
    cells: int
    example: str

    def __str__(self) -> str:
        of = f"'{self.column.name}': {self.count:,} of {self.cells:,} cells"
        example = self.example if len(self.example) <= SHOWN else self.example[:SHOWN] + "…"
        if isinstance(self.column, Number):
            return f"{of} are no numbers, such as '{example}', and count as missing"
        met = "was never met in training" + (", or once only" if self.column.listed else "")
        known = self.column.words[: len(self.column.words) - self.column.missing]
        shown = ", ".join(known[:3]) + (", …" if len(known) > 3 else "")
        return f"{of} hold what {met}, such as '{example}', and count as unknown (known: {shown})"


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

    def encode(self, table: Table, *, strict: bool = True, unread: list[Unread] | None = None) -> Matrix:
        """Rows as float32 [rows, numbers + lists]. Raises DataError where a column is missing or, if `strict`, is not what was
        learned. To `unread` is added of each column what could not be read."""
        for name in self.names:
            if name not in table.columns:
                raise DataError(
                    f"there is no column '{name}', which the model reads",
                    expected=f"It reads: {'; '.join(self.names[:20])}{'; …' if len(self.names) > 20 else ''}.",
                    remedy="Where it is not known, add the column and leave its cells empty.",
                )
        floats: list[Matrix] = []
        listed: list[Matrix] = []
        lost: list[Unread] = [] if unread is None else unread
        for column in self.read:
            values = table.columns[column.name]
            if isinstance(column, Number):
                floats += _scaled(column, values, strict, lost)
            else:
                codes = places_of(column, values, lost)
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

    def labels(self) -> list[str]:
        """What each number of an encoded row stands for: `age`, `age missing`, `city=Rome`, `street` (its number in a list)."""
        floats, listed = [], []
        for column in self.read:
            if isinstance(column, Number):
                floats += [column.name, f"{column.name} missing"][: _width(column)]
            elif column.listed:
                listed.append(column.name)
            else:
                floats += [f"{column.name}={word.strip()}" for word in column.words]
        return floats + listed

    def told(self, row: Sequence[float]) -> str:
        """An encoded row for a person: what stands in each column, and in brackets the number that is read of it."""
        places = self.places()
        return ", ".join(f"{one.name}{_told(one, [row[at] for at in places[one.name]])}" for one in self.read)

    def cells(self, row: Sequence[float]) -> list[str]:
        """The same column by column, without their names."""
        places = self.places()
        return [_told(column, [row[at] for at in places[column.name]])[1:] for column in self.read]

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


def _scaled(column: Number, values: Any, strict: bool, unread: list[Unread]) -> list[Matrix]:
    found = cells.numbers(values, column.written)
    finite = np.isfinite(found.values)
    if found.wrong:
        unread.append(Unread(column, found.wrong, len(finite), found.example))
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


def _told(column: Number | Category, numbers: Sequence[float]) -> str:
    if isinstance(column, Category):
        code = int(numbers[0]) if column.listed else 1 + numbers.index(1) if 1 in numbers else 0
        if column.missing and code == len(column.words):
            return " missing"
        word = f"={column.words[code - 1] if code else 'unknown'}"
        return f"{word} (number {code})" if column.listed else word
    if any(numbers[1:]):
        return " missing"
    z = max(-FAR + 1e-6, min(float(numbers[0]), FAR - 1e-6))
    return f" {z / np.sqrt(1 - (z / FAR) ** 2) * column.scale + column.center:.4g} ({numbers[0]:.4g})"


def places_of(column: Category, values: Any, unread: list[Unread]) -> NDArray[np.int64]:
    """The place of each cell's word in the list, from 1; 0 for one that is not in it, which is added to `unread`."""
    import pyarrow
    from pyarrow import compute

    words = cells.spelled(values)
    places = compute.index_in(words, value_set=pyarrow.array(column.words, pyarrow.string()))
    if len(strange := words.filter(compute.and_(compute.is_null(places), compute.is_valid(words)))):
        unread.append(Unread(column, len(strange), len(words), strange[0].as_py()))
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
    if not types.is_boolean(values.type) and not (types.is_string(values.type) and _is_code(words, filled)):
        found = cells.read_numbers(values, decimal_comma)
        known = found.values[np.isfinite(found.values)]
        if found.wrong <= cells.STRAYS * filled and len(known):
            whole = bool(np.all(known == np.round(known)))
            if whole and len(known) == different == filled and _is_numbered(name, known):
                return "numbers the rows"
            if not (whole and _CODES.search(_plain(name))):
                return number(name, found)
            if different > NEARLY * filled:
                return "tells rows apart and measures nothing"
    return _words(name, values, different, filled, rows)


_NUMBERED = re.compile(r"^(id|index|row|nr|no|#|rowid|key)$|_(id|index|no|key)$")
_NAMELESS = re.compile(r"(?i)^(column 1|unnamed([ :_.].*)?|__index_level_\d+__)$")  # by table.py, by pandas
_CODES = re.compile(r"(^|_)(phone|telephone|zip|zipcode|postcode)(_(code|number|no|nr))?$")


def _plain(name: str) -> str:
    """PassengerId -> passenger_id, Zip-Code -> zip_code."""
    return re.sub(r"[ .-]+", "_", re.sub(r"(?<=[a-z])(?=I[dD]$)", "_", name).lower())


def _is_numbered(name: str, known: cells.Values) -> bool:
    """Whether whole numbers, each another, only number the rows: by name; or without one, rising or in any order without large
    gaps, for some rows are held back."""
    if len(known) < 3:
        return False
    if _NUMBERED.search(_plain(name)):
        return True
    near = known.min() >= 0 and known.max() <= 2 * len(known)
    return bool(_NAMELESS.match(name) and (near or np.all(np.diff(known) > 0)))


def _is_code(words: Any, filled: int) -> bool:
    """Whether a column spells whole numbers with zeros before them, as codes are: 00501."""
    from pyarrow import compute

    padded = compute.sum(compute.match_substring_regex(words, r"^0\d+$")).as_py()
    if padded <= PADDED * filled:
        return False
    digits = compute.sum(compute.match_substring_regex(words, r"^\d+$")).as_py()
    return bool(digits >= (1 - cells.STRAYS) * filled)


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

        places = compute.index_in(
            cells.spelled(cells.answers(values)), value_set=pyarrow.array(self.classes, pyarrow.string())
        )
        return np.asarray(compute.fill_null(places, -1).to_numpy(zero_copy_only=False), dtype=np.int64)

    def numbers(self, values: Any) -> cells.Values:
        """Each cell's number; NaN where it is none."""
        return cells.numbers(values, self.written).values


def numbers_target(name: str, values: Any, learned: NDArray[np.bool_], decimal_comma: bool) -> Target:
    """Mean and deviation, over the rows to learn from."""
    found = cells.read_numbers(values, decimal_comma)
    known = found.values[learned]
    return Target(name, (), found.written, float(known.mean()), float(known.std()) or 1.0)


def not_met(columns: Columns, unread: list[Unread]) -> list[str]:
    """What to say of a table to answer for. Raises DataError where most of most columns is not what was learned."""
    most = [one for one in unread if one.count > one.cells / 2]
    if len(most) > len(columns.read) / 2:
        raise DataError(
            f"in {len(most)} of {len(columns.read)} columns that the model reads, most cells hold what it never met",
            expected="; ".join(map(str, most[:4])) + (", …" if len(most) > 4 else "") + ".",
            remedy="Spell the words as in the table it was trained on, and see that each column stands under its own name.",
        )
    return list(map(str, unread))


def summary(columns: Columns) -> str:
    """What is read, in words: 4 columns: 3 numbers, 1 of words."""
    numbers = sum(isinstance(column, Number) for column in columns.read)
    words = len(columns.read) - numbers
    parts = [f"{numbers:,} of numbers"] * bool(numbers) + [f"{words:,} of words"] * bool(words)
    return f"{len(columns.read):,} column{'s' * (len(columns.read) != 1)} read ({', '.join(parts)})"
