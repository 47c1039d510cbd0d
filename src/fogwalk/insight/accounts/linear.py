"""A linear layer: every output is a weighted sum of all inputs. z = W·x + b."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fogwalk.insight.accounts.protocol import Account, Line, Told, Use, Work, given, low, product_sum, signed


class Linear(Account):
    """Backward, with δ = ∂L/∂z: ∂L/∂W = Σ δ·xᵀ and ∂L/∂b = Σ δ over all records and places; ∂L/∂x = Wᵀ·δ."""

    formula = "z = W·x + b"
    chain = "∂L/∂W = Σ δ·xᵀ    ∂L/∂b = Σ δ    ∂L/∂x = Wᵀ·δ    (δ = ∂L/∂z)"
    plain = (
        "Each unit takes every number that comes in, multiplies it by a weight of its own, and adds the products up; its bias, "
        "where it has one, is added at the end."
    )
    plain_back = (
        "A unit that is to blame passes it on: to each of its weights by as much as the number that weight was multiplied with, "
        "and to each number that came in by as much as the weight it met."
    )
    code = """z = x @ W.T + b                  # torch.nn.Linear
# loss.backward() does, with d = the blame of z:
W.grad += d.T @ x                # one product a record and place, added up
b.grad += d.sum(0)
x.grad = d @ W                   # on to the layer before"""

    def formula_of(self, module: nn.Module) -> str:
        return self.formula if module.bias is not None else "z = W·x"

    def again(self, work: Work) -> dict[str, Tensor]:
        weight, bias = work.parameter("weight"), work.parameter("bias")
        z = work.value("input") @ weight.T
        return {"output": z if bias is None else z + bias}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        x, delta = work.value("input"), work.blame("output")
        weight = work.parameter("weight")
        back = {
            "input": delta @ weight,
            "weight": delta.flatten(0, -2).T @ x.flatten(0, -2),
        }
        if work.parameter("bias") is not None:
            back["bias"] = delta.flatten(0, -2).sum(0)
        return back

    def before(self, work: Work, at: tuple[int, ...]) -> tuple[int, ...]:
        """The input with the largest product."""
        *record, unit = at
        most = (work.parameter("weight")[unit] * work.value("input")[tuple(record)]).abs().argmax()
        return (*record, int(most))

    def by_record(self, work: Work, name: str, at: tuple[int, ...]) -> Tensor:
        delta = work.blame("output")[..., at[0]]
        shares = delta if name == "bias" else delta * work.value("input")[..., at[1]]
        return shares.reshape(len(shares), -1).sum(1)

    def role(self, work: Work, name: str, at: tuple[int, ...]) -> str:
        return (
            f"is added to unit {at[0]}"
            if name == "bias"
            else f"multiplies {work.named(at[1])}, on its way to unit {at[0]}"
        )

    def uses(self, work: Work, name: str, at: tuple[int, ...], row: int) -> list[Use]:
        made, blame = (value[row][..., at[0]] for value in (work.value("output"), work.blame("output")))
        read = torch.ones_like(made) if name == "bias" else work.value("input")[row][..., at[1]]
        return self.used(float(work.parameter(name)[at]), read, made, blame)

    def told(self, work: Work, at: tuple[int, ...]) -> Told:
        *record, unit = at
        x, delta = work.value("input")[tuple(record)], work.blame("output")
        weight, bias = work.parameter("weight"), work.parameter("bias")
        u = low(unit)
        forward = product_sum(
            f"unit {unit}",
            f"z{u} = Σⱼ W{u},ⱼ·xⱼ" + (f" + b{u}" if bias is not None else ""),
            weight[unit],
            x,
            name="x",
            labels=work.names,
            bias=None if bias is None else float(bias[unit]),
        )
        here = delta[tuple(record)]
        most = self.before(work, at)[-1]
        j, mine = low(most), float(here[unit])
        parts = delta[..., unit].flatten() * work.value("input")[..., most].flatten()
        back = [
            given(f"blame of unit {unit}", f"δ{u} = ∂L/∂z{u}", mine),
            Line(
                what=f"to the weight of {work.named(most)}, from here",
                formula=f"δ{u}·x{j}",
                filled=f"{signed(mine)}·{signed(float(x[most]))}",
                result=mine * float(x[most]),
            ),
            Line(
                what=f"to the same weight, from all {len(parts):,}",
                formula=f"∂L/∂W{u},{j} = Σ δ{u}·x{j}",
                filled="",
                result=float(parts.sum()),
            ),
            product_sum(f"on to {work.named(most)}", f"∂L/∂x{j} = Σᵤ δᵤ·Wᵤ,{j}", here, weight[:, most], name="δ"),
        ]
        if bias is not None:
            back.insert(
                3,
                Line(
                    what="to the bias, from all",
                    formula=f"∂L/∂b{u} = Σ δ{u}",
                    filled="",
                    result=float(delta[..., unit].sum()),
                ),
            )
        return Told([forward], back)
