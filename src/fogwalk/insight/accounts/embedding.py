"""An embedding: a table with a row of numbers for every token, or word of a column; what is read is the row. e = E[id]."""

from __future__ import annotations

import torch
from torch import Tensor

from fogwalk.insight.accounts.protocol import Account, Line, Told, Use, Work, given, low


class Embedding(Account):
    """Backward: the row of a token gets the sum of the blame of all places where that token stands."""

    formula = "e = E[id]"
    chain = "∂L/∂E[id] = Σ δ over the places where id stands"
    plain = "Every token has a row of numbers in a table. Nothing is computed: the row of the token that stands there is read."
    plain_back = (
        "The row of a token gets the blame of all places where that token stands, added up. Other rows get none."
    )
    code = """e = E[ids]                       # torch.nn.Embedding
# loss.backward() does, with d = the blame of e:
E.grad.index_add_(0, ids, d)     # each place adds to the row of its token"""

    def again(self, work: Work) -> dict[str, Tensor]:
        return {"output": work.parameter("weight")[work.value("input")]}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        weight, ids, delta = work.parameter("weight"), work.value("input"), work.blame("output")
        rows = torch.zeros_like(weight)
        for token in ids.unique().tolist():
            rows[token] = delta[ids == token].sum(0)
        return {"weight": rows}

    def by_record(self, work: Work, name: str, at: tuple[int, ...]) -> Tensor:
        shares = work.blame("output")[..., at[1]] * (work.value("input") == at[0])
        return shares.reshape(len(shares), -1).sum(1)

    def role(self, work: Work, name: str, at: tuple[int, ...]) -> str:
        return f"is number {at[1]} in the row of id {at[0]}"

    def uses(self, work: Work, name: str, at: tuple[int, ...], row: int) -> list[Use]:
        value = float(work.parameter(name)[at])
        blame = work.blame("output")[row].flatten(0, -2)[:, at[1]].tolist()
        places = (work.value("input")[row] == at[0]).flatten().nonzero().flatten().tolist()
        return [Use(place=place, read=1.0, product=value, makes=value, blame=blame[place]) for place in places]

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
