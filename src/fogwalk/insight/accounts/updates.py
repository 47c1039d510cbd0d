"""The update: from a gradient and what the optimizer remembers to the new weight."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fogwalk.insight.accounts.protocol import Line, Told, given, number, signed


@dataclass(frozen=True, kw_only=True)
class Moved:
    """One parameter in one update: by which optimizer, at which rate and with which other numbers; before and after.

    `gradient` is ∂L/∂W of the batch, `clipped` what the optimizer was given; `memory` is what it remembered before, `remembered`
    after. All have the shape of the parameter, but for the count of steps.
    """

    name: str
    optimizer: str
    rate: float
    numbers: Mapping[str, float]
    old: Tensor
    gradient: Tensor
    clipped: Tensor
    new: Tensor
    memory: Mapping[str, Tensor] = field(default_factory=dict)
    remembered: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def change(self) -> Tensor:
        return self.new - self.old


class AdamW:
    """Loshchilov and Hutter 2019; t counts updates from 1."""

    def code(self, numbers: Mapping[str, float]) -> str:
        """The lines of PyTorch that do it."""
        return (
            "m = beta1 * m + (1 - beta1) * g          # torch.optim.AdamW, for every weight at once\n"
            f"v = beta2 * v + (1 - beta2) * g**2\n{_shrink(numbers)}"
            "W = W - rate * (m / (1 - beta1**t)) / ((v / (1 - beta2**t)).sqrt() + eps)"
        )

    def formula(self, numbers: Mapping[str, float]) -> str:
        """The rule of one weight."""
        memories = "m ← β₁·m + (1-β₁)·g, v ← β₂·v + (1-β₂)·g², m̂ = m/(1-β₁ᵗ), v̂ = v/(1-β₂ᵗ)"
        return f"{self._new(numbers)}, {memories}"

    @staticmethod
    def _new(numbers: Mapping[str, float]) -> str:
        return f"W ← {_kept(numbers)} - η·m̂/(√v̂ + ε)"

    def plain(self, numbers: Mapping[str, float]) -> str:
        """In words, with what its numbers switch on."""
        return (
            "Each weight goes against the mean of its latest gradients over their usual size: it moves farthest where they "
            "agree." + _pull(numbers)
        )

    def worked(self, moved: Moved, at: tuple[int, ...]) -> str:
        """One weight's change as a sum with its numbers."""
        first, second = (float(memory[at]) for memory in self._memories(moved))
        square = f"(√{number(second)} + {moved.numbers['epsilon']:.0e})"
        return f"-{moved.rate:.4g}·{signed(first)}/{square}{_shrunk(moved, at)}"

    def again(self, moved: Moved) -> Tensor:
        """The new weight."""
        first, second = self._memories(moved)
        return moved.old * (1 - moved.rate * moved.numbers["decay"]) - moved.rate * first / (
            second.sqrt() + moved.numbers["epsilon"]
        )

    def told(self, moved: Moved, at: tuple[int, ...]) -> Told:
        one, n = _at(moved, at), moved.numbers
        zeros = torch.zeros_like(moved.old)
        before = {name: float(moved.memory.get(name, zeros)[at]) for name in ("exp_avg", "exp_avg_sq")}
        first, second = (float(memory[at]) for memory in self._memories(moved))
        b1, b2 = n["beta1"], n["beta2"]
        mean, square = (
            b1 * before["exp_avg"] + (1 - b1) * one.clipped,
            b2 * before["exp_avg_sq"] + (1 - b2) * one.clipped**2,
        )
        t = self._step(moved)
        shrink = f"{signed(one.old)}·(1 - {moved.rate:.3g}·{n['decay']:g})" if n["decay"] else signed(one.old)
        return Told(
            [
                *one.lines,
                Line(
                    what="mean of gradients remembered",
                    formula="m ← β₁·m + (1-β₁)·g",
                    filled=f"{b1:g}·{signed(before['exp_avg'])} + {1 - b1:.3g}·{signed(one.clipped)}",
                    result=mean,
                ),
                Line(
                    what="mean of their squares remembered",
                    formula="v ← β₂·v + (1-β₂)·g²",
                    filled=f"{b2:g}·{signed(before['exp_avg_sq'])} + {1 - b2:.3g}·{signed(one.clipped)}²",
                    result=square,
                ),
                Line(
                    what=f"the first without the zeros it began with, t = {t}",
                    formula="m̂ = m/(1-β₁ᵗ)",
                    filled=f"{signed(mean)}/(1 - {b1:g}^{t})",
                    result=first,
                ),
                Line(
                    what="and the second",
                    formula="v̂ = v/(1-β₂ᵗ)",
                    filled=f"{signed(square)}/(1 - {b2:g}^{t})",
                    result=second,
                ),
                Line(
                    what="new weight",
                    formula=self._new(n),
                    filled=f"{shrink} - {moved.rate:.3g}·{signed(first)}/(√{number(second)} + {n['epsilon']:.0e})",
                    result=one.new,
                ),
            ]
        )

    @staticmethod
    def _step(moved: Moved) -> int:
        return int(moved.memory["step"]) + 1 if "step" in moved.memory else 1

    def _memories(self, moved: Moved) -> tuple[Tensor, Tensor]:
        """m̂ and v̂"""
        b1, b2, t = moved.numbers["beta1"], moved.numbers["beta2"], self._step(moved)
        zeros = torch.zeros_like(moved.old)
        mean = b1 * moved.memory.get("exp_avg", zeros) + (1 - b1) * moved.clipped
        square = b2 * moved.memory.get("exp_avg_sq", zeros) + (1 - b2) * moved.clipped.square()
        return mean / (1 - b1**t), square / (1 - b2**t)


