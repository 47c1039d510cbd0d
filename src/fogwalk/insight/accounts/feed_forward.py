"""The station of a transformer's layer: two linear layers for each token by itself, an activation or a gate between."""

from __future__ import annotations

from torch import Tensor, nn

from fogwalk.insight.accounts.protocol import Account, Line, Told, Work, given, low, product_sum, signed


class FeedForward(Account):
    """Two linear layers with an activation between, each of which has its own account."""

    formula = "y = down·h, h = σ(up·x)"
    chain = "∂L/∂h = downᵀ·∂L/∂y    ∂L/∂(up·x) = ∂L/∂h·σ′"
    plain = (
        "Each token by itself: its numbers are mixed into more inner numbers, these are bent by a curve, and mixed down again. "
        "What comes out is added to the token's stream."
    )
    plain_back = (
        "Blame goes back through the second mixing, is multiplied by the curve's slope, and goes on through the first."
    )
    code = "y = down(sigma(up(x)))           # two torch.nn.Linear, for each token by itself"

    def formula_of(self, module: nn.Module) -> str:
        """Which σ is meant."""
        return f"{self.formula}, σ = {module.activation.name}"  # type: ignore[union-attr]  # an Activation has a name

    def told(self, work: Work, at: tuple[int, ...]) -> Told:
        """One number of what comes out, and of the inner numbers it is made of the one that counts most."""
        record, unit, inner = at[:-1], at[-1], self._inner(work, at)
        u, k = low(unit), low(inner)
        bias = work.parameter("down.bias")
        weight = work.parameter("down.weight")
        whole = product_sum(
            f"number {unit} of what comes out",
            f"y{u} = Σₖ down{u},ₖ·hₖ" + ("" if bias is None else " + b"),
            weight[unit],
            work.value("down.input")[record],
            name="h",
            bias=None if bias is None else float(bias[unit]),
        )
        told = Told([*self._inside(work, (*record, inner)), whole])
        told.backward.append(
            given(f"blame of number {unit}", f"∂L/∂y{u}", float(work.blame("output")[(*record, unit)]))
        )
        told.backward.append(
            product_sum(
                f"on to the inner number {inner}, from all that comes out",
                f"∂L/∂h{k} = Σᵤ ∂L/∂yᵤ·downᵤ,{k}",
                work.blame("output")[record],
                weight[:, inner],
            )
        )
        told.backward.extend(self._inside_back(work, (*record, inner)))
        return told

    @staticmethod
    def _inner(work: Work, at: tuple[int, ...]) -> int:
        """The inner number that adds most to one of what comes out."""
        return int((work.parameter("down.weight")[at[-1]] * work.value("down.input")[at[:-1]]).abs().argmax())

    def _inside(self, work: Work, at: tuple[int, ...]) -> list[Line]:
        """How an inner number is made."""
        what = f"inner number {at[-1]}, which adds most to it"
        return [given(what, f"h{low(at[-1])} = σ(up·x)", float(work.value("down.input")[at]))]

    def _inside_back(self, work: Work, at: tuple[int, ...]) -> list[Line]:
        """What an inner number passes on."""
        return []


class Gated(FeedForward):
    """A gated feed-forward: σ(gate) decides how much of the other half passes. Shazeer 2020."""

    formula = "y = down·h, h = σ(gate·x) · (up·x)"
    chain = "∂L/∂σ = ∂L/∂h·up    ∂L/∂up = ∂L/∂h·σ"
    plain = (
        "Each token by itself: its numbers are mixed twice, and one of the two, bent by a curve, is a gate that says how much of "
        "the other passes. What passes is mixed down again and added to the token's stream."
    )
    plain_back = (
        "Blame goes back through the last mixing to both halves: each gets it by as much as the other half let through."
    )
    code = "y = down(sigma(gate(x)) * up(x)) # three torch.nn.Linear, for each token by itself"

    def again(self, work: Work) -> dict[str, Tensor]:
        return {"down.input": work.value("activation.output") * work.value("up.output")}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        delta = work.blame("down.input")
        return {
            "activation.output": delta * work.value("up.output"),
            "up.output": delta * work.value("activation.output"),
        }

    def _inside(self, work: Work, at: tuple[int, ...]) -> list[Line]:
        gate, up = self._halves(work, at)
        k = low(at[-1])
        return [
            given(f"gate of the inner number {at[-1]}", f"gate{k}·x", float(work.value("gate.output")[at])),
            Line(
                what=f"inner number {at[-1]}, which adds most to it",
                formula=f"h{k} = σ(gate{k}·x)·(up{k}·x)",
                filled=f"{signed(gate)}·{signed(up)}",
                result=gate * up,
            ),
        ]

    def _inside_back(self, work: Work, at: tuple[int, ...]) -> list[Line]:
        gate, up = self._halves(work, at)
        delta, k = float(work.blame("down.input")[at]), low(at[-1])
        return [
            Line(
                what="on to its gate",
                formula=f"∂L/∂σ{k} = ∂L/∂h{k}·(up{k}·x)",
                filled=f"{signed(delta)}·{signed(up)}",
                result=delta * up,
            ),
            Line(
                what="on to its other half",
                formula=f"∂L/∂(up{k}·x) = ∂L/∂h{k}·σ(gate{k}·x)",
                filled=f"{signed(delta)}·{signed(gate)}",
                result=delta * gate,
            ),
            given("and to its gate before σ", f"∂L/∂(gate{k}·x)", float(work.blame("gate.output")[at])),
        ]

    @staticmethod
    def _halves(work: Work, at: tuple[int, ...]) -> tuple[float, float]:
        gate, up = (float(work.value(name)[at]) for name in ("activation.output", "up.output"))
        return gate, up
