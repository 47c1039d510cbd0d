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
    b"GIF87a": "a GIF image",
    b"GIF89a": "a GIF image",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive (or a .docx, .xlsx, .npz, .pt file)",
    b"\x1f\x8b": "gzip-compressed",
    b"\x28\xb5\x2f\xfd": "zstd-compressed",
    b"BZh91AY&SY": "bzip2-compressed",
    b"\xfd7zXZ": "xz-compressed",
    b"\x7fELF": "a program",
    b"PAR1\x15": "a Parquet table",
    b"GGUF\x02\0": "a GGUF model",
    b"GGUF\x03\0": "a GGUF model",
    b"SQLite format 3\0": "an SQLite database",
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
    if os.path.isdir(place):  # false, not an error, for a name too long
        return _folder(place)
    return [Document(place.name, read_text(place))], ()


def _folder(folder: Path) -> tuple[list[Document], tuple[str, ...]]:
    documents: list[Document] = []
    places, left_out = _files(folder)
    for place in places:
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
        notes = (f"left out {len(left_out)} and read {len(documents)} documents: {', '.join(left_out[:3])}{more}",)
    return documents, notes


def _files(folder: Path) -> tuple[list[Path], list[str]]:
    """Every file below a folder by name, hidden ones and links to folders left out; and the folders that do not open."""
    found: list[Path] = []
    closed: list[str] = []

    def remember(error: OSError) -> None:
        closed.append(f"{os.path.relpath(error.filename, folder)} ({error.strerror})")

    for parent, folders, files in os.walk(folder, onerror=remember):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(parent) / name for name in files if not name.startswith(".")]
    files_only = (place for place in found if place.is_file())
    return sorted(files_only, key=lambda place: place.relative_to(folder).as_posix()), closed


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
    total = sum(len(document.text) for document in documents)
    if len(documents) > 1:
        # In the order of their hashes, take what fits until the share is reached; a document too large for it stays.
        # Equal documents have one hash, so that none is both learned from and held back.
        hashes = {document.name: _hash(document) for document in documents}
        held: set[str] = set()
        size = 0
        for document in sorted(documents, key=lambda document: hashes[document.name]):
            fits = size < share * total and size + len(document.text) <= 1.5 * share * total
            if fits or hashes[document.name] in held:
                held.add(hashes[document.name])
                size += len(document.text)
        training = tuple(document for document in documents if hashes[document.name] not in held)
        validation = tuple(document for document in documents if hashes[document.name] in held)
        if training and size >= share * total / 3:
            rule = f"{len(validation)} of {len(documents)} documents, chosen by hash, are held back for validation"
            return training, validation, rule
    # One text, or one so large that no choice of whole documents comes near the share.
    last = max(documents, key=lambda document: len(document.text))
    cut = max(len(last.text) - round(total * share), len(last.text) // 2 if len(documents) > 1 else 0)
    begun = Document(last.name, last.text[:cut])
    part = f"last {share:.0%} held back" if len(documents) == 1 else f"the last {share:.0%} held back from {last.name}"
    training = tuple(begun if document is last else document for document in documents)
    return training, (Document(last.name, last.text[cut:]),), f"{part} for validation"


def _hash(document: Document) -> str:
    return hashlib.sha256(document.text.encode("utf-8", "surrogatepass")).hexdigest()
