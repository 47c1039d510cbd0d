"""Dropout: while training, chance sets some values to zero and makes the others larger. a = x·k, k = 0 or 1/(1 - share)."""

from __future__ import annotations

from torch import Tensor

from fogwalk.insight.accounts.protocol import Account, Line, Told, Work, given, low, signed


class Dropout(Account):
    """Backward: blame passes where the value did. Where nothing was dropped, as after training, k is 1."""

    formula = "a = x·k, k = 0 for a share of the values, else 1/(1 - share)"
    chain = "∂L/∂x = ∂L/∂a·k"
    plain = (
        "While it learns, chance sets some of the numbers to zero and makes the others a little larger, so that no number comes "
        "to be relied on alone. When it answers, all pass."
    )
    plain_back = "Blame comes back where the number passed, by the same factor, and nowhere else."
    code = """kept = torch.rand_like(x) >= share
a = x * kept / (1 - share)       # only while it learns
# loss.backward() does:
x.grad = a.grad * kept / (1 - share)"""

    def again(self, work: Work) -> dict[str, Tensor]:
        x = work.value("input")
        return {"output": x * work.value("kept") if work.has("kept") else x}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        delta = work.blame("output")
        return {"input": delta * work.value("kept") if work.has("kept") else delta}

    def told(self, work: Work, at: tuple[int, ...]) -> Told:
        x, delta = float(work.value("input")[at]), float(work.blame("output")[at])
        kept = float(work.value("kept")[at]) if work.has("kept") else 1.0
        u = low(at[-1])
        return Told(
            [
                Line(
                    what=f"unit {at[-1]}",
                    formula=f"a{u} = x{u}·k",
                    filled=f"{signed(x)}·{signed(kept)}",
                    result=x * kept,
                )
            ],
            [
                given("blame of what comes out", f"∂L/∂a{u}", delta),
                Line(
                    what="blame of what went in",
                    formula=f"∂L/∂x{u} = ∂L/∂a{u}·k",
                    filled=f"{signed(delta)}·{signed(kept)}",
                    result=delta * kept,
                ),
            ],
        )
