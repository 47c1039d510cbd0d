"""Token ids on the disk, memory-mapped: a corpus is tokenised once, in a stream, and opened in an instant ever after.

Before this   data/ streams documents; encoding/ turns text into ids; cache.py keeps what was made.
After this    windows.py cuts batches out of the stream.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fogwalk.cache import cached
from fogwalk.data.corpus import EACH, Corpus
from fogwalk.data.split import Split, sides
from fogwalk.encoding.protocol import Tokenizer, safe_cut

Stream = NDArray[np.uint16 | np.uint32]

MOST_SCORED = 2_000_000  # tokens of the validation side; more tell nothing new
SIDES = ("training", "validation")
_AT_ONCE = 1_000_000  # characters encoded together: enough to keep the cores busy, in a few hundred megabytes
_TOGETHER = 4_000_000  # characters encoded at a time at most, where a text without a place to cut makes portions longer
_BESIDE = 3  # portions encoded at a time: two keep the cores busy while the ids of the third are put into arrays


@dataclass(kw_only=True)
class Counts:
    """What one side of a corpus holds: tokens, characters and UTF-8 bytes, its first token's, and how its text begins."""

    tokens: int = 0
    characters: int = 0
    bytes: int = 0
    opening: str = ""


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """The ids of both sides, and what they were made of."""

    training: Stream
    validation: Stream
    counts: dict[str, Counts]


class _Pending(NamedTuple):
    side: str
    text: str
    ends: bool
    begins: str = ""  # how the first of many begins


def tokenise(corpus: Corpus, split: Split, several: bool, tokenizer: Tokenizer) -> Tokens:
    """The ids of a corpus, from the cache or freshly encoded into it.

    With `several` documents each ends with the tokenizer's end id. Ids take two bytes each up to 65,536 tokens,
    else four. Validation ends at two million tokens.
    """
    kind = np.uint16 if tokenizer.size <= 1 << 16 else np.uint32

    def write(folder: Path) -> None:
        counts = {side: Counts() for side in SIDES}
        full = False
        files: dict[str, BinaryIO] = {side: (folder / f"{side}.bin").open("wb") for side in SIDES}
        try:
            for piece, ids in _encoded(corpus, split, several, tokenizer):
                count = counts[piece.side]
                if piece.side == "validation" and (full or count.tokens + len(ids) > MOST_SCORED):
                    if full or count.tokens:
                        full = True  # and a shorter piece that would still fit does not follow one left out
                        continue
                    full, (piece, ids) = True, _shortened(piece, ids, tokenizer, MOST_SCORED)
                files[piece.side].write(ids.astype(kind).tobytes())
                count.tokens += len(ids)
                count.characters += len(piece.text)
                count.bytes += len(piece.text.encode("utf-8", "surrogatepass"))
                count.opening = count.opening or (piece.begins or piece.text)[:200]
        finally:
            for file in files.values():
                file.close()
        told = {side: asdict(count) for side, count in counts.items()}
        (folder / "counts.json").write_text(json.dumps(told), encoding="utf-8")

    def read(folder: Path) -> Tokens:
        told = json.loads((folder / "counts.json").read_text(encoding="utf-8"))
        training, validation = (_opened(folder / f"{side}.bin", kind) for side in SIDES)
        return Tokens(training=training, validation=validation, counts={side: Counts(**told[side]) for side in SIDES})

    return cached("tokens", _key(corpus, split, several, tokenizer), write, read)


