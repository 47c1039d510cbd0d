"""The stations of the assembly line against torch, transformers and sums written out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fogwalk.models.layers import (
    ACTIVATIONS,
    FeedForward,
    GatedFeedForward,
    RMSNorm,
    drop,
    feed_forward,
    gated_width,
    normalisation,
)
from fogwalk.settings import ACTIVATIONS as NAMES


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_rmsnorm_divides_by_the_root_of_the_mean_square() -> None:
    norm = RMSNorm(2)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 10.0]))
    root = math.sqrt((3 * 3 + 4 * 4) / 2)
    assert norm(torch.tensor([3.0, 4.0])).tolist() == pytest.approx([3 / root, 40 / root], rel=1e-6)


def test_rmsnorm_equals_torch() -> None:
    norm, x = RMSNorm(8), drawn(3, 5, 8)
    nn.init.normal_(norm.weight)
    assert (norm(x) - F.rms_norm(x, (8,), norm.weight, 1e-6)).abs().max() <= 1e-6


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_rmsnorm_rounds_exactly_where_qwen3_does(dtype: torch.dtype) -> None:
    from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm

    ours, theirs = RMSNorm(32), Qwen3RMSNorm(32, eps=1e-6)
    nn.init.normal_(ours.weight)
    theirs.weight.data = ours.weight.data
    x = 5 * drawn(4, 7, 32)
    assert torch.equal(ours.to(dtype)(x.to(dtype)), theirs.to(dtype)(x.to(dtype)))


def test_rmsnorm_of_zeros_is_zero_and_of_large_halves_is_finite() -> None:
    norm = RMSNorm(4)
    assert norm(torch.zeros(2, 4)).tolist() == torch.zeros(2, 4).tolist()
    assert torch.isfinite(norm.half()(torch.full((4,), 60_000.0, dtype=torch.float16))).all()


@pytest.mark.parametrize("name", ["rmsnorm", "layernorm"])
def test_normalised_numbers_do_not_depend_on_the_size_of_the_input(name: str) -> None:
    norm, x = normalisation(name, 16), drawn(3, 16)
    assert (norm(x) - norm(1000 * x)).abs().max() <= 1e-4


def test_layernorm_has_mean_zero_and_deviation_one_and_none_changes_nothing() -> None:
    x = 3 * drawn(5, 64) + 7
    normed = normalisation("layernorm", 64)(x)
    assert normed.mean(-1).abs().max() <= 1e-5
    assert (normed.std(-1, correction=0) - 1).abs().max() <= 1e-4
    assert normalisation("none", 64)(x) is x


BY_HAND: dict[str, Callable[[float], float]] = {
    "relu": lambda x: max(x, 0.0),
    "squared-relu": lambda x: max(x, 0.0) ** 2,
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + math.exp(-x)),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
}


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_activations_equal_their_formulas_and_their_slopes(name: str) -> None:
    points = [-4.0, -1.5, -0.1, 0.3, 1.0, 5.0]
    x = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    assert ACTIVATIONS[name](x).tolist() == pytest.approx([BY_HAND[name](point) for point in points], abs=1e-12)
    assert torch.autograd.gradcheck(ACTIVATIONS[name], (x,))


def test_every_activation_a_setting_names_exists() -> None:
    assert ("gated-silu", *ACTIVATIONS) == NAMES


def test_the_gated_feed_forward_lets_one_half_decide_over_the_other() -> None:
    layer, x = GatedFeedForward(6, 10, biases=True).double(), drawn(2, 3, 6).double()
    gate = x @ layer.gate.weight.T + layer.gate.bias
    up = x @ layer.up.weight.T + layer.up.bias
    expected = (gate / (1 + torch.exp(-gate)) * up) @ layer.down.weight.T + layer.down.bias
    assert (layer(x) - expected).abs().max() <= 1e-12


@pytest.mark.parametrize("name", list(ACTIVATIONS))
def test_the_plain_feed_forward_is_two_sums_with_an_activation_between(name: str) -> None:
    layer, x = FeedForward(6, 10, name, biases=True).double(), drawn(2, 3, 6).double()
    between = (x @ layer.up.weight.T + layer.up.bias).detach().clone().apply_(BY_HAND[name])
    assert (layer(x) - (between @ layer.down.weight.T + layer.down.bias)).abs().max() <= 1e-12


@pytest.mark.parametrize("width", [64, 192, 384, 768])
def test_gated_and_plain_feed_forwards_hold_about_as_many_parameters(width: int) -> None:
    gated, plain = (count(feed_forward(name, width, None, biases=False)) for name in ("gated-silu", "relu"))
    assert plain == 8 * width * width
    assert plain <= gated <= 1.1 * plain


@pytest.mark.parametrize(
    ("width", "expected"), [(2, 8), (16, 48), (64, 176), (127, 344), (128, 352), (192, 512), (768, 2048)]
)
def test_the_gated_width_is_eight_thirds_rounded_up(width: int, expected: int) -> None:
    assert gated_width(width) == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_hidden_width_can_be_chosen_and_biases_left_out(name: str) -> None:
    shapes = {key: tuple(value.shape) for key, value in feed_forward(name, 6, 5, biases=False).named_parameters()}
    expected = {"up.weight": (5, 6), "down.weight": (6, 5)}
    assert shapes == (expected | {"gate.weight": (5, 6)} if name == "gated-silu" else expected)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("shape", [(1_000_003,), (7, 3, 11_000)])
def test_dropped_is_the_share_and_the_rest_is_scaled_so_that_the_mean_stays(
    share: float, shape: tuple[int, ...]
) -> None:
    torch.manual_seed(0)
    x = torch.ones(shape, requires_grad=True)
    y = drop(x, share)
    assert y.unique().tolist() == pytest.approx([0.0, 1 / (1 - share)], rel=1e-3)
    # Four standard deviations of a share of so many draws.
    assert float((y == 0).float().mean()) == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / x.numel()))
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y), "what was dropped gets no blame"


def test_a_share_next_to_one_still_keeps_a_value_now_and_then() -> None:
    torch.manual_seed(0)
    y = drop(torch.ones(1_000_000), 0.9999999)
    assert y.isfinite().all()
    assert 0 < (y > 0).sum() < 60


def test_values_beside_each_other_are_dropped_independently() -> None:
    torch.manual_seed(0)
    kept = (drop(torch.ones(400_000), 0.3) > 0).float() - 0.7
    for apart in (1, 2, 3, 4, 5):
        assert abs(float((kept[:-apart] * kept[apart:]).mean())) < 4 * 0.21 / math.sqrt(400_000)


def test_dropping_follows_the_seed_and_rests_outside_training() -> None:
    x = drawn(50, 3)
    torch.manual_seed(1)
    first = drop(x, 0.4)
    torch.manual_seed(1)
    assert torch.equal(drop(x, 0.4), first)
    assert drop(x, 0.4, training=False) is x
    assert drop(x, 0.0) is x
    assert drop(x.bfloat16(), 0.4).dtype is torch.bfloat16
