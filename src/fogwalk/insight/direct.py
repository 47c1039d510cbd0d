"""Straight to the answer: the direction of a stream in which the likeliest token's score grows, and so what anything that was
added to the stream added to that score.

Before this   capture.py.
After this    answer.py adds up each layer's part; listening.py each speaker's.
What a later layer makes of it is that layer's own part.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fogwalk.insight.capture import Captured
from fogwalk.models.layers import RMSNorm
from fogwalk.models.transformer import LanguageModel


def untold(model: nn.Module) -> str:
    """Why a score is not the sum of what its model's layers added to it; nothing where it is."""
    if not isinstance(model, LanguageModel):
        return "its layers are not added to one stream"
    if not model.shape.residual:
        return "its layers are not added to what they read (--model.residual off)"
    if model.shape.norm_place != "before":
        return (
            "it normalises after each part, so that every part changes all those before it (--model.norm_place after)"
        )
    if not isinstance(model.norm, RMSNorm | nn.Identity):
        return "its last norm takes a mean off, and adds a bias (--model.normalisation layernorm)"
    return ""


@torch.no_grad()
def towards(model: nn.Module, captured: Captured, row: int = 0) -> Tensor:
    """At each place of a record [time, width]: what stands along it in the stream adds so much to the score, above the mean of
    all, of the token that is the likeliest there; the last norm's scale is held as it was. Only where nothing is `untold`."""
    assert isinstance(model, LanguageModel)
    best = captured.outputs[row].argmax(-1)  # [time]
    direction = model.head.weight[best] - model.head.weight.mean(0)
    if isinstance(model.norm, RMSNorm):
        stream = captured.values["norm.input"].value[row]
        scale = torch.rsqrt(stream.square().mean(-1, keepdim=True) + model.norm.epsilon)
        direction = direction * model.norm.weight * scale
    return direction
