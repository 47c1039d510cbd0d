"""What is told of an entry reconciles: each formula with its numbers put in comes to the number behind it, read off the text as a
person would; and what it comes to is what the second computation has there."""

from __future__ import annotations

import itertools
import math
import random
import re
from typing import Any

import pytest
import torch

from fogwalk.insight.accounts.activation import FUNCTIONS
from fogwalk.insight.accounts.protocol import Line
from fogwalk.insight.accounts.updates import UPDATES
from fogwalk.insight.again import explain
from fogwalk.insight.explanation import Explanation
from fogwalk.insight.one_step import Step
from fogwalk.insight.telling.way import one_way, stations, stream_of
from fogwalk.runs.folder import RunFolder

from .drawing import KINDS
from .test_accounts import case, twin

CASES = [(kind, number) for kind in KINDS for number in range(10)]
NUMBER = r"\d+(?:\.\d+)?(?:e[+-]?\d+)?"
WORDS = re.compile(r" \((?:bias|head \d+|the other [\d,]+)\)| \[[^\]]*\]")


def reckoned(filled: str, sigma: str = "") -> tuple[float, float] | None:
    """What a line's numbers come to, and by how much that may be off because each is shown with four digits; None where the line
    is no sum."""
    text = WORDS.sub("", filled).replace("·", "*").replace("^", "**").replace("²", "**2")
    if not text or any(mark in text for mark in ("Σ", "=", "from", "E[")):
        return None
    text = re.sub(rf"√({NUMBER})", r"sqrt(\1)", text)
    text = re.sub(r"^-ln (.+)$", r"-log(\1)", text)
    text = re.sub(r"\be\*\*", "exp(1)**", text)
    scope: dict[str, Any] = {"sqrt": math.sqrt, "log": math.log, "exp": math.exp, "max": max, "__builtins__": {}}
    if sigma in FUNCTIONS:
        value, slope = FUNCTIONS[sigma][:2]
        scope |= {
            "σ": lambda z: float(value(torch.tensor(float(z)))),
            "slope": lambda z: float(slope(torch.tensor(float(z)))),
        }
        text = text.replace("σ′", "slope")
    result = float(eval(text, scope))
    off = 0.0
    for found in re.finditer(rf"(?<![\w.])(?<!\*\*){NUMBER}(?![\w.])", text):
        moved = text[: found.start()] + repr(float(found[0]) * (1 + 6e-4)) + text[found.end() :]
        off += abs(float(eval(moved, scope)) - result)
    return result, off


def reconciles(line: Line, sigma: str = "") -> bool:
    found = reckoned(line.filled, sigma)
    return found is None or abs(found[0] - line.result) <= found[1] + 1e-4 * abs(line.result) + 1e-12


