"""AdamW: each parameter's step is its mean gradient over the root of its mean squared gradient. Loshchilov and Hutter 2019."""

from __future__ import annotations

import torch

from fogwalk.settings import Optimizer as Settings
from fogwalk.training.optimizers.protocol import Eager, Family, Named, Optimizer, Part, decayed, eager_step


class AdamW(Eager, torch.optim.AdamW):
    """torch's."""

    step = eager_step(torch.optim.AdamW)


def adam_part(parameters: Named, settings: Settings, ratio: float = 1.0) -> Part:
    """torch's fused AdamW over some parameters."""
    betas = (settings.beta1, settings.beta2)
    groups = decayed(parameters, settings.weight_decay)
    return Part(AdamW(groups, betas=betas, eps=1e-10, fused=True), parameters, ratio)


def build(parameters: Named, settings: Settings) -> Optimizer:
    """AdamW for every parameter."""
    return Optimizer([adam_part(parameters, settings)])


adamw = Family(build, rate=0.003)
