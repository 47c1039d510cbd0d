"""Who listens to whom: what speakers add to a score adds up to what their layer adds, and a head is called by what it does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fogwalk.errors import UsageError
from fogwalk.insight.accounts.protocol import number
from fogwalk.insight.answer import Answering, of_text
from fogwalk.insight.direct import towards, untold
from fogwalk.insight.listening import MEASURES, effects, habits_of, heard, measure_of, shares, sizes, tables
from fogwalk.insight.telling.habits import habit
from fogwalk.models.transformer import build
from fogwalk.settings import Transformer

IDS = [3, 1, 4, 1, 5, 9, 2, 6]
SHAPES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "alibi with biases": {"positions": "alibi", "biases": True},
    "shared keys": {"key_value_heads": 1, "query_key_norm": False},
    "no norms": {"normalisation": "none", "positions": "learned"},
}


def answering(**shape: Any) -> tuple[Answering, dict[str, float]]:
    """A model whose every part says something, what it answers, and what each layer added."""
    settings = {"layers": 2, "width": 24, "heads": 3, "context": 8, "positions": "none"} | shape
    model = build(Transformer(**settings), 11)
    generator = torch.Generator().manual_seed(5)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.4, generator=generator)
    answer = of_text(model.eval(), IDS)
    return Answering(model, answer.captured, IDS, str), answer.parts


@pytest.mark.parametrize("shape", SHAPES)
def test_what_speakers_add_is_what_their_layer_adds(shape: str) -> None:
    answer, parts = answering(**SHAPES[shape])
    assert tables(answer) == ["layers.0.attention", "layers.1.attention"]
    for path in tables(answer):
        bias = answer.parameters.get(f"{path}.output.bias")
        added = effects(answer, path)[:, -1].sum()
        added = added if bias is None else added + bias @ towards(answer.model, answer.captured)[-1]
        assert float(added) == pytest.approx(parts[path], rel=1e-4, abs=1e-5)
        last = heard(answer, path, 1, len(IDS) - 1)
        assert last.layer == pytest.approx(parts[path], rel=1e-4, abs=1e-5)
        assert last.effects is not None
        assert last.by_head is not None
        assert float(last.effects.sum()) == pytest.approx(float(last.by_head[1]), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_way_towards_a_score_is_its_slope_with_the_last_norm_held(shape: str) -> None:
    answer, _ = answering(**SHAPES[shape])
    model: Any = answer.model
    stream = answer.values["layers.1.output"].value[0].double().requires_grad_()
    scale = 1.0 if model.shape.normalisation == "none" else stream.detach().square().mean(-1, keepdim=True).rsqrt()
    gain = 1.0 if model.shape.normalisation == "none" else model.norm.weight.double()
    logits = stream * scale * gain @ model.head.weight.double().T
    assert torch.allclose(logits.float(), answer.captured.outputs[0], atol=1e-3)
    best = (logits - logits.mean(-1, keepdim=True)).amax(-1).sum()
    (slope,) = torch.autograd.grad(best, stream)
    assert torch.allclose(towards(model, answer.captured).double(), slope, rtol=1e-3, atol=1e-5)


def test_every_measure_is_silent_behind_closed_chairs() -> None:
    answer, _ = answering()
    for name, measure in MEASURES.items():
        assert measure_of(name) is measure
        assert not measure(answer, "layers.1.attention").triu(1).any(), name
    sums = shares(answer, "layers.0.attention").sum(-1)
    assert torch.allclose(sums, torch.ones_like(sums), atol=1e-5)
    value = answer.values["layers.0.attention.value"].value[0, 2, 4]
    share = shares(answer, "layers.0.attention")[2, 6, 4]
    assert float(sizes(answer, "layers.0.attention")[2, 6, 4]) == pytest.approx(float(share * value.norm()), rel=1e-5)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"normalisation": "layernorm"}, "takes a mean off"),
        ({"norm_place": "after"}, "after each part"),
        ({"residual": False}, "not added to what they read"),
    ],
)
def test_a_model_whose_scores_are_no_sum_is_told_so(shape: dict[str, Any], words: str) -> None:
    answer, parts = answering(**shape)
    assert parts == {}
    assert words in untold(answer.model)
    with pytest.raises(UsageError, match=words):
        effects(answer, "layers.0.attention")
    told = heard(answer, "layers.0.attention", 0, 3)
    assert told.effects is told.by_head is told.layer is None


@pytest.mark.parametrize("shape", SHAPES)
def test_the_numbers_of_a_listener_are_those_of_its_model(shape: str) -> None:
    answer, _ = answering(**SHAPES[shape])
    values, path = answer.values, "layers.1.attention"
    for place in (0, 3, 7):
        told = heard(answer, path, 2, place)
        one = told.one
        assert one.opened == place + 1
        assert torch.allclose(one.shares, values[f"{path}.weights"].value[0, 2, place], atol=1e-6)
        assert torch.allclose(one.scores, values[f"{path}.scores"].value[0, 2, place], atol=1e-5)
        assert torch.allclose(one.heard, values[f"{path}.mixed"].value[0, 2, place], atol=1e-5)
        assert torch.allclose(told.fused.output, values[f"{path}.output"].value[0, place], atol=1e-4)
        bias = 0 if one.bias is None else one.bias
        assert torch.allclose(one.scaled + bias, one.scores, atol=1e-5)
        lines = told.account.lines(one, one.strongest)
        assert lines[0].result == pytest.approx(float(one.scores[one.strongest]), abs=1e-5)
        assert number(lines[1].result) == number(float(one.shares.max()))


@pytest.mark.parametrize(
    ("name", "asked", "words"),
    [
        ("layers.9.attention", {}, "Did you mean layers.1.attention|Did you mean layers.0.attention"),
        ("head", {}, "head is no round table"),
        ("layers.0.attention", {"head": 3}, "--head 3 is outside"),
        ("layers.0.attention", {"head": -1}, "--head -1 is outside"),
        ("layers.0.attention", {"place": 8}, "--place 8 is outside"),
    ],
)
def test_what_there_is_not_is_said(name: str, asked: dict[str, int], words: str) -> None:
    answer, _ = answering()
    with pytest.raises(UsageError, match=words):
        heard(answer, name, **({"head": 0, "place": 0} | asked))
    with pytest.raises(UsageError, match="Did you mean weight"):
        measure_of("wieght")


def doing(speaks: Any) -> Tensor:
    """Shares of one head [1, 6, 6] in which each listener hears one place alone."""
    weights = torch.zeros(1, 6, 6)
    for place in range(6):
        weights[0, place, speaks(place)] = 1
    return weights


ALIKE = torch.ones(1, 6, 6).tril() / torch.arange(1, 7)[:, None]
HALF = 0.65 * doing(lambda place: max(place - 1, 0)) + 0.35 * ALIKE
MIXED = 0.5 * doing(lambda place: (0, 0, 1, 1, 2, 3)[place]) + 0.5 * doing(lambda place: (0, 1, 0, 1, 1, 2)[place])


@pytest.mark.parametrize(
    ("weights", "tokens", "said", "short"),
    [
        (doing(lambda place: place), range(6), "listens mostly to itself (1.00)", "itself"),
        (doing(lambda place: max(place - 1, 0)), range(6), "listens mostly to the token before (1.00)", "before"),
        (doing(lambda place: 0), range(6), "listens mostly to the first token (1.00)", "first"),
        (HALF, range(6), "listens mostly to the token before (0.75)", "before"),
        (
            doing(lambda place: place - 3 if place > 2 else 0),
            (0, 1, 2, 0, 1, 2),
            "listens mostly to the same token earlier, where there is one (1.00)",
            "same",
        ),
        (
            doing(lambda place: place - 2 if place > 2 else 0),
            (0, 1, 2, 0, 1, 2),
            "listens mostly to what came after the same token earlier, where there is one (1.00)",
            "after same",
        ),
        (ALIKE, range(6), "listens to all places alike", "all alike"),
        (MIXED, range(6), "listens to about 1.7 places at once, 1.5 back on average", "mixed"),
        (torch.ones(1, 1, 1), range(1), "has one token alone, which hears only itself", "alone"),
    ],
)
def test_a_head_is_called_by_what_it_does(weights: Tensor, tokens: Any, said: str, short: str) -> None:
    (told,) = habits_of(weights, torch.tensor(list(tokens)), causal=True)
    assert habit(*told) == (said, short)
