"""ALiBi: the further back a key stands, the more is taken off its score. Press et al. 2022."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from fogwalk.models.positions.protocol import Positions


class Alibi(Positions):
    """Head h of n loses 2^(-8h/n) of its score for every place of distance: some heads look near, some far."""

    slopes: Tensor

    def __init__(self, context: int, width: int, head_width: int, heads: int, deviation: float = 0.02) -> None:
        super().__init__(context, width, head_width, heads, deviation)
        steps = torch.arange(1, heads + 1, dtype=torch.float32)
        self.register_buffer("slopes", 2.0 ** (-8 * steps / heads), persistent=False)

    def bias(self, scores: Float[Tensor, "batch head time key"]) -> Float[Tensor, "head time key"]:
        time, keys = scores.shape[2:]
        places = torch.arange(keys, device=scores.device)
        distance = (places[keys - time :, None] - places[None, :]).clamp(min=0)  # [time, key]
        # bfloat16 holds 513 of 1,024 distances: what is added in float32 keeps them all apart.
        wide = scores.dtype if scores.dtype == torch.float64 else torch.float32
        return -self.slopes[:, None, None].to(wide) * distance
