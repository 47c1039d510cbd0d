"""The n-gram model against the same sums in plain Python, and what must hold whatever the text."""

from __future__ import annotations

import doctest
import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fogwalk.objectives import ngram as module
from fogwalk.objectives.metrics import frequencies, guessing
from fogwalk.objectives.ngram import ngram, probabilities

VOCABULARY = 5
TEXTS = st.lists(st.integers(0, VOCABULARY - 1), max_size=80)
SCORED = st.lists(st.integers(0, VOCABULARY - 1), min_size=2, max_size=40)


def stream(tokens: list[int]) -> NDArray[np.uint16]:
    """Tokens as they are on the disk."""
    return np.array(tokens, dtype=np.uint16)


def by_hand(training: list[int], history: list[int], token: int, order: int) -> float:
    """The chance of a token after a history, by the formula."""
    if order == 0:
        return 1 / VOCABULARY
    seen = tuple(history[len(history) - order + 1 :]) if order > 1 else ()
    shorter = by_hand(training, history, token, order - 1)
    if len(seen) < order - 1:
        return shorter
    followers = Counter(
        training[place]
        for place in range(len(seen), len(training))
        if tuple(training[place - len(seen) : place]) == seen
    )
    if not followers:
        return shorter
    return (followers[token] + len(followers) * shorter) / (followers.total() + len(followers))


def patterned(tokens: int, seed: int) -> NDArray[np.uint16]:
    """A text in which two tokens decide the next, but for one in ten, and one token tells only a little of it."""
    table = np.random.default_rng(7).integers(8, size=(8, 8))
    chance = np.random.default_rng(seed)
    text = [0, 1]
    while len(text) < tokens:
        text.append(int(chance.integers(8) if chance.random() < 0.1 else table[text[-2], text[-1]]))
    return stream(text)


@given(TEXTS, SCORED)
def test_every_probability_is_that_of_the_formula(training: list[int], scored: list[int]) -> None:
    found = list(probabilities(stream(training), stream(scored), VOCABULARY, most_order=5))
    assert len(found) == min(5, len(scored))
    for order, chances in enumerate(found, start=1):
        wanted = [by_hand(training, scored[:place], token, order) for place, token in enumerate(scored)]
        assert chances == pytest.approx(wanted, rel=1e-12)


@given(TEXTS, SCORED, st.integers(1, 6))
def test_the_best_order_is_kept_and_the_first_token_is_not_scored(
    training: list[int], scored: list[int], most: int
) -> None:
    losses = []
    for order in range(1, most + 1):
        chances = [by_hand(training, scored[:place], scored[place], order) for place in range(1, len(scored))]
        losses.append(-math.fsum(map(math.log, chances)) / len(chances))
    found = ngram(stream(training), stream(scored), VOCABULARY, most)
    assert found.loss == pytest.approx(losses[found.order - 1], rel=1e-12)
    assert found.counted == len(training)
    # Each order up to it was better than the one before, and the next one is not.
    slack = 1e-12
    assert all(later < earlier + slack for earlier, later in pairwise(losses[: found.order]))
    assert found.order == most or losses[found.order] > found.loss - slack


@given(TEXTS, st.lists(st.integers(0, VOCABULARY - 1), max_size=8))
def test_the_probabilities_of_all_tokens_sum_to_one(training: list[int], history: list[int]) -> None:
    ends = [
        [chances[-1] for chances in probabilities(stream(training), stream([*history, token]), VOCABULARY, 8)]
        for token in range(VOCABULARY)
    ]
    sums = np.sum(ends, axis=0)
    assert sums == pytest.approx(np.ones(min(8, len(history) + 1)), rel=1e-12)
    assert (np.array(ends) > 0).all()


@given(TEXTS, SCORED)
def test_the_width_of_the_numbers_does_not_matter(training: list[int], scored: list[int]) -> None:
    narrow = ngram(stream(training), stream(scored), VOCABULARY)
    assert ngram(stream(training).astype(np.uint32), stream(scored).astype(np.uint32), VOCABULARY) == narrow
    assert ngram(stream(training), stream(scored).astype(np.uint32), VOCABULARY) == narrow


