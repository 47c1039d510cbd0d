"""How much memory a training needs, beforehand; and when it is refused, in words, what would need less.

Before this   settings/.
After this    trainer.py trains inside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from fogwalk.errors import RunError
from fogwalk.settings import Mlp, Settings, Transformer
from fogwalk.tasks.protocol import Sizes


@contextmanager
def enough_memory(settings: Settings) -> Iterator[None]:
    """Turn a refused allocation into a RunError that names the batch and what to change."""
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one; a CPU's allocator raises it bare
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        training = settings.training
        each = f" x {settings.context} tokens" if isinstance(settings.model, Transformer | Mlp) else ""
        raise RunError(
            f"this machine has too little memory for steps of {training.batch}{each}",
            remedy=f"Halve --training.batch (now {training.batch}), work through it in portions with "
            f"--training.accumulate {training.accumulate * 2}, or choose a smaller model.",
        ) from error


# Fitted to ten shapes (benchmarks/planned.py), eager, on a CPU, contexts up to 512; in bytes.
_PROGRAM = 361e6  # Python, torch and its libraries
_PARAMETER = {"muon": 21, "adamw": 40, "sgd": 21}  # weight, gradient, what the optimizer keeps and works with
_WIDTH = 150  # a token in a layer, for each number of its width
_SCORE = 18  # a token, for each token of the vocabulary
_DROPPED = 20  # a token in a layer, for each head and place it looks at, where some of its attention is dropped


def planned_memory(settings: Settings, sizes: Sizes, parameters: int) -> int:
    """Bytes that training will hold at most."""
    model, training = settings.model, settings.training
    examples = sizes.step(settings) // training.accumulate
    held = _PROGRAM + parameters * _PARAMETER[settings.optimizer.name] + examples * sizes.outputs * _SCORE
    if isinstance(model, Transformer):
        held += examples * model.layers * model.width * _WIDTH
        if model.dropout:
            held += examples * model.layers * model.heads * model.context * _DROPPED
    elif isinstance(model, Mlp):
        held += examples * (model.context * model.embedding + sum(model.hidden)) * 12
    return int(held)
