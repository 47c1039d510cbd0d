"""Numbers however they are written, and what predicting a column would be."""

from __future__ import annotations

import math

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogwalk.data.tables.cells import is_time, numbers, spelled, task_of, texts, writing


@pytest.mark.parametrize(
    ("cells", "decimal_comma", "expected"),
    [
        (["1", " 2.5 ", "-3e2", "+.5"], False, [1, 2.5, -300, 0.5]),
        (["1,5", "2,25", "1.234,5"], True, [1.5, 2.25, 1234.5]),
        (["1,234", "22,333.5", "1"], False, [1234, 22333.5, 1]),
        (["1,234", "22,333", "1,5"], False, [1.234, 22.333, 1.5]),
        (["1,234"], True, [1.234]),
        (["1.234", "22.333"], True, [1234, 22333]),
        (["1.234", "22.333"], False, [1.234, 22.333]),
        (["1.234", "1.5"], True, [1.234, 1.5]),
        (["1.234.567", "2.000,5"], False, [1234567, 2000.5]),
        (["1 234", "1\u00a0234,5"], False, [1234, 1234.5]),
        (["1'234.5"], False, [1234.5]),
        (["12%", "3,5 %"], False, [12, 3.5]),
        (["$12", "3 €"], False, [12, 3]),
        (["$1,234", "$950", "$12,500.50"], False, [1234, 950, 12500.5]),
        (["0.125", "1.500"], True, [0.125, 1.5]),
        ([2**60 + 1, 1], False, [float(2**60), 1]),
        (["inf", "-Infinity"], False, [math.inf, -math.inf]),
    ],
)
def test_numbers_are_read_however_they_are_written(
    cells: list[object], decimal_comma: bool, expected: list[float]
) -> None:
    values = pyarrow.array(cells)
    found = numbers(values, writing(values, decimal_comma))
    assert found.values.tolist() == pytest.approx(expected)
    assert found.wrong == 0


def test_what_is_no_number_is_counted_and_shown() -> None:
    values = pyarrow.array(["1", "twelve", "", "2", "n/a", None])
    found = numbers(values, writing(values, False))
    assert (found.wrong, found.example) == (1, "twelve")
    assert [math.isnan(value) for value in found.values] == [False, True, True, False, True, True]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1))
def test_what_python_writes_is_read_back(values: list[float]) -> None:
    cells = pyarrow.array([repr(value) for value in values])
    assert numbers(cells, ()).values.tolist() == values


def test_what_stands_for_nothing_is_nothing() -> None:
    assert texts(pyarrow.array(["", " ", "NA", "n/a", "NaN", "None", "-", "?", "x"])).to_pylist() == [None] * 8 + ["x"]


@pytest.mark.parametrize(
    "cells",
    [["2020-01-31", "2021-02-28 12:00"], ["31.01.2020", "1/2/21"], ["2020-01-01T10:00:00Z"], ["12:30", "9:15:00"]],
)
def test_times_are_known_by_how_they_look(cells: list[str]) -> None:
    assert is_time(pyarrow.array(cells))
    assert not is_time(pyarrow.array(["1.5", "2"]))


@pytest.mark.parametrize(
    ("cells", "task"),
    [
        (["red", "blue"], "classification"),
        ([True, False], "classification"),
        ([0, 1, 1], "classification"),
        (["1", "2", "3"], "classification"),
        ([float(number) for number in range(20)], "classification"),
        ([float(number) for number in range(21)], "regression"),
        ([0.5, 1.5], "regression"),
        (["1,5", "2,5"], "regression"),
        (["True", "FALSE"], "classification"),
    ],
)
def test_the_rule_for_classes_and_numbers(cells: list[object], task: str) -> None:
    found, why = task_of(pyarrow.array(cells), False)
    assert found == task
    assert why.startswith("it holds")


def test_words_are_the_same_whatever_file_they_come_from() -> None:
    assert spelled(pyarrow.array(["True", "FALSE", "3.0", "x.0"])).to_pylist() == ["true", "false", "3", "x.0"]
    assert spelled(pyarrow.array([True, False])).to_pylist() == ["true", "false"]
    assert spelled(pyarrow.array([3.0, 2.5])).to_pylist() == ["3", "2.5"]
