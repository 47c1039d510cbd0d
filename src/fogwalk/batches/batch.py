"""What one step learns from, whatever the task: inputs, the right answers beside them, and the order in which they are drawn.

Before this   encoding/ has made numbers of records.
After this    windows.py cuts a text into batches, rows.py gathers rows or images; training/ knows no more than this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Numbers = NDArray[np.uint32]


@dataclass(frozen=True)
class Batch:
    """`inputs` [batch, ...] and `targets` [batch, ...]; `examples` counts the targets: tokens, rows or images."""

    inputs: Tensor
    targets: Tensor

    @property
    def examples(self) -> int:
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


class Epochs:
    """Every record once an epoch, in an order drawn from (seed, epoch): one endless row, out of which each step takes a batch.

    Batch `step` takes the places step·batch ...; one batch may end one epoch and begin the next. `order` draws an epoch's
    numbers, in four bytes each, for a large text has many windows.
    """

    def __init__(self, per_epoch: int, batch: int, order: Callable[[int], Numbers]) -> None:
        self.per_epoch = per_epoch
        self.batch = batch
        self._order = lru_cache(maxsize=2)(order)

    def at(self, step: int) -> list[tuple[int, Numbers]]:
        """What update number `step` (from 0) learns from: each epoch it reaches into, and the numbers it takes of it."""
        first, last = step * self.batch, (step + 1) * self.batch
        taken = []
        while first < last:
            epoch, place = divmod(first, self.per_epoch)
            end = min(self.per_epoch, place + last - first)
            taken.append((epoch, self._order(epoch)[place:end]))
            first += end - place
        return taken


def shuffled(count: int, seed: int, epoch: int) -> Numbers:
    """The numbers 0 ... count - 1 in an order drawn from (seed, epoch)."""
    return np.random.default_rng([seed, epoch]).permutation(np.arange(count, dtype=np.uint32))


def drawn_seed(place: str) -> int:
    """A seed of 63 bits out of where chance is needed, such as `seed/step`."""
    digest = hashlib.sha256(place.encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1
