"""Losses: outputs and answers -> one number that says how wrong.

Before this   models/ gives the outputs.
After this    training/loop.py sends it backwards; metrics.py says the same in numbers for people.
"""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


def cross_entropy(
    logits: Float[Tensor, "batch time vocabulary"], targets: Int[Tensor, "batch time"]
) -> Float[Tensor, ""]:
    """Mean of -log p(target), in nats per token; p = softmax(logits), taken in float32 at least."""
    scores = logits.flatten(0, 1)
    if scores.dtype.itemsize < 4:
        scores = scores.float()
    return F.cross_entropy(scores, targets.flatten())
