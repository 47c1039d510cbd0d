"""Characters as tokens: the alphabet of the text, one id each, and one more for every character it lacks.

Before this   protocol.py.
After this    tokenizers.py chooses between this and byte_pairs.py.
The table look-up here is two orders faster than the tokenizers library on the tokenizer.json it writes; ids are equal.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fogwalk.encoding.protocol import Ids, tokenizer_config

UNKNOWN = "\ufffd"
END = "\x03"  # ASCII's own END OF TEXT


class Characters:
    """`alphabet` holds every character once; its place is its id. The first is the unknown one, U+FFFD.

    >>> Characters.learn("abba", several=False).encode("abc").tolist()
    [1, 2, 0]
    """

    kind = "characters"
    unsaid = 0

    def __init__(self, alphabet: str) -> None:
        self.alphabet = alphabet
        self.size = len(alphabet)
        self._ids = {character: number for number, character in enumerate(alphabet)}
        self.end = self._ids.get(END, -1)
        self.mark = END if self.end >= 0 else None
        codes = np.array([ord(character) for character in alphabet], dtype=np.uint32)
        self._table = np.zeros(int(codes.max()) + 2, dtype=np.uint32)
        self._table[codes] = np.arange(self.size, dtype=np.uint32)

    @classmethod
    def learn(cls, characters: str, *, several: bool) -> Characters:
        """The alphabet of the given characters, sorted; `several` documents also need the mark of a document's end."""
        alphabet = set(characters) | ({END} if several else set())
        return cls(UNKNOWN + "".join(sorted(alphabet - {UNKNOWN})))

    @classmethod
    def of(cls, content: dict[str, Any]) -> Characters | None:
        """The tokenizer whose tokenizer.json this is; None when it is another's, however near."""
        model = content["model"]
        if model.get("type") != "WordLevel" or model.get("unk_token") != UNKNOWN:
            return None
        vocabulary = model["vocab"]
        ordered = sorted(vocabulary, key=vocabulary.__getitem__)
        if any(len(token) != 1 for token in ordered) or ordered[:1] != [UNKNOWN]:
            return None
        found = cls("".join(ordered))
        return found if found.content() == content else None

    def encode(self, text: str) -> Ids:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        ids: Ids = self._table[np.minimum(codes, len(self._table) - 1)]
        return ids

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        return [self.encode(text) for text in texts]

    def decode(self, ids: list[int]) -> str:
        return "".join(self.alphabet[number] for number in ids)

    def unknown(self, text: str) -> dict[str, int]:
        return {character: count for character, count in Counter(text).items() if character not in self._ids}

    def content(self) -> dict[str, Any]:
        """The tokenizer.json of this alphabet: with it the tokenizers library gives the same ids."""
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": {
                "type": "Split",
                "pattern": {"Regex": r"[\s\S]"},
                "behavior": "Isolated",
                "invert": False,
            },
            "post_processor": None,
            "decoder": {"type": "Fuse"},
            "model": {"type": "WordLevel", "vocab": self._ids, "unk_token": UNKNOWN},
        }

    def save(self, folder: Path) -> None:
        content = json.dumps(self.content(), ensure_ascii=False, indent=1)
        (folder / "tokenizer.json").write_text(content, encoding="utf-8")
        config = tokenizer_config(END if self.end >= 0 else None, UNKNOWN)
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
