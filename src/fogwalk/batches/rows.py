"""Rows or images gathered into batches: which ones a step sees is a pure function of (seed, step).

Before this   batch.py; encoding/ has made numbers of them.
After this    tasks/recognition.py hands them to the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fogwalk.batches.batch import Batch, Epochs, shuffled

# Changes gathered inputs [batch, ...] in step number `step`.
Change = Callable[[Tensor, int], Tensor]


class TrainingRows:
    """Each of some `rows` of all inputs once an epoch, in an order drawn from (seed, epoch). Inputs may lie on the disk: only
    what a step sees is read."""

    def __init__(
        self, inputs: Tensor, targets: Tensor, rows: Tensor, batch: int, seed: int, change: Change | None = None
    ) -> None:
        self.inputs = inputs
        self.targets = targets
        self.rows = rows
        self.change = change
        self.per_epoch = len(rows)
        self._epochs = Epochs(self.per_epoch, batch, lambda epoch: shuffled(self.per_epoch, seed, epoch))

    def at(self, step: int) -> Batch:
        """The batch that update number `step` (from 0) learns from."""
        numbers = np.concatenate([numbers for _, numbers in self._epochs.at(step)])
        chosen = self.rows[torch.from_numpy(numbers.astype(np.int64))]
        inputs = self.inputs[chosen]
        return Batch(self.change(inputs, step) if self.change else inputs, self.targets[chosen])


def as_tensor(numbers: NDArray[Any]) -> Tensor:
    """Without a copy, where they may be written to: images may be more than memory holds."""
    return torch.from_numpy(numbers if numbers.flags.writeable else numbers.copy())


def every_row(
    inputs: Tensor, targets: Tensor, rows: Tensor, batch: int, change: Change | None = None
) -> Iterator[Batch]:
    """Each of some rows once, in their order."""
    for chosen in rows.split(batch):
        part = inputs[chosen]
        yield Batch(change(part, 0) if change else part, targets[chosen])
