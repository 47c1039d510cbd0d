"""Rotary positions: each pair of a query's or key's numbers is a dial, turned further at every place.

Their product then depends on how far apart two tokens stand, not where. Su et al. 2021, RoFormer.
Pairs are (i, i + head_width/2), the half-split layout of the Llama and Qwen families, not the interleaved one.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from fogwalk.models.positions.protocol import Positions

BASE = 10_000.0


class Rotary(Positions):
    """Dial i turns by base^(-2i/head_width) radians a place."""

    cosine: Tensor
    sine: Tensor

    def __init__(self, context: int, width: int, head_width: int, heads: int, deviation: float = 0.02) -> None:
        super().__init__(context, width, head_width, heads, deviation)
        speeds = BASE ** -(torch.arange(0, head_width, 2, dtype=torch.float32) / head_width)
        angles = torch.outer(torch.arange(context, dtype=torch.float32), speeds)  # [time, head_width/2]
        angles = torch.cat((angles, angles), dim=1)  # [time, head_width]
        sign = torch.ones(head_width)
        sign[: head_width // 2] = -1  # the half-swap's minus, folded into the table
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin() * sign, persistent=False)

    def rotate(
        self, heads: Float[Tensor, "batch head time head_width"], start: int
    ) -> Float[Tensor, "batch head time head_width"]:
        time, half = heads.shape[2], heads.shape[3] // 2
        cosine = self.cosine[start : start + time].to(heads.dtype)
        sine = self.sine[start : start + time].to(heads.dtype)
        swapped = torch.cat((heads[..., half:], heads[..., :half]), dim=-1)
        return heads * cosine + swapped * sine
