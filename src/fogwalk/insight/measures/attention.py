"""Whom each head listens to, in a few numbers: how widely, how far back, and by which of the known habits.

`entropy` is that of its shares in nats, 0 for one speaker alone; `distance` how many places back it listens on average;
`itself`, `previous` and `first` the shares of the listener's own place, of the token before and of the first one; `same` the
share of earlier occurrences of the listener's own token, and `induction` that of what came after them (prefix matching; Olsson et
al. 2022), each over the listeners that have such a speaker.
Means over records and listeners; listeners that have no choice, the first, are left out.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from fogwalk.insight.measures.protocol import Look
from fogwalk.models.attention import Attention as Module

HEAD = ("head",)


class Attention:
    """Scores of each head."""

    axes: ClassVar[dict[str, tuple[str, ...]]] = dict.fromkeys(
        ("entropy", "distance", "itself", "previous", "first", "same", "induction"), HEAD
    )

    def of(self, look: Look) -> dict[str, Tensor]:
        """By the path of each round table, one number a head."""
        found: dict[str, Tensor] = {}
        for path, module, _ in look.outputs("Attention"):
            assert isinstance(module, Module)
            weights = look.captured.values[f"{path}.weights"].value
            if weights.shape[2] < 2:
                continue
            tokens = look.captured.batch.inputs if module.causal else None
            found |= {f"{what}/{path}": value for what, value in scores(weights, tokens).items()}
        return found


def scores(weights: Tensor, tokens: Tensor | None) -> dict[str, Tensor]:
    """From shares [batch, head, time, key]; with the tokens [batch, time] of a text its habits too."""
    time = weights.shape[2]
    places = torch.arange(time, device=weights.device)
    apart = (places[:, None] - places[None, :]).abs().to(weights.dtype)
    choosing = weights[:, :, 1:] if tokens is not None else weights
    entropy = -(choosing * choosing.clamp(min=1e-30).log()).sum(-1)
    found = {"entropy": entropy.mean((0, 2)), "distance": (weights * apart).sum(-1).mean((0, 2))}
    if tokens is None:
        return found
    found["itself"] = weights[:, :, 1:].diagonal(1, 2, 3).mean((0, 2))
    found["previous"] = weights.diagonal(-1, 2, 3).mean((0, 2))
    found["first"] = weights[:, :, 1:, 0].mean((0, 2))
    alike = tokens[:, :, None] == tokens[:, None, :]  # [batch, listener, speaker]
    follows = torch.zeros_like(alike)
    follows[:, :, 1:] = alike[:, :, :-1]  # a speaker that follows an earlier occurrence of the listener's token
    for name, speakers in (("same", alike.tril(-1)), ("induction", follows.tril())):
        has = speakers.any(-1)
        if has.any():
            share = (weights * speakers[:, None]).sum(-1)  # [batch, head, listener]
            found[name] = (share * has[:, None]).sum((0, 2)) / has.sum()
    return found
