"""From scores to a token: temperature, top-k and top-p against the same written plainly, one number at a time."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fogwalk.errors import UsageError
from fogwalk.generation.sampling import Sampling, draw, probabilities

SCORES = st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=12)
SETTINGS = settings(deadline=None, max_examples=150, derandomize=True)


def softmax(scores: list[float], temperature: float) -> list[float]:
    highest = max(scores)
    powers = [math.exp((score - highest) / temperature) for score in scores]
    return [power / sum(powers) for power in powers]


def chances_of(scores: list[float], **how: float | int | None) -> list[float]:
    chances: list[float] = probabilities(torch.tensor([scores]), Sampling(**how))[0].tolist()  # type: ignore[arg-type]
    return chances


@SETTINGS
@given(scores=SCORES, temperature=st.floats(0.05, 20))
def test_temperature_divides_the_scores(scores: list[float], temperature: float) -> None:
    assert chances_of(scores, temperature=temperature) == pytest.approx(softmax(scores, temperature), abs=1e-5)


@SETTINGS
@given(scores=SCORES, k=st.integers(1, 15), temperature=st.floats(0.2, 5))
def test_top_k_keeps_exactly_the_k_likeliest(scores: list[float], k: int, temperature: float) -> None:
    chances = chances_of(scores, top_k=k, temperature=temperature)
    # Among equal scores any may stay, so the chances are compared in order of their size.
    kept = softmax(sorted(scores, reverse=True)[:k], temperature)
    assert sorted(chances, reverse=True) == pytest.approx(kept + [0.0] * (len(scores) - len(kept)), abs=1e-5)
    stay, go = (
        [score for score, chance in zip(scores, chances, strict=True) if (chance > 0) == keep] for keep in (True, False)
    )
    assert not go or min(stay) >= max(go) - 1e-4  # nearer scores are equal in float32's chances


@pytest.mark.parametrize("k", [1, 2, 4, 5])
def test_exactly_k_stay_among_equal_scores(k: int) -> None:
    chances = chances_of([1.0] * 5, top_k=k)
    assert sorted(chances, reverse=True) == pytest.approx([1 / k] * k + [0.0] * (5 - k))


@SETTINGS
@given(scores=SCORES, p=st.floats(0.01, 1), temperature=st.floats(0.2, 5), k=st.none() | st.integers(1, 12))
def test_top_p_keeps_the_fewest_that_together_reach_p(
    scores: list[float], p: float, temperature: float, k: int | None
) -> None:
    ordered = softmax(sorted(scores, reverse=True)[:k], temperature)
    kept: list[float] = []
    for chance in ordered:
        assume(abs(sum(kept) - p) > 1e-5)  # there float32 may fall to either side
        if sum(kept) < p:
            kept.append(chance)
    expected = [chance / sum(kept) for chance in kept] + [0.0] * (len(scores) - len(kept))
    chances = chances_of(scores, temperature=temperature, top_k=k, top_p=p)
    assert sorted(chances, reverse=True) == pytest.approx(expected, abs=1e-5)
    stay, go = (
        [score for score, chance in zip(scores, chances, strict=True) if (chance > 0) == keep] for keep in (True, False)
    )
    assert not go or min(stay) >= max(go) - 1e-4  # nearer scores are equal in float32's chances


def test_top_p_by_hand() -> None:
    scores = [math.log(chance) for chance in (0.1, 0.5, 0.25, 0.15)]
    assert chances_of(scores, top_p=0.5) == pytest.approx([0, 1, 0, 0])
    assert chances_of(scores, top_p=0.7) == pytest.approx([0, 2 / 3, 1 / 3, 0])
    assert chances_of(scores, top_p=0.76) == pytest.approx([0, 5 / 9, 2.5 / 9, 1.5 / 9])
    assert chances_of(scores, top_p=1.0) == pytest.approx([0.1, 0.5, 0.25, 0.15])
    # top-k first: of what it leaves, half is reached by one.
    assert chances_of(scores, top_k=2, top_p=0.6) == pytest.approx([0, 1, 0, 0])


@SETTINGS
@given(scores=SCORES)
def test_temperature_zero_is_greedy(scores: list[float]) -> None:
    chances = chances_of(scores, temperature=0, top_k=3, top_p=0.5)
    assert sorted(chances) == [0.0] * (len(scores) - 1) + [1.0]
    assert scores[chances.index(1.0)] == max(scores)


@SETTINGS
@given(
    scores=SCORES,
    temperature=st.floats(0, 100, exclude_min=True) | st.sampled_from([5e-324, 1e-300, 1e-45, 1e-38, 1e-6]),
    k=st.none() | st.integers(1, 12),
    p=st.none() | st.floats(0, 1, exclude_min=True),
)
def test_whatever_is_asked_the_chances_sum_to_one(
    scores: list[float], temperature: float, k: int | None, p: float | None
) -> None:
    chances = chances_of(scores, temperature=temperature, top_k=k, top_p=p)
    assert all(0 <= chance <= 1 + 1e-6 for chance in chances)
    assert sum(chances) == pytest.approx(1, abs=1e-5)
    assert max(chances) == chances[scores.index(max(scores))] or scores.count(max(scores)) > 1


def test_a_temperature_near_zero_is_nearly_greedy() -> None:
    assert chances_of([3.0, 3.5, -2.0], temperature=1e-40) == [0.0, 1.0, 0.0]


def test_every_row_is_cut_by_itself() -> None:
    scores = torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])
    chances = probabilities(scores, Sampling(top_k=2))
    assert (chances > 0).tolist() == [[False, True, True], [True, True, False]]
    assert torch.equal(scores, torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]])), "scores are the caller's own"


def test_draws_follow_the_chances_and_repeat_with_the_seed() -> None:
    chances = torch.tensor([[0.5, 0.0, 0.3, 0.2]]).expand(20_000, -1)
    drawn = draw(chances, torch.Generator().manual_seed(7))
    shares = torch.bincount(drawn, minlength=4) / 20_000
    assert shares.tolist() == pytest.approx([0.5, 0.0, 0.3, 0.2], abs=0.015)
    assert int((drawn == 1).sum()) == 0
    assert torch.equal(drawn, draw(chances, torch.Generator().manual_seed(7)))
    assert not torch.equal(drawn, draw(chances, torch.Generator().manual_seed(8)))


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"temperature": -0.1}, "temperature cannot be -0.1"),
        ({"temperature": math.nan}, "temperature cannot be nan"),
        ({"temperature": math.inf}, "temperature cannot be inf"),
        ({"top_k": 0}, "top-k cannot be 0"),
        ({"top_p": 0.0}, "top-p cannot be 0"),
        ({"top_p": 1.01}, "top-p cannot be 1.01"),
        ({"top_p": math.nan}, "top-p cannot be nan"),
    ],
)
def test_what_cannot_be_is_refused_by_name(how: dict[str, float], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        Sampling(**how)  # type: ignore[arg-type]
