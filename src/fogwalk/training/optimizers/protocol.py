"""One optimizer to the loop, however many torch optimizers share the parameters inside.

Before this   ../gradients.py has filled and clipped the gradients.
After this    the family beside this file; ../checkpoint.py keeps the state under readable names.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fogwalk.settings import Optimizer as Settings

Named = Sequence[tuple[str, nn.Parameter]]


class Eager(torch.optim.Optimizer):
    """A torch optimizer that is never compiled. Torch's own import its compiler, a second of work, to tell it to keep out."""

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)


def eager_step(optimizer: type[torch.optim.Optimizer]) -> Callable[..., Any]:
    """An optimizer's step as it is written, nothing told to the compiler."""
    step: Callable[..., Any] = torch.no_grad()(inspect.unwrap(optimizer.step))
    return step


@dataclass(frozen=True)
class Part:
    """A torch optimizer, the parameters it owns, and its rate as a multiple of the loop's."""

    optimizer: torch.optim.Optimizer
    parameters: Named
    ratio: float = 1.0


class Optimizer:
    """`step(rate)` moves every parameter a little, each part at its share of the rate."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = list(parts)

    def step(self, rate: float) -> None:
        """One update at learning rate η = `rate`."""
        for part in self.parts:
            for group in part.optimizer.param_groups:
                group["lr"] = rate * part.ratio
            part.optimizer.step()

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self.parts:
            part.optimizer.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """Everything remembered between steps, as `parameter name/what`."""
        return {
            f"{name}/{what}": value
            for part in self.parts
            for name, parameter in part.parameters
            for what, value in part.optimizer.state[parameter].items()
            if isinstance(value, Tensor)
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Remember again what `state` gave."""
        owners = {name: (part, parameter) for part in self.parts for name, parameter in part.parameters}
        for key, value in state.items():
            name, _, what = key.rpartition("/")
            part, parameter = owners[name]
            part.optimizer.state[parameter][what] = value.to(parameter.device, copy=True)


@dataclass(frozen=True)
class Family:
    """What the registry holds: how an optimizer is built, and the learning rate it is known to do well with."""

    build: Callable[[Named, Settings], Optimizer]
    rate: float


def is_matrix(name: str, parameter: nn.Parameter) -> bool:
    """Whether a parameter is a matrix between layers, or the kernels of a convolution: not a bias or gain, not an embedding,
    positions or head."""
    return parameter.dim() in (2, 4) and not name.startswith(("embedding.", "positions.", "head."))


def decayed(parameters: Named, weight_decay: float) -> list[dict[str, object]]:
    """Torch parameter groups: matrices and embeddings are pulled towards zero, gains and biases are not."""
    matrices = [parameter for _, parameter in parameters if parameter.dim() >= 2]
    vectors = [parameter for _, parameter in parameters if parameter.dim() < 2]
    groups = [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]
