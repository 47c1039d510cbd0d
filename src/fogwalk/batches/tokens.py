"""Token ids on the disk, memory-mapped: tokenised once, opened in an instant ever after.

Before this   encoding/ turns text into ids.
After this    windows.py cuts batches out of the stream.
The cache stands in the platform's cache folder under the hash of text and tokenizer; it is checked on opening.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from fogwalk.encoding.protocol import Tokenizer
from fogwalk.errors import RunError
from fogwalk.runs.publish import UNFINISHED, problems, publish

Stream = NDArray[np.uint16 | np.uint32]


def cache_folder() -> Path:
    """Where tokenised text is kept between runs."""
    return platformdirs.user_cache_path("fogwalk") / "tokens"


def tokenise(
    parts: Mapping[str, Sequence[str]], tokenizer: Tokenizer, folder: Path, several: bool
) -> dict[str, Stream]:
    """The ids of each named part, from the cache or freshly encoded into it.

    `folder` holds the tokenizer's saved files, whose hash is part of the key. With `several` documents each
    ends with the tokenizer's end id. Ids take two bytes each up to 65,536 tokens, else four.
    """
    key = hashlib.sha256((folder / "tokenizer.json").read_bytes())
    for name, texts in parts.items():
        key.update(f"\0{name}\0{several}".encode())
        for text in texts:
            key.update(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())
    place = cache_folder() / key.hexdigest()[:32]
    kind = np.uint16 if tokenizer.size <= 1 << 16 else np.uint32

    def write(hidden: Path) -> None:
        for name, texts in parts.items():
            with (hidden / f"{name}.bin").open("wb") as file:
                for ids in _encoded(texts, tokenizer, several):
                    file.write(ids.astype(kind).tobytes())

    try:
        if not place.is_dir() or problems(place):
            _sweep(place.parent)
            publish(place, write)
        return {name: _opened(place / f"{name}.bin", kind) for name in parts}
    except (RunError, OSError):
        # No cache can be kept here (a full or read-only disk): the ids stay in memory.
        empty = np.empty(0, dtype=kind)
        return {
            name: np.concatenate([empty, *(ids.astype(kind) for ids in _encoded(texts, tokenizer, several))])
            for name, texts in parts.items()
        }


def _sweep(cache: Path) -> None:
    """Remove what processes that were killed left half-written, once it is a day old."""
    for entry in cache.glob(f"{UNFINISHED}*"):
        if time.time() - entry.stat().st_mtime > 86_400:
            shutil.rmtree(entry, ignore_errors=True)


def _encoded(texts: Sequence[str], tokenizer: Tokenizer, several: bool) -> Iterator[NDArray[np.uint32]]:
    for text in texts:
        yield tokenizer.encode(text)
        if several and tokenizer.end >= 0:
            yield np.array([tokenizer.end], dtype=np.uint32)


def _opened(path: Path, kind: type[np.uint16] | type[np.uint32]) -> Stream:
    if path.stat().st_size == 0:
        return np.empty(0, dtype=kind)
    return np.memmap(path, dtype=kind, mode="r")
