"""Attention, the round table: a listener's query meets each speaker's key; softmax makes shares of it; the speakers' values are
added up in those shares; the heads are fused by the output matrix. Vaswani et al. 2017."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from fogwalk.insight.accounts.protocol import (
    SHOWN,
    Account,
    Line,
    Table,
    Told,
    Work,
    given,
    low,
    number,
    product_sum,
    signed,
)


@dataclass(frozen=True, kw_only=True)
class Listening:
    """One listener in one head. Its `query` [head_width]; of every place, those whose chair is closed too, `keys` and `values`
    [key, head_width], and `dots` q·k, `scores` q·k/√w + bias, `shares` (0 behind a closed chair) and `left`, what dropout left of
    them, [key]; `bias` [key] where one is added; `heard` Σ p·v [head_width]. The first `opened` chairs are open."""

    head: int
    place: int
    opened: int
    query: Tensor
    keys: Tensor
    values: Tensor
    dots: Tensor
    bias: Tensor | None
    scores: Tensor
    shares: Tensor
    left: Tensor
    dropped: bool

    @property
    def scaled(self) -> Tensor:
        """q·k/√w of every place. [key]"""
        return self.dots / math.sqrt(len(self.query))

    @property
    def heard(self) -> Tensor:
        """Σ p·v. [head_width]"""
        heard: Tensor = self.left @ self.values
        return heard

    @property
    def strongest(self) -> int:
        """The place that it gives the largest share."""
        return int(self.shares.argmax())

    @property
    def sizes(self) -> Tensor:
        """|v| of every place. [key]"""
        sizes: Tensor = self.values.norm(dim=1)
        return sizes


@dataclass(frozen=True)
class Fused:
    """How the output matrix makes of all heads what one place is handed: what each head gives to each number,
    `parts` [width, head], the `bias` [width] where there is one, and the `output` [width]."""

    parts: Tensor
    bias: Tensor | None
    output: Tensor


class Attention(Account):
    """Forward: s = q·k/√w (+ bias), closed chairs out; p = softmax(s); m = Σ p·v; y = O·[m of all heads].
    Backward, with μ = ∂L/∂m: ∂L/∂v = Σ p·μ; ∂L/∂p = μ·v; ∂L/∂s = p·(∂L/∂p - Σ p·∂L/∂p); ∂L/∂q = Σ ∂L/∂s·k/√w;
    ∂L/∂k = Σ ∂L/∂s·q/√w."""

    formula = "s = q·k/√w    p = softmax(s)    m = Σ p·v    y = O·[m of all heads]"
    plain = (
        "Each token asks a question, its query, and holds it against what every token before it offers, its key. The better they "
        "fit, the larger that token's share. What it hears, the others' values in these shares, is mixed and added to its stream."
    )
    plain_back = (
        "Blame goes to what was heard by the share it was heard with, and to the shares by how useful what was heard would have "
        "been; from there to queries and keys."
    )
    code = """s = q @ k.transpose(-1, -2) / math.sqrt(head_width)