def _shortened(
    piece: _Pending, ids: NDArray[np.uint32], tokenizer: Tokenizer, most: int
) -> tuple[_Pending, NDArray[np.uint32]]:
    """The beginning of a piece that gives at most so many ids."""
    text = piece.text
    while len(ids) > most:
        text = text[: len(text) * most // len(ids)]
        ids = tokenizer.encode(text)
    return _Pending(piece.side, text, False), ids


def _key(corpus: Corpus, split: Split, several: bool, tokenizer: Tokenizer) -> str:
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save(Path(folder))
        key = hashlib.sha256((Path(folder) / "tokenizer.json").read_bytes())
    key.update(f"2\0{corpus.digest}\0{split}\0{several}".encode())
    return key.hexdigest()[:32]


def _encoded(
    corpus: Corpus, split: Split, several: bool, tokenizer: Tokenizer
) -> Iterator[tuple[_Pending, NDArray[np.uint32]]]:
    """Every stretch of text with its ids, documents' ends marked. While some are encoded, the next are read; and while the
    library's ids are put into arrays, which takes one core, it encodes the next."""
    end = np.array([tokenizer.end], dtype=np.uint32) if several and tokenizer.end >= 0 else None
    with ThreadPoolExecutor(_BESIDE) as beside:
        coming: deque[tuple[int, Future[list[tuple[_Pending, NDArray[np.uint32]]]]]] = deque()
        for portion in _portions(corpus, split):
            size = sum(len(pending.text) for pending in portion)
            while len(coming) == _BESIDE or (coming and sum(other for other, _ in coming) + size > _TOGETHER):
                yield from coming.popleft()[1].result()
            coming.append((size, beside.submit(_together, portion, tokenizer, end)))
        for _, rest in coming:
            yield from rest.result()


def _portions(corpus: Corpus, split: Split) -> Iterator[list[_Pending]]:
    """Stretches that are encoded together."""
    waiting: list[_Pending] = []
    size = 0
    for pending in _stretches(corpus, split):
        waiting.append(pending)
        size += len(pending.text) + EACH
        if size >= _AT_ONCE:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting


def _together(
    waiting: list[_Pending], tokenizer: Tokenizer, end: NDArray[np.uint32] | None
) -> list[tuple[_Pending, NDArray[np.uint32]]]:
    """What is learned from in one piece, what is held back in its own pieces: it may have to end between two of them."""
    learned = [pending for pending in waiting if pending.side == "training"]
    held = [pending for pending in waiting if pending.side == "validation"]
    found = list(zip(held, _apart(held, tokenizer, end), strict=True))
    if learned:
        text = "".join(pending.text for pending in learned)
        found.append((_Pending("training", text, False, learned[0].text), _joined(learned, tokenizer, end)))
    return found


def _joined(learned: list[_Pending], tokenizer: Tokenizer, end: NDArray[np.uint32] | None) -> NDArray[np.uint32]:
    """All their ids. Where the tokenizer reads a mark as the end, documents are joined by it and encoded as one text: equal,
    and of many short ones several times as fast."""
    if end is None or tokenizer.mark is None:
        return np.concatenate(_one_by_one(learned, tokenizer, end))
    mark = tokenizer.mark
    return tokenizer.encode("".join(pending.text + mark if pending.ends else pending.text for pending in learned))


def _apart(pieces: list[_Pending], tokenizer: Tokenizer, end: NDArray[np.uint32] | None) -> list[NDArray[np.uint32]]:
    """The ids of each: cut out of all of them where each ends, unless one holds a mark of its own or goes on elsewhere."""
    if pieces and end is not None and tokenizer.mark is not None and all(pending.ends for pending in pieces):
        ids = _joined(pieces, tokenizer, end)
        ends = np.flatnonzero(ids == tokenizer.end) + 1
        if len(ends) == len(pieces):
            return np.split(ids, ends[:-1])
    return _one_by_one(pieces, tokenizer, end)


def _one_by_one(
    pieces: list[_Pending], tokenizer: Tokenizer, end: NDArray[np.uint32] | None
) -> list[NDArray[np.uint32]]:
    found = tokenizer.encode_many([pending.text for pending in pieces])
    if end is None:
        return found
    return [np.append(ids, end) if pending.ends else ids for pending, ids in zip(pieces, found, strict=True)]


def _stretches(corpus: Corpus, split: Split) -> Iterator[_Pending]:
    """The pieces of a document, cut anew where the tokenizer would cut too, so that no token is."""
    rest = dict.fromkeys(SIDES, "")
    for held, part in sides(corpus, split):
        side = SIDES[held]
        text = rest[side] + part.text
        if part.last:
            rest[side] = ""
            yield _Pending(side, text, True)
        elif cut := safe_cut(text):
            rest[side] = text[cut:]
            yield _Pending(side, text[:cut], False)
        else:
            rest[side] = text


def _opened(path: Path, kind: type[np.uint16] | type[np.uint32]) -> Stream:
    if path.stat().st_size == 0:
        return np.empty(0, dtype=kind)
    return np.memmap(path, dtype=kind, mode="r")
