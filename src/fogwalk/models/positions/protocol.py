"""How a model knows the order of tokens: three doors, each of which does nothing until an encoding overrides it.

Before this   models/attention.py and models/transformer.py call the doors.
After this    the family beside this file: rotary, learned, sinusoidal, alibi. `none` is this class as it stands.
Axes: batch, head, time (places of this call), key (all places seen so far), width, head_width.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class Positions(nn.Module):
    """No positions at all: the model sees a bag of tokens, but for the causal mask.

    Built with the longest context, the model's width, the width of one head, the number of heads, and the deviation that
    embeddings begin with: what is added to them must not drown them.
    """

    def __init__(self, context: int, width: int, head_width: int, heads: int, deviation: float = 0.02) -> None:
        super().__init__()

    def add(self, embeddings: Float[Tensor, "batch time width"], start: int) -> Float[Tensor, "batch time width"]:
        """Add something to the embeddings of the places start, start + 1, ..."""
        return embeddings

    def rotate(
        self, heads: Float[Tensor, "batch head time head_width"], start: int
    ) -> Float[Tensor, "batch head time head_width"]:
        """Turn the queries or keys of the places start, start + 1, ..."""
        return heads

    def bias(self, scores: Float[Tensor, "batch head time key"]) -> Float[Tensor, "head time key"] | None:
        """What to add to scores whose last row is the place of the last key; None adds nothing."""
        return None