def test_large_token_ids_are_told_apart() -> None:
    training = np.array([2**32 - 1, 0, 2**31, 2**32 - 1, 0, 2**31], dtype=np.uint32)
    small = stream([2, 0, 1, 2, 0, 1])
    for large_one, small_one in zip(
        probabilities(training, training, 2**32, 4), probabilities(small, small, 2**32, 4), strict=True
    ):
        assert large_one.tolist() == small_one.tolist()


def test_order_one_is_near_the_token_frequencies() -> None:
    training, scored = patterned(5000, seed=1), patterned(1000, seed=2)
    found = ngram(training, scored, 8, most_order=1)
    assert found.order == 1
    assert found.loss == pytest.approx(frequencies(training, scored, 8), abs=1e-3)


def test_a_text_of_order_three_is_found_out() -> None:
    training, scored = patterned(20_000, seed=1), patterned(5000, seed=2)
    found = ngram(training, scored, 8)
    assert found.order == 3
    # What is left is the one token in ten that is drawn: it comes as the table says with 0.9 + 0.1 / 8.
    sure, drawn = 0.9 + 0.1 / 8, 0.1 / 8
    least = -sure * math.log(sure) - 7 * drawn * math.log(drawn)
    assert found.loss == pytest.approx(least, abs=0.05)
    assert found.loss < ngram(training, scored, 8, most_order=2).loss < frequencies(training, scored, 8)


@pytest.mark.parametrize("scored", [[4, 4, 4, 4], [3, 0, 4, 1]], ids=["nothing but it", "among others"])
def test_a_token_never_seen_has_a_chance(scored: list[int]) -> None:
    found = ngram(stream([0, 1, 2, 3] * 9), stream(scored), VOCABULARY)
    assert 0 < found.loss < math.inf


def test_a_text_that_taught_nothing_leaves_guessing() -> None:
    found = ngram(stream([]), stream([1, 2, 3]), VOCABULARY)
    assert (found.order, found.counted) == (1, 0)
    assert found.loss == pytest.approx(guessing(VOCABULARY))


def test_the_shortest_texts() -> None:
    # After a 0 came one 1: (1 + 1 · p_1) / 2, where p_1 = (1 + 2/5) / 4.
    found = ngram(stream([0, 1]), stream([0, 1]), VOCABULARY)
    assert (found.order, found.counted) == (2, 2)
    assert found.loss == pytest.approx(-math.log((1 + 0.35) / 2))
    assert ngram(stream([0]), stream([0, 1]), VOCABULARY).loss == pytest.approx(-math.log(0.2 / 2))
    for scored in ([], [1]):
        assert math.isnan(ngram(stream([0, 1]), stream(scored), VOCABULARY).loss)


def test_portions_and_the_most_that_is_counted_change_only_what_they_say(monkeypatch: pytest.MonkeyPatch) -> None:
    training, scored = patterned(3000, seed=1), patterned(500, seed=2)
    whole, part = ngram(training, scored, 8), ngram(training[:1000], scored, 8)
    monkeypatch.setattr(module, "_PORTION", 7)
    assert ngram(training, scored, 8) == whole
    monkeypatch.setattr(module, "MOST_COUNTED", 1000)
    assert ngram(training, scored, 8) == part
    assert part.counted == 1000


def test_the_streams_are_only_read() -> None:
    training, scored = patterned(500, seed=1), patterned(100, seed=2)
    for text in (training, scored):
        text.flags.writeable = False
    before = training.tolist(), scored.tolist()
    ngram(training, scored, 8)
    assert (training.tolist(), scored.tolist()) == before


def test_the_examples_of_the_page_are_true() -> None:
    tried = doctest.testmod(module)
    assert tried.failed == 0 < tried.attempted
