"""Numbers for people: a loss told as perplexity and bits, beside what guessing and counting would get.

Before this   losses.py.
After this    cli/evaluate.py prints them; trainer.py says chance before training begins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fogwalk.batches.tokens import Stream

_PORTION = 1 << 22  # tokens counted at once


@dataclass(frozen=True, kw_only=True)
class Score:
    """A text scored by a language model. `loss` is the mean in nats per token over `tokens` tokens at `context`."""

    loss: float
    tokens: int
    context: int
    characters: int
    bytes: int

    @property
    def perplexity(self) -> float:
        """Between how many equally likely tokens the model hesitates: e^loss."""
        return math.exp(min(self.loss, 700)) if math.isfinite(self.loss) else self.loss

    @property
    def bits_per_byte(self) -> float:
        """The same for every tokenizer: loss in bits, spread over the bytes of the text."""
        return self.loss * self.tokens / math.log(2) / max(self.bytes, 1)

    @property
    def bits_per_character(self) -> float:
        """Loss in bits, spread over the characters of the text."""
        return self.loss * self.tokens / math.log(2) / max(self.characters, 1)


def guessing(vocabulary: int) -> float:
    """Loss of guessing every token equally: ln vocabulary, in nats per token."""
    return math.log(vocabulary)


def frequencies(training: Stream, scored: Stream, vocabulary: int) -> float:
    """Loss of always answering with the training text's token frequencies, in nats per token.

    One is added to every count, so that a token never seen has a chance. The first scored token is left out,
    as the model's is.
    """
    counts = counted(training, vocabulary).astype(np.float64) + 1
    asked = counted(scored[1:], vocabulary)
    surprise = -np.log(counts / counts.sum())
    return float((surprise * asked).sum() / asked.sum()) if len(scored) > 1 else math.nan


def counted(stream: Stream, vocabulary: int) -> NDArray[np.int64]:
    """How often each token stands in a stream, a portion at a time: a large one is on the disk."""
    counts = np.zeros(vocabulary, dtype=np.int64)
    for start in range(0, len(stream), _PORTION):
        counts += np.bincount(stream[start : start + _PORTION], minlength=vocabulary)
    return counts
