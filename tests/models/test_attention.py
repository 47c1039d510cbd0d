"""Attention: two ways to the same numbers, whole or in portions, and against sums written out one by one."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from fogwalk.models.attention import ATTENDS, Attention, Cache, causal_mask
from fogwalk.models.positions.protocol import Positions
from fogwalk.registry import POSITIONS

HEADS, HEAD_WIDTH, CONTEXT = 4, 6, 16
WIDTH = HEADS * HEAD_WIDTH
EVERY_POSITIONS = pytest.mark.parametrize("name", list(POSITIONS))


pytestmark = pytest.mark.usefixtures("one_thread")


def positions_of(name: str) -> Positions:
    torch.manual_seed(5)
    made: Positions = POSITIONS.get(name)(CONTEXT, WIDTH, HEAD_WIDTH, HEADS)
    return made


def attention(
    name: str, way: str, *, key_value_heads: int = HEADS, causal: bool = True, dropout: float = 0.0
) -> Attention:
    torch.manual_seed(6)
    made = Attention(
        WIDTH,
        HEADS,
        key_value_heads,
        positions_of(name),
        query_key_norm=True,
        biases=True,
        dropout=dropout,
        causal=causal,
    )
    made.attend = ATTENDS[way]
    return made


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@EVERY_POSITIONS
@pytest.mark.parametrize("causal", [True, False], ids=["causal", "both ways"])
@pytest.mark.parametrize(("time", "keys"), [(7, 7), (3, 9), (1, 9), (1, 1)])
def test_exact_and_fused_attention_are_equal(name: str, causal: bool, time: int, keys: int) -> None:
    queries = drawn(2, HEADS, time, HEAD_WIDTH)
    labels, values = drawn(2, HEADS, keys, HEAD_WIDTH, seed=1), drawn(2, HEADS, keys, HEAD_WIDTH, seed=2)
    exact, fused = (attend(queries, labels, values, positions_of(name), causal, 0.0) for attend in ATTENDS.values())
    assert (exact - fused).abs().max() <= 1e-5


@EVERY_POSITIONS
@pytest.mark.parametrize("key_value_heads", [4, 2, 1])
@pytest.mark.parametrize("portions", [[9], [4, 1, 1, 3]], ids=["at once", "through the cache"])
@torch.no_grad()
def test_both_ways_agree_in_the_whole_layer(name: str, key_value_heads: int, portions: list[int]) -> None:
    x = drawn(2, 9, WIDTH)
    whole = attention(name, "exact", key_value_heads=key_value_heads)(x)
    for way in ATTENDS:
        layer = attention(name, way, key_value_heads=key_value_heads)
        cache = Cache(1, 2, key_value_heads, CONTEXT, HEAD_WIDTH, x)
        parts = []
        for part in x.split(portions, dim=1):
            parts.append(layer(part, cache))
            cache.length += part.shape[1]
        assert (torch.cat(parts, dim=1) - whole).abs().max() <= 1e-5, way


def weights_of(way: str, name: str, queries: Tensor, keys: Tensor, causal: bool) -> Tensor:
    """The weights, seen through values that say of each key only which it is. [batch, head, time, key]"""
    values = torch.eye(keys.shape[2]).expand(*keys.shape[:2], -1, -1)
    return ATTENDS[way](queries, keys, values, positions_of(name), causal, 0.0)


def weights_by_hand(queries: Tensor, keys: Tensor, slopes: list[float], causal: bool) -> Tensor:
    """The same, one pair of tokens at a time, in the order of the formula."""
    batch, heads, time, _ = queries.shape
    length = keys.shape[2]
    weights = torch.zeros(batch, heads, time, length, dtype=torch.float64)
    for b in range(batch):
        for h in range(heads):
            for t in range(time):
                place = length - time + t
                scores = []
                for k in range(length):
                    product = sum(float(x) * float(y) for x, y in zip(queries[b, h, t], keys[b, h, k], strict=True))
                    score = product / math.sqrt(queries.shape[3]) - slopes[h] * max(place - k, 0)
                    scores.append(-math.inf if causal and k > place else score)
                total = sum(math.exp(score) for score in scores)
                weights[b, h, t] = torch.tensor([math.exp(score) / total for score in scores])
    return weights


@pytest.mark.parametrize("way", list(ATTENDS))
@pytest.mark.parametrize("causal", [True, False], ids=["causal", "both ways"])
@pytest.mark.parametrize(("name", "slopes"), [("none", [0.0] * 4), ("alibi", [1 / 4, 1 / 16, 1 / 64, 1 / 256])])
@pytest.mark.parametrize(("time", "keys"), [(5, 5), (2, 5)])
def test_weights_equal_the_formula_and_each_row_sums_to_one(
    way: str, causal: bool, name: str, slopes: list[float], time: int, keys: int
) -> None:
    queries, labels = drawn(2, HEADS, time, HEAD_WIDTH), drawn(2, HEADS, keys, HEAD_WIDTH, seed=1)
    weights = weights_of(way, name, queries, labels, causal)
    assert (weights - weights_by_hand(queries, labels, slopes, causal)).abs().max() <= 1e-6
    assert (weights.sum(-1) - 1).abs().max() <= 1e-6
    if causal:
        assert not weights[..., causal_mask(time, keys, weights.device)].any()


def test_causal_mask_are_those_of_later_tokens() -> None:
    cpu = torch.device("cpu")
    assert causal_mask(3, 3, cpu).int().tolist() == [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    assert causal_mask(2, 4, cpu).int().tolist() == [[0, 0, 0, 1], [0, 0, 0, 0]]
    assert causal_mask(1, 3, cpu).int().tolist() == [[0, 0, 0]]


@torch.no_grad()
def test_grouped_heads_equal_full_heads_that_repeat_the_shared_ones() -> None:
    grouped, full = attention("rotary", "exact", key_value_heads=2), attention("rotary", "exact")
    full.load_state_dict(
        {
            name: value.unflatten(0, (2, -1)).repeat_interleave(2, dim=0).flatten(0, 1)
            if name.startswith(("keys.", "values."))
            else value
            for name, value in grouped.state_dict().items()
        }
    )
    x = drawn(2, 5, WIDTH)
    assert (grouped(x) - full(x)).abs().max() <= 1e-6


@torch.no_grad()
def test_a_cache_holds_what_it_was_given_in_order() -> None:
    cache = Cache(2, 1, 3, 8, 4, torch.zeros(1))
    first, second = drawn(1, 3, 5, 4), drawn(1, 3, 2, 4, seed=1)
    for layer in (0, 1):
        cache.extend(layer, first + layer, first - layer)
    cache.length = 5
    keys, values = cache.extend(1, second, 2 * second)
    assert torch.equal(keys, torch.cat((first + 1, second), dim=2))
    assert torch.equal(values, torch.cat((first - 1, 2 * second), dim=2))
    assert torch.equal(cache.keys[0, :, :, :5], first)


@pytest.mark.parametrize("way", list(ATTENDS))
@torch.no_grad()
def test_dropout_drops_weights_only_while_training(way: str) -> None:
    layer, plain = attention("none", way, dropout=0.5), attention("none", way)
    x = drawn(2, 5, WIDTH)
    assert torch.equal(layer.eval()(x), plain(x))
    assert not torch.equal(layer.train()(x), plain(x))


def test_positions_are_no_parameters_of_the_layer() -> None:
    assert not [name for name, _ in attention("learned", "exact").named_parameters() if "positions" in name]
