"""Sinusoidal positions: waves of many lengths, read off at each place. Vaswani et al. 2017."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from fogwalk.models.positions.protocol import Positions
from fogwalk.models.probes import see

BASE = 10_000.0


class Sinusoidal(Positions):
    """Even columns hold sin(place / base^(2i/width)), odd ones the cosine.

    The waves are scaled to the size that embeddings start with, or they would drown the tokens.
    """

    waves: Tensor

    def __init__(self, context: int, width: int, head_width: int, heads: int, deviation: float = 0.02) -> None:
        super().__init__(context, width, head_width, heads, deviation)
        pairs = torch.arange((width + 1) // 2, dtype=torch.float32)
        angles = torch.outer(torch.arange(context, dtype=torch.float32), BASE ** (-2 * pairs / width))
        waves = torch.stack((angles.sin(), angles.cos()), dim=2).flatten(1)[:, :width]  # [time, width]
        self.register_buffer("waves", waves, persistent=False)
        self.scale = deviation

    def add(self, embeddings: Float[Tensor, "batch time width"], start: int) -> Float[Tensor, "batch time width"]:
        waves = self.scale * self.waves[start : start + embeddings.shape[1]].to(embeddings.dtype)
        return embeddings + see("positions", waves, "time width")
