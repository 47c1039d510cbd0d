"""The learning rate over a run: each schedule at places worked out by hand, and limits that none may leave."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogwalk.errors import SettingError
from fogwalk.settings import Optimizer
from fogwalk.training.schedule import schedule

NAMES = ("constant", "cosine", "linear", "warmup-stable-decay")


def rates(name: str, steps: int, **chosen: float) -> list[float]:
    given_settings = {"warmup": 0.0, "final": 0.0, **chosen}
    rate = schedule(Optimizer(learning_rate=2.0, schedule=name, **given_settings), steps)  # type: ignore[arg-type]
    return [rate(step) for step in range(steps)]


def test_constant_stays() -> None:
    assert rates("constant", 5) == [2.0] * 5


def test_every_schedule_rises_in_equal_parts_over_its_warmup() -> None:
    for name in NAMES:
        assert rates(name, 20, warmup=0.25, decay=0.5)[:5] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0]), name


def test_linear_falls_in_equal_parts() -> None:
    assert rates("linear", 4) == pytest.approx([2.0, 1.5, 1.0, 0.5])
    assert rates("linear", 4, final=0.5) == pytest.approx([2.0, 1.75, 1.5, 1.25])
    assert rates("linear", 6, warmup=1 / 3) == pytest.approx([1.0, 2.0, 2.0, 1.5, 1.0, 0.5])


def test_cosine_follows_half_a_wave() -> None:
    expected = [1 + math.cos(math.pi * step / 8) for step in range(8)]
    assert rates("cosine", 8) == pytest.approx(expected)
    assert rates("cosine", 8, final=0.1) == pytest.approx([0.2 + 0.9 * value for value in expected])
    assert rates("cosine", 8)[4] == pytest.approx(1.0)


def test_warmup_stable_decay_rises_stays_and_falls() -> None:
    assert rates("warmup-stable-decay", 10, warmup=0.2, decay=0.4) == pytest.approx([1, 2, 2, 2, 2, 2, 2, 1.5, 1, 0.5])
    assert rates("warmup-stable-decay", 4, decay=0.5, final=0.25) == pytest.approx([2, 2, 2, 1.25])
    assert rates("warmup-stable-decay", 4, decay=0.0) == [2.0] * 4
    assert rates("warmup-stable-decay", 4, decay=1.0) == rates("linear", 4)


@pytest.mark.parametrize("name", NAMES)
def test_without_a_warmup_the_first_step_is_at_the_full_rate(name: str) -> None:
    assert rates(name, 10, decay=0.5)[0] == 2.0


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("warmup", [0.0, 0.02, 0.5])
def test_a_run_of_one_step_has_a_rate(name: str, warmup: float) -> None:
    assert rates(name, 1, warmup=warmup, decay=0.5) == [2.0]


@pytest.mark.parametrize("name", NAMES)
def test_a_warmup_over_the_whole_run_only_rises(name: str) -> None:
    assert rates(name, 4, warmup=1.0, decay=0.0) == [0.5, 1.0, 1.5, 2.0]


@pytest.mark.parametrize("name", NAMES[1:])
def test_falling_ends_just_above_the_final_rate(name: str) -> None:
    whole = rates(name, 1000, decay=0.5, final=0.1)
    assert 0.2 < whole[-1] < 0.21
    rate = schedule(Optimizer(learning_rate=2.0, schedule=name, final=0.1), 1000)
    assert rate(1000) == pytest.approx(0.2)


def test_warmup_and_decay_that_overlap_are_refused() -> None:
    with pytest.raises(SettingError, match=r"warmup 0\.6 and decay 0\.5"):
        Optimizer(warmup=0.6, decay=0.5)


SHARE = st.floats(0, 1, allow_subnormal=False)


@settings(deadline=None, max_examples=300, derandomize=True)
@given(
    name=st.sampled_from(NAMES),
    full=st.floats(1e-300, 1000),
    shares=st.tuples(SHARE, SHARE).filter(lambda pair: sum(pair) <= 1),
    final=SHARE,
    steps=st.integers(1, 10_000),
    data=st.data(),
)
def test_every_rate_is_finite_above_zero_and_at_most_the_full_rate(
    name: str, full: float, shares: tuple[float, float], final: float, steps: int, data: st.DataObject
) -> None:
    chosen = Optimizer(learning_rate=full, schedule=name, warmup=shares[0], decay=shares[1], final=final)
    rate = schedule(chosen, steps)
    for step in {0, steps - 1, data.draw(st.integers(0, steps - 1))}:
        assert math.isfinite(rate(step))
        assert 0 < rate(step) <= full


@settings(deadline=None, max_examples=100, derandomize=True)
@given(
    name=st.sampled_from(NAMES),
    shares=st.tuples(SHARE, SHARE).filter(lambda pair: sum(pair) <= 1),
    final=SHARE,
    steps=st.integers(1, 60),
)
def test_no_rate_falls_before_the_warmup_ends_or_rises_after_it(
    name: str, shares: tuple[float, float], final: float, steps: int
) -> None:
    whole = rates(name, steps, warmup=shares[0], decay=shares[1], final=final)
    warm = round(shares[0] * steps)
    assert all(before < after for before, after in itertools.pairwise(whole[:warm]))
    assert all(before >= after for before, after in itertools.pairwise(whole[warm:]))
