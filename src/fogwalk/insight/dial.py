"""One weight told whole: what it does, where it was at work in a record, which records blame it, and how it was moved.

Before this   one_step.py has the step; accounts/ know what a weight does.
After this    the page pins it and shows it at every station.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from fogwalk.insight.accounts.protocol import Account, Line, Use, Work, given
from fogwalk.insight.accounts.updates import UPDATES
from fogwalk.insight.nudge import require_weight
from fogwalk.insight.one_step import Step

USES = 8  # places at which it was at work that are told, the largest products
SHARES = 24  # records that are told, the largest shares


@dataclass(frozen=True, kw_only=True)
class Dial:
    """An entry of a parameter. `role` says what it does, in words. `uses` are those of `used` places in record `row` with
    the largest product, `blamed` those with the largest share. `shares` are the records with the largest share in its gradient,
    `rest` what the others of `records` come to, and `share` that of `row`; they are empty where no account is known, and
    `share` where the parameter works in two places, of which `uses` tells one. `memory` has each thing the optimizer remembers,
    before and after. `worked` is the change as a sum, its numbers put in; empty where no update was made."""

    name: str
    at: tuple[int, ...]
    shape: tuple[int, ...]
    path: str
    type: str
    role: str
    row: int
    uses: list[Use]
    blamed: list[Use]
    used: int
    shares: list[tuple[int, float]]
    rest: float
    share: float | None
    records: int
    optimizer: str
    rate: float
    numbers: dict[str, float]
    old: float
    gradient: float
    clipped: float
    memory: dict[str, tuple[float, float]]
    change: float
    worked: str
    new: float
    lines: list[Line]


def dial(step: Step, name: str, at: tuple[int, ...], row: int = 0) -> Dial:
    """One weight of a step. Raises UsageError for a weight there is not, and for a row the batch has not."""
    require_weight(step, name, at)
    step.require_row(row)
    moved = step.moved[name]
    rule = UPDATES[moved.optimizer]
    owners = list(_owners(step, name))
    work, account, short = owners[0] if owners else (None, None, "")
    uses = account.uses(work, short, at, row) if work and account else []
    shares = _shares(owners, at)
    told = [] if shares is None else shares.abs().argsort(descending=True, stable=True)[:SHARES].tolist()
    gradient = float(moved.gradient[at])
    each = [(record, float(shares[record])) for record in told] if shares is not None else []
    role = account.role(work, short, at) if work and account else ""
    if (
        work
        and type(work.module).__name__ == "Embedding"
        and work.path == "embedding"
        and step.task.sizes.unit == "token"
    ):
        role += f", the token {step.task.named(at[0])}"
    stands_for = step.said(f"{work.path}.output", at[:1]) if work and role else ""
    if stands_for:
        role += f", which is the score of {stands_for}"
    path = name.rpartition(".")[0]
    lines = (
        [*rule.told(moved, at).forward, given("moved by", "W new - W old", float(moved.change[at]))]
        if step.made
        else []
    )
    return Dial(
        name=name,
        at=at,
        shape=tuple(moved.old.shape),
        path=work.path if work else path,
        type=type(step.model.get_submodule(path)).__name__,
        role=role,
        row=row,
        uses=_largest(uses, lambda use: use.product),
        blamed=_largest(uses, lambda use: use.blame * use.read),
        used=len(uses),
        shares=each,
        rest=gradient - sum(share for _, share in each) if each else 0.0,
        share=float(shares[row]) if shares is not None and len(owners) == 1 else None,
        records=len(step.captured.targets),
        optimizer=moved.optimizer,
        rate=moved.rate,
        numbers=dict(moved.numbers),
        old=float(moved.old[at]),
        gradient=gradient,
        clipped=float(moved.clipped[at]),
        memory={
            what: (float(_entry(moved.memory.get(what), at)), float(_entry(after, at)))
            for what, after in moved.remembered.items()
        },
        change=float(moved.change[at]),
        worked=rule.worked(moved, at) if step.made else "",
        new=float(moved.new[at]),
        lines=lines,
    )


def _largest(uses: list[Use], by: Callable[[Use], float]) -> list[Use]:
    """Some of them, in the order of their places."""
    return sorted(sorted(uses, key=lambda use: -abs(by(use)))[:USES], key=lambda use: use.place or 0)


def _owners(step: Step, name: str) -> list[tuple[Work, Account, str]]:
    """The modules that a parameter works in, and what it is called there: one, or of a tied matrix two. Of a module within
    another the inner one."""
    first = {id(parameter): known for known, parameter in step.model.named_parameters()}
    found: list[tuple[Work, Account, str]] = []
    for work, account in step.accounts():
        for short, parameter in work.module.named_parameters(recurse=False):
            if first.get(id(parameter)) == name:
                found.append((work, account, short))
    if found:
        return found
    # A table of positions belongs to a module without an account; the model around it passes the blame on.
    for work, account in step.accounts():
        for short, parameter in work.module.named_parameters():
            if first.get(id(parameter)) == name and short in account.passed_back(work):
                return [(work, account, short)]
    return []


def _shares(owners: list[tuple[Work, Account, str]], at: tuple[int, ...]) -> Tensor | None:
    """Each record's share in the gradient, of all uses together; None where no account tells it."""
    parts = [account.by_record(work, short, at) for work, account, short in owners]
    return sum(parts[1:], parts[0]) if parts else None


def _entry(memory: Tensor | None, at: tuple[int, ...]) -> float:
    """Of one weight; a count of steps is of all of them."""
    if memory is None:
        return 0.0
    return float(memory[at]) if memory.dim() == len(at) else float(memory)
