"""Columns become numbers by what was learned of the training rows, and of nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest

from fogwalk.data.tables.table import Table
from fogwalk.encoding.answers import alike, check_classes, numbers_of, tells_class, tells_number
from fogwalk.encoding.columns import Category, Columns, Number, Target, Unread, learn, not_met
from fogwalk.errors import DataError


def table(**columns: list[Any]) -> Table:
    return Table({name: pyarrow.array(values) for name, values in columns.items()})


def learned(**columns: list[Any]) -> Columns:
    return learn(table(**columns), decimal_comma=False)


def test_numbers_are_centred_and_scaled_and_what_lies_far_out_is_drawn_in() -> None:
    values = [*np.random.default_rng(0).normal(50, 10, 999).tolist(), 1e9]
    columns = learned(a=values)
    (column,) = columns.read
    assert isinstance(column, Number)
    assert column.center == pytest.approx(50, abs=1)
    assert column.scale == pytest.approx(10, abs=1)
    x = columns.encode(table(a=values))[:, 0]
    assert abs(float(x.mean())) < 0.1
    assert x.max() < 3.01


def test_missing_numbers_become_the_middle_and_are_marked() -> None:
    columns = learned(a=[1.0, None, 3.0, 5.0], b=["1", "2", "n/a", "4"])
    x = columns.encode(table(a=[None, 3.0], b=["", "2"]))
    assert columns.numbers == 4
    assert x[0].tolist() == [0, 1, 0, 1]
    assert x[1, [1, 3]].tolist() == [0, 0]


def test_words_of_a_few_become_ones_and_a_new_one_becomes_none() -> None:
    columns = learned(a=["x", "y", "x", "z", "x", "y"])
    assert columns.read == (Category("a", ("x", "y", "z"), False, False),)
    assert columns.encode(table(a=["y", "new", "x"])).tolist() == [[0, 1, 0], [0, 0, 0], [1, 0, 0]]


def test_words_of_many_become_places_in_a_list_and_rare_ones_are_unknown() -> None:
    words = [f"word {number % 30}" for number in range(300)] + ["once"]
    columns = learned(a=words)
    assert columns.lists == (31,)
    x = columns.encode(table(a=["word 3", "once", "never", None]))
    assert x[0, 0] > 0
    assert x[1:, 0].tolist() == [0, 0, 0]


def test_nothing_is_a_word_where_it_was_met() -> None:
    columns = learned(a=["x", "y", None, "x", "", "y"])
    assert columns.encode(table(a=[None, "x", "new"])).tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 0]]


def test_what_teaches_nothing_is_left_out_and_why() -> None:
    count = 100
    found = learned(
        id=list(range(count)),
        day=[f"2024-01-{1 + number % 28:02}" for number in range(count)],
        same=[7] * count,
        empty=[None] * count,
        said=[f"a long sentence about number {number} and what it is good for" for number in range(count)],
        name=[f"name{number}" for number in range(count)],
        size=[float(number % 9) for number in range(count)],
    )
    assert found.names == ["size"]
    assert found.left_out == {
        "id": "numbers the rows",
        "day": "dates or times",
        "same": "holds one value",
        "empty": "holds nothing",
        "said": "free text",
        "name": "100 different words in 100 rows",
    }


def test_saved_and_read_again_they_are_the_same(tmp_path: Path) -> None:
    rows: dict[str, list[Any]] = {"a": [1.5, None, 3.0, 9.0], "b": ["ä", "b", None, "b"], "c": ["1,5", "2,5", "3", "4"]}
    columns = learned(**rows)
    columns.save(tmp_path)
    again = Columns.load(tmp_path)
    assert again == columns
    assert (again.encode(table(**rows)) == columns.encode(table(**rows))).all()
    json.loads((tmp_path / "columns.json").read_text(encoding="utf-8"))
    for target in (Target("t", ("no", "yes")), Target("t", (), ("1234,5",), 3.5, 2.0)):
        target.save(tmp_path)
        assert Target.load(tmp_path) == target


def test_each_column_knows_its_places_in_a_row() -> None:
    many = [f"word {number % 30}" for number in range(90)]
    columns = learned(many=many, size=[None, *map(float, range(89))], few=[f"w{number % 3}" for number in range(90)])
    assert columns.places() == {"many": [5], "size": [0, 1], "few": [2, 3, 4]}
    assert columns.encode(table(many=many[:1], size=[None], few=["w1"]))[0, :5].tolist() == [0, 1, 0, 1, 0]


def test_an_encoded_row_is_told_as_it_stood_in_the_table() -> None:
    chance = np.random.default_rng(0)
    ages = [*chance.normal(50, 10, 199).tolist(), None]
    streets = [f"street {number % 40}" for number in range(200)]
    columns = learned(age=ages, colour=["red", "green"] * 100, street=streets)
    rows = columns.encode(
        table(age=[34.25, None, 400.0], colour=["green", "blue", "red"], street=["street 7", "?", ""])
    )
    first, second, third = (columns.told(row.tolist()) for row in rows)
    assert first.startswith("age 34.25 (-1.")
    assert "colour=green" in first
    assert f"street=street 7 (number {int(rows[0, -1])})" in first
    assert second.startswith("age missing, colour=unknown, street=unknown")
    assert third.startswith("age 400 (2.9")


def test_infinities_count_as_missing() -> None:
    columns = learned(a=[1.0, float("inf"), 3.0, 2.0])
    assert columns.encode(table(a=[float("-inf"), 2.0])).tolist() == [[0, 1], [0, 0]]


def test_a_table_that_lacks_a_column_or_holds_words_for_numbers_is_refused() -> None:
    columns = learned(a=[1.0, 2.0, 3.0], b=["x", "y", "x"])
    with pytest.raises(DataError, match="no column 'b', which the model reads"):
        columns.encode(table(a=[1.0]))
    with pytest.raises(DataError, match="'a' holds 'red', but the model learned numbers"):
        columns.encode(table(a=["red", "green"], b=["x", "y"]))


def test_a_column_that_gives_the_target_away_is_told() -> None:
    chance = np.random.default_rng(0)
    classes = chance.integers(0, 2, 200)
    rows = {
        "honest": (classes + chance.normal(0, 1, 200)).tolist(),
        "copy": (classes * 3.0 + 1).tolist(),
        "word": [f"group {one}" for one in classes],
        "noise": chance.normal(0, 1, 200).tolist(),
    }
    columns = learned(**rows)
    assert tells_class(columns, columns.encode(table(**rows)), classes) == ["copy", "word"]


def test_a_column_that_gives_a_number_away_is_told_whatever_its_unit_and_spelling() -> None:
    chance = np.random.default_rng(0)
    numbers = np.round(chance.normal(0, 1, 200), 1)
    rows = {
        "copy": numbers.tolist(),
        "double": (numbers * 2 + 1).tolist(),
        "other scale": np.exp(-3 * numbers).tolist(),
        "with gaps": [None if place % 5 == 0 else float(number) for place, number in enumerate(numbers)],
        "near": (numbers + chance.normal(0, 0.5, 200)).tolist(),
        "mostly gaps": [float(number) if place % 5 == 0 else None for place, number in enumerate(numbers)],
        "words": [f"band {number}" for number in numbers],
        "pairs": [f"pair {place // 2}" for place in range(200)],
        "few": [f"band {number > 0}" for number in numbers],
    }
    columns = learned(**rows)
    assert columns.names == list(rows)
    assert columns.lists
    told = ["copy", "double", "other scale", "with gaps", "words"]
    assert tells_number(columns, table(**rows), np.arange(200), numbers) == told
    assert tells_number(columns, table(**rows), np.arange(200), np.full(200, 1.0)) == []
    some = np.arange(20, 200)
    assert tells_number(columns, table(**rows), some, numbers[some]) == told
    assert tells_number(columns, table(**rows), some[:10], numbers[:10]) == [], "too few to tell"


def test_a_word_of_its_own_in_each_row_gives_nothing_away() -> None:
    words = [f"word {number}" for number in range(100)]
    columns = Columns((Category("a", tuple(words), True, False),))
    assert tells_number(columns, table(a=words), np.arange(100), np.arange(100.0)) == []


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("name", ["column 1", "Unnamed: 0", "__index_level_0__"])
@pytest.mark.parametrize("first", [0, 1])
def test_an_index_without_a_name_is_left_out_in_any_order(name: str, first: int, shuffled: bool) -> None:
    rows = np.random.default_rng(0).permutation(200) if shuffled else np.arange(200)
    kept = [int(number) + first for number in rows if number % 9]
    found = learned(**{name: kept, "column_10": [float(number) for number in kept]})
    assert found.left_out == {name: "numbers the rows"}
    assert found.names == ["column_10"]


def test_numbers_of_the_rows_may_be_missing() -> None:
    ids = [None if number % 10 == 0 else number * 7 for number in range(100)]
    assert learned(customer_id=ids, size=ids).left_out == {"customer_id": "numbers the rows"}


@pytest.mark.parametrize(
    ("name", "cells", "expected"),
    [
        ("code", [f"{501 + number % 40:05}" for number in range(200)], Category),
        ("code", [f"{501 + number % 40}" for number in range(200)], Number),
        ("code", ["05", *(str(number) for number in range(10, 309))], Number),
        ("ratio", [f"0.{number % 40}" for number in range(200)], Number),
        ("ZIP Code", [10_001 + number % 40 for number in range(200)], Category),
        ("home_phone", [4_930_000 + number for number in range(200)], str),
        ("zip", [number * 0.37 for number in range(200)], Number),
        ("zipper", [10_001 + number % 40 for number in range(200)], Number),
        ("phone", [4_930_000.5 + number for number in range(200)], Number),
    ],
)
def test_codes_of_digits_are_words_and_no_measures(name: str, cells: list[Any], expected: type) -> None:
    found = learned(**{name: cells})
    assert isinstance(found.read[0] if found.read else found.left_out[name], expected)


def test_what_is_not_what_was_learned_is_said_with_an_example() -> None:
    columns = learned(a=[1.0, 2.0, 3.0, 4.0], b=["x", "y", "x", "y"], c=[None, "u", "v", "u"])
    unread: list[Unread] = []
    columns.encode(table(a=["1", "2", "big", ""], b=["x", "X", "y", None], c=["", "u", "v", None]), unread=unread)
    told = not_met(columns, unread)
    assert told == [
        "'a': 1 of 4 cells are no numbers, such as 'big', and count as missing",
        "'b': 1 of 4 cells hold what was never met in training, such as 'X', and count as unknown (known: x, y)",
    ]
    unread = []
    columns.encode(table(a=[1.0, 2.0], b=["X", "Y"], c=["U", "V"]), unread=unread)
    with pytest.raises(
        DataError, match="in 2 of 3 columns that the model reads, most cells hold what it never met"
    ) as error:
        not_met(columns, unread)
    assert "such as 'U', and count as unknown (known: u, v)" in str(error.value)


def test_a_date_is_not_predicted_and_its_message_says_so() -> None:
    days = pyarrow.array([f"2024-01-{1 + number % 28:02}" for number in range(28)])
    with pytest.raises(DataError, match="'day' holds dates or times, such as '2024-01-01', which cannot be predicted"):
        numbers_of("day", days, False)
    with pytest.raises(DataError, match="'day' holds dates or times"):
        check_classes("day", days, tuple(days.to_pylist()), np.arange(28))


def test_classes_that_differ_in_capitals_or_blanks_are_told() -> None:
    (told,) = alike(("Yes", "no", "ye s", "yes"))
    assert told.startswith("'Yes', 'ye s', 'yes' are 3 classes that differ only in capitals or blanks")
    assert alike(("a", "b")) == []


def test_what_numbers_the_rows_is_left_out_though_some_of_them_are_held_back() -> None:
    kept = [number for number in range(100) if number % 7]
    found = learned(
        **{
            "column 1": kept,
            "PassengerId": kept,
            "paid": [number % 4 for number in kept],
            "humid": [n * 2 for n in kept],
        }
    )
    assert found.names == ["paid", "humid"]


def test_a_stray_word_among_the_numbers_of_other_rows_is_missing_and_no_error() -> None:
    columns = learned(a=["1", "2", "3", None])
    assert columns.encode(table(a=["2", "x"])).tolist() == [[0, 0], [0, 1]]
    with pytest.raises(DataError, match="'a' holds 'x'"):
        columns.encode(table(a=["x"]))
    assert columns.encode(table(a=["x"]), strict=False).tolist() == [[0, 1]]
    assert columns.encode(table(a=[1e300]))[0, 0] == pytest.approx(3, abs=1e-4)
