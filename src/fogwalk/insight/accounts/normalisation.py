"""Normalisation: the numbers of a token, a record or a group of channels are brought to one size, then each is stretched by a
gain that is learned. Zhang and Sennrich 2019 (RMS), Ba et al. 2016 (layer), Wu and He 2018 (group)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fogwalk.insight.accounts.protocol import Account, Line, Told, Use, Work, given, low, number, signed


class RMSNorm(Account):
    """y = g·x/r with r = √(mean(x²) + ε). With h = g·δ: ∂L/∂x = (h - x·mean(h·x)/r²)/r; ∂L/∂g = Σ δ·x/r."""

    formula = "y = g·x/r, r = √(mean(x²) + ε)"
    chain = "∂L/∂g = Σ δ·x/r    ∂L/∂x = (h - x·mean(h·x)/r²)/r    (δ = ∂L/∂y, h = g·δ)"
    plain = "All numbers of a token are divided by their common size, so that none grows out of hand; each has a gain of its own."
    plain_back = "A gain is blamed by as much as the number it stretched. Blame for their common size is shared by all."
    code = """r = (x.square().mean(-1, keepdim=True) + eps).sqrt()
y = g * x / r                    # torch.nn.RMSNorm
# loss.backward() does, with d = the blame of y:
g.grad += (d * x / r).sum(0)"""

    def again(self, work: Work) -> dict[str, Tensor]:
        return {"output": work.parameter("weight") * work.value("input") / self._root(work)}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        x, delta, root = work.value("input"), work.blame("output"), self._root(work)
        inner = delta * work.parameter("weight")
        back = (inner - x * (inner * x).mean(-1, keepdim=True) / root.square()) / root
        return {"input": back, "weight": (delta * x / root).flatten(0, -2).sum(0)}

    def told(self, work: Work, at: tuple[int, ...]) -> Told:
        *record, unit = at
        x, root = work.value("input")[tuple(record)], float(self._root(work)[tuple(record)])
        gain, u = float(work.parameter("weight")[unit]), low(unit)
        delta = work.blame("output")[tuple(record)]
        inner = delta * work.parameter("weight")
        back = self.passed_back(work)["input"][at]
        return Told(
            [
                Line(what=f"size of the {len(x)} numbers", formula="r = √(mean(x²) + ε)", filled="", result=root),
                Line(
                    what=f"number {unit}",
                    formula=f"y{u} = g{u}·x{u}/r",
                    filled=f"{signed(gain)}·{signed(float(x[unit]))}/{signed(root)}",
                    result=gain * float(x[unit]) / root,
                ),
            ],
            [
                given("blame of what comes out", f"δ{u} = ∂L/∂y{u}", float(delta[unit])),
                Line(
                    what="blame of what went in",
                    formula=f"h = g·δ, ∂L/∂x{u} = (h{u} - x{u}·mean(h·x)/r²)/r",
                    filled=f"({signed(float(inner[unit]))} - {signed(float(x[unit]))}·{signed(float((inner * x).mean()))}"
                    f"/{signed(root)}²)/{signed(root)}",
                    result=float(back),
                ),
            ],
        )

    def by_record(self, work: Work, name: str, at: tuple[int, ...]) -> Tensor:
        shares = (work.blame("output") * work.value("input") / self._root(work))[..., at[0]]
        return shares.reshape(len(shares), -1).sum(1)

    def role(self, work: Work, name: str, at: tuple[int, ...]) -> str:
        return f"stretches number {at[0]}, once all are brought to one size"

    def uses(self, work: Work, name: str, at: tuple[int, ...], row: int) -> list[Use]:
        scaled = (work.value("input") / self._root(work))[row][..., at[0]]
        made, blame = (value[row][..., at[0]] for value in (work.value("output"), work.blame("output")))
        return self.used(float(work.parameter(name)[at]), scaled, made, blame)

    @staticmethod
    def _root(work: Work) -> Tensor:
        epsilon: float = work.module.epsilon  # type: ignore[assignment]  # an RMSNorm has one
        return torch.sqrt(work.value("input").square().mean(-1, keepdim=True) + epsilon)


class Standardised(Account):
    """y = g·x̂ + b with x̂ = (x - m)/s, s = √(variance + ε), over groups of numbers. With h = g·δ:
    ∂L/∂x = (h - mean(h) - x̂·mean(h·x̂))/s; ∂L/∂g = Σ δ·x̂; ∂L/∂b = Σ δ."""

    formula = "y = g·(x - m)/s + b, m = mean(x), s = √(mean((x - m)²) + ε)"
    chain = "∂L/∂g = Σ δ·x̂    ∂L/∂b = Σ δ    ∂L/∂x = (h - mean(h) - x̂·mean(h·x̂))/s    (x̂ = (x - m)/s, h = g·δ)"

    plain = (
        "A group of numbers is brought to the mean 0 and the deviation 1; then each has a gain and a shift of its own."
    )
    plain_back = (
        "A gain is blamed by as much as the number it stretched, a shift by it all; mean and deviation share the rest."
    )
    code = """hat = (x - x.mean(-1, keepdim=True)) / (x.var(-1, correction=0, keepdim=True) + eps).sqrt()
