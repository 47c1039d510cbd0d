"""Measures against plain loops, and the recorder that keeps them."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from fogwalk.batches.batch import Batch
from fogwalk.insight.capture import capture
from fogwalk.insight.measures.attention import Attention, scores
from fogwalk.insight.measures.blame import Blame
from fogwalk.insight.measures.forward import Forward
from fogwalk.insight.measures.protocol import Look
from fogwalk.insight.measures.updates import Updates
from fogwalk.insight.recorder import axes, looks, measured, probe_batch
from fogwalk.models.layers import Activation
from fogwalk.registry import TASKS
from fogwalk.runs.folder import RunFolder
from fogwalk.settings import load_settings

from .drawing import KINDS, drawn
from .test_accounts import case, twin


def of_loops(weights: Tensor, tokens: Tensor) -> dict[str, list[float]]:
    """The habits of each head, listener by listener."""
    batch, heads, time, _ = weights.shape
    names = ("entropy", "distance", "itself", "previous", "first", "same", "induction")
    found: dict[str, list[float]] = {name: [] for name in names}
    for head in range(heads):
        sums = dict.fromkeys(found, 0.0)
        pairs = asked = again = 0
        for row in range(batch):
            for listener in range(time):
                shares = weights[row, head, listener].tolist()
                sums["distance"] += sum(share * abs(listener - at) for at, share in enumerate(shares))
                if listener:
                    sums["entropy"] -= sum(share * math.log(share) for share in shares if share > 0)
                    sums["itself"] += shares[listener]
                    sums["previous"] += shares[listener - 1]
                    sums["first"] += shares[0]
                    pairs += 1
                told = [at for at in range(1, listener + 1) if tokens[row, at - 1] == tokens[row, listener]]
                if told:
                    sums["induction"] += sum(shares[at] for at in told)
                    asked += 1
                earlier = [at for at in range(listener) if tokens[row, at] == tokens[row, listener]]
                if earlier:
                    sums["same"] += sum(shares[at] for at in earlier)
                    again += 1
        for name in ("entropy", "itself", "previous", "first"):
            found[name].append(sums[name] / pairs)
        found["distance"].append(sums["distance"] / (batch * time))
        found["same"].append(sums["same"] / again)
        found["induction"].append(sums["induction"] / asked)
    return found


def test_the_habits_of_heads_are_those_of_plain_loops() -> None:
    torch.manual_seed(0)
    weights = torch.randn(2, 3, 7, 7).masked_fill(torch.ones(7, 7, dtype=torch.bool).triu(1), -math.inf).softmax(-1)
    tokens = torch.randint(3, (2, 7))
    told, right = scores(weights, tokens), of_loops(weights, tokens)
    assert told.keys() == right.keys()
    for name, value in told.items():
        assert value.tolist() == pytest.approx(right[name], rel=1e-4), name


def test_a_head_of_each_habit_has_it_wholly() -> None:
    tokens = torch.tensor([[0, 1, 2, 0, 1, 2]])
    previous, first, induction = (torch.zeros(1, 1, 6, 6) for _ in range(3))
    for place in range(6):
        previous[0, 0, place, max(place - 1, 0)] = 1
        first[0, 0, place, 0] = 1
        induction[0, 0, place, place - 2 if place >= 3 else 0] = 1
    assert float(scores(previous, tokens)["previous"]) == 1
    assert float(scores(first, tokens)["first"]) == 1
    assert float(scores(induction, tokens)["induction"]) == 1
    assert float(scores(first, tokens)["entropy"]) == pytest.approx(0, abs=1e-6)


def look_of(model: nn.Module, batch: Batch, before: dict[str, Tensor] | None = None) -> Look:
    return Look(model, capture(model, lambda outputs, part: outputs.square().mean(), batch), before or {})


def test_dead_and_saturated_units_are_counted() -> None:
    model = nn.Sequential(nn.Linear(2, 4), Activation("relu"), nn.Linear(4, 3), Activation("sigmoid"))
    with torch.no_grad():
        model[0].weight.zero_()
        model[0].bias.copy_(torch.tensor([-1.0, 1.0, -2.0, 2.0]))
        model[2].weight.zero_()
        model[2].bias.copy_(torch.tensor([0.0, 8.0, -1.0]))
    found = Forward().of(look_of(model, Batch(torch.tensor([[3.0, 0.0], [4.0, 0.0]]), torch.zeros(2))))
    assert float(found["dead/1"]) == 0.5
    assert float(found["saturated/3"]) == pytest.approx(1 / 3)
    assert float(found["size/1"]) == pytest.approx(math.sqrt((1 + 4) / 4))
    assert found["spread/input"].tolist() == pytest.approx([math.sqrt(12.5), 0])


def test_a_unit_that_speaks_once_is_not_dead() -> None:
    model = nn.Sequential(nn.Linear(1, 1), Activation("relu"))
    with torch.no_grad():
        model[0].weight.fill_(1.0)
        model[0].bias.zero_()
    rows = torch.tensor([[-1.0], [-2.0], [0.5]])
    assert float(Forward().of(look_of(model, Batch(rows, torch.zeros(3))))["dead/1"]) == 0
    assert float(Forward().of(look_of(model, Batch(rows[:2], torch.zeros(2))))["dead/1"]) == 1


def test_channels_of_images_are_units() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1), Activation("relu"))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1))
        model[0].bias.zero_()
    found = Forward().of(look_of(model, Batch(torch.rand(2, 1, 4, 4) + 0.1, torch.zeros(2))))
    assert float(found["dead/1"]) == 0.5


def test_blame_does_not_shrink_with_the_batch() -> None:
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(2, 3), Activation("tanh"), nn.Linear(3, 1))
    rows = torch.randn(4, 2)
    once = Blame().of(look_of(model, Batch(rows, torch.zeros(4))))
    twice = Blame().of(look_of(model, Batch(rows.repeat(2, 1), torch.zeros(8))))
    for name in ("blame/0", "blame/1", "blame/2"):
        assert float(once[name]) == pytest.approx(float(twice[name]), rel=1e-5)


def test_a_change_is_told_as_a_share_of_the_weight() -> None:
    model = nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[3.0, 4.0]]))
        model.bias.fill_(1.0)
    before = {"weight": torch.tensor([[3.0, 4.5]]), "bias": torch.zeros(1)}
    found = Updates().of(look_of(model, Batch(torch.ones(1, 2), torch.zeros(1)), before))
    assert float(found["change/weight"]) == pytest.approx(0.5 / math.sqrt(9 + 4.5**2))
    assert "change/bias" not in found, "what was nothing has no share"
    assert float(found["weight/weight"]) == 5


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_is_measured_and_every_number_has_its_axes(kind: str) -> None:
    step = drawn(kind, 3).step
    found = measured(Look(step.model, step.captured, {name: moved.old for name, moved in step.moved.items()}))
    known = axes()
    for name, value in found.items():
        if name != "loss":
            assert len(known[name.partition("/")[0]]) == value.dim(), name
        assert torch.isfinite(value).all(), name
    for name, moved in step.moved.items():
        assert float(found[f"gradient/{name}"]) == pytest.approx(float(moved.gradient.norm()), rel=1e-5)
    if kind in ("transformer", "vision"):
        assert found["entropy/layers.0.attention"].dim() == 1


@pytest.mark.parametrize(("kind", "number"), [(kind, number) for kind in KINDS for number in range(10)])
def test_measures_are_those_of_the_second_computation(kind: str, number: int) -> None:
    """Sizes and blame of every layer, head and place, each by its own sum over the twin's numbers."""
    found = case(kind, number)
    right, step = twin(found), found.step
    told = measured(Look(step.model, step.captured))
    answers, checked = step.batch.targets.numel(), 0

    def root(values: list[float]) -> float:
        return math.sqrt(math.fsum(value * value for value in values) / len(values))

    for name, value in told.items():
        what, _, path = name.partition("/")
        output = f"{path}.output" if path not in ("model", "input") else "output"
        if what == "size" and f"value {output}" in right:
            expected = [root(right[f"value {output}"].flatten().tolist())]
        elif what == "blame" and f"blame {output}" in right:
            expected = [answers * root(right[f"blame {output}"].flatten().tolist())]
        elif what == "head_blame":
            heads = right[f"blame {path}.mixed"].unbind(1)
            expected = [answers * root(head.flatten().tolist()) for head in heads]
        elif what == "place_blame" and f"blame {output}" in right:
            expected = [answers * root(one.flatten().tolist()) for one in right[f"blame {output}"].unbind(1)]
        else:
            continue
        assert value.flatten().tolist() == pytest.approx(expected, rel=1e-3, abs=1e-9), name
        checked += 1
    assert checked >= 3


