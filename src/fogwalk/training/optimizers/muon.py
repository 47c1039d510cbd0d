"""Muon: a matrix is moved by its momentum made orthogonal, so that every direction moves alike. Jordan et al. 2024.

Only matrices between layers; embeddings, head, gains and biases go to AdamW. Equal shapes are stacked and
worked on at once: one matrix at a time costs more than the rest of a small model's step (measured).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from fogwalk.hardware import quick_bfloat16
from fogwalk.settings import Optimizer as Settings
from fogwalk.training.optimizers.adamw import adam_part
from fogwalk.training.optimizers.protocol import Eager, Family, Named, Optimizer, Part, is_matrix

# The quintic a·x + b·x³ + c·x⁵ that drives every singular value towards 1, as published with Muon.
QUINTIC = (3.4445, -4.7750, 2.0315)
ROUNDS = 5


def orthogonalise(stack: Tensor, dtype: torch.dtype) -> Tensor:
    """Matrices [n, rows, columns] with their singular values driven towards 1 by Newton-Schulz rounds in `dtype`."""
    a, b, c = QUINTIC
    tall = stack.shape[1] > stack.shape[2]
    x = (stack.mT if tall else stack).to(dtype)
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ROUNDS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(Eager):
    """Nesterov momentum, orthogonalised, scaled by 0.2·√(longer side) so that its entries are as large as AdamW's."""

    def __init__(
        self, parameters: Iterable[nn.Parameter], *, momentum: float, weight_decay: float, dtype: torch.dtype
    ) -> None:
        super().__init__(parameters, {"lr": 0.0, "momentum": momentum, "weight_decay": weight_decay})
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            shapes: dict[tuple[int, ...], list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    # A matrix and its transpose are orthogonalised alike: both kinds share a stack.
                    shapes[tuple(sorted(parameter.flatten(1).shape))].append(parameter)
            for members in shapes.values():
                self._step_alike(members, group["lr"], group["momentum"], group["weight_decay"])

    def _step_alike(self, members: list[nn.Parameter], rate: float, momentum: float, decay: float) -> None:
        # A convolution's kernels are the rows of a matrix.
        wide = [self._nesterov(parameter, momentum).flatten(1) for parameter in members]
        updates = orthogonalise(torch.stack([x.mT if x.shape[0] > x.shape[1] else x for x in wide]), self.dtype)
        scale = 0.2 * math.sqrt(max(wide[0].shape))
        for parameter, matrix, update in zip(members, wide, updates, strict=True):
            parameter.mul_(1 - rate * decay)
            update = update.mT if matrix.shape[0] > matrix.shape[1] else update
            parameter.add_(update.to(parameter.dtype).view_as(parameter), alpha=-rate * scale)

    def _nesterov(self, parameter: nn.Parameter, momentum: float) -> Tensor:
        assert parameter.grad is not None
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(parameter.grad, 1 - momentum)
        return parameter.grad.lerp(state["momentum"], momentum)


def build(parameters: Named, settings: Settings) -> Optimizer:
    """Muon for matrices, AdamW for the rest at its own rate."""
    matrices = [(name, parameter) for name, parameter in parameters if is_matrix(name, parameter)]
    rest = [(name, parameter) for name, parameter in parameters if not is_matrix(name, parameter)]
    parts: list[Part] = []
    if matrices:
        dtype = torch.bfloat16 if quick_bfloat16(matrices[0][1].device) else torch.float32
        optimizer = Muon(
            [parameter for _, parameter in matrices],
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            dtype=dtype,
        )
        parts.append(Part(optimizer, matrices))
    if rest:
        rate = settings.learning_rate or 1.0
        parts.append(adam_part(rest, settings, ratio=(settings.other_learning_rate or rate / 2) / rate))
    return Optimizer(parts)


muon = Family(build, rate=0.02)
