"""Each rule on numbers made up for it, and on numbers just short of it; what explains what; and what a person reads."""

from __future__ import annotations

import math
import random
import shutil
import statistics
from pathlib import Path
from typing import Any

import pytest
import torch

from fogwalk import load
from fogwalk.insight.telling.health import health
from fogwalk.insight.verdicts import ILLNESSES, Evidence, judge
from fogwalk.insight.watching import broken, evidence_of, gathered
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import read_all

from .conftest import SHORT, trained


def evidence(first: float = 2.0, last: float = 1.0, steps: int = 100, **changes: Any) -> Evidence:
    """A run that learns: its loss goes evenly from one number to the other; validation is as good."""
    losses = {step: first + (last - first) * step / steps for step in range(1, steps + 1)}
    looks = [(step, numbers(0.01)) for step in range(0, steps + 1, 25)]
    found = Evidence(
        steps=steps,
        guessing=2.0,
        counting=1.8,
        held=1000,
        losses=losses,
        norms=dict.fromkeys(losses, 1.0),
        validations=[(steps // 2, (first + last) / 2), (steps, last)],
        looks=looks,
    )
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def numbers(change: float, **more: float) -> dict[str, torch.Tensor]:
    found = {"change/layers.0.weight": change, "change/layers.1.weight": change, "change/layers.0.bias": 5.0}
    return {
        name: torch.tensor(value)
        for name, value in (found | {k.replace("__", "/"): v for k, v in more.items()}).items()
    }


def names(found: Evidence) -> list[str]:
    return [verdict.name for verdict in judge(found)]


def with_looks(change: float = 0.01, **more: float) -> Evidence:
    return evidence(looks=[(step, numbers(change, **more)) for step in (0, 50, 100)])


def test_of_a_healthy_run_nothing_is_said() -> None:
    assert names(evidence()) == []
    assert names(evidence(converged="no more to gain")) == ["converged"]
    assert all(illness.rule.__doc__ for illness in ILLNESSES)


@pytest.mark.parametrize(
    ("sick", "well", "name"),
    [
        (with_looks(dead__x=0.95), with_looks(dead__x=0.85), "dead"),
        (with_looks(saturated__x=0.95), with_looks(saturated__x=0.85), "saturated"),
        (with_looks(spread__input=11.0), with_looks(spread__input=9.0), "unscaled inputs"),
        (with_looks(change=0.0009), with_looks(change=0.0011), "glacial"),
        (
            evidence(last=1.8, validations=[(50, 1.79), (100, 1.785)]),
            evidence(last=1.7, validations=[(50, 1.8), (100, 1.76)]),
            "stuck at chance",
        ),
        (evidence(memorises="it rose"), evidence(), "memorising"),
        (evidence(broken="row 3"), evidence(), "corrupt data"),
        (evidence(stopped="diverged"), evidence(stopped="interrupted"), "overshooting"),
    ],
)
def test_a_rule_holds_on_one_side_of_its_threshold_alone(sick: Evidence, well: Evidence, name: str) -> None:
    assert names(sick) == [name]
    assert name not in names(well)


def test_a_loss_that_rises_above_what_it_began_with_overshoots() -> None:
    for loss, said in ((2.7, ["overshooting"]), (2.5, [])):
        rising = evidence()
        for step in range(20, 30):
            rising.heard(step, loss, 1.0)
        assert names(rising) == said
    noisy = evidence(
        losses={step: 2.0 + (-1) ** step * 1.5 for step in range(1, 101)}, validations=[(50, 1.0), (100, 1.0)]
    )
    noisy.losses |= dict.fromkeys(range(20, 30), 2.9)
    assert names(noisy) == [], "one batch is not like the other"


def test_blame_that_shrinks_on_its_way_back_vanishes_where_nothing_is_learned() -> None:
    shrinking = {"blame/layers.0": 1e-5, "blame/layers.1": 1e-2, "blame/layers.2": 1.0}
    looks = [(at, {name: torch.tensor(value) for name, value in shrinking.items()}) for at in (0, 50, 100)]
    stuck = {"validations": [(50, 1.8), (100, 1.8)], "last": 1.8}
    assert names(evidence(looks=looks, **stuck)) == ["vanishing"]
    assert names(evidence(looks=looks)) == [], "it learns all the same"
    even = [(at, {name: torch.tensor(1.0) for name in shrinking}) for at in (0, 50, 100)]
    assert names(evidence(looks=even, **stuck)) == ["stuck at chance"]


def test_a_gradient_that_grows_with_the_loss_explodes() -> None:
    norms = {step: 1.0 if step < 90 else 500.0 for step in range(1, 101)}
    assert names(evidence(first=1.5, last=1.8, norms=norms, validations=[(50, 1.5), (100, 1.5)])) == ["exploding"]
    assert names(evidence(norms=norms)) == [], "the loss falls"


def test_a_cause_is_told_and_not_what_follows_from_it() -> None:
    found = with_looks(change=0.0001, dead__x=1.0, saturated__x=1.0)
    found.validations, found.memorises = [(50, 1.8), (100, 1.8)], "it rose"
    assert names(found) == ["dead", "saturated"]
    found.broken = "row 3"
    assert names(found)[0] == "corrupt data"


def test_of_few_records_chance_may_look_better_than_counting() -> None:
    little = evidence(last=1.7, validations=[(50, 1.75), (100, 1.7)], held=18)
    assert names(little) == ["stuck at chance"]
    little.held = 1800
    assert names(little) == []


def test_nothing_is_said_of_a_few_steps() -> None:
    assert names(evidence(steps=10, memorises="it rose")) == []
    assert judge(Evidence()) == []


def test_numbers_that_are_none_stop_no_verdict() -> None:
    found = evidence(stopped="diverged")
    found.losses[100] = found.norms[100] = math.nan
    assert names(found) == ["overshooting"]


def test_the_record_that_is_broken_is_named(runs: dict[str, RunFolder]) -> None:
    from fogwalk.registry import TASKS
    from fogwalk.settings import load_settings

    settings = load_settings(runs["table"].settings)
    task = TASKS.get(settings.task)(settings)
    assert broken(task, 0) == ""
    task.inputs[:] = math.nan
    assert "record 0 first, what is read holds no finite number" in broken(task, 0)


def test_a_run_says_what_it_has_while_it_trains_and_afterwards(tmp_path: Path) -> None:
    values = SHORT | {
        "data.path": ("sample:moons",),
        "training.steps": 60,
        "optimizer.learning_rate": 2.0,
        "model.hidden": (16, 16),
    }
    folder = trained(tmp_path / "run", values)
    warned = [record["message"] for record in read_all(folder.events) if record["event"] == "warned"]
    assert any(message.startswith("overshooting: the loss rose to") for message in warned)
    assert len(warned) == len(set(warned)), "each is told once"
    run = load(str(folder.path))
    assert [verdict.name for verdict in run.verdicts()] == ["overshooting"]
    told = run.health()
    assert "! overshooting: the loss rose to" in told
    assert "--optimizer.learning-rate" in told
    assert max(map(len, told.splitlines())) <= 100


def test_health_without_looks_says_so(runs: dict[str, RunFolder]) -> None:
    found = evidence_of(runs["text"])
    assert found.looks
    assert found.held > 0
    assert math.isfinite(found.counting)
    told = "\n".join(health("x", found, []))
    assert "Nothing is wrong by these numbers" in told
    found.looks, found.unread = [], "it was not looked into"
    blind = "\n".join(health("x", found, []))
    assert (
        "it was not looked into; so unscaled inputs, dead, saturated, vanishing, glacial could not be looked for"
        in " ".join(blind.split())
    )
    assert "dead" not in blind.split("looked for ")[-1]
    assert "No step is made yet" in "\n".join(health("x", Evidence(), []))


def test_what_could_not_be_judged_is_said() -> None:
    early = Evidence(steps=40, losses=dict.fromkeys(range(1, 13), 1.0))
    told = " ".join("\n".join(health("x", early, judge(early))).split())
    assert "Of 12 steps only corrupt data can be told" in told
    assert told.endswith("looked for corrupt data")
    once = with_looks()
    once.validations = once.validations[:1]
    told = " ".join("\n".join(health("x", once, judge(once))).split())
    assert "Of stuck at chance and memorising nothing can be said" in told
    assert "stuck at chance" not in told.split("looked for ")[-1]
    assert "overshooting" in told.split("looked for ")[-1]


def test_a_batch_far_from_all_others_is_no_overshooting() -> None:
    """Targets with heavy tails: now and then one record makes a batch's loss tenfold."""
    chance = random.Random(0)
    losses = {step: chance.uniform(0.5, 0.8) * (12 if step % 19 == 0 else 1) for step in range(1, 301)}
    calm = Evidence(steps=300, guessing=0.8, counting=0.8, losses=losses)
    for made in (25, 60, 120, 300):
        seen = Evidence(steps=300, guessing=0.8, counting=0.8, losses=dict(list(losses.items())[:made]))
        assert "overshooting" not in [verdict.name for verdict in judge(seen)], made
    calm.losses |= {step: chance.uniform(6, 9) for step in range(40, 60)}
    assert "overshooting" in [verdict.name for verdict in judge(calm)]


def test_the_evidence_of_a_log_is_that_of_the_session(runs: dict[str, RunFolder]) -> None:
    story = list(read_all(runs["table"].events))
    found = gathered(story, story[0]["data"])
    assert list(found.losses) == list(range(1, 13))
    assert [step for step, _ in found.validations] == [6, 12]
    assert found.steps == 12
    assert found.stopped == "steps"


def test_looks_that_cannot_be_read_are_told(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    shutil.copytree(runs["table"].path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    for path in folder.probes.iterdir():
        path.write_bytes(b"torn")
    assert "5 of its 5 looks are damaged" in load(str(folder.path)).health()
    shutil.rmtree(folder.probes)
    assert "probes is missing" in load(str(folder.path)).health().replace("\n", " ")


def test_words_of_a_column_are_no_quantities(tmp_path: Path) -> None:
    streets = [f"street {number % 80}" for number in range(400)]
    rows = [f"{number % 7},{street},{'ab'[number % 2]}" for number, street in enumerate(streets)]
    (tmp_path / "t.csv").write_text("size,street,kind\n" + "\n".join(rows))
    values = SHORT | {"data.path": (str(tmp_path / "t.csv"),), "data.target": "kind", "training.steps": 40}
    folder = trained(tmp_path / "run", values)
    assert "unscaled inputs" not in [verdict.name for verdict in load(str(folder.path)).verdicts()]


def test_weights_of_classes_hide_no_lack_of_signal(tmp_path: Path) -> None:
    chance = random.Random(0)
    rows = [f"{chance.gauss(0, 1):.3f},{'ab'[chance.random() < 0.1]}" for _ in range(600)]
    (tmp_path / "t.csv").write_text("x,kind\n" + "\n".join(rows))
    values = SHORT | {"data.path": (str(tmp_path / "t.csv"),), "data.target": "kind", "training.steps": 200}
    folder = trained(tmp_path / "run", values | {"training.class_weights": "balanced", "training.evaluate_every": 50})
    found = evidence_of(folder)
    assert found.counting <= found.guessing
    assert [verdict.name for verdict in load(str(folder.path)).verdicts()] == ["stuck at chance"]


def test_a_judgement_of_many_steps_is_quick_and_the_same() -> None:
    """One look at a run of a hundred thousand steps must cost less than a look is allowed to."""
    many = evidence(steps=100_000)
    assert many.wide == 2000
    groups = [statistics.median(many.finite[at : at + 80]) for at in range(0, 100_000, 80)]
    lasting = [statistics.fmean(sorted(groups[at : at + 25])[:15]) for at in range(len(groups) - 24)]
    assert many.peak() == pytest.approx(max(lasting), rel=1e-9)
    assert names(many) == []
    few = evidence(steps=200)
    lasting = [statistics.fmean(sorted(few.finite[at : at + 5])[:3]) for at in range(196)]
    assert few.peak() == pytest.approx(max(lasting), rel=1e-9)
