"""How what one module did is told: its formula, the formula with the numbers of one entry put in, and the blame it passes on.

Before this   ../capture.py has each module's input, output and the loss's gradient at both.
After this    one file for each sort of module beside this one; ../one_step.py asks for them by the name of the class.
What an account states it computes itself, from the values that went in, by its own formula: tests hold it against what the
model and autograd gave.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fogwalk.insight.capture import Value

SHOWN = 8  # terms of a sum written out, the largest first


@dataclass(frozen=True)
class Work:
    """What one module did: itself; by name below its path (`input`, `output`, `query`, `norm.output` ...) the values it and the
    modules within it made, and their parameters as they were before the update."""

    path: str
    module: nn.Module
    values: Mapping[str, Value]
    parameters: Mapping[str, Tensor]
    names: tuple[str, ...] = ()  # what the first numbers that go in stand for, where a person gave them names

    def value(self, name: str) -> Tensor:
        return self.values[name].value

    def blame(self, name: str) -> Tensor:
        """∂(loss)/∂(value); zeros where the loss does not hang on it."""
        found = self.values[name]
        return torch.zeros_like(found.value) if found.gradient is None else found.gradient

    def has(self, name: str) -> bool:
        return name in self.values

    def of_row(self, row: int) -> Work:
        """The same of one record alone."""
        alone = {
            name: Value(
                name,
                value.axes,
                value.value[row : row + 1],
                None if value.gradient is None else value.gradient[row : row + 1],
            )
            if value.axes[0] == "batch"
            else value
            for name, value in self.values.items()
        }
        return Work(self.path, self.module, alone, self.parameters, self.names)

    def named(self, place: int) -> str:
        """How a number that goes in is called."""
        return f"input {place}" + (f", {self.names[place]}" if place < len(self.names) else "")

    def parameter(self, name: str) -> Any:
        """One of its parameters by name; None where it has none of that name."""
        return self.parameters.get(name)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One thing told of one entry: what it is, its formula with the numbers put in, and what comes out. `parts` are the terms of
    a sum by name, the largest first; where each is a product, `factors` are its two numbers and `labels` what a person calls what
    was read there; `rest` is what the terms that are not among them come to, `bias` what is added at the end."""

    what: str
    formula: str
    filled: str
    result: float
    parts: tuple[tuple[str, float], ...] = ()
    factors: tuple[tuple[float, float], ...] = ()
    labels: tuple[str, ...] = ()
    rest: float = 0.0
    left_out: int = 0
    bias: float | None = None


@dataclass(frozen=True, kw_only=True)
class Use:
    """A weight at work in one record: at `place` of its tokens, patches or pixels (None where it has none) it met the number
    `read`, which made `product`, a part of `makes`; and `blame` is ∂L/∂(what it makes), so that its share there is blame·read."""

    place: int | None
    read: float
    product: float
    makes: float
    blame: float


