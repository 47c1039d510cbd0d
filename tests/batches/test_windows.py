"""Which windows a step sees: every one once an epoch, a pure function of (seed, step), never past the end."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fogwalk.batches.batch import Batch
from fogwalk.batches.tokens import Stream
from fogwalk.batches.windows import TrainingWindows, validation_windows, windows


def numbered(length: int) -> Stream:
    """A stream in which each token tells its place."""
    return np.arange(length, dtype=np.uint32)


SHAPES = st.tuples(st.integers(1, 300), st.integers(1, 40), st.integers(1, 9), st.integers(0, 2**63 - 1)).map(
    lambda drawn: (drawn[0] + drawn[1] + 1, *drawn[1:])  # at least one window and its answer fit
)


@given(SHAPES)
def test_every_window_comes_exactly_once_an_epoch(shape: tuple[int, int, int, int]) -> None:
    length, context, batch, seed = shape
    order = TrainingWindows(numbered(length), context, batch, seed)
    steps = -(-3 * order.per_epoch // batch)
    firsts = [int(row[0]) for step in range(steps) for row in order.at(step).inputs]
    for epoch in range(3):
        seen = firsts[epoch * order.per_epoch : (epoch + 1) * order.per_epoch]
        offset = min(seen)
        assert sorted(seen) == [offset + number * context for number in range(order.per_epoch)]
        assert 0 <= offset < max(context, 2)
        assert seen == order.starts(epoch).tolist()


@given(SHAPES, st.integers(0, 10_000))
def test_no_window_leaves_the_text_and_targets_are_the_inputs_one_later(
    shape: tuple[int, int, int, int], step: int
) -> None:
    length, context, batch, seed = shape
    found = TrainingWindows(numbered(length), context, batch, seed).at(step)
    assert found.inputs.shape == found.targets.shape == (batch, context)
    assert found.inputs.dtype == torch.int64
    assert int(found.targets.max()) < length
    assert torch.equal(found.targets, found.inputs + 1)
    assert found.examples == batch * context


@given(SHAPES, st.lists(st.integers(0, 500), min_size=1, max_size=6))
def test_a_batch_is_a_pure_function_of_seed_and_step(shape: tuple[int, int, int, int], steps: list[int]) -> None:
    length, context, batch, seed = shape
    one = TrainingWindows(numbered(length), context, batch, seed)
    in_order = {step: one.at(step).inputs for step in range(max(steps) + 1) if step in steps}
    for step in reversed(steps):
        anew = TrainingWindows(numbered(length), context, batch, seed)
        assert torch.equal(anew.at(step).inputs, in_order[step])
        assert torch.equal(one.at(step).inputs, in_order[step])


def test_other_seeds_and_other_epochs_give_other_orders() -> None:
    order = TrainingWindows(numbered(10_000), 32, 8, seed=1)
    assert not np.array_equal(order.starts(0), order.starts(1))
    assert not np.array_equal(order.starts(0), TrainingWindows(numbered(10_000), 32, 8, seed=2).starts(0))


def test_epochs_cut_the_text_at_different_places() -> None:
    order = TrainingWindows(numbered(10_000), 32, 8, seed=1)
    offsets = {int(order.starts(epoch).min()) for epoch in range(50)}
    assert len(offsets) > 20
    assert max(offsets) < 32


def test_an_order_once_drawn_stays_as_it_was_when_this_test_was_written() -> None:
    # A change here would change what every resumed run sees.
    assert TrainingWindows(numbered(100), 10, 2, seed=7).starts(0).tolist() == [89, 9, 79, 19, 39, 69, 29, 49, 59]


@given(st.integers(2, 500), st.integers(1, 60), st.integers(1, 7))
def test_validation_scores_every_token_but_the_first_exactly_once(length: int, context: int, batch: int) -> None:
    stream = numbered(length)
    scored: list[int] = []
    rebuilt = [0]
    for found in validation_windows(stream, context, batch):
        assert len(found.inputs) <= batch
        assert found.inputs.shape[1] <= context
        assert torch.equal(found.targets, found.inputs + 1)
        scored += found.targets.flatten().tolist()
        rebuilt += found.targets.flatten().tolist()
    assert scored == list(range(1, length))
    assert rebuilt == stream.tolist()


@given(st.integers(1, 8), st.integers(1, 5), st.integers(1, 6))
def test_portions_together_are_the_batch(portions: int, size: int, time: int) -> None:
    values = torch.arange(portions * size * time).reshape(portions * size, time)
    parts = Batch(values, values + 1).split(portions)
    assert len(parts) == portions
    assert {len(part.inputs) for part in parts} == {size}
    assert torch.equal(torch.cat([part.inputs for part in parts]), values)
    assert torch.equal(torch.cat([part.targets for part in parts]), values + 1)


@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
def test_ids_of_either_width_are_cut_alike(kind: type) -> None:
    batch = windows(np.array([5, 6, 7, 60_000], dtype=kind), np.array([0, 1]), 2)
    assert batch.inputs.tolist() == [[5, 6], [6, 7]]
    assert batch.targets.tolist() == [[6, 7], [7, 60_000]]
