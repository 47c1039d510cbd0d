"""What a corpus is made of: its files with format, size and encoding, and how many documents stand on either side of the split.

Before this   corpus.py reads, split.py tells the sides apart.
After this    cli/data.py prints it. Everything is read once more; nothing is learned from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from fogwalk.data.corpus import Corpus, format_of
from fogwalk.data.decoding import by_mark, encoding_of, known
from fogwalk.data.opening import GZIP, ZSTD, first_bytes, opened
from fogwalk.data.samples import sample
from fogwalk.data.split import Split, sides

_PACKED = {GZIP: "gzip", ZSTD: "zstd"}


@dataclass(frozen=True, kw_only=True)
class File:
    """A file that was read. `bytes` as it lies on the disk; `packed` and `encoding` are empty where there is none."""

    name: str
    format: str
    packed: str
    bytes: int
    encoding: str


@dataclass(kw_only=True)
class Side:
    """What is learned from, or held back. A document that is cut counts on both sides."""

    documents: int = 0
    characters: int = 0


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """A corpus read to its end; `notes` and `left_out` in words, sizes of documents in characters."""

    files: tuple[File, ...]
    notes: tuple[str, ...]
    left_out: tuple[str, ...]
    documents: int
    shortest: int
    longest: int
    training: Side
    validation: Side


def inspect(corpus: Corpus, split: Split) -> Inspection:
    """Read all of a corpus and count; raises DataError for what cannot be read."""
    found = {False: Side(), True: Side()}
    documents = shortest = longest = 0
    for _, parts in groupby(sides(corpus, split), key=lambda told: told[1].document):
        length = 0
        for held, part in parts:
            found[held].documents += part.last
            found[held].characters += len(part.text)
            length += len(part.text)
        shortest = min(shortest, length) if documents else length
        longest = max(longest, length)
        documents += 1
    return Inspection(
        files=tuple(_files(corpus)),
        notes=tuple(corpus.notes),
        left_out=tuple(corpus.omitted()),
        documents=documents,
        shortest=shortest,
        longest=longest,
        training=found[False],
        validation=found[True],
    )


def _files(corpus: Corpus) -> list[File]:
    wanted = corpus.wanted.encoding
    samples = [path for path in corpus.paths if path.startswith("sample:")]
    found = [
        File(name=path, format="sample", packed="", bytes=len(sample(path).encode()), encoding="") for path in samples
    ]
    for name, place in corpus.files.places:
        if name in corpus.unreadable:
            continue
        format = format_of(place)
        packed = next((kind for magic, kind in _PACKED.items() if first_bytes(place).startswith(magic)), "")
        encoding = _encoding(place, format, wanted)
        found.append(File(name=name, format=format, packed=packed, bytes=place.stat().st_size, encoding=encoding))
    return found


def _encoding(place: Path, format: str, wanted: str) -> str:
    """How the file's text is written; a Parquet table says so itself, and JSON is UTF-8 unless told or marked otherwise."""
    if format == "parquet":
        return ""
    if format == "jsonl":
        if wanted != "auto":
            return known(wanted).removesuffix("-sig")
        with opened(place) as stream:
            return by_mark(stream.read(4)) or "utf-8"
    return encoding_of(place, wanted)
