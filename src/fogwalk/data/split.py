"""What is held back to validate on: whole documents by the hash of their content, or the end of a text.

Before this   corpus.py streams the documents.
After this    encoding/ learns from the training side only; batches/ stores both sides.
One pass surveys the corpus (sizes, alphabet, hashes); every later pass can then tell the sides apart on the fly.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace

from fogwalk.data.corpus import Corpus, Part

# So many documents are chosen one by one, to come near the share; of more, each is judged by its own hash alone.
LISTED = 1000


@dataclass(frozen=True, kw_only=True)
class Split:
    """How the sides are told apart.

    Documents in `held` are validation; of document `cut_document` what stands from character `cut` on is. When `share`
    is set, so is every document whose hash, as a fraction, lies below it, unless it is longer than `longest`; so is each whose
    hash is one of `texts`.
    """

    held: tuple[int, ...] = ()
    cut_document: int = -1
    cut: int = 0
    share: float | None = None
    longest: int = 0
    texts: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What one pass over a corpus tells; sizes in characters."""

    documents: int
    characters: int
    alphabet: str
    split: Split
    notes: tuple[str, ...] = field(default=())

    def to_json(self) -> str:
        """As kept in the cache."""
        return json.dumps(asdict(self), ensure_ascii=True)

    @classmethod
    def from_json(cls, text: str) -> Survey:
        """The same again."""
        values = json.loads(text)
        lists = {name: tuple(values["split"][name]) for name in ("held", "texts")}
        split = Split(**{**values["split"], **lists})
        return cls(**{**values, "split": split, "notes": tuple(values["notes"])})


@dataclass
class _Document:
    number: int
    length: int
    hash: bytes


def survey(corpus: Corpus, share: float, most: int) -> Survey:
    """Read everything once; `share` of the characters, and at most so many, shall be held back, as nearly as whole
    documents allow."""
    alphabet: set[str] = set()
    listed: list[_Document] = []
    long: dict[int, _Document] = {}
    sizes: Counter[int] = Counter()  # characters in documents of so many binary digits of length
    documents = characters = length = 0
    content = hashlib.sha256()
    known = b""  # ASCII letters that occurred
    pieces = 0
    largest = _Document(0, 0, b"")
    texts: Counter[bytes] = Counter()  # characters of each different document, while these are few
    for number, text, last in corpus.parts():
        encoded = text.encode("utf-8", "surrogatepass")
        content.update(encoded)
        if len(encoded) != len(text):
            alphabet.update(text)
        elif new := encoded.translate(None, known):  # a hundred times as fast as letter by letter
            known += bytes(set(new))
        length += len(text)
        pieces += 1
        if last:
            digest = content.digest()
            if documents <= LISTED or pieces > 1 or length > largest.length:
                document = _Document(number, length, digest)
                if documents <= LISTED:
                    listed.append(document)
                if pieces > 1:
                    long[number] = document
                if length > largest.length:
                    largest = document
            sizes[length.bit_length()] += length
            if len(texts) <= LISTED:
                texts[digest] += length
            documents, characters = documents + 1, characters + length
            length, pieces, content = 0, 0, hashlib.sha256()
    alphabet.update(known.decode())
    share = min(share, most / max(characters, 1))
    if documents <= LISTED:
        split = _choose(listed, characters, share)
    elif sum(size for digits, size in sizes.items() if 1 << digits <= share * characters / 2) < characters / 3:
        # Short documents are too little of the whole to validate on.
        split = _cut_largest(largest, documents, characters, share)
    elif len(texts) == 1:
        split = _leaking(_cut_largest(largest, documents, characters, share))
    elif len(texts) <= LISTED:
        split = _by_text(texts, documents, long, characters, share)
    else:
        split = _by_hash(long, characters, share)
    return Survey(
        documents=documents,
        characters=characters,
        alphabet="".join(sorted(alphabet)),
        split=split,
        notes=(*corpus.notes, *corpus.left_out()),
    )


def _choose(documents: list[_Document], total: int, share: float) -> Split:
    """Documents in the order of their hashes until the share is reached; one too large for it stays.

    Equal documents have one hash, so that none is both learned from and held back. Where no choice of whole documents
    comes near, the largest is cut.
    """
    if len(documents) > 1:
        hashes: set[bytes] = set()
        size = 0
        for document in sorted(documents, key=lambda document: document.hash):
            if _fits(document.length, size, total, share) or document.hash in hashes:
                hashes.add(document.hash)
                size += document.length
        held = tuple(document.number for document in documents if document.hash in hashes)
        if len(held) < len(documents) and size >= share * total / 3:
            words = f"{len(held):,} of {len(documents):,} documents, chosen by hash, are held back for validation"
            return Split(held=held, words=words)
    largest = max(documents, key=lambda document: document.length)
    split = _cut_largest(largest, len(documents), total, share)
    if sum(document.hash == largest.hash for document in documents) > 1:
        return _leaking(split)
    return split