@dataclass(frozen=True, kw_only=True)
class Table:
    """Numbers side by side, such as whom a listener attends to; `left_out` rows are not shown, `closed` have no share at all."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[float, ...], ...]
    left_out: int = 0
    closed: int = 0


@dataclass(frozen=True)
class Told:
    """An entry told whole: lines forward, lines backward, and what is better read as a table."""

    forward: list[Line] = field(default_factory=list)
    backward: list[Line] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


class Account:
    """Of one sort of module. `formula` is how its output is made, `chain` how blame goes back through it; `plain` and
    `plain_back` say the same in words, `code` in the lines of PyTorch that do it."""

    formula = ""
    chain = ""
    plain = ""
    plain_back = ""
    code = ""

    def formula_of(self, module: nn.Module) -> str:
        """How this very module's output is made, where that hangs on how it was built."""
        return self.formula

    def again(self, work: Work) -> dict[str, Tensor]:
        """What it makes (`output`, or a value of its inside by name), computed by the formula from what goes in."""
        return {}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        """From ∂L/∂ of what it makes, by the chain rule: ∂L/∂ of what went in, as far as it went in here, and of each
        parameter, by their names."""
        return {}

    def by_record(self, work: Work, name: str, at: tuple[int, ...]) -> Tensor:
        """∂L/∂(one entry of a parameter) as the share that each record has in it [batch]."""
        records = len(work.value("output"))
        return torch.stack([self.passed_back(work.of_row(row))[name][at] for row in range(records)])

    def role(self, work: Work, name: str, at: tuple[int, ...]) -> str:
        """What one entry of a parameter does, in words that follow its name; nothing where it is not known."""
        return ""

    def uses(self, work: Work, name: str, at: tuple[int, ...], row: int) -> list[Use]:
        """Where one entry of a parameter was at work in a record, in the order of the places; empty where that is not told."""
        return []

    @staticmethod
    def used(weight: float, read: Tensor, made: Tensor, blame: Tensor) -> list[Use]:
        """A weight and what it met, made and was blamed for, at each of a record's places."""
        told = zip(read.flatten().tolist(), made.flatten().tolist(), blame.flatten().tolist(), strict=True)
        return [
            Use(place=place if read.numel() > 1 else None, read=x, product=weight * x, makes=y, blame=delta)
            for place, (x, y, delta) in enumerate(told)
        ]

    def told(self, work: Work, at: tuple[int, ...]) -> Told:
        """One entry of the output with its numbers put in; `at` counts along the output's axes."""
        return Told()

    def before(self, work: Work, at: tuple[int, ...]) -> tuple[int, ...]:
        """The entry of what went in that this one of the output hangs on most; of what keeps its shape the same."""
        return at if work.value("input").shape == work.value("output").shape else ()

    def source(
        self, work: Work, path: str, at: tuple[int, ...], paths: Sequence[str]
    ) -> tuple[str, tuple[int, ...]] | None:
        """Of a model whose modules follow one another, in the order of `paths`: the module, and the entry of what came out of it,
        that an entry of what goes into the module at `path` is; None where it came from outside, or this cannot be said."""
        return None


def number(value: float) -> str:
    """Four digits that count: 0.1235, -12.35, 0.001235, 1.230e-05.

    >>> number(0.123456), number(-12.3456), number(0.00123456), number(0.0000123), number(0.0)
    ('0.1235', '-12.35', '0.001235', '1.230e-05', '0')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else f"{value:g}"
    if 1e-4 <= abs(value) < 1e5:
        return f"{value:.{max(0, 3 - math.floor(math.log10(abs(value))))}f}"
    return f"{value:.3e}"


def signed(value: float) -> str:
    """Put into a formula: brackets round what is below zero."""
    return f"({number(value)})" if value < 0 else number(value)


def product_sum(
    what: str,
    formula: str,
    one: Tensor,
    other: Tensor,
    *,
    name: str = "",
    labels: Sequence[str] = (),
    bias: float | None = None,
    most: int = SHOWN,
) -> Line:
    """A sum of products written out: Σ one·other (+ bias) of vectors of one length, the largest terms first; the first terms have
    `labels`."""
    terms = one * other
    order = terms.abs().argsort(descending=True, stable=True)
    shown = sorted(order[:most].tolist())
    others = order[most:]
    rest = float(terms[others].sum()) if len(others) else 0.0
    called = {place: f" [{label}]" for place, label in enumerate(labels)}
    written = [f"{signed(float(one[place]))}·{signed(float(other[place]))}{called.get(place, '')}" for place in shown]
    written += [f"{signed(rest)} (the other {len(others):,})"] if len(others) else []
    written += [f"{signed(bias)} (bias)"] if bias is not None else []
    return Line(
        what=what,
        formula=formula,
        filled=" + ".join(written),
        result=float(terms.sum()) + (bias or 0.0),
        parts=tuple((f"{name}{low(place)}", float(terms[place])) for place in order[:most].tolist()),
        factors=tuple((float(one[place]), float(other[place])) for place in order[:most].tolist()),
        labels=tuple(labels[place] if place < len(labels) else "" for place in order[:most].tolist()),
        rest=rest,
        left_out=len(others),
        bias=bias,
    )


def largest_at(value: Tensor) -> tuple[int, ...]:
    """Where the number furthest from zero stands."""
    return tuple(int(place) for place in torch.unravel_index(value.abs().argmax(), value.shape))


def given(what: str, symbol: str, value: float) -> Line:
    """A number that comes from elsewhere."""
    return Line(what=what, formula=symbol, filled="", result=value)


def low(place: int) -> str:
    """A number written low: x₁₂."""
    return "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(place))
