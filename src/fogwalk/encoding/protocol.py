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
    """Text <-> numbers. `size` is the vocabulary, `end` the id that marks a document's end, `kind` its name.

    `unsaid` is the id that stands for characters a text may hold and the tokenizer lacks: read, but never generated. `end`
    and `unsaid` are -1 where there is none. `mark` is a text that is read as `end` wherever it stands, and cuts what is
    beside it: with it documents may be encoded as one text. None where that is not sure.
    """

    kind: str
    size: int
    end: int
    unsaid: int
    mark: str | None

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


LONGEST = 4_000_000  # characters without a place to cut, after which one is cut anywhere


def safe_cut(text: str, end: int | None = None) -> int:
    """The last place of a text where the tokenizer cuts: after a line's end, or before a space, that stands alone.

    Alone means that no white space is beside it. GPT-2's pattern keeps ` word` together and a line's end apart, so both
    are exact for characters, bytes and byte pairs. A person's own tokenizer may take more together (a word with the line
    before it, or a mark at each text's beginning): there a cut is only nearly safe, one token in about a million characters.
    0 when there is no place, unless the text is so long that it is cut at its end all the same.

    >>> safe_cut("one two\\nthree  four"), safe_cut("one two"), safe_cut("  one ")
    (8, 3, 0)
    """
    after, before = _alone(text, "\n", end), _alone(text, " ", end)
    if after or before:
        return max(after + 1 if after else 0, before)
    return len(text) if len(text) > LONGEST else 0


def _alone(text: str, white: str, end: int | None) -> int:
    """The last place of a white character between two that are not white; 0 when there is none."""
    place = text.rfind(white, 0, end)
    while place > 0:
        if place + 1 < len(text) and not text[place - 1].isspace() and not text[place + 1].isspace():
            return place
        place = text.rfind(white, 0, place)
    return 0
