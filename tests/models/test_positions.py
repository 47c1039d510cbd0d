"""Positions: each encoding against its formula written out by hand, and what it promises about order and distance."""

from __future__ import annotations

import cmath
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fogwalk.models.attention import exact_attention, fused_attention
from fogwalk.models.positions.alibi import Alibi
from fogwalk.models.positions.learned import Learned
from fogwalk.models.positions.protocol import Positions
from fogwalk.models.positions.rotary import Rotary
from fogwalk.models.positions.sinusoidal import Sinusoidal
from fogwalk.registry import POSITIONS

CONTEXT, WIDTH, HEAD_WIDTH, HEADS = 64, 24, 6, 4


def made(name: str) -> Positions:
    torch.manual_seed(3)
    positions: Positions = POSITIONS.get(name)(CONTEXT, WIDTH, HEAD_WIDTH, HEADS)
    return positions


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def turned(vector: Tensor, place: int) -> Tensor:
    """`vector` as the query or key of one place, read as complex numbers and turned by e^(i·place·speed)."""
    half = len(vector) // 2
    result = torch.zeros(len(vector))
    for pair in range(half):
        speed = 10_000.0 ** (-2 * pair / len(vector))
        number = complex(float(vector[pair]), float(vector[pair + half])) * cmath.exp(1j * place * speed)
        result[pair], result[pair + half] = number.real, number.imag
    return result


def test_rotary_turns_each_pair_by_its_speed_at_every_place() -> None:
    heads = drawn(2, 3, 5, HEAD_WIDTH)
    rotated = made("rotary").rotate(heads, start=7)
    for batch in range(2):
        for head in range(3):
            for time in range(5):
                expected = turned(heads[batch, head, time], 7 + time)
                assert (rotated[batch, head, time] - expected).abs().max() <= 1e-5


def test_rotary_leaves_the_first_place_as_it_is_and_every_length_unchanged() -> None:
    heads = drawn(1, 2, 9, HEAD_WIDTH)
    rotated = made("rotary").rotate(heads, start=0)
    assert torch.equal(rotated[:, :, 0], heads[:, :, 0])
    assert (rotated.norm(dim=3) - heads.norm(dim=3)).abs().max() <= 1e-5


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    near=st.integers(0, 30),
    distance=st.integers(0, 20),
    moved=st.integers(0, 13),
    numbers=st.lists(st.floats(-3, 3, width=32), min_size=2 * HEAD_WIDTH, max_size=2 * HEAD_WIDTH),
)
def test_rotary_products_depend_on_distance_only(near: int, distance: int, moved: int, numbers: list[float]) -> None:
    rotary = Rotary(CONTEXT, WIDTH, HEAD_WIDTH, HEADS)
    query, key = torch.tensor(numbers).view(2, 1, 1, 1, HEAD_WIDTH)

    def product(start: int) -> float:
        return float((rotary.rotate(query, start + distance) * rotary.rotate(key, start)).sum())

    assert product(near) == pytest.approx(product(near + moved), abs=2e-4)


def test_sinusoidal_waves_equal_the_paper() -> None:
    zeros = torch.zeros(1, 6, WIDTH)
    waves = made("sinusoidal").add(zeros, start=10)[0]
    for time in range(6):
        for column in range(WIDTH):
            angle = (10 + time) / 10_000 ** (column // 2 * 2 / WIDTH)
            expected = math.cos(angle) if column % 2 else math.sin(angle)
            assert float(waves[time, column]) == pytest.approx(0.02 * expected, abs=1e-6)


def test_sinusoidal_positions_fit_an_odd_width() -> None:
    added = Sinusoidal(8, 5, 5, 1).add(torch.zeros(1, 8, 5), start=0)
    assert float(added[0, 3, 4]) == pytest.approx(0.02 * math.sin(3 / 10_000 ** (4 / 5)), abs=1e-7)


def test_alibi_takes_off_each_heads_slope_for_every_place_of_distance() -> None:
    bias = Alibi(CONTEXT, 64, 8, heads=8).bias(torch.zeros(1, 8, 3, 5))
    assert bias.shape == (8, 3, 5)
    for head in range(8):
        for time in range(3):
            for key in range(5):
                distance = max(2 + time - key, 0)
                assert float(bias[head, time, key]) == -distance / 2 ** (head + 1)


@pytest.mark.parametrize("number_format", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_alibi_tells_a_thousand_distances_apart_in_every_number_format(number_format: torch.dtype) -> None:
    alibi = Alibi(1024, 16, 2, heads=8)
    bias = alibi.bias(torch.zeros(1, 8, 1, 1024, dtype=number_format))
    assert bias.dtype == (torch.float64 if number_format == torch.float64 else torch.float32)
    assert all(len(row.unique()) == 1024 for row in bias[:, 0])
    # What the last listener hears follows, though queries, keys and values are coarse.
    keys, values = torch.zeros(1, 8, 1024, 2), torch.eye(1024).expand(1, 8, -1, -1)
    heads = [numbers.to(number_format) for numbers in (keys[:, :, -1:], keys, values)]
    expected = bias[:, 0].double().softmax(-1)
    for attend in (exact_attention, fused_attention):
        weights = attend(*heads, alibi, causal=True, dropout=0.0)[0, :, 0]
        assert (weights - expected).abs().max() <= 4e-3


def test_alibi_of_one_new_token_is_the_last_row_of_the_whole() -> None:
    alibi = made("alibi")
    whole, last = alibi.bias(torch.zeros(1, HEADS, 9, 9)), alibi.bias(torch.zeros(1, HEADS, 1, 9))
    assert whole is not None
    assert last is not None
    assert torch.equal(whole[:, -1:], last)


def test_learned_positions_add_the_row_of_each_place() -> None:
    learned = Learned(CONTEXT, WIDTH, HEAD_WIDTH, HEADS)
    embeddings = drawn(2, 5, WIDTH)
    assert torch.equal(learned.add(embeddings, start=4), embeddings + learned.table.weight[4:9])


def test_learned_positions_have_no_row_beyond_the_context() -> None:
    with pytest.raises(IndexError):
        made("learned").add(drawn(1, 2, WIDTH), start=CONTEXT - 1)


def test_no_positions_do_nothing() -> None:
    none, embeddings, heads = made("none"), drawn(1, 3, WIDTH), drawn(1, HEADS, 3, HEAD_WIDTH)
    assert none.add(embeddings, 5) is embeddings
    assert none.rotate(heads, 5) is heads
    assert none.bias(torch.zeros(1, HEADS, 3, 3)) is None


@pytest.mark.parametrize("name", list(POSITIONS))
def test_places_read_in_two_portions_are_the_places_read_at_once(name: str) -> None:
    positions = made(name)
    embeddings, heads = drawn(1, 9, WIDTH), drawn(1, HEADS, 9, HEAD_WIDTH)
    with torch.no_grad():
        added = [positions.add(embeddings[:, :4], 0), positions.add(embeddings[:, 4:], 4)]
        rotated = [positions.rotate(heads[:, :, :4], 0), positions.rotate(heads[:, :, 4:], 4)]
        assert torch.equal(torch.cat(added, dim=1), positions.add(embeddings, 0))
        assert torch.equal(torch.cat(rotated, dim=2), positions.rotate(heads, 0))


@pytest.mark.parametrize("name", list(POSITIONS))
def test_only_learned_positions_are_saved_with_the_model(name: str) -> None:
    assert list(made(name).state_dict()) == (["table.weight"] if name == "learned" else [])
