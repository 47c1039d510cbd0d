"""All documents of what a person named, streamed: however large, a portion at a time is in memory.

Before this   files.py and sources/ read one file after the other.
After this    split.py decides what is held back; encoding/ learns from the training part; batches/ stores its tokens.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from fogwalk.data.decoding import known
from fogwalk.data.files import Files, find_files
from fogwalk.data.opening import PARQUET, ending, first_bytes, raw_digest
from fogwalk.data.samples import sample
from fogwalk.data.sources.protocol import Piece, Source, Wanted
from fogwalk.errors import DataError, NoText, SettingError
from fogwalk.registry import SOURCES

_ENDINGS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}


# Characters of a corpus that is remembered, at most, and what each piece counts beside its text.
REMEMBERED, EACH = 30_000_000, 100


class Part(NamedTuple):
    """A piece of the document with this number, counted through the whole corpus."""

    document: int
    text: str
    last: bool


def format_of(place: Path) -> str:
    """The name of the data format, by how the file's name ends and begins."""
    if (known_ending := ending(place)) in _ENDINGS:
        return _ENDINGS[known_ending]
    return "parquet" if first_bytes(place).startswith(PARQUET) else "text"


class Corpus:
    """Documents in a stable order. Reading twice gives the same, or a DataError that says what changed. A small corpus is
    remembered between readings, until `forget`.

    With `until` (time.perf_counter()) reading ends then, with a SettingError: a budget in minutes is over.
    `notes` fills while reading: which columns were taken, what was read otherwise than it stands. So does `unreadable`:
    the names of the files that were left out, and why.
    """

    def __init__(
        self,
        paths: Sequence[str],
        encoding: str = "auto",
        column: str | None = None,
        until: float | None = None,
    ) -> None:
        self.paths = tuple(paths)
        self.until = until
        if encoding != "auto":
            known(encoding)
        self.wanted = Wanted(encoding, column)
        self.notes: list[str] = []
        self.unreadable: dict[str, str] = {}
        self._stamps: dict[str, tuple[int, int]] = {}
        self._remembered: list[Part] | None = None
        self._samples = [path for path in self.paths if path.startswith("sample:")]
        others = [path for path in self.paths if not path.startswith("sample:")]
        self.files = find_files(others) if others else Files((), (), len(self._samples) > 1)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of every file's bytes in order, and of how they are read: what a resumed run compares.

        Of names only the order they give counts: a text that was moved or renamed is the same text.
        """
        whole = hashlib.sha256(f"{self.wanted.encoding}\0{self.wanted.column or ''}".encode())
        for path in self._samples:
            whole.update(f"\0text\0{self.sample_digest(path)}".encode())
        for name, place in self.files.places:
            if self._can_open(name, place):
                whole.update(f"\0{format_of(place)}\0{raw_digest(place)}".encode())
        return whole.hexdigest()

    def sample_digest(self, path: str) -> str:
        """SHA-256 of a sample's text as UTF-8."""
        return hashlib.sha256(sample(path).encode()).hexdigest()

    def _can_open(self, name: str, place: Path) -> bool:
        try:
            first_bytes(place)
        except DataError as error:
            self._leave_out(name, place, error)
            return False
        self._check_unchanged(name, place)
        return True

    def parts(self) -> Iterator[Part]:
        """Every document's pieces, one document after the other."""
        if self._remembered is not None:
            for name, place in self.files.places:
                if name not in self.unreadable:
                    self._check_unchanged(name, place)
            yield from self._remembered
            return
        kept: list[Part] = []
        size = 0
        for part in self._parts():
            if size <= REMEMBERED:
                size += len(part.text) + EACH
                kept.append(part)
            elif kept:
                kept = []
            yield part
        self._remembered = kept if size <= REMEMBERED else None

    def forget(self) -> None:
        """Let go of what was remembered: the corpus will not be read again soon."""
        self._remembered = None

    def _parts(self) -> Iterator[Part]:
        number = 0
        for path in self._samples:
            yield Part(number, sample(path), True)
            number += 1
        for name, place in self.files.places:
            for piece in self._read(name, place):
                yield Part(number, piece.text, piece.last)
                number += piece.last
        if not number:
            images = any("image, not text" in why for why in self.unreadable.values())
            raise DataError(
                f"nothing to learn from in {', '.join(self.paths)}",
                expected=" ".join(self.left_out()),
                remedy="To learn from images: a folder of them for each class, or a CSV of file and label."
                if images
                else "",
            )

    def _read(self, name: str, place: Path) -> Iterator[Piece]:
        """One file's pieces. Where several were named, one that holds no text is left out and said; so is one of a folder
        whose first rows are wrong. One that was named itself and is wrong is an error."""
        if name in self.unreadable:
            return
        self._check_unchanged(name, place)
        began = False
        try:
            source: Source = SOURCES.get(format_of(place))
            for piece in source(place, self.wanted, self._say):
                began = True
                if self.until is not None:
                    self._check_time(self.until)
                yield piece if piece.text.isascii() else Piece(self._scalar(piece.text, place), piece.last)
        except DataError as error:
            if began or (name in self.files.named and not isinstance(error, NoText)) or error.origin:
                raise  # with an origin: the person asked for a column that is not there
            self._leave_out(name, place, error)
            return
        self._check_unchanged(name, place)

    def _check_time(self, until: float) -> None:
        if time.perf_counter() > until:
            raise SettingError(
                "minutes",
                found="the minutes are over, and the text is not read to its end yet",
                expected=f"It takes {self._size() / 1e9:.1f} GB on the disk. A text is read two or three times before the "
                "first step; what was made of it is kept.",
                remedy="Read it once without a limit, with `fogwalk data inspect`, the same paths and the same --data flags; "
                "after that it opens at once. Or give more minutes.",
            )

    def _size(self) -> int:
        return sum(size for size, _ in self._stamps.values())

    def _check_unchanged(self, name: str, place: Path) -> None:
        stamp = self._stamp(place)
        if self._stamps.setdefault(name, stamp) != stamp:
            raise DataError(f"{place} changed while it was being read", remedy="Train again once nothing writes to it.")

    def _scalar(self, text: str, place: Path) -> str:
        """The text without halves of surrogate pairs, which JSON can spell and no file can hold."""
        try:
            text.encode()
        except UnicodeEncodeError:
            self._say(f"halves of surrogate pairs in {place.name} are read as U+FFFD")
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return text

    def _leave_out(self, name: str, place: Path, error: DataError) -> None:
        if not self.files.several:
            raise error
        self.unreadable[name] = error.found.removeprefix(str(place)).strip()

    def _say(self, words: str) -> None:
        if words not in self.notes:
            self.notes.append(words)

    @staticmethod
    def _stamp(place: Path) -> tuple[int, int]:
        try:
            status = place.stat()
        except OSError:
            raise DataError(f"{place} vanished while it was being read") from None
        return status.st_size, status.st_mtime_ns

    def omitted(self) -> list[str]:
        """Each thing that was not read, and why in brackets; known once the corpus has been read."""
        return [*self.files.left_out, *(f"{name} ({why})" for name, why in self.unreadable.items())]

    def left_out(self) -> list[str]:
        """What was not read, and why, in one sentence; known once the corpus has been read."""
        told = self.omitted()
        if not told:
            return []
        more = f" and {len(told) - 3} more" if len(told) > 3 else ""
        read = len(self.files.places) - len(self.unreadable)
        way_out = ""
        if any("is not utf-8" in why.lower() for why in self.unreadable.values()):
            way_out = "; what is not UTF-8: save it as UTF-8, or give it alone and name it, as --data.encoding cp1252"
        return [f"read {read} files; left out {len(told)}: {', '.join(told[:3])}{more}{way_out}"]
