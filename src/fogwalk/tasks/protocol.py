"""What every task answers. A task is one small object; the loop knows nothing else of what is learned.

Before this   data/, encoding/, batches/, models/, objectives/.
After this    language.py beside this file; trainer.py asks the questions in this order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from fogwalk.batches.batch import Batch
from fogwalk.settings import Settings


class Training(Protocol):
    """Batches to learn from; a pure function of the step. `per_epoch` records (windows, rows or images) are an epoch."""

    per_epoch: int

    def at(self, step: int) -> Batch:
        """The batch that update number `step` learns from."""
        ...


SCORED_AT_ONCE = 1024  # rows or images, when validating and answering


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How much there is: examples to learn from and to validate on, of which a `unit` is one (token, row or image); how many
    stand in each record of a batch; and how many numbers a model gives back for each. `record` is the shape of a row (columns) or
    of an image (channels, rows, columns)."""

    unit: str
    training: int
    validation: int
    each: int
    outputs: int
    record: tuple[int, ...] = ()

    def step(self, settings: Settings) -> int:
        """Examples that one update learns from."""
        return settings.training.batch * self.each

    def words(self, settings: Settings) -> str:
        """What one update learns from: 16 x 128 tokens, or 32 rows."""
        each = f" x {self.each}" if self.unit == "token" else ""
        return f"{settings.training.batch}{each} {self.unit}s"


class Task(Protocol):
    """One thing that can be learned, from a path to a shown answer.

    `digest` is the hash of the data; `facts` are its numbers for the planned event; `words` tells it to a person; `loss_name`
    says what is made small: cross-entropy, its classes counted by `class_weights` where there are any and so much
    of each answer spread over all of them as `label_smoothing` says, or a loss of numbers.
    """

    digest: str
    facts: dict[str, Any]
    sizes: Sizes
    loss_name: str
    class_weights: Tensor | None
    label_smoothing: float

    def words(self) -> list[str]:
        """What the data is and how it is used, one line each, for a person."""
        ...

    def chance(self) -> str:
        """What the loss would be without learning, in words."""
        ...

    def save_encoding(self, folder: Path) -> None:
        """Write everything inference needs to turn records into numbers."""
        ...

    def fitted(self, settings: Settings) -> tuple[Settings, list[str]]:
        """What was left open and follows from how much data there is, chosen; and why in words."""
        ...

    def resized(self, settings: Settings) -> Task:
        """The same task on the same data for a model of other settings."""
        ...

    def model(self) -> nn.Module:
        """A fresh model for these settings, not yet initialised."""
        ...

    def training(self) -> Training:
        """The batches to learn from."""
        ...

    def validation(self) -> Iterable[Batch]:
        """Every validation record once."""
        ...

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """How wrong the outputs are: one number."""
        ...

    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, float]:
        """What else tells how good they are, as means over the batch's examples, such as accuracy; empty where nothing does."""
        ...

    def asked(self, batch: Batch, row: int) -> tuple[str, str]:
        """One record of a batch, and its right answer, for a person."""
        ...

    def named(self, output: int) -> str:
        """What number `output` of the model's outputs stands for: a token, a class, or the number that is predicted."""
        ...

    def answered(self, outputs: Tensor) -> str:
        """What the outputs for one record say, for a person."""
        ...

    @property
    def input_names(self) -> list[str]:
        """What each number of a row stands for; empty where what is read has no names: tokens, pixels."""
        ...

    def show(self, model: nn.Module, generator: torch.Generator) -> tuple[str, str]:
        """A question and the model's answer, to see it learn."""
        ...

    @staticmethod
    def rebuilt(settings: Settings, encoding: Path) -> nn.Module:
        """The model of these settings for a saved encoding, where the data itself may be gone; not yet initialised."""
        ...
