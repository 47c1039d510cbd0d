"""Bytes, and byte pairs merged into longer tokens, through the tokenizers library: any Unicode text comes back unchanged.

Before this   protocol.py.
After this    tokenizers.py chooses between this and characters.py.
Byte-level BPE: Radford et al. 2019, GPT-2.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer as Library
from tokenizers import decoders, models, pre_tokenizers, trainers

from fogwalk.encoding.protocol import Ids, safe_cut, tokenizer_config
from fogwalk.errors import DataError

END = "<|endoftext|>"
_PIECE = 1 << 20  # characters given to the library at once, cut at line ends


class BytePairs:
    """A tokenizer of the tokenizers library. `kind` is bytes, bpe or the name of the person's own file."""

    def __init__(self, library: Library, kind: str) -> None:
        # A file made for another model may cut and fill every text to its length; here each token counts once.
        library.no_truncation()
        library.no_padding()
        self.library = library
        self.kind = kind
        self.size = library.get_vocab_size()
        end = library.token_to_id(END)
        self.end = -1 if end is None else end

    @classmethod
    def bytes(cls) -> BytePairs:
        """One token a byte, and one for a document's end."""
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        library = _byte_level(models.BPE(vocab={letter: number for number, letter in enumerate(alphabet)}, merges=[]))
        library.add_special_tokens([END])
        return cls(library, "bytes")

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
        return cls(library, "bpe")

    def encode(self, text: str) -> Ids:
        found = self.encode_many(list(pieces(text)))
        return np.concatenate(found) if found else np.empty(0, dtype=np.uint32)

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        try:
            parts = self.library.encode_batch_fast(list(texts), add_special_tokens=False)
        except Exception as error:  # noqa: BLE001  # the library raises bare Exception
            raise DataError(
                f"the tokenizer {self.kind} has no token for some of this text: {error}",
                remedy="Give it an unknown token, or leave out --data.tokenizer.",
            ) from None
        return [np.array(part.ids, dtype=np.uint32) for part in parts]

    def decode(self, ids: list[int]) -> str:
        return str(self.library.decode(ids, skip_special_tokens=False))

    def unknown(self, text: str) -> dict[str, int]:
        return {}

    def description(self) -> str:
        return "256 byte tokens" if self.kind == "bytes" else f"{self.size:,} tokens ({self.kind})"

    def save(self, folder: Path) -> None:
        self.library.save(str(folder / "tokenizer.json"))
        config = tokenizer_config(END if self.end >= 0 else None, None)
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")


def _byte_level(model: models.BPE) -> Library:
    library = Library(model)
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    return library


def pieces(text: str) -> Iterator[str]:
    """A long text in portions of about a million characters, cut where the library cuts too."""
    start = 0
    while len(text) - start > _PIECE:
        portion = text[start : start + _PIECE + 1]
        end = start + (safe_cut(portion) or _PIECE)
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]
