"""Clipping against torch's own, and the place named where numbers stop being finite."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from fogwalk.batches.batch import Batch
from fogwalk.models.mlp import PlainLanguageModel
from fogwalk.models.transformer import LanguageModel
from fogwalk.objectives.losses import cross_entropy
from fogwalk.settings import Mlp, Transformer
from fogwalk.training.gradients import clip, first_not_finite

TOKENS = torch.randint(11, (2, 8), generator=torch.Generator().manual_seed(1))
BATCH = Batch(TOKENS[:, :-1], TOKENS[:, 1:])


pytestmark = pytest.mark.usefixtures("one_thread")


def with_gradients(*gradients: list[float] | None) -> list[nn.Parameter]:
    made = []
    for gradient in gradients:
        parameter = nn.Parameter(torch.zeros(len(gradient or [0.0])))
        parameter.grad = None if gradient is None else torch.tensor(gradient)
        made.append(parameter)
    return made


def gradients_of(parameters: list[nn.Parameter]) -> list[list[float] | None]:
    return [None if parameter.grad is None else parameter.grad.tolist() for parameter in parameters]


def test_clip_shortens_all_gradients_alike_and_gives_back_the_norm_before() -> None:
    parameters = with_gradients([3.0, 0.0], None, [-4.0])
    assert float(clip(parameters, 1.0)) == pytest.approx(5.0)
    first, nothing, last = gradients_of(parameters)
    assert first == pytest.approx([0.6, 0.0], rel=1e-5)
    assert nothing is None
    assert last == pytest.approx([-0.8], rel=1e-5)


NUMBERS = st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=5)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(gradients=st.lists(NUMBERS, min_size=1, max_size=4), limit=st.floats(1e-3, 1e6))
def test_clip_equals_torchs(gradients: list[list[float]], limit: float) -> None:
    ours, theirs = with_gradients(*gradients), with_gradients(*gradients)
    assert torch.equal(clip(ours, limit), nn.utils.clip_grad_norm_(theirs, limit))
    assert gradients_of(ours) == gradients_of(theirs)


def test_a_gradient_within_the_limit_is_left_as_it_is_to_the_bit() -> None:
    parameters = with_gradients([0.3, 0.1], [0.2])
    before = gradients_of(parameters)
    clip(parameters, 1.0)
    assert gradients_of(parameters) == before


@pytest.mark.parametrize("limit", [0, 0.0, None])
def test_a_limit_of_zero_or_none_never_clips(limit: float | None) -> None:
    parameters = with_gradients([3e4], [4e4])
    assert float(clip(parameters, limit)) == 5e4
    assert gradients_of(parameters) == [[3e4], [4e4]]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("limit", [1.0, None])
def test_the_norm_of_a_gradient_that_is_not_finite_is_not_finite(bad: float, limit: float | None) -> None:
    assert not math.isfinite(clip(with_gradients([1.0], [bad, 2.0]), limit))


def transformer(**option: Any) -> LanguageModel:
    model = LanguageModel(Transformer(layers=2, width=16, heads=2, context=8, **option), 11)
    model.initialise(torch.Generator().manual_seed(0))
    with torch.no_grad():
        for layer in (0, 1):  # what starts at zero would hide an overflow
            model.get_parameter(f"layers.{layer}.feed_forward.down.weight").fill_(0.01)
    return model


def backward(model: nn.Module) -> None:
    cross_entropy(model(BATCH.inputs), BATCH.targets).backward()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize(
    "name", ["embedding.weight", "layers.1.attention.keys.weight", "layers.0.feed_forward_norm.weight"]
)
def test_a_parameter_that_is_not_finite_is_named(name: str, bad: float) -> None:
    model = transformer()
    with torch.no_grad():
        model.get_parameter(name).view(-1)[3] = bad
    assert first_not_finite(model, BATCH) == f"parameter {name}"


def test_the_layer_whose_output_overflows_first_is_named() -> None:
    model = transformer()
    with torch.no_grad():
        model.get_parameter("layers.1.feed_forward.up.weight").fill_(3e38)
        model.get_parameter("layers.1.feed_forward_norm.weight").fill_(100.0)
    assert first_not_finite(model, BATCH) == "the output of layers.1.feed_forward.up"


def test_an_overflow_inside_attention_is_named_where_it_comes_out() -> None:
    model = transformer(query_key_norm=False, positions="none")
    with torch.no_grad():
        model.get_parameter("layers.0.attention.queries.weight").fill_(1e20)
        model.get_parameter("layers.0.attention.keys.weight").fill_(-1e20)
        model.get_parameter("layers.0.attention_norm.weight")[:8] = 2.0
    assert first_not_finite(model, BATCH) == "the output of layers.0.attention.output"


def test_the_layer_of_a_plain_network_is_named() -> None:
    model = PlainLanguageModel(Mlp(hidden=(6, 5), embedding=4, context=3, activation="relu"), 11)
    model.initialise(torch.Generator().manual_seed(0))
    with torch.no_grad():
        model.get_parameter("layers.1.weight").fill_(3e38)
        model.get_parameter("layers.0.bias").fill_(10.0)
    assert first_not_finite(model, BATCH) == "the output of layers.1"


@pytest.mark.parametrize("name", ["layers.0.attention.values.weight", "head.weight", "embedding.weight"])
def test_a_gradient_that_is_not_finite_is_named(name: str) -> None:
    model = transformer()
    backward(model)
    gradient = model.get_parameter(name).grad
    assert gradient is not None
    gradient.view(-1)[5] = math.nan
    assert first_not_finite(model, BATCH) == f"the gradient of {name}"


def test_of_several_gradients_the_one_nearest_the_loss_is_named() -> None:
    model = transformer()
    backward(model)
    for name in ("embedding.weight", "layers.0.attention.queries.weight", "layers.1.feed_forward.up.weight"):
        gradient = model.get_parameter(name).grad
        assert gradient is not None
        gradient.fill_(math.nan)
    assert first_not_finite(model, BATCH) == "the gradient of layers.1.feed_forward.up.weight"


def test_where_all_is_finite_the_loss_is_left() -> None:
    model = transformer()
    backward(model)
    assert first_not_finite(model, BATCH) == "the loss"


def test_looking_for_the_place_changes_nothing() -> None:
    model = transformer()
    backward(model)
    parameters = copy.deepcopy(model.state_dict())
    gradients = {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}
    first_not_finite(model, BATCH)
    assert all(torch.equal(value, parameters[name]) for name, value in model.state_dict().items())
    assert all(
        torch.equal(value.grad, gradients[name]) for name, value in model.named_parameters() if value.grad is not None
    )
    assert not any(module._forward_hooks for module in model.modules())


def test_hooks_are_taken_off_even_when_the_model_fails() -> None:
    class Fails(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = nn.Linear(2, 2)

        def forward(self, tokens: Tensor) -> Tensor:
            raise RuntimeError("on purpose")

    model = Fails()
    with pytest.raises(RuntimeError, match="on purpose"):
        first_not_finite(model, BATCH)
    assert not model.inner._forward_hooks
