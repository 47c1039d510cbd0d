"""What the cells of a column spell: numbers however they are written, times, or words.

Before this   table.py gives the columns.
After this    encoding/columns.py decides with it what a column is; a table to predict for is read in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fogwalk.data.tables.table import MISSING

Values = NDArray[np.float64]

STRAYS = 0.1  # share of cells that may be no numbers in a column of numbers
UNANSWERED = tuple(word for word in MISSING if word not in ("none", "nil", "missing", "-", "--"))
LONG = 30  # characters, on average, of what is text rather than words
MOST_CLASSES = 20  # different whole numbers that mean classes

_PLAIN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_WRITTEN = {
    # thousands separator, decimal separator: what numbers look like, and what is taken out before the comma becomes a point
    "1,234.5": (r"^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$", ","),
    "1.234,5": (r"^[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?$", "."),
    "1234,5": (r"^[+-]?\d*,\d+([eE][+-]?\d+)?$", ""),
    "1 234,5": (r"^[+-]?\d{1,3}([ \x{00a0}\x{202f}]\d{3})+([.,]\d+)?$", r"[ \x{00a0}\x{202f}]"),
    "1'234.5": (r"^[+-]?\d{1,3}(['\x{2019}]\d{3})+(\.\d+)?$", r"['\x{2019}]"),
}
_MONEY = r"[$\x{20ac}\x{a3}\x{a5}]"
_FIGURES = r"[\d.,' \x{00a0}\x{202f}\x{2019}]+"
# What may stand around a number: how such cells look, what is replaced first, and by what.
_SIGNED = {
    "(12)": (rf"^\({_MONEY}?{_FIGURES}({_MONEY}|%)?\)$", r"^\((.*)\)$", r"-\1"),
    "12%": (rf"^[+-]?{_FIGURES}%$", r"\s?%$", ""),
    "$12": (rf"^([+-]?\s?{_MONEY}\s?[+-]?{_FIGURES}|[+-]?{_FIGURES}{_MONEY})$", rf"\s?{_MONEY}\s?", ""),
}
# What only a number with a decimal point, and only one with a decimal comma, can look like.
_POINT = r"^[+-]?(\d*\.(\d{1,2}|\d{4,})|\d{4,}\.\d+|0?\.\d+|\d+\.\d+[eE][+-]?\d+|\d{1,3}(,\d{3})+(\.\d+|,\d{3}))$"
_COMMA = r"^[+-]?(\d*,(\d{1,2}|\d{4,})|\d{4,},\d+|0?,\d+|\d+,\d+[eE][+-]?\d+|\d{1,3}(\.\d{3})+(,\d+|\.\d{3}))$"
_JUDGED = 10_000  # cells of a column that are looked at to judge a whole table
_INFINITE = r"(?i)^[+-]?inf(inity)?$"
_MONTH = (
    r"(jan(uary)?|feb(ruary)?|mar(ch)?|apr(il)?|may|june?|july?|aug(ust)?|sept?(ember)?|oct(ober)?|nov(ember)?|dec(ember)?)"
    r"\.?"
)
_DAY = (
    r"(\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}"
    rf"|((mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )?(\d{{1,2}}[ -]{_MONTH}[ -]\d{{2,4}}|{_MONTH} \d{{1,2}},? \d{{4}}))"
)
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?( ?[ap](m|\.m\.))?( ?(z|utc|gmt|[+-]\d{2}(:?\d{2})?))?"
_DATE = rf"(?i)^({_DAY}((t|,? ){_CLOCK})?|{_CLOCK}|(19|20)\d{{2}}-(0[1-9]|1[0-2])|{_MONTH}[ -](\d{{2}}|\d{{4}}))$"
_DIGITS = r"^(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])$"  # 20240305, where every cell is such


def texts(values: Any) -> Any:
    """A column as text, blanks around it taken off; what stands for nothing is null."""
    import pyarrow
    from pyarrow import compute

    if not pyarrow.types.is_string(values.type):
        return values.cast(pyarrow.string())
    trimmed = compute.utf8_trim_whitespace(values)
    lacking = compute.is_in(compute.utf8_lower(trimmed), value_set=pyarrow.array(MISSING))
    return compute.if_else(lacking, pyarrow.scalar(None, pyarrow.string()), trimmed)


def answers(values: Any) -> Any:
    """A column that is predicted as classes, which may be called none, nil, missing or -: such cells stand for themselves."""
    import pyarrow
    from pyarrow import compute

    if not pyarrow.types.is_string(values.type):
        return values
    trimmed = compute.utf8_trim_whitespace(values)
    lacking = compute.is_in(compute.utf8_lower(trimmed), value_set=pyarrow.array(UNANSWERED))
    # A dictionary's words are read as they stand.
    return compute.if_else(lacking, pyarrow.scalar(None, pyarrow.string()), trimmed).dictionary_encode()


def blanks(values: Any) -> list[str]:
    """How a column writes that there is nothing, other than by an empty cell: none, n/a, ...; the commonest first."""
    import pyarrow
    from pyarrow import compute

    if not pyarrow.types.is_string(values.type):
        return []
    trimmed = compute.utf8_trim_whitespace(values)
    nothing = compute.is_in(compute.utf8_lower(trimmed), value_set=pyarrow.array([word for word in MISSING if word]))
    counts = compute.value_counts(trimmed.filter(nothing)).to_pylist()
    return [str(count["values"]) for count in sorted(counts, key=lambda count: -count["counts"])]


def is_typed(values: Any) -> bool:
    """Whether a column holds numbers or booleans by its type."""
    from pyarrow import types

    return bool(types.is_integer(values.type) or types.is_floating(values.type) or types.is_boolean(values.type))


def is_time(values: Any) -> bool:
    """Whether a column holds dates or times by its type, or spells them in nearly every cell."""
    from pyarrow import types

    if types.is_temporal(values.type):
        return True
    if is_typed(values):
        return False
    cells = texts(values)
    return _share(cells, _DATE) > 0.95 or _share(cells[:100], _DIGITS) == 1 == _share(cells, _DIGITS)


def _share(cells: Any, pattern: str) -> float:
    """Of the cells that hold something, how many match."""
    from pyarrow import compute

    filled = len(cells) - cells.null_count
    return (compute.sum(compute.match_substring_regex(cells, pattern)).as_py() or 0) / filled if filled else 0.0


@dataclass(frozen=True)
class Numbers:
    """A column read as numbers: NaN where nothing stands or what is no number, of which `wrong` are, `example` the first."""

    values: Values
    written: tuple[str, ...]
    wrong: int
    example: str


def writing(values: Any, decimal_comma: bool) -> tuple[str, ...]:
    """How a column of text writes its numbers, beyond the plain way: names out of 1,234.5 · 1.234,5 · 1234,5 · 1 234,5 ..."""
    cells, signs = _unsigned(texts(values), None)
    found = {name for name, (pattern, _) in _WRITTEN.items() if _share(cells, pattern)}
    if found & {"1,234.5", "1.234,5"}:  # 1,234 and 1.234 may be either: other cells tell, or else the whole table
        point, comma = _share(cells, _POINT), _share(cells, _COMMA)
        if decimal_comma if point == comma else comma > point:
            found.discard("1,234.5")
        else:
            found -= {"1.234,5"} | ({"1234,5"} if "1,234.5" in found else set())  # 1.234 is a plain number
    return (*(name for name in _WRITTEN if name in found), *signs)


def has_decimal_commas(columns: Iterable[Any]) -> bool:
    """Whether a table in which commas are likely decimal has none that says otherwise: no cell that only a decimal point
    explains, or one that only a decimal comma does."""
    point = False
    for values in columns:
        cells, _ = _unsigned(texts(values.slice(0, _JUDGED)), None)
        if _share(cells, _COMMA):
            return True
        point = point or bool(_share(cells, _POINT))
    return not point


def _unsigned(cells: Any, written: tuple[str, ...] | None) -> tuple[Any, tuple[str, ...]]:
    """Cells without what stands around their numbers, of these ways or any; and which of them were met."""
    from pyarrow import compute

    if compute.any(compute.match_substring(cells, "\N{MINUS SIGN}")).as_py():
        cells = compute.replace_substring(cells, "\N{MINUS SIGN}", "-")
    met = []
    for name, (pattern, sign, instead) in _SIGNED.items():
        if (written is None or name in written) and _share(cells, pattern):
            bare = compute.replace_substring_regex(cells, sign, instead)
            cells = compute.if_else(compute.match_substring_regex(cells, pattern), bare, cells)
            met.append(name)
    return cells, tuple(met)


def numbers(values: Any, written: tuple[str, ...]) -> Numbers:
    """A column's numbers, written the plain way or in one of these."""
    import pyarrow
    from pyarrow import compute

    if is_typed(values):
        read = values.cast(pyarrow.float64(), safe=False).to_numpy(zero_copy_only=False)
        return Numbers(np.asarray(read, dtype=np.float64), (), 0, "")
    cells, _ = _unsigned(texts(values), written)
    nothing = pyarrow.scalar(None, pyarrow.string())
    plain = compute.if_else(compute.match_substring_regex(cells, _PLAIN), cells, nothing)
    grouped = "1.234,5" in written
    if grouped:  # 1.234 is a thousand here
        plain = compute.if_else(compute.match_substring_regex(plain, r"^[+-]?\d{1,3}(\.\d{3})+$"), nothing, plain)
    for name in (name for name in written if name in _WRITTEN):
        pattern, out = _WRITTEN[name]
        match = compute.match_substring_regex(cells, pattern)
        chosen = compute.if_else(match, cells, nothing)
        if out:
            chosen = compute.replace_substring_regex(chosen, rf"\{out}" if out == "." else out, "")
        plain = compute.coalesce(plain, compute.replace_substring(chosen, ",", "."))
    infinite = compute.if_else(compute.match_substring_regex(cells, _INFINITE), cells, nothing)
    plain = compute.coalesce(plain, infinite)
    wrong = compute.and_(compute.is_valid(cells), compute.is_null(plain))
    strays = cells.filter(wrong)
    read = np.asarray(plain.cast(pyarrow.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    return Numbers(read, written, len(strays), strays[0].as_py() if len(strays) else "")


def read_numbers(values: Any, decimal_comma: bool) -> Numbers:
    """A column's numbers, however it writes them."""
    return numbers(values, () if is_typed(values) else writing(values, decimal_comma))


def is_long_text(values: Any) -> bool:
    """Whether a column holds texts: long ones, most of them different."""
    from pyarrow import compute

    words = spelled(values)
    length = compute.mean(compute.utf8_length(words)).as_py() or 0
    return bool(length > LONG and compute.count_distinct(words).as_py() > (len(words) - words.null_count) / 2)


def spelled(values: Any) -> Any:
    """A column's cells as words: whole numbers without a point, booleans as true and false, nothing as null."""
    from pyarrow import compute

    words = compute.replace_substring_regex(texts(values), r"^([+-]?\d+)\.0+$", r"\1")
    boolean = compute.match_substring_regex(words, r"(?i)^(true|false)$")
    return compute.if_else(boolean, compute.utf8_lower(words), words)


# -- what predicting a column would be -------------------------------------------------------------------------------


def task_of(values: Any, decimal_comma: bool) -> tuple[str, str]:
    """What predicting this column is, and why: text, booleans and whole numbers of which there are at most 20 different ones
    mean classification, other numbers regression."""
    from pyarrow import types

    words = texts(values)
    filled = len(words) - words.null_count
    if types.is_boolean(values.type):
        return "classification", "it holds true and false"
    found = read_numbers(values, decimal_comma)
    if found.wrong > STRAYS * filled or not filled:
        return "classification", "it holds words"
    known = found.values[np.isfinite(found.values)]
    different = len(np.unique(known))
    if different <= MOST_CLASSES and np.all(known == np.round(known)):
        return "classification", f"it holds {different} different whole numbers"
    return (
        "regression",
        "it holds numbers" if different <= MOST_CLASSES else f"it holds {different:,} different numbers",
    )


def classes_of(values: Any) -> tuple[str, ...]:
    """The different words of a column: as numbers where all are, else by the alphabet."""
    from pyarrow import compute

    words = [word for word in compute.unique(spelled(values)).to_pylist() if word is not None]
    try:
        return tuple(sorted(words, key=float))
    except ValueError:
        return tuple(sorted(words))
