"""What every data format answers: the documents of one file, in pieces, in the file's order.

Before this   opening.py and decoding.py.
After this    the family beside this file: text, lines (JSONL), tables (CSV, Parquet); corpus.py reads them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple


class Piece(NamedTuple):
    """A part of a document; `last` on the part that ends it."""

    text: str
    last: bool


class Wanted(NamedTuple):
    """What the person said of the data: its encoding (or auto) and the column that holds the text (or None)."""

    encoding: str
    column: str | None


# Gives the pieces of one file; `say` is told once what was chosen, in words.
Source = Callable[[Path, Wanted, Callable[[str], None]], Iterator[Piece]]

# Names that columns of text have, likeliest first.
TEXT_COLUMNS = ("text", "content", "body", "document", "article", "story", "message", "sentence", "review", "code")