class Sgd:
    """Polyak 1964, as torch has it: the decay is part of the gradient, and the first memory is the first gradient."""

    def code(self, numbers: Mapping[str, float]) -> str:
        """The lines of PyTorch that do it."""
        told, pull = "        # torch.optim.SGD, for every weight at once", " + decay * W" if numbers["decay"] else ""
        if numbers["momentum"]:
            return f"v = momentum * v + g{pull}{told}\nW = W - rate * v"
        return f"W = W - rate * {f'(g{pull})' if pull else 'g'}{told}"

    def formula(self, numbers: Mapping[str, float]) -> str:
        """The rule of one weight: a velocity is kept only where there is momentum."""
        pull = " + λ·W" if numbers["decay"] else ""
        if numbers["momentum"]:
            return f"v ← μ·v + g{pull}, W ← W - η·v"
        return f"W ← W - η·{f'(g{pull})' if pull else 'g'}"

    def plain(self, numbers: Mapping[str, float]) -> str:
        """In words, with what its numbers switch on."""
        ball = " It keeps some of its speed from the steps before, as a ball that rolls downhill does."
        return (
            "Each weight goes against its gradient: its change is the gradient times the learning rate, the other way."
            + (ball if numbers["momentum"] else "")
            + _pull(numbers)
        )

    def worked(self, moved: Moved, at: tuple[int, ...]) -> str:
        """One weight's change as a sum with its numbers."""
        one, n = _at(moved, at), moved.numbers
        kept = moved.memory.get("momentum_buffer") if n["momentum"] else None
        parts = [] if kept is None else [f"{n['momentum']:g}·{signed(float(kept[at]))}"]
        parts.append(signed(one.clipped))
        if n["decay"]:
            parts.append(f"{n['decay']:g}·{signed(one.old)}")
        return f"-{moved.rate:.4g}·" + (parts[0] if len(parts) == 1 else f"({' + '.join(parts)})")

    def again(self, moved: Moved) -> Tensor:
        """The new weight."""
        return moved.old - moved.rate * self._velocity(moved)

    def told(self, moved: Moved, at: tuple[int, ...]) -> Told:
        one, n = _at(moved, at), moved.numbers
        before = float(moved.memory["momentum_buffer"][at]) if "momentum_buffer" in moved.memory else None
        pull = f" + {n['decay']:g}·{signed(one.old)}" if n["decay"] else ""
        kept = "" if before is None else f"{n['momentum']:g}·{signed(before)} + "
        rules, change = self.formula(n).split(", "), self.worked(moved, at).removeprefix("-")
        lines = list(one.lines)
        if n["momentum"]:
            velocity = float(self._velocity(moved)[at])
            filled, change = f"{kept}{signed(one.clipped)}{pull}", f"{moved.rate:.4g}·{signed(velocity)}"
            lines.append(Line(what="velocity", formula=rules[0], filled=filled, result=velocity))
        filled = f"{signed(one.old)} - {change}"
        return Told([*lines, Line(what="new weight", formula=rules[-1], filled=filled, result=one.new)])

    @staticmethod
    def _velocity(moved: Moved) -> Tensor:
        pulled = moved.clipped + moved.numbers["decay"] * moved.old
        if "momentum_buffer" not in moved.memory:
            return pulled
        return moved.numbers["momentum"] * moved.memory["momentum_buffer"] + pulled


class Muon:
    """Jordan et al. 2024: a whole matrix is moved by its momentum made orthogonal, so that one entry hangs on all of them."""

    def code(self, numbers: Mapping[str, float]) -> str:
        """The lines of PyTorch that do it."""
        return (
            "b = momentum * b + (1 - momentum) * g    # fogwalk's Muon, for a whole matrix\n"
            f"O = orthogonal(momentum * b + (1 - momentum) * g)\n{_shrink(numbers)}"
            "W = W - rate * 0.2 * max(W.shape)**0.5 * O"
        )

    def formula(self, numbers: Mapping[str, float]) -> str:
        """The rule of one weight."""
        return f"b ← μ·b + (1-μ)·g, G = μ·b + (1-μ)·g, {self._new(numbers)}orthogonal(G)"

    @staticmethod
    def _new(numbers: Mapping[str, float]) -> str:
        return f"W ← {_kept(numbers)} - η·0.2·√(longer side)·"

    def plain(self, numbers: Mapping[str, float]) -> str:
        """In words, with what its numbers switch on."""
        return (
            "A whole matrix moves at once: the mean of its latest gradients is turned so that it moves as much in every "
            "direction. One weight's step therefore hangs on all the others of its matrix." + _pull(numbers)
        )

    def worked(self, moved: Moved, at: tuple[int, ...]) -> str:
        """One weight's change as a sum with its numbers; the last factor is its entry of the orthogonal matrix."""
        side = max(moved.old.flatten(1).shape)
        return f"-{moved.rate:.4g}·0.2·√{side}·{signed(float(self.direction(moved)[at]))}{_shrunk(moved, at)}"

    def again(self, moved: Moved) -> Tensor:
        """The new weight."""
        scale = 0.2 * math.sqrt(max(moved.old.flatten(1).shape))
        shrunk: Tensor = moved.old * (1 - moved.rate * moved.numbers["decay"])
        return shrunk - moved.rate * scale * self.direction(moved)

    def direction(self, moved: Moved) -> Tensor:
        """The momentum with its singular values driven towards 1: five rounds of a·X + b·(X·Xᵀ)·X + c·(X·Xᵀ)²·X."""
        momentum = moved.numbers["momentum"]
        buffer = self._buffer(moved)
        x = (momentum * buffer + (1 - momentum) * moved.clipped).flatten(1)
        tall = x.shape[0] > x.shape[1]
        x = x.T if tall else x
        x = x / x.norm().clamp(min=1e-7)
        for _ in range(5):
            gram = x @ x.T
            x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
        direction: Tensor = (x.T if tall else x).reshape(moved.old.shape)
        return direction

    def told(self, moved: Moved, at: tuple[int, ...]) -> Told:
        one, n = _at(moved, at), moved.numbers
        before = float(moved.memory["momentum"][at]) if "momentum" in moved.memory else 0.0
        buffer, momentum = float(self._buffer(moved)[at]), n["momentum"]
        direction = float(self.direction(moved)[at])
        side = max(moved.old.flatten(1).shape)
        shrink = f"{signed(one.old)}·(1 - {moved.rate:.3g}·{n['decay']:g})" if n["decay"] else signed(one.old)
        return Told(
            [
                *one.lines,
                Line(
                    what="mean of gradients remembered",
                    formula="b ← μ·b + (1-μ)·g",
                    filled=f"{momentum:g}·{signed(before)} + {1 - momentum:.3g}·{signed(one.clipped)}",
                    result=buffer,
                ),
                Line(
                    what="looked ahead",
                    formula="G = μ·b + (1-μ)·g",
                    filled=f"{momentum:g}·{signed(buffer)} + {1 - momentum:.3g}·{signed(one.clipped)}",
                    result=momentum * buffer + (1 - momentum) * one.clipped,
                ),
                Line(
                    what="its entry once the whole matrix is orthogonal: every direction moves alike",
                    formula="O = orthogonal(G)",
                    filled="",
                    result=direction,
                ),
                Line(
                    what="new weight",
                    formula=f"{self._new(n)}O",
                    filled=f"{shrink} - {moved.rate:.3g}·0.2·√{side}·{signed(direction)}",
                    result=one.new,
                ),
            ]
        )

    @staticmethod
    def _buffer(moved: Moved) -> Tensor:
        momentum = moved.numbers["momentum"]
        before = moved.memory.get("momentum", torch.zeros_like(moved.old))
        return momentum * before + (1 - momentum) * moved.clipped


