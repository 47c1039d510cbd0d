"""Words and numbers laid out for the terminal, in at most 100 columns, without colours: what is told can be piped and kept.

Before this   accounts/ and measures/ have the numbers.
After this    the files beside this one say what stands where.
"""

from __future__ import annotations

import shutil
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

WIDE = 100
NARROWEST = 40
LABEL = 11
SHOWN_ROWS = 12  # first, and last, lines of a long table
LEAST_LAST = 24  # columns that the last cell of a row is folded into, at least


def wide() -> int:
    """Columns that there are: those of the terminal, at most 100."""
    return max(NARROWEST, min(WIDE, shutil.get_terminal_size((WIDE, 24)).columns))


def paragraph(label: str, text: str, *, indent: int = 0) -> list[str]:
    """Text behind a label, its lines under each other."""
    margin = " " * (indent + (LABEL if label else 0))
    first = f"{' ' * indent}{label:<{LABEL}}" if label else margin
    return _folded(text, wide(), first, margin) or [first.rstrip()]


def _folded(text: str, most: int, first: str = "", margin: str = "") -> list[str]:
    return textwrap.wrap(
        text, most, initial_indent=first, subsequent_indent=margin, break_on_hyphens=False, replace_whitespace=False
    )


def table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = (), indent: int = 2
) -> list[str]:
    """Rows in columns, those numbered in `right` to the right; without a line of titles where none says anything. Where they are
    too wide the last cell is folded, or each row becomes lines of its own."""
    cells = [list(titles), *([str(cell) for cell in row] for row in rows)]
    widths = [max(width(row[number]) for row in cells) for number in range(len(titles))]
    over = indent + sum(widths) + 2 * (len(widths) - 1) - wide()
    last = widths[-1] - over
    if over > 0 and (len(widths) - 1 in right or last < LEAST_LAST):
        return _in_blocks(cells, indent)
    lines = []
    for row in cells if any(titles) else cells[1:]:
        parts = [
            " " * (room - width(cell)) + cell if number in right else cell + " " * (room - width(cell))
            for number, (cell, room) in enumerate(zip(row, widths, strict=True))
        ]
        folded = _folded(row[-1], last) if over > 0 and width(row[-1]) > last else [parts[-1]]
        margin = " " * (indent + sum(widths[:-1]) + 2 * (len(widths) - 1))
        lines.append((" " * indent + "  ".join([*parts[:-1], folded[0]])).rstrip())
        lines += [margin + more for more in folded[1:]]
    return lines


def _in_blocks(cells: list[list[str]], indent: int) -> list[str]:
    """Each row's first cell, and below it the others behind their titles."""
    titles, *rows = cells
    wide_title = max(map(width, titles[1:]), default=0)
    lines = []
    for row in rows:
        lines += _folded(row[0], wide(), " " * indent, " " * (indent + 2)) or [""]
        for title, cell in zip(titles[1:], row[1:], strict=True):
            name = " " * (indent + 2) + title + " " * (wide_title - width(title) + 2)
            lines += _folded(cell, wide(), name, " " * len(name)) if cell else []
    return lines


def capped(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The first and the last of many rows, and how many stand between."""
    if len(rows) <= SHOWN_ROWS * 2 + 2:
        return list(rows)
    between = (f"… {len(rows) - 2 * SHOWN_ROWS} more …", *[""] * (len(rows[0]) - 1))
    return [*rows[:SHOWN_ROWS], between, *rows[-SHOWN_ROWS:]]


def shortened(text: str, most: int) -> str:
    """Text of at most so many columns."""
    if width(text) <= most:
        return text
    while width(text) > most - 1:
        text = text[:-1]
    return text + "…"


def width(text: str) -> int:
    """Columns that a text takes: marks over a letter take none, wide letters two."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def on_one_line(text: str, most: int) -> str:
    """A text shown whole or at its beginning, line ends as ⏎."""
    return shortened(" ⏎ ".join(part.strip() for part in text.strip().splitlines() if part.strip()), most)
