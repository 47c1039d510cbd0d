"""Losses and the numbers beside them, against plain recomputation and known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fogwalk.objectives.losses import cross_entropy
from fogwalk.objectives.metrics import Score, frequencies, guessing


def by_hand(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Mean of -log softmax(logits)[target], one token after the other in plain Python."""
    losses = []
    for row, answers in zip(logits.double().tolist(), targets.tolist(), strict=True):
        for scores, answer in zip(row, answers, strict=True):
            top = max(scores)
            total = math.fsum(math.exp(score - top) for score in scores)
            losses.append(math.log(total) + top - scores[answer])
    return math.fsum(losses) / len(losses)


@given(st.integers(1, 3), st.integers(1, 6), st.integers(2, 9), st.integers(0, 1000), st.floats(0.1, 30))
def test_cross_entropy_is_the_mean_surprise(batch: int, time: int, vocabulary: int, seed: int, spread: float) -> None:
    chance = torch.Generator().manual_seed(seed)
    logits = torch.randn(batch, time, vocabulary, generator=chance, dtype=torch.float64) * spread
    targets = torch.randint(vocabulary, (batch, time), generator=chance)
    assert float(cross_entropy(logits, targets)) == pytest.approx(by_hand(logits, targets), rel=1e-10, abs=1e-10)
    assert float(cross_entropy(logits.float(), targets)) == pytest.approx(by_hand(logits, targets), rel=1e-4, abs=1e-4)


def test_cross_entropy_known_answers() -> None:
    targets = torch.tensor([[0, 1]])
    assert float(cross_entropy(torch.zeros(1, 2, 5), targets)) == pytest.approx(math.log(5))
    sure = torch.tensor([[[100.0, 0.0], [0.0, 100.0]]])
    assert float(cross_entropy(sure, targets)) == 0.0
    assert float(cross_entropy(sure, 1 - targets)) == 100.0


def test_half_precision_scores_are_summed_in_float32() -> None:
    logits = torch.randn(2, 3, 7, generator=torch.Generator().manual_seed(1)).bfloat16()
    targets = torch.randint(7, (2, 3), generator=torch.Generator().manual_seed(2))
    loss = cross_entropy(logits, targets)
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(by_hand(logits, targets), rel=1e-6)


def test_guessing_is_the_logarithm_of_the_vocabulary() -> None:
    assert guessing(1) == 0
    assert guessing(65) == pytest.approx(4.174387)


def test_frequencies_known_answer() -> None:
    training = np.array([0, 0, 0, 1, 2], dtype=np.uint16)  # with one added: 4, 2, 2 of 8, and 1 of 9 for a fourth
    scored = np.array([2, 0, 1, 0], dtype=np.uint16)  # the first is not scored
    assert frequencies(training, scored, 3) == pytest.approx((math.log(2) + math.log(4) + math.log(2)) / 3)
    assert frequencies(training, np.array([0, 3], dtype=np.uint16), 4) == pytest.approx(math.log(9))
    assert math.isnan(frequencies(training, scored[:1], 3))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=50), st.lists(st.integers(0, 5), min_size=2, max_size=50))
def test_frequencies_are_the_mean_surprise_of_counting(training: list[int], scored: list[int]) -> None:
    chances = [(training.count(token) + 1) / (len(training) + 6) for token in range(6)]
    wanted = -sum(math.log(chances[token]) for token in scored[1:]) / (len(scored) - 1)
    found = frequencies(np.array(training, dtype=np.uint16), np.array(scored, dtype=np.uint32), 6)
    assert found == pytest.approx(wanted)


def score(**values: float) -> Score:
    """A score of ten tokens over twenty characters and forty bytes."""
    given: dict[str, float] = {"loss": 1.0, "tokens": 10, "context": 8, "characters": 20, "bytes": 40} | values
    return Score(**given)  # type: ignore[arg-type]


def test_bits_per_byte_and_character_known_answers() -> None:
    assert score(loss=math.log(2), tokens=40).bits_per_byte == pytest.approx(1)
    assert score(loss=math.log(2)).bits_per_byte == pytest.approx(0.25)
    assert score(loss=math.log(2)).bits_per_character == pytest.approx(0.5)
    assert score(loss=math.log(256), tokens=40).bits_per_byte == pytest.approx(8)


def test_perplexity_undoes_the_logarithm_and_stays_a_number() -> None:
    assert score(loss=math.log(65)).perplexity == pytest.approx(65)
    assert math.isfinite(score(loss=1e6).perplexity)
