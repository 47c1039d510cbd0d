"""A plain network as a film: every frame is what replaying and `explain` give, in whatever order frames are asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from starlette.testclient import TestClient

from fogwalk import load, trainer
from fogwalk.observatory.server import application
from fogwalk.observatory.work.frames import BINS
from fogwalk.runs.log import loss_trace, read_all
from fogwalk.settings import Source


def test_weights_gradients_and_changes_are_those_of_explain(page: TestClient, shelf: Path) -> None:
    for step in (7, 19, 3, 4, 1):  # on, back, and on by one
        told = page.get(f"/api/runs/moons/frames/{step}").json()
        moved = load(shelf / "moons").explain(step).step.moved
        later = load(shelf / "moons").explain(step + 1).step.moved
        assert told["step"] == step
        assert told["loss"] == loss_trace(shelf / "moons" / "events.jsonl")[step]
        assert list(told["parameters"]) == ["layers.0.weight", "layers.0.bias", "head.weight", "head.bias"]
        for name, one in told["parameters"].items():
            assert torch.equal(torch.tensor(one["weight"]), later[name].old), "to the bit: it is the run's own"
            assert torch.allclose(torch.tensor(one["gradient"]), moved[name].gradient, rtol=1e-5, atol=1e-8)
            assert torch.equal(torch.tensor(one["change"]), torch.tensor(one["weight"]) - moved[name].old)


def test_before_the_first_update_nothing_has_moved(page: TestClient) -> None:
    told = page.get("/api/runs/moons/frames/0").json()
    assert told["loss"] is None
    assert all(one["gradient"] is None and one["change"] is None for one in told["parameters"].values())
    assert told["plane"]["batch"] == []


def test_the_held_back_rows_are_scored_as_the_run_scored_them(page: TestClient, shelf: Path) -> None:
    scored = {one["step"]: one for one in read_all(shelf / "moons" / "events.jsonl") if one["event"] == "evaluated"}
    for step in (10, 20):
        told = page.get(f"/api/runs/moons/frames/{step}").json()["validation"]
        assert told == {"loss": scored[step]["validation_loss"]} | scored[step]["metrics"]


def test_every_unit_has_its_plane_over_the_data(page: TestClient, shelf: Path) -> None:
    told = page.get("/api/runs/moons/frames/9").json()
    plane, side = told["plane"], told["plane"]["side"]
    assert {name: len(units) for name, units in plane["units"].items()} == {"layers.0": 4, "head": 2}
    step = load(shelf / "moons").explain(9).step
    assert plane["batch"] == [
        [*row, target] for row, target in zip(step.batch.inputs.tolist(), step.batch.targets.tolist(), strict=True)
    ]
    (left, below), (right, above) = plane["low"], plane["high"]
    moved = load(shelf / "moons").explain(10).step.moved
    weight, bias, head, lift = (one.old for one in moved.values())
    corners = {0: (left, above), side - 1: (right, above), side * (side - 1): (left, below), -1: (right, below)}
    for at, corner in corners.items():
        hidden = torch.nn.functional.silu(weight @ torch.tensor(corner) + bias)
        assert [one[at] for one in plane["units"]["layers.0"]] == pytest.approx(hidden.tolist(), rel=1e-4, abs=1e-5)
        assert [one[at] for one in plane["units"]["head"]] == pytest.approx(
            (head @ hidden + lift).tolist(), rel=1e-4, abs=1e-5
        )
    assert all(left <= x <= right and below <= y <= above for x, y, _ in plane["held"])
    other = page.get("/api/runs/moons/frames/20").json()["plane"]
    assert (other["low"], other["high"]) == (plane["low"], plane["high"]), "the plane stays where it is"


def test_a_network_on_more_columns_has_histograms_of_its_batch(page: TestClient, shelf: Path) -> None:
    told = page.get("/api/runs/iris/frames/5").json()
    assert told["plane"] is None
    step = load(shelf / "iris").explain(5).step
    hidden = step.values["activations.0.output"].value
    assert {name: len(units) for name, units in told["histograms"].items()} == {"input": 4, "layers.0": 5, "head": 3}
    for unit, one in enumerate(told["histograms"]["layers.0"]):
        assert one["low"] == pytest.approx(float(hidden[:, unit].min()))
        assert one["high"] == pytest.approx(float(hidden[:, unit].max()))
        assert len(one["counts"]) == BINS
        assert sum(one["counts"]) == len(hidden)


def test_of_a_wide_network_the_first_units_are_drawn_and_no_links(page: TestClient) -> None:
    told = page.get("/api/runs/wide/frames/7").json()
    assert told["wide"]
    assert told["sizes"] == [2, 17, 2]
    assert told["parameters"] == {}
    assert {name: len(units) for name, units in told["plane"]["units"].items()} == {"layers.0": 16, "head": 2}
    assert not page.get("/api/runs/moons/frames/7").json()["wide"]


def test_of_a_wide_network_the_neuron_of_a_held_entry_is_told(page: TestClient, shelf: Path) -> None:
    moved = load(shelf / "wide").explain(8).step.moved
    weights, bias = moved["head.weight"].old[1], float(moved["head.bias"].old[1])
    largest = sorted(weights.abs().argsort(descending=True)[:12].tolist())
    for entry in (f"head.weight:1,{largest[3]}", "head.bias:1"):
        told = page.get("/api/runs/wide/frames/7", params={"entry": entry}).json()["neuron"]
        assert told.pop("rest") == pytest.approx(float(weights.abs().sum() - weights[largest].abs().sum()), rel=1e-5)
        terms = [[at, float(weights[at])] for at in largest]
        assert told == {"layer": "head", "unit": 1, "reads": 17, "terms": terms, "bias": bias}
    least = int(weights.abs().argmin())
    told = page.get("/api/runs/wide/frames/7", params={"entry": f"head.weight:1,{least}"}).json()["neuron"]
    there = sorted([least, *weights.abs().argsort(descending=True)[:11].tolist()])
    assert told["terms"] == [[at, float(weights[at])] for at in there], "the held link is among them, however weak"
    tried = page.get("/api/runs/wide/frames/7", params={"entry": "head.bias:1", "edit": "head.bias:1:3.5"}).json()
    assert tried["neuron"]["bias"] == 3.5
    assert page.get("/api/runs/wide/frames/7").json()["neuron"] is None


def test_a_weight_can_be_another_in_a_copy_and_the_run_keeps_its_own(page: TestClient) -> None:
    plain = page.get("/api/runs/moons/frames/20").json()
    tried = page.get("/api/runs/moons/frames/20", params={"edit": "head.weight:0,1:5.5"}).json()
    assert tried["parameters"]["head.weight"]["weight"][0][1] == 5.5
    assert tried["validation"]["loss"] != plain["validation"]["loss"]
    assert tried["plane"]["units"]["layers.0"] == plain["plane"]["units"]["layers.0"]
    assert tried["plane"]["units"]["head"][0] != plain["plane"]["units"]["head"][0]
    assert tried["plane"]["units"]["head"][1] == plain["plane"]["units"]["head"][1]
    assert page.get("/api/runs/moons/frames/20").json() == plain


def test_a_run_that_goes_on_or_another_of_its_name_has_frames_and_steps_of_its_own(shelf: Path, tmp_path: Path) -> None:
    """What was looked at before is forgotten: the course is another."""
    run = tmp_path / "runs" / "moons"
    shutil.copytree(shelf / "moons", run)
    with TestClient(application(tmp_path / "runs"), base_url="http://127.0.0.1") as client:
        client.get("/api/runs/moons/frames/18")
        client.get("/api/runs/moons/steps/18")
        trainer.resume(str(run), [Source("test", {"training.steps": 40})])
        for step in (19, 30, 40):
            told = client.get(f"/api/runs/moons/frames/{step}").json()
            assert told["loss"] == told["logged"] == loss_trace(run / "events.jsonl")[step]
            assert told["steps"] == (40 if step > 20 else 20), "the course it was on then"
        shutil.rmtree(run)
        shutil.copytree(shelf / "wide", run)
        for step in (18, 20):
            loss = loss_trace(run / "events.jsonl")[step]
            assert client.get(f"/api/runs/moons/frames/{step}").json()["loss"] == loss
            assert client.get(f"/api/runs/moons/steps/{step}").json()["structure"]["loss"]["logged"] == loss
        points = client.get("/api/runs/moons/curves").json()["points"]
        assert [point[2] for point in points] == list(loss_trace(run / "events.jsonl").values())


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("moons/frames/21", "has no step 21"),
        ("moons/frames/3?edit=x", "edit cannot be"),
        ("moons/frames/3?edit=head.weight:-1,0:3", "edit cannot be"),
        ("moons/frames/3?edit=head.weight:0,0:nan", "edit cannot be"),
        ("moons/frames/3?edit=head.weight:9,0:1", "has no entry"),
        ("moons/frames/3?edit=head.weight:0:1", "has no entry"),
        ("moons/frames/3?edit=hed.weight:0,0:1", "learns no 'hed.weight'\n  Did you mean head.weight"),
        ("book/frames/3", "plain networks"),
        ("digits/frames/3", "plain networks"),
    ],
)
def test_what_has_no_frames_is_said(address: str, words: str, page: TestClient) -> None:
    answer = page.get(f"/api/runs/{address}")
    assert answer.status_code in (404, 409)
    assert words in answer.json()["error"]


def test_the_strongest_links_the_matrices_and_an_entry_are_those_of_the_run(page: TestClient, shelf: Path) -> None:
    told = page.get("/api/runs/wide/frames/7", params={"entry": "layers.0.weight:3,1"}).json()
    moved, later = (load(shelf / "wide").explain(step).step.moved for step in (7, 8))
    assert told["held"] == float(later["layers.0.weight"].old[3, 1])
    assert told["many"] == 2 * 17 + 17 * 2
    for kind, column in (("weight", 3), ("gradient", 4), ("change", 5)):
        sizes = [abs(one[column]) for one in told["links"][kind]]
        assert sizes == sorted(sizes, reverse=True)
    for name, unit, came, weight, gradient, change in told["links"]["change"]:
        assert weight == float(later[name].old[unit, came])
        assert gradient == pytest.approx(float(moved[name].gradient[unit, came]), rel=1e-4, abs=1e-8)
        assert change == float((later[name].old - moved[name].old)[unit, came]), "to the bit"
    norms = later["layers.0.weight"].old.norm(dim=1)
    assert told["chosen"]["layers.0"] == [unit for unit in range(17) if unit != int(norms.argmin())]
    answer = page.get("/api/runs/wide/frames/7/matrix", params={"name": "layers.0.weight", "kind": "weight"})
    assert answer.headers["x-shape"] == "17,2"
    values = torch.frombuffer(bytearray(answer.content), dtype=torch.float32).reshape(17, 2)
    assert torch.equal(values, later["layers.0.weight"].old)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("?entry=layers.0.weight:99,0", "has no entry"),
        ("?entry=layers.0.weight:a", "entry cannot be"),
        ("?layers=9", "has no layer 9"),
        ("/matrix?name=layers.0.bias", "has no weight of 'layers.0.bias'"),
        ("/matrix?name=head.weight&kind=x", "has no x of 'head.weight'"),
    ],
)
def test_what_a_wide_networks_frame_has_not_is_said(asked: str, words: str, page: TestClient) -> None:
    answer = page.get(f"/api/runs/wide/frames/7{asked}")
    assert answer.status_code in (400, 404)
    assert words in answer.json()["error"]
