"""Numbers however they are written, and what predicting a column would be."""

from __future__ import annotations

import math

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogwalk.data.tables.cells import (
    answers,
    blanks,
    classes_of,
    has_decimal_commas,
    is_time,
    numbers,
    spelled,
    task_of,
    texts,
    writing,
)


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
        (["0,125", "1,500"], False, [0.125, 1.5]),
        (["12,5", "1,500", "2,000", "3,000"], False, [12.5, 1.5, 2, 3]),
        (["1,234.50", "950.00", "1,500"], True, [1234.5, 950, 1500]),
        (["12,5", "1.500"], False, [12.5, 1500]),
        ([",5", "-,25"], True, [0.5, -0.25]),
        (["1.500e3", "2.125"], True, [1500, 2.125]),
        (["-$12", "$-12.5", "$ 1,234", "-€5", "¥5", "-7 €"], False, [-12, -12.5, 1234, -5, 5, -7]),
        (["(12)", "(1,234.50)", "($3)", "(4 €)", "(5%)", "6"], False, [-12, -1234.5, -3, -4, -5, 6]),
        (["\u2212" + "1.5", "\u2212$2", "1e\u22123"], False, [-1.5, -2, 0.001]),
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


@pytest.mark.parametrize(
    ("columns", "decimal"),
    [
        ((["1", "2"], ["red", "1.234"]), True),
        ((["1,5"], ["x"]), True),
        (([".50"], ["12.345"]), False),
        ((["1,234.50"],), False),
        ((["$3.5", "1"],), False),
        ((["3.5"], ["0,5"]), True),
    ],
)
def test_a_whole_table_tells_whether_its_commas_are_decimal(columns: tuple[list[str], ...], decimal: bool) -> None:
    assert has_decimal_commas(map(pyarrow.array, columns)) == decimal


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1))
def test_what_python_writes_is_read_back(values: list[float]) -> None:
    cells = pyarrow.array([repr(value) for value in values])
    assert numbers(cells, ()).values.tolist() == values


def test_what_stands_for_nothing_is_nothing() -> None:
    assert texts(pyarrow.array(["", " ", "NA", "n/a", "NaN", "None", "-", "?", "x"])).to_pylist() == [None] * 8 + ["x"]


@pytest.mark.parametrize(
    "cells",
    [
        ["2020-01-31", "2021-02-28 12:00"],
        ["31.01.2020", "1/2/21"],
        ["2020-01-01T10:00:00Z"],
        ["12:30", "9:15:00"],
        ["5 Mar 2024", "05-Mar-24", "12 September 2024"],
        ["Jan 5, 2024", "May 5 2024", "Dec. 31, 2023 11:59 PM"],
        ["2024-03", "1999-12"],
        ["12:30 PM", "1/2/2024 9:15 a.m."],
        ["2024-01-01 10:00 UTC", "2024-01-01 10:00:00.5+02:00", "2024-01-01T10:00:00 +0200"],
        ["Fri, 05 Jan 2024 10:00:00 GMT"],
        ["Mar 2024", "Apr-24"],
        ["20240305", "19991231"],
    ],
)
def test_times_are_known_by_how_they_look(cells: list[str]) -> None:
    assert is_time(pyarrow.array(cells))


@pytest.mark.parametrize(
    "cells", [["1.5", "2"], ["20240305", "20241301"], ["2023-24"], ["Mark 12"], ["5 Mars"], ["12:30 pints"], [20240305]]
)
def test_what_looks_like_times_and_is_none(cells: list[object]) -> None:
    assert not is_time(pyarrow.array(cells))


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


def test_how_nothing_is_written_is_told() -> None:
    assert blanks(pyarrow.array(["a", "None", "", "n/a", " None ", None])) == ["None", "n/a"]
    assert blanks(pyarrow.array([1, None])) == []


def test_words_are_the_same_whatever_file_they_come_from() -> None:
    assert spelled(pyarrow.array(["True", "FALSE", "3.0", "x.0"])).to_pylist() == ["true", "false", "3", "x.0"]
    assert spelled(pyarrow.array([True, False])).to_pylist() == ["true", "false"]
    assert spelled(pyarrow.array([3.0, 2.5])).to_pylist() == ["3", "2.5"]


def test_a_class_may_be_called_by_a_word_that_stands_for_nothing_elsewhere() -> None:
    cells = pyarrow.array(["none", "Missing", "-", "nil", "mild", "", " NA ", "n/a", "NaN", "null", None])
    found = answers(cells)
    assert spelled(found).to_pylist() == ["none", "Missing", "-", "nil", "mild"] + [None] * 6
    assert classes_of(found) == ("-", "Missing", "mild", "nil", "none")
    assert spelled(answers(found)).to_pylist() == spelled(found).to_pylist()
    numbers_of_rows = pyarrow.array([1, None])
    assert answers(numbers_of_rows) is numbers_of_rows
