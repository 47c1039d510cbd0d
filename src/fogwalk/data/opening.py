"""A file's bytes, unpacked where it is packed (gzip, zstd), and what it is when it is no text.

Before this   files.py has found the file.
After this    decoding.py makes text of the bytes; sources/ reads tables and lines.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from fogwalk.errors import DataError, NoText

# First bytes by which a file that is not text is told by name. Such as could begin a text are not among them.
MAGIC = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a ZIP archive (or a .docx, .xlsx, .npz, .pt file)",
    b"BZh9": "bzip2-compressed",
    b"\xfd7zXZ": "xz-compressed",
    b"\x7fELF": "a program",
    b"SQLite format 3\x00": "an SQLite database",
}
GZIP, ZSTD, PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"


def ending(place: Path) -> str:
    """What a file's name ends with, in lower case, once .gz or .zst is taken off."""
    suffixes = [suffix.lower() for suffix in place.suffixes]
    if suffixes and suffixes[-1] in (".gz", ".zst", ".zstd"):
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def first_bytes(place: Path, count: int = 16) -> bytes:
    """How a file begins; raises NoText when it cannot be read."""
    try:
        with place.open("rb") as file:
            return file.read(count)
    except OSError as error:
        raise NoText(f"{place} cannot be read: {error.strerror}") from None


@contextmanager
def opened(place: Path) -> Iterator[BinaryIO]:
    """The file's bytes as a stream, unpacked; every failure while it is read becomes a DataError that names the file."""
    magic = first_bytes(place)
    try:
        if magic.startswith(GZIP):
            with gzip.open(place, "rb") as file:
                yield cast(BinaryIO, file)
        elif magic.startswith(ZSTD):
            import pyarrow

            # Opened here: pyarrow opens no name that is not UTF-8.
            with place.open("rb") as packed, pyarrow.CompressedInputStream(packed, "zstd") as file:
                yield io.BufferedReader(cast(io.RawIOBase, file))  # pyarrow's own reads no lines
        else:
            with place.open("rb") as plain:
                yield plain
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{place} is damaged: its compressed data ends early or is altered ({error})",
            remedy="Copy or download it again.",
        ) from None
    except FileNotFoundError:
        raise DataError(f"{place} vanished while it was being read") from None
    except OSError as error:
        # pyarrow tells a damaged zstd file as an OSError without a number
        told = error.strerror or f"its compressed data ends early or is altered ({error})"
        raise DataError(f"{place} cannot be read: {told}") from None


def raw_digest(place: Path) -> str:
    """SHA-256 of the file's bytes as they lie on the disk."""
    try:
        with place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{place} cannot be read: {error.strerror}") from None
