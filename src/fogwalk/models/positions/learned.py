"""Learned positions: every chair number has an embedding of its own, trained like a token's. Radford et al. 2019, GPT-2."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fogwalk.models.positions.protocol import Positions
from fogwalk.models.probes import see


class Learned(Positions):
    """A table of `context` rows; places beyond it have no row."""

    def __init__(self, context: int, width: int, head_width: int, heads: int, deviation: float = 0.02) -> None:
        super().__init__(context, width, head_width, heads, deviation)
        self.table = nn.Embedding(context, width)

    def add(self, embeddings: Float[Tensor, "batch time width"], start: int) -> Float[Tensor, "batch time width"]:
        places = torch.arange(start, start + embeddings.shape[1], device=embeddings.device)
        rows = see("positions", F.embedding(places, self.table.weight), "time width")
        return embeddings + rows
