"""An embedding: a table with a row of numbers for every token, or word of a column; what is read is the row. e = E[id]."""

from __future__ import annotations

import torch
from torch import Tensor

from fogwalk.insight.accounts.protocol import Account, Line, Told, Work, given, low


class Embedding(Account):
    """Backward: the row of a token gets the sum of the blame of all places where that token stands."""

    formula = "e = E[id]"
    chain = "∂L/∂E[id] = Σ δ over the places where id stands"

    def again(self, work: Work) -> dict[str, Tensor]:
        return {"output": work.parameter("weight")[work.value("input")]}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        weight, ids, delta = work.parameter("weight"), work.value("input"), work.blame("output")
        rows = torch.zeros_like(weight)
        for token in ids.unique().tolist():
            rows[token] = delta[ids == token].sum(0)
        return {"weight": rows}

    def told(self, work: Work, at: tuple[int, ...]) -> Told:
        *record, unit = at
        ids, delta = work.value("input"), work.blame("output")
        token = int(ids[tuple(record)])
        places = ids == token
        u = low(unit)
        forward = Line(
            what=f"number {unit} of the row of id {token}",
            formula=f"e{u} = E[id]{u}",
            filled=f"E[{token}]{u}",
            result=float(work.parameter("weight")[token, unit]),
        )
        return Told(
            [forward],
            [
                given("blame here", f"δ{u} = ∂L/∂e{u}", float(delta[(*record, unit)])),
                Line(
                    what=f"to the table, from the {int(places.sum()):,} places where id {token} stands",
                    formula=f"∂L/∂E[{token}]{u} = Σ δ{u}",
                    filled="",
                    result=float(delta[places][:, unit].sum()),
                ),
            ],
        )
