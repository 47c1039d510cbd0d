"""What the tests of the data layer share: files laid out in a folder, documents put together, refusals in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from fogwalk.data.corpus import Corpus
from fogwalk.errors import DataError


def put(folder: Path, files: dict[str, bytes | str]) -> Path:
    """Files in a folder, by name."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def documents(corpus: Corpus) -> list[str]:
    """The whole documents, put together from their pieces."""
    found: list[str] = []
    rest = ""
    for part in corpus.parts():
        assert part.document == len(found)
        rest += part.text
        if part.last:
            found, rest = [*found, rest], ""
    assert not rest, "the last document ends"
    return found


def read(*paths: Path | str, encoding: str = "auto", column: str | None = None) -> list[str]:
    """The documents that paths mean."""
    return documents(Corpus([str(path) for path in paths], encoding, column))


def refused(*paths: Path | str, encoding: str = "auto", column: str | None = None) -> str:
    """The message that paths are refused with."""
    with pytest.raises(DataError) as caught:
        read(*paths, encoding=encoding, column=column)
    return str(caught.value)
