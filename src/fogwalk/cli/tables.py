"""Tables for people, and the same rows as JSON for programs.

Before this   a command has its rows.
After this    the terminal or a pipe.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fogwalk.cli.plain import printable
from fogwalk.events import finite

if TYPE_CHECKING:  # with it comes torch
    from fogwalk.run import Run


def print_json(value: Any) -> None:
    """One JSON value on the standard output."""
    print(json.dumps(finite(value), indent=1, allow_nan=False))


_WIDE = 10_000  # wider than any table
_PROSE = 24  # characters from which a cell can be wrapped


def print_table(titles: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()) -> None:
    """Rows in columns; the columns numbered in `right` stand to the right. A terminal that is too narrow wraps what is
    prose; where names or numbers would be cut in two, each row is a paragraph instead, a line for each of its values."""
    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 160)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, title in enumerate(titles):
        table.add_column(title, justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(str(cell))) for cell in row))
    natural = Measurement.get(console, console.options.update(max_width=_WIDE), table)
    prose = any(len(str(cell)) > _PROSE for row in rows for cell in row)
    if sys.stdout.isatty() and (natural.minimum if prose else natural.maximum) > console.width:
        for text in paragraphs(titles, rows):
            console.print(Text(printable(text)))
        return
    console.print(table)


def paragraphs(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Each row as lines, its first cell above the others with their titles.

    >>> paragraphs(("name", "step"), [("brave-otter", 40)])
    ['brave-otter\\n  step  40']
    """
    wide = max(map(len, titles[1:]), default=0)
    return [
        "\n".join(
            [str(row[0]), *(f"  {title:<{wide}}  {cell}" for title, cell in zip(titles[1:], row[1:], strict=True))]
        )
        for row in rows
    ]


def tell_damage(damage: Sequence[str], step: int) -> None:
    """Say aloud that the best checkpoint could not be used."""
    for words in damage:
        print(printable(f"passed over a damaged checkpoint: {words}; using step {step}"), file=sys.stderr)


def tell_end(run: Run) -> None:
    """Say aloud that a run did not end well: what is asked of it is asked of weights from before that."""
    last = next((record for record in reversed(run.events()) if record["event"] in ("stopped", "resumed")), None)
    if last and last.get("reason") in ("diverged", "failed"):
        print(
            printable(f"{run.folder.name} {last['reason']} at step {last['step']}: this is step {run.step} of it"),
            file=sys.stderr,
        )


def size(count: float) -> str:
    """Bytes for people: 14.5 MB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError
