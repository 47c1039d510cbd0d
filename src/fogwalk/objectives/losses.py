"""Losses: outputs and answers -> one number that says how wrong.

Before this   models/ gives the outputs.
After this    training/loop.py sends it backwards; metrics.py says the same in numbers for people.
"""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def cross_entropy(
    logits: Float[Tensor, "batch time vocabulary"], targets: Int[Tensor, "batch time"]
) -> Float[Tensor, ""]:
    """Mean of -log p(target), in nats per token; p = softmax(logits), taken in float32 at least."""
    return F.cross_entropy(_wide(logits).flatten(0, 1), targets.flatten())


def class_loss(
    logits: Float[Tensor, "batch classes"],
    targets: Int[Tensor, " batch"],
    weights: Float[Tensor, " classes"] | None = None,
    smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """Mean of -log p(class), in nats; p = softmax(logits). `weights` count classes more or less, their mean over the targets
    taken out; `smoothing` spreads that share of each answer over all classes (Szegedy et al. 2016)."""
    scores = _wide(logits)
    weights = None if weights is None else weights.to(scores.dtype)
    return F.cross_entropy(scores, targets, weight=weights, label_smoothing=smoothing)


def number_loss(name: str, outputs: Float[Tensor, " batch"], targets: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    """How far numbers are off: the mean of squares, of absolute values, or of Huber's loss (1964), which is a half of the square
    up to 1 and grows straight beyond. Targets are in standard deviations."""
    losses: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "mean-squared": F.mse_loss,
        "mean-absolute": F.l1_loss,
        "huber": F.huber_loss,
    }
    wide = _wide(outputs)
    return losses[name](wide, targets.to(wide.dtype))


def _wide(outputs: Tensor) -> Tensor:
    """In float32 at least."""
    return outputs.float() if outputs.dtype.itemsize < 4 else outputs