def test_a_line_that_does_not_reconcile_is_found() -> None:
    line = Line(what="", formula="", filled="0.5·2.000 + (-1.000)·0.2500 + 0.1000 (bias)", result=0.85)
    assert reconciles(line)
    assert not reconciles(Line(what="", formula="", filled=line.filled, result=0.86))
    assert not reconciles(Line(what="", formula="", filled=line.filled.replace("2.000", "2.020"), result=0.85))


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_what_is_told_of_any_entry_comes_to_what_it_says(kind: str, number: int) -> None:
    step, right = case(kind, number).step, twin(case(kind, number))
    chance = random.Random(number)
    checked = 0
    for work, account in step.accounts():
        output = work.values["output"]
        for _ in range(2):
            at = tuple(chance.randrange(size) for size in output.value.shape)
            told = account.told(work, at)
            sigma = getattr(work.module, "name", "")
            for line in [*told.forward, *told.backward]:
                assert reconciles(line, sigma), f"{work.path} {at}: {line.formula} = {line.filled} = {line.result}"
                checked += reckoned(line.filled, sigma) is not None
            name = f"{work.path}.output" if work.path else "output"
            leaf = type(account).__name__ not in ("Layer", "LanguageModel", "VisionTransformer")
            if leaf and told.forward and f"value {name}" in right:
                assert told.forward[-1].result == pytest.approx(
                    float(right[f"value {name}"][at]), rel=1e-3, abs=1e-5
                ), name
            if leaf and told.backward and f"blame {name}" in right:
                assert told.backward[0].result == pytest.approx(
                    float(right[f"blame {name}"][at]), rel=1e-3, abs=1e-7
                ), name
    assert checked >= 10


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_what_is_told_of_any_dial_comes_to_the_new_weight(kind: str, number: int) -> None:
    step, right = case(kind, number).step, twin(case(kind, number))
    chance = random.Random(number)
    for name, moved in step.moved.items():
        at = tuple(chance.randrange(size) for size in moved.old.shape)
        told = UPDATES[moved.optimizer].told(moved, at).forward
        for line in told:
            assert reconciles(line), f"{name} {at}: {line.formula} = {line.filled} = {line.result}"
        assert told[1].result == pytest.approx(float(right[f"gradient {name}"][at]), rel=1e-3, abs=1e-7)
        change = told[-1].result - told[0].result
        assert change == pytest.approx(
            float(right[f"change {name}"][at]), rel=2e-3, abs=3e-7 * float(moved.old.abs().max())
        )


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_what_is_told_of_the_loss_comes_to_it(kind: str, number: int) -> None:
    step, right = case(kind, number).step, twin(case(kind, number))
    outputs, targets = step.captured.outputs, step.batch.targets
    for row in range(len(targets)):
        at = (row,) if targets.dim() == 1 else (row, row % targets.shape[1])
        told = step.lost.told(outputs, targets, step.counted, at)
        for line in told:
            assert reconciles(line), f"{line.formula} = {line.filled} = {line.result}"
        assert told[1].result == pytest.approx(float(right["loss of each"][at]), rel=1e-3, abs=1e-6)
        k = int(targets[at]) if step.task.loss_name == "cross-entropy" else 0
        assert told[-1].result == pytest.approx(float(right["blame output"][(*at, k)]), rel=1e-3, abs=1e-7)


# -- the overview's tables ---------------------------------------------------------------------------------------------


def tables(text: str) -> dict[str, list[list[str]]]:
    """The rows of each station's tables, cells apart; by the station's number."""
    found: dict[str, list[list[str]]] = {}
    station = ""
    for line in text.splitlines():
        if re.match(r"[1-6] [a-z]+ ", line):
            station = line[0]
        elif line.startswith("  ") and not line.startswith("   "):
            found.setdefault(station, []).append(re.split(r"  +", line.strip()))
    return found


@pytest.mark.parametrize("name", ["text", "mlp", "table", "numbers", "images", "patches"])
def test_every_number_of_the_overview_is_that_of_the_tensors(name: str, runs: dict[str, RunFolder]) -> None:
    step = explain(runs[name], 7)
    found = tables(repr(Explanation(step)))

    def length(x: torch.Tensor) -> float:
        return math.sqrt(math.fsum(value * value for value in x.double().flatten().tolist()))

    def size(x: torch.Tensor) -> float:
        return length(x) / math.sqrt(x.numel())

    def near(shown: str, value: float) -> bool:
        return float(shown) == pytest.approx(value, rel=6e-4, abs=1e-12)

    sizes = blames = dials = 0
    for row in found["2"]:
        if f"{row[0]}.output" in step.values and len(row) > 3 and re.fullmatch(r"\d+( x \d+)+", row[2]):
            assert near(row[1], size(step.values[f"{row[0]}.output"].value)), row
            sizes += 1
    for row in found["4"]:
        if len(row) == 3 and f"{row[0]}.output" in step.values:
            gradient = step.values[f"{row[0]}.output"].gradient
            assert gradient is not None
            assert near(row[1], length(gradient)), row
            own = [moved.gradient.flatten() for one, moved in step.moved.items() if one.startswith(f"{row[0]}.")]
            assert (row[2] == "-") == (not own)
            assert not own or near(row[2], length(torch.cat(own))), row
            blames += 1
    for row in found["5"]:
        if row[0] in step.moved and len(row) == 7:
            moved = step.moved[row[0]]
            assert row[1] == moved.optimizer
            assert near(row[3], size(moved.old)), row
            assert near(row[4], size(moved.gradient)), row
            assert near(row[5], size(moved.new - moved.old)), row
            ratio = length(moved.new - moved.old) / max(length(moved.old), 1e-30)
            assert float(row[6]) == pytest.approx(ratio, rel=0.06)
            dials += 1
    assert sizes >= 3
    assert blames >= 3
    assert dials >= 4
    text = " ".join(repr(Explanation(step)).split())
    assert f"|g| = {step.norm:.6g}" in text
    assert f"the rate of this step is η = {step.rate:.4g}" in text
    assert f"the same batch after the update: {step.after:.6g}" in text


