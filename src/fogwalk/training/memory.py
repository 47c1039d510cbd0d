"""How much memory a training needs, beforehand; and when it is refused, in words, what would need less.

Before this   settings/.
After this    trainer.py trains inside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from fogwalk.errors import RunError
from fogwalk.settings import Convolutional, Mlp, Plain, Settings, Transformer, Vision
from fogwalk.tasks.protocol import SCORED_AT_ONCE, Sizes


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


# Of rows and images (benchmarks/recognition_memory.py): bytes for each hidden number of a record in a step, and in a validation,
# which works through so many records at once; and for each number of a record as it is read, hashed and held.
_HIDDEN, _SLID = 25, 11.5
_TURNED = 60  # a parameter of a plain network under muon, whose products of large matrices need room
_VALIDATED, _VIEWED = 5, 36
_READ = 3


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
    else:
        validated = min(SCORED_AT_ONCE, sizes.validation)
        if isinstance(model, Plain) and settings.optimizer.name == "muon":
            held += parameters * _TURNED
        hidden, each, each_validated = _hidden(model, sizes.record)
        held += hidden * max(examples * each, validated * each_validated)
        held += (
            (sizes.training + sizes.validation) * math.prod(sizes.record) * (4 if sizes.unit == "row" else 1) * _READ
        )
    return int(held)


def _hidden(model: Plain | Convolutional | Vision, record: tuple[int, ...]) -> tuple[int, float, float]:
    """Hidden numbers of one record; and the bytes of each in a step and in a validation."""
    if isinstance(model, Plain):
        return sum(model.widths) + math.prod(record), _HIDDEN, _VALIDATED
    channels, high, wide = record
    if isinstance(model, Vision):
        patches = (high // model.patch) * (wide // model.patch)
        return patches * model.layers * model.width, _WIDTH, _VIEWED
    hidden = channels * high * wide
    for channels in model.channels:
        hidden += channels * high * wide
        high, wide = (high // 2, wide // 2) if min(high, wide) > 1 else (high, wide)
    return hidden + sum(model.widths), _SLID, _VALIDATED
