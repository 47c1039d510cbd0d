"""When memory is refused: in words, what asked for it and what would need less.

Before this   settings/.
After this    trainer.py trains inside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from fogwalk.errors import RunError
from fogwalk.settings import Settings


@contextmanager
def enough_memory(settings: Settings) -> Iterator[None]:
    """Turn a refused allocation into a RunError that names the batch and what to change."""
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one; a CPU's allocator raises it bare
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        training = settings.training
        raise RunError(
            f"this machine has too little memory for {training.batch} x {settings.model.context} tokens a step",
            remedy=f"Halve --training.batch (now {training.batch}), work through it in portions with "
            f"--training.accumulate {training.accumulate * 2}, or choose a smaller model.",
        ) from error
