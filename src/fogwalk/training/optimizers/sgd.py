"""Stochastic gradient descent with momentum: W ← W - η·v, v ← momentum·v + ∂L/∂W. Polyak 1964."""

from __future__ import annotations

import torch

from fogwalk.settings import Optimizer as Settings
from fogwalk.training.optimizers.protocol import Eager, Family, Named, Optimizer, Part, decayed, eager_step


class SGD(Eager, torch.optim.SGD):
    """torch's."""

    step = eager_step(torch.optim.SGD)


def build(parameters: Named, settings: Settings) -> Optimizer:
    """torch's SGD for every parameter."""
    groups = decayed(parameters, settings.weight_decay)
    return Optimizer([Part(SGD(groups, momentum=settings.momentum), parameters)])


sgd = Family(build, rate=0.1)