def test_attention_over_patches_has_no_habits_of_texts() -> None:
    step = drawn("vision", 1).step
    found = Attention().of(Look(step.model, step.captured))
    assert {name.partition("/")[0] for name in found} == {"entropy", "distance"}


# -- the recorder ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["text", "table", "images", "patches", "numbers", "mlp", "bfloat16"])
def test_a_run_is_looked_into_every_so_many_steps(name: str, runs: dict[str, RunFolder]) -> None:
    found = dict(looks(runs[name]))
    assert list(found) == [0, 3, 6, 9, 12]
    assert all(float(numbers["loss"]) > 0 for numbers in found.values())


def test_what_is_kept_is_the_model_of_that_step_on_the_same_records(runs: dict[str, RunFolder]) -> None:
    from fogwalk import load

    folder = runs["text"]
    settings = load_settings(folder.settings)
    task = TASKS.get(settings.task)(settings, folder.encoding)
    batch = probe_batch(task)
    assert batch.examples <= 512
    for step in (0, 12):
        model = load(str(folder.path), step=step).model
        with torch.no_grad():
            loss = float(task.loss(model(batch.inputs), batch))
        assert float(dict(looks(folder))[step]["loss"]) == pytest.approx(loss, rel=1e-5)


def test_a_damaged_look_is_passed_over(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    import shutil

    shutil.copytree(runs["table"].path, tmp_path / "run")
    folder = RunFolder(tmp_path / "run")
    (folder.probes / "000003.safetensors").write_bytes(b"\x00" * 40)
    (folder.probes / "notes.safetensors").write_bytes(b"not one of ours")
    assert [step for step, _ in looks(folder)] == [0, 6, 9, 12]
