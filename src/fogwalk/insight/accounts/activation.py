"""An activation: every number is bent by itself, or layers would add up to a single one. a = σ(z)."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from fogwalk.insight.accounts.protocol import Account, Line, Told, Work, given, low, number, signed

Function = Callable[[Tensor], Tensor]


def logistic(z: Tensor) -> Tensor:
    """1 / (1 + e^-z), without overflow: e^z / (1 + e^z) below zero."""
    small = torch.exp(-z.abs())
    return torch.where(z >= 0, 1 / (1 + small), small / (1 + small))


def normal(z: Tensor) -> Tensor:
    """Φ(z): the share of a standard normal distribution below z."""
    return 0.5 * (1 + torch.erf(z / math.sqrt(2)))


def density(z: Tensor) -> Tensor:
    """φ(z) = e^(-z²/2) / √(2π)."""
    return torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)


# By name: σ, σ′, and both as they are written. Of ReLU's kink at 0 the left slope is taken, as torch does.
FUNCTIONS: dict[str, tuple[Function, Function, str, str]] = {
    "relu": (lambda z: z.clamp(min=0), lambda z: (z > 0).to(z.dtype), "max(z, 0)", "1 where z > 0, else 0"),
    "squared-relu": (lambda z: z.clamp(min=0) ** 2, lambda z: 2 * z.clamp(min=0), "max(z, 0)²", "2·max(z, 0)"),
    "gelu": (lambda z: z * normal(z), lambda z: normal(z) + z * density(z), "z·Φ(z)", "Φ(z) + z·φ(z)"),
    "silu": (
        lambda z: z * logistic(z),
        lambda z: logistic(z) * (1 + z * (1 - logistic(z))),
        "z·s(z), s(z) = 1/(1 + e⁻ᶻ)",
        "s(z)·(1 + z·(1 - s(z)))",
    ),
    "sigmoid": (logistic, lambda z: logistic(z) * (1 - logistic(z)), "1/(1 + e⁻ᶻ)", "σ(z)·(1 - σ(z))"),
    "tanh": (
        lambda z: 2 * logistic(2 * z) - 1,
        lambda z: 1 - (2 * logistic(2 * z) - 1) ** 2,
        "(eᶻ - e⁻ᶻ)/(eᶻ + e⁻ᶻ)",
        "1 - σ(z)²",
    ),
}


class Activation(Account):
    """Backward: ∂L/∂z = ∂L/∂a · σ′(z)."""

    formula = "a = σ(z)"
    chain = "∂L/∂z = ∂L/∂a · σ′(z)"
    plain = "Each number is bent by one and the same curve. Without it, two layers in a row could do no more than one."
    plain_back = "Blame is multiplied by how steep the curve is at that number: where it is flat, none comes through."
    code = """a = sigma(z)                     # such as torch.relu, F.gelu or F.silu
# loss.backward() does:
z.grad = a.grad * slope(z)       # the curve's slope at every number"""

    def formula_of(self, module: nn.Module) -> str:
        return f"a = σ(z), σ = {module.name}"

    def again(self, work: Work) -> dict[str, Tensor]:
        return {"output": self._function(work)[0](work.value("input"))}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        return {"input": work.blame("output") * self._function(work)[1](work.value("input"))}

    def told(self, work: Work, at: tuple[int, ...]) -> Told:
        value, slope, written, sloped = self._function(work)
        z, delta = work.value("input")[at], work.blame("output")[at]
        u = low(at[-1])
        forward = Line(
            what=f"unit {at[-1]}, {self._name(work)}",
            formula=f"a{u} = σ(z{u}), σ(z) = {written}",
            filled=f"σ({number(float(z))})",
            result=float(value(z)),
        )
        return Told(
            [forward],
            [
                given("blame of what comes out", f"∂L/∂a{u}", float(delta)),
                Line(
                    what="slope", formula=f"σ′(z) = {sloped}", filled=f"σ′({number(float(z))})", result=float(slope(z))
                ),
                Line(
                    what="blame of what went in",
                    formula=f"∂L/∂z{u} = ∂L/∂a{u}·σ′(z{u})",
                    filled=f"{signed(float(delta))}·{signed(float(slope(z)))}",
                    result=float(delta * slope(z)),
                ),
            ],
        )

    @staticmethod
    def _name(work: Work) -> str:
        name: str = work.module.name  # type: ignore[assignment]  # an Activation has one
        return name

    def _function(self, work: Work) -> tuple[Function, Function, str, str]:
        return FUNCTIONS[self._name(work)]
