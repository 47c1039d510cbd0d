"""A text file is one document, read in pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fogwalk.data.decoding import decoded
from fogwalk.data.opening import opened
from fogwalk.data.sources.protocol import Piece, Wanted


def read(place: Path, wanted: Wanted, say: Callable[[str], None]) -> Iterator[Piece]:
    """The file's text; its last piece ends the document."""
    with opened(place) as stream:
        before: str | None = None
        for text in decoded(stream, place, wanted.encoding):
            if before is not None:
                yield Piece(before, False)
            before = text
        if before is not None:
            yield Piece(before, True)
