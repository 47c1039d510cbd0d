"""Rows are held back by their own bytes: stable, of every class, twins together."""

from __future__ import annotations

import numpy as np
import pyarrow
from hypothesis import given
from hypothesis import strategies as st

from fogwalk.data.tables.holdout import held_back, held_back_groups
from fogwalk.data.tables.table import Table, row_hashes


def table(count: int) -> Table:
    return Table({"a": pyarrow.array(range(count)), "b": pyarrow.array([str(number % 7) for number in range(count)])})


def test_the_same_rows_are_held_back_whatever_their_order() -> None:
    rows = table(500)
    order = np.random.default_rng(0).permutation(500)
    first = held_back(row_hashes(rows), 0.2)
    second = held_back(row_hashes(rows.take(order)), 0.2)
    assert (first[order] == second).all()
    assert first.sum() == 100


def test_more_rows_move_few_of_those_there_were() -> None:
    few, many = held_back(row_hashes(table(1000)), 0.1), held_back(row_hashes(table(1100)), 0.1)
    assert (few != many[:1000]).mean() < 0.04


def test_each_class_is_held_back_in_its_share() -> None:
    classes = np.array([0] * 900 + [1] * 90 + [2] * 10)
    held = held_back(row_hashes(table(1000)), 0.1, classes)
    assert [int(held[classes == one].sum()) for one in range(3)] == [90, 9, 1]


@given(st.lists(st.integers(0, 5), min_size=2, max_size=60), st.floats(0.05, 0.95))
def test_twins_stand_on_one_side_and_neither_side_is_empty(values: list[int], share: float) -> None:
    rows = np.array(values, dtype=np.uint64)
    held = held_back(rows, share)
    for value in set(values):
        assert len(set(held[rows == value].tolist())) == 1
    if len(set(values)) > 1:
        assert 0 < held.sum() < len(rows)


def test_of_uneven_groups_those_that_fit_are_held_back() -> None:
    for big in range(10):  # wherever it stands among the hashes
        groups = np.repeat(np.arange(10, dtype=np.uint64), [900 if one == big else 12 for one in range(10)])
        held = held_back_groups(groups, 0.1)
        assert 12 <= held.sum() <= 1.5 * 0.1 * len(groups)
    groups = np.repeat(np.arange(2, dtype=np.uint64), [900, 300])
    assert held_back_groups(groups, 0.1).sum() == 300, "the smallest, where none fits"


@given(st.lists(st.integers(0, 9), min_size=2, max_size=80).filter(lambda values: len(set(values)) > 1))
def test_groups_are_held_back_whole(values: list[int]) -> None:
    groups = np.array(values, dtype=np.uint64)
    held = held_back_groups(groups, 0.2)
    assert all(len(set(held[groups == one].tolist())) == 1 for one in set(values))
    assert 0 < held.sum() < len(groups)
