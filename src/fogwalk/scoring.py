"""A trained language model scored on a text, beside what guessing and counting get on the same tokens.

Before this   tasks/language.py; training/evaluation.py.
After this    run.py offers it; cli/evaluate.py prints it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fogwalk.batches.tokens import MOST_SCORED, Stream
from fogwalk.encoding.protocol import Tokenizer
from fogwalk.objectives.metrics import Score, frequencies, guessing
from fogwalk.objectives.ngram import NGram, ngram
from fogwalk.settings import Settings
from fogwalk.tasks.language import Language, Scored, next_token_loss, read_for_scoring, scoring_windows
from fogwalk.training.evaluation import evaluate
from fogwalk.training.state import arithmetic_of

STRETCH, STRETCHES = 32, 1000  # tokens that tell one text from another, and how many such are looked for
MOST_SEARCHED, SEARCHED = 20_000_000, 1 << 18  # tokens learned from that are looked through, and at once
HASH = np.uint64(0x9E3779B97F4A7C15)  # odd, and of no pattern


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A score beside what guessing and counting get on the same tokens; `unknown` counts characters never learned.

    What counting gets is None where the text that the run learned from is gone, or is another now; an n-gram model also where
    there are more than two million tokens to score.
    """

    score: Score
    guessing: float
    frequencies: float | None
    ngram: NGram | None
    unknown: dict[str, int]
    source: str
    learned: bool = False  # it is the whole text that the run learned from
    familiar: float = 0.0  # about what share of it stands in what the run learned from


def _size(token: str) -> int:
    """The bytes of a token's text; a token that is a part of a character is shown as U+FFFD and is one byte."""
    return 1 if token == "\ufffd" else len(token.encode("utf-8", "surrogatepass"))


def familiar(learned: Stream, scored: Stream) -> float:
    """About what share of a stream stands in another: of stretches of 32 tokens, a thousand at most, those that do, by a hash.

    >>> familiar(np.arange(1000, dtype=np.uint16), np.arange(900, 1100, dtype=np.uint16)) > 0.3
    True
    """
    count = len(scored) - STRETCH + 1
    if count < 1:
        return 0.0
    places = np.unique(np.linspace(0, count - 1, min(STRETCHES, count)).astype(np.int64))
    wanted = _hashed(np.stack([scored[place : place + STRETCH] for place in places], 1))
    found: set[int] = set()
    for start in range(0, min(len(learned), MOST_SEARCHED) - STRETCH + 1, SEARCHED):
        part = np.asarray(learned[start : start + SEARCHED + STRETCH - 1])
        hashes = _hashed([part[at : len(part) - STRETCH + 1 + at] for at in range(STRETCH)])
        found.update(np.intersect1d(wanted, hashes).tolist())
    return float(np.isin(wanted, list(found)).mean()) if found else 0.0


def _hashed(tokens: Iterable[NDArray[Any]]) -> NDArray[np.uint64]:
    """A polynomial of the tokens one after the other [tokens, stretches], modulo 2^64."""
    total: NDArray[np.uint64] | None = None
    for one in tokens:
        total = one.astype(np.uint64) if total is None else total * HASH + one
    assert total is not None
    return total


class TextScorer:
    """A model with its tokenizer and, where it is still there, the text it `learned` from."""

    def __init__(
        self, settings: Settings, model: nn.Module, device: torch.device, tokenizer: Tokenizer, learned: Language | None
    ) -> None:
        self.settings = settings
        self.model = model
        self.device = device
        self.tokenizer = tokenizer
        self.learned = learned

    def score(self, path: str | None, encoding: str, column: str | None) -> Evaluation:
        """A text, or the validation split of the one it learned from."""
        task = self.learned
        if path is not None:
            scored = read_for_scoring(path, self.tokenizer, encoding, column)
            whole = task is not None and scored.digest == task.digest
            known = 0.0 if task is None else familiar(task.tokens.training, scored.stream)
            return replace(self._score(path, scored), learned=whole, familiar=known)
        assert task is not None
        own = Scored(
            stream=task.tokens.validation, counts=task.tokens.counts["validation"], unknown={}, digest=task.digest
        )
        return self._score("the run's validation split", own)

    def _score(self, source: str, scored: Scored) -> Evaluation:
        task = self.learned
        context, size = self.settings.context, self.tokenizer.size
        arithmetic = arithmetic_of(self.settings.replacing({"device": self.device.type}, "found"))
        found = evaluate(self.model, next_token_loss, scoring_windows(scored.stream, context), arithmetic)
        # The first token is read but not scored.
        first = self.tokenizer.decode([int(scored.stream[0])])
        if self.tokenizer.kind == "characters":
            first = scored.counts.opening[:1]  # as it stands in the text, which the tokenizer may not know
        score = Score(
            loss=found.loss,
            tokens=found.examples,
            context=context,
            characters=scored.counts.characters - len(first),
            bytes=scored.counts.bytes - _size(first),
        )
        learned = None if task is None else task.tokens.training
        return Evaluation(
            score=score,
            guessing=guessing(size),
            frequencies=None if learned is None else frequencies(learned, scored.stream, size),
            ngram=None if learned is None or len(scored.stream) > MOST_SCORED else ngram(learned, scored.stream, size),
            unknown=scored.unknown,
            source=source,
        )
