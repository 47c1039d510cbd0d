"""Windows of one long stream of tokens: which ones a step sees is a pure function of (seed, step).

Before this   tokens.py opens the stream.
After this    training/loop.py asks for the batch of each step; training/evaluation.py for the validation windows.
No iterator is ever wound forward: a resumed run asks for its step and gets the same batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from fogwalk.batches.tokens import Stream


@dataclass(frozen=True)
class Batch:
    """`inputs` and, one token later, `targets`; `tokens` counts the targets that are scored."""

    inputs: Int[Tensor, "batch time"]
    targets: Int[Tensor, "batch time"]

    @property
    def tokens(self) -> int:
        return self.targets.numel()

    def split(self, portions: int) -> list[Batch]:
        """The same batch in equal portions, to be worked through one after the other."""
        if portions == 1:
            return [self]
        size = len(self.inputs) // portions
        return [Batch(i, t) for i, t in zip(self.inputs.split(size), self.targets.split(size), strict=True)]

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        return Batch(self.inputs.to(device), self.targets.to(device))


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

    Batch `step` takes the windows step·batch ... of one endless row of epochs; one batch may end one epoch and begin
    the next. The offset moves where windows begin, so that no two epochs cut the text at the same places.
    """

    def __init__(self, stream: Stream, context: int, batch: int, seed: int) -> None:
        self.stream = stream
        self.context = context
        self.batch = batch
        self.seed = seed
        # One context less than would fit, to leave room for the offset.
        self.per_epoch = max(1, (len(stream) - context) // context)
        self._order = lru_cache(maxsize=2)(self._draw_order)

    def at(self, step: int) -> Batch:
        """The batch that update number `step` (from 0) learns from."""
        numbers = np.arange(step * self.batch, (step + 1) * self.batch)
        starts = np.array([self._start(*divmod(int(number), self.per_epoch)) for number in numbers])
        return windows(self.stream, starts, self.context)

    def starts(self, epoch: int) -> NDArray[np.int64]:
        """Where the windows of an epoch begin, in the order they are seen."""
        numbers, offset = self._order(epoch)
        return numbers * np.int64(self.context) + offset

    def _start(self, epoch: int, place: int) -> int:
        numbers, offset = self._order(epoch)
        return int(numbers[place]) * self.context + offset

    def _draw_order(self, epoch: int) -> tuple[NDArray[np.uint32], int]:
        """The numbers of the windows in four bytes each, for a large text has many; and the place where they begin."""
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
