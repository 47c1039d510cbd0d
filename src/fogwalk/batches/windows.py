"""Windows of one long stream of tokens: which ones a step sees is a pure function of (seed, step).

Before this   tokens.py opens the stream.
After this    training/loop.py asks for the batch of each step; training/evaluation.py for the validation windows.
No iterator is ever wound forward: a resumed run asks for its step and gets the same batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from fogwalk.batches.batch import Batch, Epochs, Numbers
from fogwalk.batches.tokens import Stream


def windows(stream: Stream, starts: NDArray[np.int64], time: int) -> Batch:
    """Cut pieces of `time` tokens out of one long text, each with the same piece one token later.

    The later piece is the answer: at every place the model must name the token that comes next.

    >>> batch = windows(np.array([5, 6, 7, 8], dtype=np.uint16), starts=np.array([0, 1]), time=2)
    >>> batch.inputs.tolist(), batch.targets.tolist()
    ([[5, 6], [6, 7]], [[6, 7], [7, 8]])
    """
    places = starts[:, None] + np.arange(time + 1)
    pieces = torch.from_numpy(stream[places].astype(np.int64))  # [batch, time + 1]
    return Batch(pieces[:, :-1].contiguous(), pieces[:, 1:].contiguous())


class TrainingWindows:
    """Every window once an epoch, in an order and from an offset drawn from (seed, epoch).

    The offset moves where windows begin, so that no two epochs cut the text at the same places.
    """

    def __init__(self, stream: Stream, context: int, batch: int, seed: int) -> None:
        self.stream = stream
        self.context = context
        self.seed = seed
        # One context less than would fit, to leave room for the offset.
        self.per_epoch = max(1, (len(stream) - context) // context)
        self._drawn = lru_cache(maxsize=2)(self._draw)
        self._epochs = Epochs(self.per_epoch, batch, lambda epoch: self._drawn(epoch)[0])

    def at(self, step: int) -> Batch:
        """The batch that update number `step` (from 0) learns from."""
        starts = [self._places(epoch, numbers) for epoch, numbers in self._epochs.at(step)]
        return windows(self.stream, np.concatenate(starts), self.context)

    def starts(self, epoch: int) -> NDArray[np.int64]:
        """Where the windows of an epoch begin, in the order they are seen."""
        return self._places(epoch, self._drawn(epoch)[0])

    def _places(self, epoch: int, numbers: Numbers) -> NDArray[np.int64]:
        return numbers * np.int64(self.context) + self._drawn(epoch)[1]

    def _draw(self, epoch: int) -> tuple[Numbers, int]:
        """The order of the windows, and the place where the first of them begins."""
        chance = np.random.default_rng([self.seed, epoch])
        spare = len(self.stream) - 1 - self.per_epoch * self.context
        offset = int(chance.integers(0, max(0, min(spare, self.context - 1)) + 1))
        return chance.permutation(np.arange(self.per_epoch, dtype=np.uint32)), offset


def validation_windows(stream: Stream, context: int, batch: int) -> Iterator[Batch]:
    """Every token of the stream but its first, scored once, in windows of `context` from its start.

    The last window holds what is left, and comes by itself.
    """
    scored = len(stream) - 1
    whole = scored // context
    for first in range(0, whole, batch):
        starts = np.arange(first, min(first + batch, whole), dtype=np.int64) * context
        yield windows(stream, starts, context)
    if rest := scored % context:
        yield windows(stream, np.array([whole * context]), rest)
