"""Raw text files -> documents: UTF-8 files and folders, read in a stable order, split into training and validation.

Before this   a path a person typed.
After this    encoding/ learns a tokenizer from the documents and turns them into numbers.
Knows nothing of tokens or tensors.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from fogwalk.data.samples import SAMPLES, sample
from fogwalk.errors import DataError
from fogwalk.registry import did_you_mean, nearest

# First bytes by which a file that is not text is told by name.
_MAGIC = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"GIF8": "a GIF image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive (or a .docx, .xlsx, .npz, .pt file)",
    b"\x1f\x8b": "gzip-compressed",
    b"\x28\xb5\x2f\xfd": "zstd-compressed",
    b"BZh": "bzip2-compressed",
    b"\xfd7zXZ": "xz-compressed",
    b"\x7fELF": "a program",
    b"PAR1": "a Parquet table",
    b"GGUF": "a GGUF model",
    b"SQLite": "an SQLite database",
}


@dataclass(frozen=True)
class Document:
    """One text and the name it is told by."""

    name: str
    text: str


@dataclass(frozen=True)
class Texts:
    """The documents of one source, those to learn from and those held back, and what was noticed on the way.

    `digest` is the SHA-256 of all names and contents: a resumed run compares it. `held_back` says by which rule
    validation was chosen.
    """

    source: str
    training: tuple[Document, ...]
    validation: tuple[Document, ...]
    held_back: str
    digest: str
    notes: tuple[str, ...] = field(default=())

    @property
    def characters(self) -> int:
        return sum(len(document.text) for document in self.training + self.validation)

    @property
    def several(self) -> bool:
        """Whether the source held more than one document, so that a token must mark where each ends."""
        return len({document.name for document in self.training + self.validation}) > 1


def read_texts(path: str, validation: float) -> Texts:
    """Read a file, a folder or a sample, and hold back `validation` of it.

    Several documents are split by the hash of their content, so that adding one does not move the others; a single text
    gives its last part. Raises DataError when nothing can be learned from what is there.
    """
    documents, notes = read_documents(path)
    digest = hashlib.sha256()
    for document in documents:
        for part in (document.name, document.text):
            digest.update(hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest())
    training, held, rule = _split(documents, validation)
    return Texts(path, training, held, rule, digest.hexdigest(), notes)


def read_documents(path: str) -> tuple[list[Document], tuple[str, ...]]:
    """All documents of a source in a stable order, and what was left out, in words."""
    if path.startswith("sample:"):
        return [Document(path, sample(path))], ()
    place = Path(path).expanduser()
    if place.is_dir():
        return _folder(place)
    return [Document(place.name, read_text(place))], ()


def _folder(folder: Path) -> tuple[list[Document], tuple[str, ...]]:
    documents: list[Document] = []
    left_out: list[str] = []
    for place in _files(folder):
        name = place.relative_to(folder).as_posix()
        try:
            documents.append(Document(name, read_text(place)))
        except DataError as error:
            left_out.append(f"{name} ({error.found.removeprefix(str(place)).strip()})")
    if not documents:
        raise DataError(
            f"no UTF-8 text in the folder {folder}",
            expected=f"Left out: {', '.join(left_out[:5])}." if left_out else "It holds no files.",
        )
    notes: tuple[str, ...] = ()
    if left_out:
        more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
        notes = (
            f"left out {len(left_out)} of {len(left_out) + len(documents)} files: {', '.join(left_out[:3])}{more}",
        )
    return documents, notes


def _files(folder: Path) -> list[Path]:
    """Every file below a folder by name, hidden ones and links to folders left out."""
    found: list[Path] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent) / name for name in files if not name.startswith(".")]
    return sorted((place for place in found if place.is_file()), key=lambda place: place.relative_to(folder).as_posix())


def read_text(place: Path) -> str:
    """The text of one UTF-8 file; raises DataError that says what it is instead."""
    try:
        content = place.read_bytes()
    except FileNotFoundError:
        raise DataError(f"no such file or folder: {place}", remedy=_near(place)) from None
    except OSError as error:
        raise DataError(f"{place} cannot be read: {error.strerror}") from None
    if not content.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise DataError(f"{place} is empty", expected="It should hold text to learn from.")
    for magic, kind in _MAGIC.items():
        if content.startswith(magic):
            raise DataError(f"{place} is {kind}, not text", expected="Fogwalk trains on UTF-8 text files.")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{place} is UTF-16 text, not UTF-8", remedy=_convert(place, "UTF-16"))
    if b"\x00" in content:
        raise DataError(f"{place} is binary, not text", expected="Fogwalk trains on UTF-8 text files.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        if _looks_binary(content):
            raise DataError(f"{place} is binary, not text", expected="Fogwalk trains on UTF-8 text files.") from None
        raise DataError(
            f"{place} is not UTF-8: byte 0x{content[error.start]:02x} at line {line}",
            expected="It looks like an older encoding, such as Windows-1252 or Latin-1.",
            remedy=_convert(place, "WINDOWS-1252"),
        ) from None


def _looks_binary(content: bytes) -> bool:
    start = content[:4096]
    controls = sum(byte < 32 and byte not in (9, 10, 12, 13, 27) for byte in start)
    return controls > len(start) * 0.02


def _convert(place: Path, encoding: str) -> str:
    return f'Convert it first: iconv -f {encoding} -t UTF-8 "{place}" > utf8.txt'


def _near(place: Path) -> str:
    if "sample" in str(place) and ":" not in str(place):
        return did_you_mean(f"sample:{place.name}", SAMPLES)
    try:
        names = [entry.name for entry in place.parent.iterdir()]
    except OSError:
        return f"The folder {place.parent} does not exist either." if not place.parent.exists() else ""
    close = nearest(place.name, names)
    return f"Did you mean {' or '.join(str(place.with_name(name)) for name in close)}?" if close else ""


def _split(documents: list[Document], share: float) -> tuple[tuple[Document, ...], tuple[Document, ...], str]:
    if len(documents) > 1:
        total = sum(len(document.text) for document in documents)
        held: set[str] = set()
        size = 0
        # In the order of their hashes, take what fits until the share is reached; a document too large for it stays.
        for document in sorted(documents, key=_hash):
            if size < share * total and size + len(document.text) <= 1.5 * share * total:
                held.add(document.name)
                size += len(document.text)
        if held and size >= share * total / 3:
            training = tuple(document for document in documents if document.name not in held)
            validation = tuple(document for document in documents if document.name in held)
            rule = f"{len(held)} of {len(documents)} documents, chosen by hash, are held back for validation"
            return training, validation, rule
    *whole, last = documents
    length = sum(len(document.text) for document in documents)
    cut = (
        max(len(last.text) - round(length * share), 0) if not whole else len(last.text) - round(len(last.text) * share)
    )
    training = (*whole, Document(last.name, last.text[:cut]))
    part = f"last {share:.0%}" + (f" of {last.name}" if whole else "")
    return training, (Document(last.name, last.text[cut:]),), f"{part} held back for validation"


def _hash(document: Document) -> str:
    return hashlib.sha256(document.text.encode("utf-8", "surrogatepass")).hexdigest()
