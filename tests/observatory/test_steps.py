"""What the page is told of one step is what `explain` has and what torch computes; a wrong question is answered in words."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from starlette.testclient import TestClient

from fogwalk import load, trainer
from fogwalk.data.recognise import settled
from fogwalk.insight import nudge
from fogwalk.observatory.server import application
from fogwalk.settings import Source

NAMES = ["book", "moons", "digits"]


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_moved_and_tried_is_what_insight_finds(name: str, page: TestClient, shelf: Path) -> None:
    step = load(shelf / name).explain(7).step
    told = page.get(f"/api/runs/{name}/steps/7/nudge?name=head.weight&at=1,2").json()
    assert told["gradient"] == float(step.moved["head.weight"].gradient[1, 2])
    assert told["slope"] == pytest.approx(told["gradient"], rel=1e-2)
    assert told["slope"] == (told["up"] - told["down"]) / (2 * told["h"])
    assert page.get(f"/api/runs/{name}/steps/7/nudge?name=head.weight&at=1,2&by=0.01").json()["h"] == 0.01
    told = page.get(f"/api/runs/{name}/steps/7/tried?name=head.weight&at=1,2&value=-0.7").json()
    found = nudge.tried(step, "head.weight", (1, 2), -0.7)
    assert told == {"loss": found.loss, "value": -0.7, "old": found.old, "before": found.before}


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nudge?name=hed.weight&at=0,0", "Did you mean head.weight"),
        ("nudge?name=head.weight&at=0", "has no entry [0]"),
        ("nudge?name=head.weight&at=0,x", "at cannot be '0,x'"),
        ("nudge?name=head.weight&at=0,0&by=far", "by cannot be 'far'"),
        ("nudge?name=head.weight&at=0,0&by=-1", "a number above 0"),
        ("tried?name=head.weight&at=0,0", "no value is given"),
        ("tried?name=head.weight&at=0,0&value=inf", "It is a number"),
    ],
)
def test_a_weight_that_cannot_be_moved_is_told(address: str, words: str, page: TestClient) -> None:
    answer = page.get(f"/api/runs/moons/steps/7/{address}")
    assert answer.status_code == 404
    assert words in answer.json()["error"]


@pytest.mark.parametrize("name", NAMES)
def test_the_losses_of_the_answers_make_the_loss(name: str, page: TestClient, shelf: Path) -> None:
    step = load(shelf / name).explain(7).step
    told = page.get(f"/api/runs/{name}/steps/7/stations/loss?row=1").json()
    assert told["total"] == pytest.approx(told["loss"], rel=1e-5)
    assert told["loss"] == step.loss
    texts = name == "book"
    means = [one["loss"] for one in (told["rows"] if texts else told["answers"])]
    assert sum(means) / len(means) == pytest.approx(step.loss, rel=1e-5), "the mean of what is shown is the loss"
    outputs, targets = step.captured.outputs, step.batch.targets
    for answer in told["answers"]:
        at = (1, answer["at"]) if texts else (answer["at"],)
        p = outputs[at].softmax(-1)
        assert answer["p"] == pytest.approx(float(p[targets[at]]), rel=1e-5)
        assert answer["loss"] == pytest.approx(-math.log(answer["p"]), rel=1e-4, abs=1e-6)
        assert answer["best_p"] == float(p.max())
        assert answer["right"] == step.task.named(int(targets[at]))


@pytest.mark.parametrize("name", NAMES)
def test_blame_and_updates_are_those_of_the_step(name: str, page: TestClient, shelf: Path) -> None:
    explanation = load(shelf / name).explain(7)
    step = explanation.step
    told = page.get(f"/api/runs/{name}/steps/7/stations/blame?row=2").json()
    for path, places in zip(told["paths"], told["places"], strict=True):
        gradient = step.values[f"{path}.output"].gradient
        wanted = gradient[2].norm(dim=-1) if name == "book" else gradient.flatten(1).norm(dim=1)
        assert places == pytest.approx(wanted.tolist(), rel=1e-5)
    assert [one.path for one in explanation.layers if one.blame is not None] == told["paths"]
    told = page.get(f"/api/runs/{name}/steps/7/stations/update").json()
    for one in told["parameters"]:
        moved = step.moved[one["name"]]
        assert one["share"] == float(moved.change.norm() / moved.old.norm().clamp(min=1e-30))
        assert one["gradient"] == pytest.approx(float(moved.gradient.square().mean().sqrt()), rel=1e-5)
    told = page.get(f"/api/runs/{name}/steps/7/stations/again").json()
    assert (told["before"], told["after"]) == (step.loss, step.after)
    assert told["came"] == step.after - step.loss
    assert told["promised"] == pytest.approx(
        sum(float((moved.gradient * moved.change).sum()) for moved in step.moved.values()), rel=1e-4
    )
    assert sum(told["parts"].values()) == pytest.approx(told["promised"])


def test_what_plain_descent_promises_is_its_rate_times_the_square(tmp_path: Path) -> None:
    values = {"data.path": ("sample:moons",), "model.hidden": (4,), "optimizer.name": "sgd", "optimizer.momentum": 0.0}
    values |= {"optimizer.weight_decay": 0.0, "training.steps": 3, "threads": 1, "training.precision": "float32"}
    trainer.train(settled(Source("test", values | {"training.compile": "off", "out": str(tmp_path / "plain")})))
    with TestClient(application(tmp_path), base_url="http://localhost") as client:
        told = client.get("/api/runs/plain/steps/2/stations/again").json()
    assert told["plain_sgd"]
    assert told["promised"] == pytest.approx(-told["rate"] * told["squared"], rel=1e-3)
    assert told["came"] == pytest.approx(told["promised"], rel=0.2), "of a small step nearly all of it comes"


def test_the_batch_is_told_as_the_task_tells_it(page: TestClient, shelf: Path) -> None:
    book = load(shelf / "book").explain(7).step
    told = page.get("/api/runs/book/steps/7/stations/batch?row=2").json()
    assert told["tokens"] == [book.task.named(token) for token in book.batch.inputs[2].tolist()]
    assert told["right"] == [book.task.named(token) for token in book.batch.targets[2].tolist()]
    assert told["tokens"][1:] == told["right"][:-1]
    moons = load(shelf / "moons").explain(7).step
    told = page.get("/api/runs/moons/steps/7/stations/batch").json()
    assert told["columns"] == ["x", "y"]
    for row, (cells, right) in enumerate(zip(told["rows"], told["right"], strict=True)):
        asked = ", ".join(f"{name} {cell}" for name, cell in zip(told["columns"], cells, strict=True))
        assert (asked, right) == moons.task.asked(moons.batch, row)
    digits = load(shelf / "digits").explain(7).step
    told = page.get("/api/runs/digits/steps/7/stations/batch").json()
    assert told["shape"] == [1, 8, 8]
    picture = digits.batch.inputs[3].flatten()
    levels = torch.tensor(told["pictures"][3]).float()
    assert torch.corrcoef(torch.stack([picture, levels]))[0, 1] > 0.9999


@pytest.mark.parametrize("name", NAMES)
def test_layers_weights_entries_and_histograms_are_those_of_insight(name: str, page: TestClient, shelf: Path) -> None:
    explanation = load(shelf / name).explain(7)
    step, address = explanation.step, f"/api/runs/{name}/steps/7"
    for path in [one.path for one in explanation.layers]:
        told = page.get(f"{address}/layer?at={path}&row=1").json()
        assert told["text"] == str(explanation.at(path, row=1))
        assert told["result"] == float(step.values[f"{path}.output"].value[tuple(told["at"])])
        assert told["plain"], path
    told = page.get(f"{address}/weight?name=head.weight&at=1,2&row=1").json()
    assert told["old"] == float(step.moved["head.weight"].old[1, 2])
    assert told["new"] == pytest.approx(told["old"] + told["change"], rel=1e-6)
    assert sum(share for _, share in told["shares"]) + told["rest"] == pytest.approx(told["gradient"], rel=1e-5)
    moved = step.moved["head.weight"]
    told = page.get(f"{address}/entries?name=head.weight&by=gradient").json()
    sizes = [abs(one["gradient"]) for one in told["entries"]]
    assert sizes == sorted(moved.gradient.abs().flatten().tolist(), reverse=True)[: len(sizes)]
    assert told["many"] == moved.old.numel()
    second = page.get(f"{address}/entries?name=head.weight&by=index&first=1").json()["entries"][0]
    assert second["at"] == [0, 1]
    assert second["change"] == float(moved.change[0, 1])
    told = page.get(f"{address}/histogram?name=change/head.weight&bins=7").json()
    counts, edges = torch.histogram(moved.change, 7)
    assert told["counts"] == counts.int().tolist()
    assert told["edges"] == pytest.approx(edges.tolist())
    assert sum(told["counts"]) == told["of"] == moved.old.numel()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("stations/lunch", "There are: batch, loss"),
        ("stations/loss?row=99", "row=99 is outside"),
        ("layer?at=head.weight", "no layer of this step"),
        ("layer?at=hed", "Did you mean head"),
        ("weight?name=head.weight&at=9,9", "has no entry [9, 9]"),
        ("weight?name=head.weight&at=0,0&row=999", "row=999"),
        ("entries?name=nothing", "learns no 'nothing'"),
        ("entries?name=head.weight&by=luck", "index, gradient or change"),
        ("histogram?name=old/none", "no tensor 'old/none'"),
    ],
)
def test_what_a_station_has_not_is_told(address: str, words: str, page: TestClient) -> None:
    answer = page.get(f"/api/runs/moons/steps/7/{address}")
    assert answer.status_code in (404, 409)
    assert words in answer.json()["error"]
