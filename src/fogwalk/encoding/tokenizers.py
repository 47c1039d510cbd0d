"""Which tokenizer fits a text, and a tokenizer opened again from the folder it was saved in.

Before this   characters.py, byte_pairs.py.
After this    tasks/language.py learns one for a run; run.py and interop/ open it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from tokenizers import Tokenizer as Library

from fogwalk.encoding.byte_pairs import BytePairs
from fogwalk.encoding.characters import Characters
from fogwalk.encoding.protocol import Tokenizer
from fogwalk.errors import DataError, RunError, SettingError
from fogwalk.registry import nearest

NAMES = ("characters", "bytes", "bpe")
# Characters from which parts of words are worth learning as tokens: of 0.37 million single ones are better, of 1.1 million they
# are not (benchmarks/sweeps: docs-vocabulary.md, tinyshakespeare-vocabulary.md).
LARGE = 700_000
# So many tokens for a text shorter than so many characters, and the most there are for a longer one: the best of each sweep
# (the same, source-three-million-vocabulary.md, source-vocabulary.md). More than 8,192 make the scores the largest part of
# a small model's step and of its memory.
VOCABULARIES = ((1_500_000, 512), (2_500_000, 1024), (6_000_000, 2048), (20_000_000, 4096))
MOST = 8192
MANY = 1_000  # distinct characters from which single ones are too rare to learn


def choose(characters: int, distinct: int, vocabulary: int | None = None) -> tuple[str, str]:
    """The name of the tokenizer that fits a text of so many characters, so many of them distinct, where so large a vocabulary
    was asked for; and why."""
    if vocabulary:
        return "bpe", "a vocabulary was asked for"
    if distinct > MANY:
        return "bpe", f"{distinct:,} distinct characters are too many to learn one by one"
    if characters >= LARGE:
        return "bpe", f"a text of {characters:,} characters is large enough to learn parts of words"
    return "characters", f"a text of {characters:,} characters is too small to learn parts of words"


def vocabulary_for(length: int) -> int:
    """How many tokens byte-pair encoding learns from a text of `length` characters."""
    return next((vocabulary for longest, vocabulary in VOCABULARIES if length < longest), MOST)


def learn(
    name: str,
    alphabet: str,
    training: Callable[[], Iterable[str]],
    characters: int,
    vocabulary: int | None,
    several: bool,
) -> Tokenizer:
    """A tokenizer by name, or from a tokenizer.json file.

    Merges are learned from the training split only, which `training` streams; it holds so many `characters`. An alphabet
    is that of the whole text: it holds no knowledge but which characters exist.
    """
    if name == "characters":
        return Characters.learn(alphabet, several=several)
    if name == "bytes":
        return BytePairs.bytes()
    if name == "bpe":
        return BytePairs.learn(training(), vocabulary or vocabulary_for(characters))
    return from_file(name)


def from_file(name: str) -> Tokenizer:
    """The person's own tokenizer.json."""
    path = Path(name).expanduser()
    if not os.path.isfile(path):
        close = nearest(name, NAMES)
        remedy = f"Did you mean {' or '.join(close)}?" if close else "Name a tokenizer.json that exists."
        found = f"{name} is neither a tokenizer ({', '.join(NAMES)}) nor a file"
        raise SettingError("data.tokenizer", found=found, remedy=remedy)
    remedy = "Name one that the tokenizers library has saved, or leave --data.tokenizer out."
    try:
        tokenizer = _opened(path)
    except Exception as error:  # noqa: BLE001  # the library raises bare Exception
        raise DataError(f"{path} is not a tokenizer.json: {error}", remedy=remedy) from None
    if not tokenizer.size:
        raise DataError(f"{path} holds a tokenizer without tokens", remedy=f"It has to be trained first. {remedy}")
    return tokenizer


def load(folder: Path) -> Tokenizer:
    """The tokenizer saved in a run's encoding folder."""
    path = folder / "tokenizer.json"
    try:
        return _opened(path)
    except FileNotFoundError:
        raise RunError(f"{path} is missing") from None
    except Exception as error:  # noqa: BLE001  # as above
        raise RunError(f"{path} is damaged: {error}") from None


def _opened(path: Path) -> Tokenizer:
    """One loader for a person's file and a run's: what a run begins with and what it goes on with are then the same."""
    text = path.read_text(encoding="utf-8")
    library = Library.from_str(text)
    return Characters.of(json.loads(text)) or BytePairs(library)


def spelled(tokenizer: Tokenizer, token: int) -> str:
    """A token as text; one that is only a part of a character by its number."""
    text = tokenizer.decode([token])
    return f"part of a character, id {token}" if "\ufffd" in text and tokenizer.kind != "characters" else text
