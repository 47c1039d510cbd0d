"""A weight told whole: its records' shares are its gradient, its products are the model's own, and its new value is the old one
and the change."""

from __future__ import annotations

import re

import pytest
import torch

from fogwalk.errors import UsageError
from fogwalk.insight import again
from fogwalk.insight.accounts.protocol import Account
from fogwalk.insight.accounts.updates import UPDATES
from fogwalk.insight.dial import dial
from fogwalk.insight.one_step import Step
from fogwalk.registry import ACCOUNTS
from fogwalk.runs.folder import RunFolder
from tests.insight.conftest import RUNS


def entries(step: Step) -> list[tuple[str, tuple[int, ...]]]:
    """Of each parameter the entry with the largest gradient."""
    return [
        (name, tuple(map(int, torch.unravel_index(moved.gradient.abs().argmax(), moved.gradient.shape))))
        for name, moved in step.moved.items()
    ]


@pytest.mark.parametrize("name", list(RUNS))
def test_what_the_records_say_adds_up_to_the_gradient(name: str, runs: dict[str, RunFolder]) -> None:
    step = again.explain(runs[name], 7)
    for parameter, at in entries(step):
        told = dial(step, parameter, at, row=1)
        assert told.shares, parameter
        known = sum(share for _, share in told.shares)
        if len(told.shares) == told.records:
            assert told.rest == pytest.approx(0, abs=1e-4 * abs(told.gradient) + 1e-7), parameter
        assert known + told.rest == pytest.approx(told.gradient, rel=1e-6)
        assert told.new == pytest.approx(told.old + told.change, rel=1e-6, abs=1e-9)
        assert told.lines[-1].result == told.change
        assert told.uses or told.type in ("Embedding", "Learned", "LayerNorm", "GroupNorm"), (parameter, told.type)
        for use in told.uses:
            assert use.product == pytest.approx(told.old * use.read, rel=1e-5)
        if told.used and told.used == len(told.blamed):
            share = dict(told.shares).get(1)
            tied = name in ("text", "bfloat16") and parameter in ("embedding.weight", "head.weight")
            if share is not None and not tied:
                assert sum(use.blame * use.read for use in told.blamed) == pytest.approx(share, rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("name", list(RUNS))
def test_the_change_is_the_sum_it_is_told_to_be(name: str, runs: dict[str, RunFolder]) -> None:
    step = again.explain(runs[name], 7)
    for parameter, at in entries(step):
        told = dial(step, parameter, at)
        came = eval(re.sub(r"√([\d.e+-]+)", r"(\1)**0.5", told.worked).replace("·", "*"))  # what a person would type
        near = 1e-2 if told.optimizer == "Muon" else 1e-3  # Muon makes a matrix orthogonal in bfloat16
        assert came == pytest.approx(told.change, rel=near, abs=1e-6 * abs(told.old) + 1e-9), (parameter, told.worked)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_what_an_optimizer_does_is_told_as_its_numbers_have_it(momentum: float, decay: float) -> None:
    words = UPDATES["SGD"].plain({"momentum": momentum, "decay": decay})
    assert ("ball" in words) == (momentum > 0)
    assert ("pulled" in words) == (decay > 0)
    numbers = {"momentum": momentum, "decay": decay}
    rule, code = UPDATES["SGD"].formula(numbers), UPDATES["SGD"].code(numbers)
    assert ("v ← μ·v" in rule) == ("momentum * v" in code) == (momentum > 0)
    for name in UPDATES:
        assert ("pulled" in UPDATES[name].plain(numbers)) == (decay > 0)
        assert ("λ" in UPDATES[name].formula(numbers)) == (decay > 0)
        assert ("decay" in UPDATES[name].code(numbers)) == (decay > 0)


def test_each_share_is_what_the_record_alone_would_blame(runs: dict[str, RunFolder]) -> None:
    step = again.explain(runs["table"], 7)
    step.model.load_state_dict({name: moved.old for name, moved in step.moved.items()})
    told = dial(step, "head.weight", (1, 2), row=3)
    outputs = step.captured.outputs.clone().requires_grad_()
    torch.nn.functional.cross_entropy(outputs, step.batch.targets).backward()
    assert outputs.grad is not None
    read = step.values["head.input"].value[:, 2]
    for record, share in told.shares:
        assert share == pytest.approx(float(outputs.grad[record, 1] * read[record]), rel=1e-4, abs=1e-9)
    (use,) = told.uses
    assert (use.place, use.read) == (None, float(read[3]))
    assert use.makes == float(step.captured.outputs[3, 1])
    assert told.role == "multiplies input 2, on its way to unit 1, which is the score of versicolor"
    assert "petal" in dial(step, "layers.0.weight", (0, 3)).role


@pytest.mark.parametrize("name", list(ACCOUNTS))
def test_every_account_says_itself_in_words_and_in_code(name: str) -> None:
    account: Account = ACCOUNTS.get(name)()
    for words in (account.formula, account.chain, account.plain, account.plain_back, account.code):
        assert words.strip()


def test_a_weight_or_row_there_is_not_is_told(runs: dict[str, RunFolder]) -> None:
    step = again.explain(runs["table"], 7)
    with pytest.raises(UsageError, match="has no entry"):
        dial(step, "head.weight", (9, 9))
    with pytest.raises(UsageError, match="--row 99"):
        dial(step, "head.weight", (0, 0), row=99)
