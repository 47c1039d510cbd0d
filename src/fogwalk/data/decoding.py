"""Bytes -> text in pieces of about a million characters, whatever the file's size; what is no text is told by name and line.

Before this   opening.py gives the bytes.
After this    sources/text.py yields the pieces as documents.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from fogwalk.data.opening import MAGIC, opened
from fogwalk.errors import NoText, SettingError

PIECE = 1 << 20  # characters, about
MOST_BLANK = 16 << 20  # bytes of blanks that a text may begin with
_BLANK = b"\x00 \t\r\n\xef\xbb\xbf"


def decoded(stream: BinaryIO, place: Path, encoding: str) -> Iterator[str]:
    """The text of a stream in pieces, its byte order mark left out; raises DataError that says what it is instead.

    `encoding` is auto (UTF-8, or UTF-16 and UTF-32 by their mark) or a name Python knows.
    """
    start = _start(stream)
    name = _encoding_of(start, place, encoding)
    decoder = codecs.getincrementaldecoder(name)(errors="strict")
    lines, block, found = 1, start, False
    while True:
        more = stream.read(PIECE)
        try:
            text = decoder.decode(block, final=not more)
        except UnicodeDecodeError as error:
            raise _not_text(place, name, error, lines) from None
        except UnicodeError as error:  # UTF-16 without its mark
            raise NoText(f"{place} is not {name}: {error}") from None
        lines += text.count("\n")
        if text:
            found = True
            yield text
        if not more:
            if not found:
                raise _empty(place)
            return
        block = more


def encoding_of(place: Path, encoding: str) -> str:
    """The encoding that a text file is read in, as Python calls it; raises DataError where `decoded` would at once."""
    with opened(place) as stream:
        return _encoding_of(_start(stream), place, encoding).removesuffix("-sig")


def _start(stream: BinaryIO) -> bytes:
    """The first bytes by which a stream is told; more of them where it begins blank."""
    start = stream.read(4096)
    while not start.strip(_BLANK) and len(start) < MOST_BLANK and (more := stream.read(PIECE)):
        start += more
    return start


def _encoding_of(start: bytes, place: Path, encoding: str) -> str:
    if not start.strip(_BLANK):
        if len(start) >= MOST_BLANK:
            raise NoText(f"{place} begins with {MOST_BLANK >> 20} MB of blanks", expected="It should hold text.")
        if start.strip(b"\xef\xbb\xbf"):
            kind = "blanks" if start.strip(b"\x00") else "zeros"
            raise NoText(f"{place} is empty: it holds nothing but {kind}", expected="It should hold text.")
        raise _empty(place)
    for magic, kind in MAGIC.items():
        if start.startswith(magic):
            raise NoText(
                f"{place} is {kind}, not text", expected="Fogwalk trains on text: UTF-8, or named with --data.encoding."
            )
    marked = by_mark(start)
    if encoding != "auto":
        name = known(encoding)
        if marked and name in ("utf-8-sig", "ascii"):
            raise NoText(
                f"{place} begins with the mark of {marked}, and is not {encoding}", remedy="Leave --data.encoding out."
            )
        return name
    if marked:
        return marked
    require_mark(start, place)
    if b"\x00" in start or _looks_binary(start):
        raise NoText(
            f"{place} is binary, not text", expected="Fogwalk trains on text: UTF-8, or named with --data.encoding."
        )
    return "utf-8-sig"


def require_mark(start: bytes, place: Path) -> None:
    """Raise NoText where a text looks like UTF-16 without its mark."""
    if half := _without_mark(start):
        raise NoText(
            f"{place} looks like {half} without its mark",
            remedy=f"Name it: --data.encoding {half}, or save it as UTF-8.",
        )


def _without_mark(start: bytes) -> str | None:
    """UTF-16 without its mark, by the zeros beside Latin letters; None where it is not that."""
    for name, letters, zeros in (("utf-16-le", start[::2], start[1::2]), ("utf-16-be", start[1::2], start[::2])):
        if zeros.count(0) > 0.7 * len(zeros) and not letters.count(0) and not _looks_binary(letters):
            return name
    return None


def by_mark(start: bytes) -> str | None:
    """The wide encoding whose byte order mark a text begins with; None where it begins with none."""
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    return "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else None


def known(encoding: str) -> str:
    """Python's own name of an encoding; raises SettingError for one that it lacks."""
    try:
        name = codecs.lookup(encoding).name
        "a".encode(name)  # refuses base64 and its like, which give no text
    except (LookupError, ValueError):
        raise SettingError(
            "data.encoding",
            found=f"unknown encoding '{encoding}'",
            expected="It is a name such as utf-8, cp1252, latin-1, utf-16, shift-jis.",
            origin="It came from --data.encoding.",
        ) from None
    return "utf-8-sig" if name == "utf-8" else name


def _empty(place: Path) -> NoText:
    return NoText(f"{place} is empty", expected="It should hold text.")


def _looks_binary(start: bytes) -> bool:
    controls = sum(byte < 32 and byte not in (9, 10, 12, 13, 27) for byte in start)
    return controls > len(start) * 0.02


def _not_text(place: Path, name: str, error: UnicodeDecodeError, lines: int) -> NoText:
    line = lines + error.object.count(b"\n", 0, error.start)
    wrong = f"byte 0x{error.object[error.start]:02x} at line {line}"
    if name != "utf-8-sig":
        return NoText(f"{place} is not {name}: {wrong}", remedy="Name another with --data.encoding, or leave it out.")
    if not error.object[: error.start].isascii():
        return NoText(
            f"{place} is not UTF-8: {wrong}",
            expected="What stands before it is UTF-8, of more than plain letters: two encodings are mixed in it.",
            remedy="Mend that line, or save the file as UTF-8.",
        )
    return NoText(
        f"{place} is not UTF-8: {wrong}",
        expected="It looks like an older encoding, such as Windows-1252 or Latin-1.",
        remedy="Name it: --data.encoding cp1252",
    )
