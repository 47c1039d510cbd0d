"""What a tokenizer answers, whichever it is. Every one is kept as a tokenizer.json that other tools open.

Before this   data/ gives the documents.
After this    characters.py, byte_pairs.py and tokenizers.py beside this file; batches/ stores the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.uint32]


class Tokenizer(Protocol):
    """Text <-> numbers. `size` is the vocabulary, `end` the id that marks a document's end, `kind` its name."""

    kind: str
    size: int
    end: int

    def encode(self, text: str) -> Ids:
        """The ids of a text; a character the tokenizer lacks becomes its unknown id."""
        ...

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        """The ids of each text, on all cores where the tokenizer can."""
        ...

    def decode(self, ids: list[int]) -> str:
        """The text of ids; bytes that are not whole characters show as U+FFFD."""
        ...

    def unknown(self, text: str) -> dict[str, int]:
        """The characters of a text that the tokenizer lacks, and how often each stands there."""
        ...

    def description(self) -> str:
        """In a few words, for the line that explains the choice."""
        ...

    def save(self, folder: Path) -> None:
        """Write tokenizer.json and tokenizer_config.json."""
        ...


def tokenizer_config(end: str | None, unknown: str | None) -> dict[str, Any]:
    """The tokenizer_config.json that makes AutoTokenizer pick the same class, and so give the same ids."""
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
    }
    if end is not None:
        config["eos_token"] = end
    if unknown is not None:
        config["unk_token"] = unknown
    return config


_LONGEST = 4_000_000  # characters without a place to cut, after which one is cut anywhere


def safe_cut(text: str, end: int | None = None) -> int:
    """The last place of a text where every tokenizer cuts: after a line's end with no white space beside it.

    0 when there is none, unless the text is so long that it is cut at its end all the same.
    """
    place = text.rfind("\n", 0, end)
    while place > 0:
        if place + 1 < len(text) and not text[place - 1].isspace() and not text[place + 1].isspace():
            return place + 1
        place = text.rfind("\n", 0, place)
    return len(text) if len(text) > _LONGEST else 0