y = g * hat + b                  # torch.nn.LayerNorm; GroupNorm does it over groups of channels
# loss.backward() does, with d = the blame of y:
g.grad += (d * hat).sum(0)
b.grad += d.sum(0)"""

    def role(self, work: Work, name: str, at: tuple[int, ...]) -> str:
        return f"{'is added to' if name == 'bias' else 'stretches'} number {at[0]}, once all are brought to one size"

    def grouped(self, work: Work, x: Tensor) -> Tensor:
        """[..., numbers that are brought to one size together]"""
        raise NotImplementedError

    def wide(self, work: Work, vector: Tensor) -> Tensor:
        """A gain or bias such that it goes with the output."""
        raise NotImplementedError

    def summed(self, x: Tensor) -> Tensor:
        """What belongs to one gain added up."""
        raise NotImplementedError

    def again(self, work: Work) -> dict[str, Tensor]:
        scaled, _ = self._scaled(work)
        y = scaled * self.wide(work, work.parameter("weight"))
        return {"output": y + self.wide(work, work.parameter("bias"))}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        delta = work.blame("output")
        scaled, deviation = self._scaled(work)
        inner = self.grouped(work, delta * self.wide(work, work.parameter("weight")))
        hat = self.grouped(work, scaled)
        back = inner - inner.mean(-1, keepdim=True) - hat * (inner * hat).mean(-1, keepdim=True)
        back = (back / deviation).reshape(delta.shape)
        return {"input": back, "weight": self.summed(delta * scaled), "bias": self.summed(delta)}

    def told(self, work: Work, at: tuple[int, ...]) -> Told:
        scaled, deviation = self._scaled(work)
        x = work.value("input")
        groups = self.grouped(work, x)
        mean = float(groups.mean(-1, keepdim=True).expand_as(groups).reshape(x.shape)[at])
        spread = float(deviation.expand_as(groups).reshape(x.shape)[at])
        inner = self.grouped(work, work.blame("output") * self.wide(work, work.parameter("weight")))
        hats = self.grouped(work, scaled)
        of_inner = float(inner.mean(-1, keepdim=True).expand_as(groups).reshape(x.shape)[at])
        of_both = float((inner * hats).mean(-1, keepdim=True).expand_as(groups).reshape(x.shape)[at])
        mine = float(inner.reshape(x.shape)[at])
        gain = float(self.wide(work, work.parameter("weight")).expand_as(x)[at])
        bias = float(self.wide(work, work.parameter("bias")).expand_as(x)[at])
        hat, delta = float(scaled[at]), float(work.blame("output")[at])
        u = low(at[-1])
        return Told(
            [
                Line(
                    what="less the mean, over the deviation",
                    formula=f"x̂{u} = (x{u} - m)/s",
                    filled=f"({signed(float(x[at]))} - {signed(mean)})/{number(spread)}",
                    result=hat,
                ),
                Line(
                    what=f"number {at[-1]}",
                    formula=f"y{u} = g·x̂{u} + b",
                    filled=f"{signed(gain)}·{signed(hat)} + {signed(bias)}",
                    result=gain * hat + bias,
                ),
            ],
            [
                given("blame of what comes out", f"δ{u} = ∂L/∂y{u}", delta),
                Line(
                    what="blame of what went in",
                    formula=f"h = g·δ, ∂L/∂x{u} = (h{u} - mean(h) - x̂{u}·mean(h·x̂))/s",
                    filled=f"({signed(mine)} - {signed(of_inner)} - {signed(hat)}·{signed(of_both)})/{number(spread)}",
                    result=float(self.passed_back(work)["input"][at]),
                ),
            ],
        )

    def _scaled(self, work: Work) -> tuple[Tensor, Tensor]:
        x = work.value("input")
        groups = self.grouped(work, x)
        away = groups - groups.mean(-1, keepdim=True)
        epsilon: float = work.module.eps  # type: ignore[assignment]  # torch's norms have one
        deviation = torch.sqrt(away.square().mean(-1, keepdim=True) + epsilon)
        return (away / deviation).reshape(x.shape), deviation


class LayerNorm(Standardised):
    """Over the numbers of each token or record."""

    def grouped(self, work: Work, x: Tensor) -> Tensor:
        return x

    def wide(self, work: Work, vector: Tensor) -> Tensor:
        return vector

    def summed(self, x: Tensor) -> Tensor:
        return x.flatten(0, -2).sum(0)


class GroupNorm(Standardised):
    """Over groups of the channels [batch, channel, row, column] of each image."""

    def grouped(self, work: Work, x: Tensor) -> Tensor:
        assert isinstance(work.module, nn.GroupNorm)
        return x.reshape(len(x), work.module.num_groups, -1)

    def wide(self, work: Work, vector: Tensor) -> Tensor:
        return vector[None, :, None, None]

    def summed(self, x: Tensor) -> Tensor:
        return x.sum((0, 2, 3))
