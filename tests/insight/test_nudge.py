"""The slope that moving a weight finds is the gradient, whatever the optimizer, the loss and what is dropped; none is moved."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from fogwalk import load
from fogwalk.errors import UsageError
from fogwalk.insight import again, capture, nudge
from fogwalk.insight.one_step import Step
from fogwalk.runs.folder import RunFolder
from fogwalk.training.loop import seed_chance
from tests.insight.conftest import RUNS, SHORT, TEXT, trained

COURSES = {
    "class weights and smoothing": SHORT
    | {"data.path": ("sample:iris",), "model.hidden": (6,)}
    | {"training.class_weights": "balanced", "training.label_smoothing": 0.1, "training.accumulate": 2},
    "a table that drops": SHORT | {"data.path": ("sample:iris",), "model.hidden": (8,), "model.dropout": 0.3},
    "muon": TEXT | {"optimizer.name": "muon"},
    "huber": SHORT | {"data.path": ("sample:diabetes",), "model.hidden": (6,), "training.loss": "huber"},
}


def dials(step: Step) -> list[tuple[str, tuple[int, ...]]]:
    """Of each parameter the entry with the largest gradient, and one in its middle."""
    found = []
    for name, moved in step.moved.items():
        for place in (moved.gradient.abs().argmax(), moved.gradient.numel() // 2):
            at = torch.unravel_index(torch.as_tensor(place), moved.gradient.shape)
            found.append((name, tuple(map(int, at))))
    return found


def holds(step: Step) -> None:
    """Every slope is the gradient, to a hundredth; what lies below float32's rounding of the whole gradient counts as none."""
    least = 1e-6 * max(float(moved.gradient.abs().max()) for moved in step.moved.values())
    for name, at in dials(step):
        told = nudge.nudged(step, name, at)
        assert told.bits == 64
        assert told.loss == pytest.approx(step.loss, rel=1e-5)
        assert told.gradient == float(step.moved[name].gradient[at])
        assert told.slope == pytest.approx(told.gradient, rel=1e-2, abs=least), (name, at)
        assert told.slope == (told.up - told.down) / (2 * told.h)


@pytest.mark.parametrize("name", list(RUNS))
def test_the_slope_is_the_gradient(name: str, runs: dict[str, RunFolder]) -> None:
    holds(again.explain(runs[name], 7))


@pytest.mark.parametrize("name", list(COURSES))
def test_the_slope_is_the_gradient_on_courses_of_their_own(name: str, tmp_path: Path, small_text: str) -> None:
    (tmp_path / "book.txt").write_text(small_text, encoding="utf-8")
    holds(again.explain(trained(tmp_path / "run", {"data.path": (str(tmp_path / "book.txt"),)} | COURSES[name]), 7))


@pytest.mark.parametrize("name", ["text", "table"])
def test_where_only_float32_can_be_computed_the_slope_still_agrees(
    name: str, runs: dict[str, RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nudge, "SAME", -1.0)
    step = again.explain(runs[name], 7)
    dial, at = max(dials(step), key=lambda one: abs(float(step.moved[one[0]].gradient[one[1]])))
    told = nudge.nudged(step, dial, at)
    assert told.bits == 32
    assert told.loss == step.loss, "in float32 it is the loss that is told"
    assert told.slope == pytest.approx(told.gradient, rel=1e-2)


def test_the_slope_of_a_batch_that_is_kept_in_part_is_that_of_the_whole(
    runs: dict[str, RunFolder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "most_rows", lambda model, batch: 1)
    step = again.explain(runs["text"], 7)
    assert step.captured.rows == 1
    holds(step)


def test_trying_a_value_tells_the_loss_with_it_and_moves_nothing(runs: dict[str, RunFolder]) -> None:
    explanation = load(runs["table"].path).explain(7)
    step, text = explanation.step, repr(explanation)
    old = float(step.moved["head.weight"].old[1, 2])
    same = nudge.tried(step, "head.weight", (1, 2), old)
    assert same.loss == same.before == pytest.approx(step.loss, rel=1e-6)
    told = nudge.tried(step, "head.weight", (1, 2), 0.7)
    weights = {name: moved.old.clone() for name, moved in step.moved.items()}
    weights["head.weight"][1, 2] = 0.7
    seed_chance(step.settings.seed, 6)
    outputs = torch.func.functional_call(step.model, weights, (step.batch.inputs,))
    assert told.loss == pytest.approx(float(step.task.loss(outputs, step.batch)), rel=1e-5)
    assert told.old == old
    assert repr(explanation) == text


@pytest.mark.parametrize(
    ("name", "at", "by", "words"),
    [
        ("hed.weight", (0, 0), None, "Did you mean head.weight"),
        ("head.weight", (0,), None, "has no entry [0]"),
        ("head.weight", (0, 99), None, "3 x 4"),
        ("head.weight", (0, 0), 0.0, "a number above 0"),
        ("head.weight", (0, 0), float("inf"), "a number above 0"),
    ],
)
def test_what_cannot_be_moved_is_told(
    name: str, at: tuple[int, ...], by: float | None, words: str, runs: dict[str, RunFolder]
) -> None:
    step = again.explain(runs["table"], 3)
    with pytest.raises(UsageError) as told:
        nudge.nudged(step, name, at, by)
    assert words in str(told.value)
    with pytest.raises(UsageError, match="It is a number"):
        nudge.tried(step, "head.weight", (0, 0), float("nan"))