def linked(step: Step, row: int) -> int:
    """How many links of the chain were held against what the model computed: what each module is told to read most of is the very
    number that the module before it made, or that and what that layer itself read; and its blame is what comes back."""
    way, links = one_way(step, row), 0
    order = stations(step)
    assert [order.index(work.path) for work, _, _ in way] == sorted(order.index(work.path) for work, _, _ in way)
    if way:
        end, _, at = way[-1]
        assert end.path == order[-1]
        assert at[-1] == (int(step.batch.targets[at[:-1]]) if step.task.loss_name == "cross-entropy" else 0)
    for (before, _, earlier), (work, account, at) in itertools.pairwise(way):
        entered = account.before(work, at)
        read, made = float(work.value("input")[entered]), float(before.value("output")[earlier])
        if read != made:
            number = re.sub(r"\D", "", before.path)
            assert read == pytest.approx(made + float(step.values[f"layers.{number}.input"].value[entered]), rel=1e-5)
        if not before.path.startswith("embedding"):  # a row may be read by several
            assert float(before.blame("output")[earlier]) == pytest.approx(
                float(work.blame("input")[entered]), rel=1e-5
            )
        links += 1
    return links


@pytest.mark.parametrize("kind", ["plain", "mlp", "convolutional"])
def test_one_way_through_a_model_is_one_chain_there_and_back(kind: str) -> None:
    links, embedded = 0, 0
    for number in range(10):
        step = case(kind, number).step
        for row in range(step.captured.rows):
            links += linked(step, row)
            embedded += any(work.path.startswith("embedding") for work, _, _ in one_way(step, row))
    assert links > 50
    assert embedded > 3 or kind == "convolutional"


@pytest.mark.parametrize("name", ["table", "numbers", "mlp", "images"])
def test_one_way_through_a_run_is_one_chain(name: str, runs: dict[str, RunFolder]) -> None:
    step = explain(runs[name], 7)
    assert sum(linked(step, row) for row in range(4)) >= 4
    text = repr(Explanation(step))
    assert "one way through" in text
    assert "the same way back" in text


@pytest.mark.parametrize("kind", ["transformer", "vision"])
def test_a_stream_is_what_its_parts_add_up_to(kind: str) -> None:
    told = 0
    for number in range(10):
        step = case(kind, number).step
        assert one_way(step, 0) == []
        for row in range(step.captured.rows):
            if (found := stream_of(step, row)) is None:
                continue
            now = found.before
            for _, added, then in found.parts:
                assert then == pytest.approx(now + added, rel=1e-4, abs=1e-5)
                now = then
            last = step.values[f"{found.parts[-1][0].removesuffix('.feed_forward')}.output"]
            assert now == float(last.value[found.at])
            told += 1
    assert told > 10