def _fits(length: int, size: int, total: int, share: float) -> bool:
    """Whether so long a document may be held back beside `size` others: until the share is reached, and not far beyond."""
    return size < share * total and size + length <= 1.5 * share * total


def _leaking(split: Split) -> Split:
    """Its end is held back here and learned from there."""
    return replace(split, words=f"{split.words}, although that document stands there more than once: leave one out")


def _cut_largest(last: _Document, documents: int, total: int, share: float) -> Split:
    cut = max(last.length - round(total * share), last.length // 2 if documents > 1 else 0)
    part = (
        f"last {_percent(share)}" if documents == 1 else f"the end of the largest document ({_percent(share)} of all)"
    )
    return Split(cut_document=last.number, cut=cut, words=f"{part} held back for validation")


def _by_hash(long: dict[int, _Document], total: int, share: float) -> Split:
    """Each of very many documents by its own hash; those longer than half the share would unbalance it, and stay."""
    longest = int(share * total / 2)
    held = tuple(n for n, document in long.items() if document.length <= longest and fraction(document.hash) < share)
    words = f"{_percent(share)} of the documents, chosen by hash, are held back for validation"
    return Split(held=held, share=share, longest=longest, words=words)


def _by_text(texts: Counter[bytes], documents: int, long: dict[int, _Document], total: int, share: float) -> Split:
    """Very many documents, but few different ones: in the order of their hashes until the share is reached; one too large for
    it stays. Where each is too large, the smallest is held back."""
    held: set[bytes] = set()
    size = 0
    for text in sorted(texts):
        if _fits(texts[text], size, total, share):
            held.add(text)
            size += texts[text]
    if not held:
        smallest = min(texts, key=texts.__getitem__)
        held, size = {smallest}, texts[smallest]
    words = (
        f"{len(held)} of {len(texts)} different texts among {documents:,} documents ({_percent(size / total)} of the "
        "characters), chosen by hash, are held back for validation"
    )
    numbers = tuple(n for n, document in long.items() if document.hash in held)
    return Split(held=numbers, texts=tuple(sorted(text.hex() for text in held)), words=words)


def _percent(share: float) -> str:
    return f"{share:.2%}" if share < 0.01 else f"{share:.0%}"


def fraction(digest: bytes) -> float:
    """A hash as a number from 0 to 1."""
    return int.from_bytes(digest[:8], "big") / 2.0**64


def sides(corpus: Corpus, split: Split) -> Iterator[tuple[bool, Part]]:
    """Every piece of the corpus, and whether it is held back. The document that is cut gives two."""
    held = frozenset(split.held)
    texts = frozenset(map(bytes.fromhex, split.texts))
    share, longest = split.share, split.longest
    by_hash = bool(texts) or share is not None
    place = 0
    begins = True
    for part in corpus.parts():
        number, text, last = part
        if number == split.cut_document:
            yield from _cut(part, split.cut - place)
            place += len(text)
        elif number in held:
            yield True, part
        elif by_hash and begins and last and (texts or len(text) <= longest):
            digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
            yield digest in texts if share is None else fraction(digest) < share, part
        else:
            yield False, part
        begins = last


def _cut(part: Part, at: int) -> Iterator[tuple[bool, Part]]:
    if at >= len(part.text):
        # Training ends exactly here when the cut falls on the piece's end.
        yield False, part._replace(last=part.last or at == len(part.text))
    elif at <= 0:
        yield True, part
    else:
        yield False, part._replace(text=part.text[:at], last=True)
        yield True, part._replace(text=part.text[at:])


def training(corpus: Corpus, split: Split, most: int | None = None, total: int = 0) -> Iterator[str]:
    """The training side's text in pieces; with `most`, a stable sample of about so many of `total` characters."""
    keep = 1.0 if most is None or total <= most else most / total
    for number, (held, part) in enumerate(sides(corpus, split)):
        if not held and (keep == 1 or fraction(hashlib.sha256(str(number).encode()).digest()) < keep):
            yield part.text
