"""From scores to the next token: temperature, top-k, top-p, and chance from a generator that is an argument.

Before this   models/ gives the scores (logits).
After this    decode.py asks for one token after the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from fogwalk.errors import UsageError

Scores = Float[Tensor, "batch vocabulary"]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How a token is drawn. Temperature 0 is greedy: always the likeliest.

    `top_k` keeps the k likeliest, `top_p` the fewest that together have at least this probability (nucleus; Holtzman et
    al. 2020); both act on the probabilities at the given temperature, top-k first.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        _within("temperature", self.temperature, 0 <= self.temperature <= 100, "from 0 (greedy) to 100")
        if self.top_k is not None:
            _within("top-k", self.top_k, self.top_k >= 1, "at least 1")
        if self.top_p is not None:
            _within("top-p", self.top_p, 0 < self.top_p <= 1, "above 0 and at most 1")


def _within(name: str, value: float, right: bool, expected: str) -> None:
    if not right:
        raise UsageError(f"--{name} cannot be {value:g}", expected=f"It must be {expected}.")


def probabilities(scores: Scores, how: Sampling) -> Scores:
    """The probabilities a token is drawn from, rows summing to 1; what is cut has 0."""
    scores = scores.float()
    if how.temperature == 0:
        best = scores.argmax(dim=1, keepdim=True)
        return torch.zeros_like(scores).scatter_(1, best, 1.0)
    # Below the highest, so that no score overflows however low the temperature; float32 has no smaller one than 1e-38.
    scores = (scores - scores.amax(dim=1, keepdim=True)) / max(how.temperature, 1e-38)
    if how.top_k is not None and how.top_k < scores.shape[1]:
        # Exactly k stay, also among equals.
        kept = scores.topk(how.top_k, dim=1)
        scores = torch.full_like(scores, -math.inf).scatter_(1, kept.indices, kept.values)
    chances = scores.softmax(dim=1)
    if how.top_p is not None and how.top_p < 1:
        ordered, order = chances.sort(dim=1, descending=True, stable=True)
        before = ordered.cumsum(dim=1) - ordered
        cut = before >= how.top_p
        cut[:, 0] = False  # the likeliest stays, whatever p rounds to in float32
        ordered[cut] = 0
        chances = torch.zeros_like(chances).scatter_(1, order, ordered)
        chances = chances / chances.sum(dim=1, keepdim=True)
    return chances


def draw(chances: Scores, generator: torch.Generator) -> Tensor:
    """One token a row, drawn from its probabilities. [batch]"""
    return torch.multinomial(chances, 1, generator=generator)[:, 0]
