"""Words and numbers laid out for a terminal of at most 100 columns, without colours: what is told can be piped and kept.

Before this   accounts/ and measures/ have the numbers.
After this    the files beside this one say what stands where.
"""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

WIDE = 100
LABEL = 11


def paragraph(label: str, text: str, *, indent: int = 0) -> list[str]:
    """Text behind a label, its lines under each other."""
    margin = " " * (indent + (LABEL if label else 0))
    first = f"{' ' * indent}{label:<{LABEL}}" if label else margin
    lines = textwrap.wrap(
        text, WIDE, initial_indent=first, subsequent_indent=margin, break_on_hyphens=False, replace_whitespace=False
    )
    return lines or [first.rstrip()]


def table(
    titles: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = (), indent: int = 2
) -> list[str]:
    """Rows in columns, those numbered in `right` to the right. What does not fit is cut at its end."""
    cells = [list(titles), *([str(cell) for cell in row] for row in rows)]
    widths = [max(width(row[number]) for row in cells) for number in range(len(titles))]
    lines = []
    for row in cells:
        parts = [
            " " * (wide - width(cell)) + cell if number in right else cell + " " * (wide - width(cell))
            for number, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append(shortened((" " * indent + "  ".join(parts)).rstrip(), WIDE))
    return lines


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