UPDATES: dict[str, AdamW | Sgd | Muon] = {"AdamW": AdamW(), "SGD": Sgd(), "Muon": Muon()}


def by_optimizer(parameters: Iterable[Moved]) -> dict[str, dict[str, float]]:
    """The numbers of each optimizer: biases are not pulled, and what any of its parameters is subject to is told."""
    kinds: dict[str, dict[str, float]] = {}
    for moved in parameters:
        one = kinds.setdefault(moved.optimizer, {})
        one.update({name: max(value, one.get(name, value)) for name, value in moved.numbers.items()})
    return kinds


def at_work(numbers: Mapping[str, float]) -> dict[str, float]:
    """The numbers that stand in the rule: no momentum or decay that is 0."""
    return {name: value for name, value in numbers.items() if value or name not in ("momentum", "decay")}


def _pull(numbers: Mapping[str, float]) -> str:
    """What weight decay does, in words; nothing where there is none."""
    return " Besides, weights are pulled a little towards 0 (weight decay)." if numbers["decay"] else ""


def _shrink(numbers: Mapping[str, float]) -> str:
    """Weight decay that acts on the weight by itself, as a line of code; nothing where there is none."""
    return "W = W * (1 - rate * decay)\n" if numbers["decay"] else ""


def _kept(numbers: Mapping[str, float]) -> str:
    """What such a decay leaves of a weight, as a formula."""
    return "W·(1 - η·λ)" if numbers["decay"] else "W"


def _shrunk(moved: Moved, at: tuple[int, ...]) -> str:
    """The part of weight decay in a change, where it acts on the weight by itself."""
    decay = moved.numbers["decay"]
    return f" - {moved.rate:.4g}·{decay:g}·{signed(float(moved.old[at]))}" if decay else ""


@dataclass(frozen=True)
class _Entry:
    old: float
    new: float
    clipped: float
    lines: list[Line]


def _at(moved: Moved, at: tuple[int, ...]) -> _Entry:
    """One entry's numbers, and what is told of it whatever the optimizer."""
    old, new, gradient, clipped = (float(x[at]) for x in (moved.old, moved.new, moved.gradient, moved.clipped))
    lines = [given("old weight", "W", old), given("blame", "g = ∂L/∂W", gradient)]
    if clipped != gradient:
        lines.append(
            Line(
                what="clipped",
                formula="g ← g·limit/|all gradients|",
                filled=f"{signed(gradient)}·{clipped / gradient:.4g}",
                result=clipped,
            )
        )
    return _Entry(old, new, clipped, lines)
