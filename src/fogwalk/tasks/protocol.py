"""What every task answers. A task is one small object; the loop knows nothing else of what is learned.

Before this   data/, encoding/, batches/, models/, objectives/.
After this    language.py beside this file; trainer.py asks the questions in this order.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from fogwalk.batches.windows import Batch
from fogwalk.settings import Settings


class Training(Protocol):
    """Batches to learn from; a pure function of the step."""

    per_epoch: int

    def at(self, step: int) -> Batch:
        """The batch that update number `step` learns from."""
        ...


class Task(Protocol):
    """One thing that can be learned, from a path to a shown answer.

    `digest` is the hash of the data; `facts` are its numbers for the planned event; `words` tells it to a person.
    """

    digest: str
    facts: dict[str, Any]

    def words(self) -> list[str]:
        """What the data is and how it is used, one line each, for a person."""
        ...

    def chance(self) -> str:
        """What the loss would be without learning, in words."""
        ...

    def save_encoding(self, folder: Path) -> None:
        """Write everything inference needs to turn records into numbers."""
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

    def show(self, model: nn.Module, generator: torch.Generator) -> tuple[str, str]:
        """A question and the model's answer, to see it learn."""
        ...