s = s.masked_fill(later, -inf)   # nobody hears what comes later, where text is written
p = s.softmax(-1)
y = output((p @ v).transpose(1, 2).flatten(2))   # F.scaled_dot_product_attention, and a torch.nn.Linear"""
    chain = "∂L/∂v = Σ p·μ    ∂L/∂s = p·(μ·v - Σ p·(μ·v))    ∂L/∂q = Σ ∂L/∂s·k/√w    (μ = ∂L/∂m)"

    def again(self, work: Work) -> dict[str, Tensor]:
        scores, weights = self.scores(work), self.weights(work)
        mixed = self._kept(work, weights) @ work.value("value")
        y = mixed.transpose(1, 2).flatten(2) @ work.parameter("output.weight").T
        bias = work.parameter("output.bias")
        return {"scores": scores, "weights": weights, "mixed": mixed, "output": y if bias is None else y + bias}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        query, key, value = work.value("query"), work.value("key"), work.value("value")
        root = math.sqrt(query.shape[3])
        mixed = (work.blame("output") @ work.parameter("output.weight")).unflatten(2, (query.shape[1], -1))
        mixed = mixed.transpose(1, 2)  # [batch, head, time, head_width]
        weights = self.weights(work)
        shares = self._kept(work, mixed @ value.transpose(2, 3))
        scores = weights * (shares - (weights * shares).sum(-1, keepdim=True))
        back = {
            "mixed": mixed,
            "weights": shares,
            "value": self._kept(work, weights).transpose(2, 3) @ mixed,
            "query": scores @ key / root,
            "key": scores.transpose(2, 3) @ query / root,
        }
        return back | self._to_matrices(work, back)

    def _to_matrices(self, work: Work, back: dict[str, Tensor]) -> dict[str, Tensor]:
        """On to what the three matrices gave: heads that share a key or value add their blame, dials are turned back, what was
        normalised passes its norm."""
        group: int = work.module.group  # type: ignore[assignment]  # an Attention has one
        found = {"values.output": _merged(_shared(back["value"], group))}
        for short, name in (("query", "queries"), ("key", "keys")):
            blame = _turned_back(work, back[short] if short == "query" else _shared(back[short], group))
            norm = f"{short}_norm"
            if work.has(f"{norm}.output"):
                found[f"{norm}.output"] = blame
                blame = _through_norm(work, norm, blame)
            found[f"{name}.output"] = _merged(blame)
        return found

    def dots(self, work: Work) -> Tensor:
        """q·k. [batch, head, time, key]"""
        dots: Tensor = work.value("query") @ work.value("key").transpose(2, 3)
        return dots

    def scores(self, work: Work) -> Tensor:
        """Before chairs are closed. [batch, head, time, key]"""
        scores = self.dots(work) / math.sqrt(work.value("query").shape[3])
        return scores + work.value("bias") if work.has("bias") else scores

    def weights(self, work: Work) -> Tensor:
        """[batch, head, time, key], each row adding up to 1."""
        scores = self.scores(work)
        if self._causal(work):
            closed = torch.ones(scores.shape[2:], dtype=torch.bool, device=scores.device).triu(1)
            scores = scores.masked_fill(closed, -math.inf)
        raised = torch.exp(scores - scores.amax(-1, keepdim=True))
        return raised / raised.sum(-1, keepdim=True)

    @staticmethod
    def _causal(work: Work) -> bool:
        causal: bool = work.module.causal  # type: ignore[assignment]  # an Attention says so
        return causal

    @staticmethod
    def _kept(work: Work, weights: Tensor) -> Tensor:
        return weights * work.value("kept") if work.has("kept") else weights

    def listening(self, work: Work, row: int, place: int) -> list[Listening]:
        """What one place of a record hears in every head."""
        work = work.of_row(row)
        dots, scores, weights = self.dots(work)[0], self.scores(work)[0], self.weights(work)[0]
        left = self._kept(work, weights[None])[0]
        opened = place + 1 if self._causal(work) else weights.shape[2]
        return [
            Listening(
                head=head,
                place=place,
                opened=opened,
                query=work.value("query")[0, head, place],
                keys=work.value("key")[0, head],
                values=work.value("value")[0, head],
                dots=dots[head, place],
                bias=work.value("bias")[head, place] if work.has("bias") else None,
                scores=scores[head, place],
                shares=weights[head, place],
                left=left[head, place],
                dropped=work.has("kept"),
            )
            for head in range(len(weights))
        ]

    def fused(self, work: Work, row: int, place: int) -> Fused:
        """What the output matrix makes of all heads for one place of a record."""
        mixed = work.value("mixed")[row, :, place]  # [head, head_width]
        parts = (work.parameter("output.weight").unflatten(1, mixed.shape) * mixed).sum(2)
        bias = work.parameter("output.bias")
        return Fused(parts, bias, parts.sum(1) if bias is None else parts.sum(1) + bias)

    def told(self, work: Work, at: tuple[int, ...]) -> Told:
        """`at` is (record, place, unit of the output)."""
        work, (_, place, unit), row = work.of_row(at[0]), at, 0
        told = Told()
        back = self.passed_back(work)
        heads = self.listening(work, row, place)
        for one in heads:
            told.tables.append(self._listened(one))
            told.forward.extend(self.lines(one, one.strongest))
        fused = self.fused(work, row, place)
        each = fused.parts[unit].tolist()
        bias = None if fused.bias is None else float(fused.bias[unit])
        told.forward.append(
            Line(
                what=f"the heads fused into number {unit}",
                formula=f"y{low(unit)} = Σ over heads of O·m",
                filled=" + ".join(f"{signed(share)} (head {head})" for head, share in enumerate(each))
                + ("" if bias is None else f" + {signed(bias)} (bias)"),
                result=float(fused.output[unit]),
                parts=tuple((f"head {head}", share) for head, share in enumerate(each)),
            )
        )
        told.backward.append(
            given(f"blame of number {unit}", f"∂L/∂y{low(unit)}", float(work.blame("output")[row, place, unit]))
        )
        for one in heads:
            told.backward.extend(self._lines_back(work, back, one))
        return told

    def _lines_back(self, work: Work, back: dict[str, Tensor], one: Listening) -> list[Line]:
        row, head, place, to, shares = 0, one.head, one.place, one.strongest, one.shares
        heard, value = back["mixed"][row, head, place], one.values[to]
        of_shares = back["weights"][row, head, place]
        mean, share, mine = float((shares * of_shares).sum()), float(shares[to]), float(of_shares[to])
        score, root = share * (mine - mean), math.sqrt(len(heard))
        key = one.keys[to]
        kept = float(work.value("kept")[row, head, place, to]) if one.dropped else 1.0
        written = "∂L/∂p = k·(μ·v), μ already times what dropout left of p" if one.dropped else "∂L/∂p = μ·v"
        return [
            product_sum(f"head {head}: blame of its share of place {to}", written, heard * kept, value, most=3),
            Line(
                what=f"head {head}: blame of that score",
                formula="∂L/∂s = p·(∂L/∂p - Σ p·∂L/∂p)",
                filled=f"{signed(share)}·({signed(mine)} - {signed(mean)})",
                result=score,
            ),
            Line(
                what=f"head {head}: to the query of {place} from there, its first number",
                formula="∂L/∂s·k₀/√w",
                filled=f"{signed(score)}·{signed(float(key[0]))}/√{len(heard)}",
                result=score * float(key[0]) / root,
            ),
        ]

    def _listened(self, one: Listening) -> Table:
        """Whom one listener attends to in one head, the most attended first."""
        order = one.shares[: one.opened].argsort(descending=True, stable=True)
        first = order[:SHOWN].tolist()
        sizes, heard = one.sizes, one.left * one.sizes
        return Table(
            title=f"head {one.head}: place {one.place} listens to",
            columns=(
                "place",
                "q·k/√w" + (" + bias" if one.bias is not None else ""),
                "share p",
                "|value|",
                "p·|value|" + (" kept" if one.dropped else ""),
            ),
            rows=tuple(
                (to, float(one.scores[to]), float(one.shares[to]), float(sizes[to]), float(heard[to])) for to in first
            ),
            left_out=len(order) - len(first),
            closed=len(one.shares) - one.opened,
        )

    def lines(self, one: Listening, to: int) -> list[Line]:
        """How a listener's query meets the key of place `to`, what share that place gets, and a number of what is heard."""
        root = math.sqrt(len(one.query))
        bias = None if one.bias is None else float(one.bias[to])
        meets = product_sum(
            f"head {one.head}: query of {one.place} · key of {to}, / √{len(one.query)}"
            + (" + bias" if bias is not None else ""),
            "s = Σ (q/√w)·k" + (" + bias" if bias is not None else ""),
            one.query / root,
            one.keys[to],
            name="q·k",
            bias=bias,
        )
        heard = one.scores[: one.opened]
        highest = float(heard.amax())
        total = float((heard - highest).exp().sum())
        softmax = Line(
            what=f"head {one.head}: its share of all {one.opened:,} places that {one.place} may hear",
            formula="p = e^(s - highest)/Σ e^(s - highest)",
            filled=f"e^({number(float(one.scores[to]))} - {signed(highest)})/{number(total)}",
            result=float(one.shares[to]),
        )
        unit = int(one.heard.abs().argmax())
        sum_of = product_sum(
            f"head {one.head}: number {unit} of what is heard" + (", of what dropout left" if one.dropped else ""),
            f"m{low(unit)} = Σ p·v{low(unit)}",
            one.left[: one.opened],
            one.values[: one.opened, unit],
        )
        return [meets, softmax, sum_of]


