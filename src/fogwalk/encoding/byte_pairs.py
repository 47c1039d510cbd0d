"""Bytes, and byte pairs merged into longer tokens, through the tokenizers library: any Unicode text comes back unchanged.

Before this   protocol.py.
After this    tokenizers.py chooses between this and characters.py.
Byte-level BPE: Radford et al. 2019, GPT-2.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer as Library
from tokenizers import decoders, models, pre_tokenizers, trainers

from fogwalk.encoding.protocol import LONGEST, Ids, safe_cut, tokenizer_config
from fogwalk.errors import DataError

END = "<|endoftext|>"
_NONE: Ids = np.empty(0, dtype=np.uint32)
_PIECE = 1 << 16  # characters given to the library as one text: its threads end together; half of it is slower


class BytePairs:
    """A tokenizer of the tokenizers library. `kind` is bytes, bpe or the name of its algorithm: wordlevel, wordpiece, unigram."""

    unsaid = -1

    def __init__(self, library: Library) -> None:
        # A file made for another model may cut and fill every text to its length; here each token counts once.
        library.no_truncation()
        library.no_padding()
        # Marks put around every text would stand in the exported file alone: training reads one stream of many pieces.
        library.post_processor = None
        self.library = library
        content, plain = (json.loads(of.to_str()) for of in (library, _bytes()))
        model: dict[str, Any] = content["model"]
        self.kind = "bytes" if content == plain else str(model["type"]).lower()
        self._unknown_token = _unknown_token(model)
        # A person's file may leave ids out between the others; each still needs its place in the model.
        self.size = max(library.get_vocab().values(), default=-1) + 1
        end = library.token_to_id(END)
        self.end = -1 if end is None else end
        self.mark = END if _without_numbers(content) == _without_numbers(plain) else None

    @classmethod
    def bytes(cls) -> BytePairs:
        """One token a byte, and one for a document's end."""
        return cls(_bytes())

    @classmethod
    def learn(cls, texts: Iterable[str], vocabulary: int) -> BytePairs:
        """Merge the most frequent neighbours until there are `vocabulary` tokens; the texts are read once."""
        library = _byte_level(models.BPE())
        trainer = trainers.BpeTrainer(
            vocab_size=vocabulary,
            special_tokens=[END],
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        library.train_from_iterator((piece for text in texts for piece in pieces(text)), trainer)
        return cls(library)

    def encode(self, text: str) -> Ids:
        return self.encode_many([text])[0]

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        # A long text as one would take a hundred times its size in memory, and one core.
        cut = [list(pieces(text)) for text in texts]
        try:
            parts = self.library.encode_batch_fast(list(itertools.chain.from_iterable(cut)), add_special_tokens=False)
        except Exception as error:  # noqa: BLE001  # the library raises bare Exception
            raise DataError(
                f"the tokenizer ({self.kind}) has no token for some of this text: {error}",
                remedy="Give it an unknown token, or leave out --data.tokenizer.",
            ) from None
        found = iter([np.fromiter(part.ids, np.uint32, len(part)) for part in parts])
        return [
            next(found) if len(own) == 1 else np.concatenate([_NONE, *itertools.islice(found, len(own))]) for own in cut
        ]

    def decode(self, ids: list[int]) -> str:
        return str(self.library.decode(ids, skip_special_tokens=False))

    def unknown(self, text: str) -> dict[str, int]:
        number = None if self._unknown_token is None else self.library.token_to_id(self._unknown_token)
        found: Counter[str] = Counter()
        for piece in pieces(text) if number is not None else ():
            if number not in self.encode(piece):
                continue
            part = self.library.encode(piece, add_special_tokens=False)  # slower: tells where each token stands
            for token, (start, end) in zip(part.ids, part.offsets, strict=True):
                if token == number and piece[start:end] != self._unknown_token:
                    found.update(piece[start:end])
        return dict(found)

    def save(self, folder: Path) -> None:
        self.library.save(str(folder / "tokenizer.json"))
        config = tokenizer_config(END if self.end >= 0 else None, None)
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")


def _unknown_token(model: dict[str, Any]) -> str | None:
    """The token for whatever has none; None where every text has tokens, or what has none is an error."""
    if model.get("unk_id") is not None:  # Unigram's
        return str(model["vocab"][model["unk_id"]][0])
    token: str | None = model.get("unk_token")
    return token


def _without_numbers(content: dict[str, Any]) -> dict[str, Any]:
    """How a tokenizer.json cuts and reads a text, whatever its tokens and their ids."""
    added = [{key: value for key, value in token.items() if key != "id"} for token in content["added_tokens"]]
    return {**content, "model": None, "added_tokens": added}


def _bytes() -> Library:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    library = _byte_level(models.BPE(vocab={letter: number for number, letter in enumerate(alphabet)}, merges=[]))
    library.add_special_tokens([END])
    return library


def _byte_level(model: models.BPE) -> Library:
    library = Library(model)
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    return library


def pieces(text: str) -> Iterator[str]:
    """A long text in portions of about sixty thousand characters, cut where the library cuts too (see `safe_cut`).

    A portion without such a place is longer: up to four million characters.
    """
    start = 0
    while len(text) - start > _PIECE:
        cut = safe_cut(text[start : start + _PIECE + 1]) or safe_cut(text[start : start + LONGEST + 1])
        if not cut:
            break
        yield text[start : start + cut]
        start += cut
    if start < len(text):
        yield text[start:]