def _merged(heads: Tensor) -> Tensor:
    """[batch, head, time, head_width] -> [batch, time, width]"""
    return heads.transpose(1, 2).flatten(2)


def _shared(heads: Tensor, group: int) -> Tensor:
    """The sum over the heads that read the same keys or values."""
    total: Tensor = heads.unflatten(1, (-1, group)).sum(2)
    return total


def _turned_back(work: Work, blame: Tensor) -> Tensor:
    """Rotary positions turn pairs of numbers; their blame is turned by the same angle the other way."""
    positions = work.module.__dict__["positions"]
    if not hasattr(positions, "cosine"):
        return blame
    time, half = blame.shape[2], blame.shape[3] // 2
    cosine, sine = positions.cosine[:time, :half], -positions.sine[:time, :half]  # its first half holds -sin
    first, second = blame[..., :half], blame[..., half:]
    return torch.cat((first * cosine + second * sine, second * cosine - first * sine), -1)


def _through_norm(work: Work, norm: str, blame: Tensor) -> Tensor:
    """∂L/∂(input) of the norm of queries or keys, as RMSNorm's account has it."""
    x, gain = work.value(f"{norm}.input"), work.parameter(f"{norm}.weight")
    epsilon: float = work.module.get_submodule(norm).epsilon  # type: ignore[assignment]  # an RMSNorm has one
    root = torch.sqrt(x.square().mean(-1, keepdim=True) + epsilon)
    inner = blame * gain
    back: Tensor = (inner - x * (inner * x).mean(-1, keepdim=True) / root.square()) / root
    return back
