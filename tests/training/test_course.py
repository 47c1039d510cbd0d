"""A run's course: a re-plan goes through the present rate, and ends where it says."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogwalk.settings import Optimizer, Settings, Training
from fogwalk.training.course import Course, ending_at


def settings(steps: int, **optimizer: object) -> Settings:
    return Settings(
        optimizer=Optimizer(learning_rate=1.0, **{"warmup": 0.05, "decay": 0.5, **optimizer}),  # type: ignore[arg-type]
        training=Training(steps=steps),
    )


@given(steps=st.integers(200, 2000), made=st.floats(0.1, 0.95), grown=st.floats(0.2, 1.5))
def test_a_replan_leaves_the_present_rate_and_falls_to_nothing_at_its_end(
    steps: int, made: float, grown: float
) -> None:
    before = settings(steps)
    step = int(steps * made)
    last = step + max(2, int((steps - step) * grown))
    course = Course(before)
    now = course.rate(step)
    course.turn(before.replacing(ending_at(before, step, last), "test"))
    assert course.steps == last
    slope = 1 / max(course.steps - course.falls_from, 1)
    assert course.rate(step) == pytest.approx(now, abs=2 * slope + 0.01)
    assert course.rate(last - 1) <= 2 * slope + 0.01
    rates = [course.rate(number) for number in range(step, last)]
    assert all(later <= earlier + 1e-9 for earlier, later in itertools.pairwise(rates))


def test_a_run_cut_short_within_its_warm_up_warms_up_to_its_end() -> None:
    before = settings(1000, warmup=0.5, decay=0.0)
    values = ending_at(before, 60, 295)
    assert values["optimizer.warmup"] == 1.0
    before.replacing(values, "test")  # allowed


def test_a_converged_run_falls_from_where_it_is() -> None:
    endless = settings(10_000_000, warmup=50 / 10_000_000, decay=0.0)
    course = Course(endless)
    assert course.rate(49) == course.rate(700) == 1.0
    course.turn(endless.replacing(ending_at(endless, 750, 900, falling=150), "test"))
    assert course.falls_from == 750
    assert course.rate(749) == 1.0
    assert course.rate(825) == pytest.approx(0.5)
    assert course.rate(899) == pytest.approx(1 / 150)


def test_the_warmup_takes_as_many_steps_after_a_replan() -> None:
    before = settings(1000)
    course = Course(before.replacing(ending_at(before, 10, 500), "test"))
    assert [course.rate(step) for step in range(60)] == pytest.approx([Course(before).rate(step) for step in range(60)])


@pytest.mark.parametrize("name", ["constant", "cosine", "linear"])
def test_other_schedules_only_move_their_end(name: str) -> None:
    before = settings(1000, schedule=name)
    course = Course(before.replacing(ending_at(before, 300, 800), "test"))
    assert course.steps == 800
    assert course.rate(799) == pytest.approx(1.0 if name == "constant" else 0.0, abs=0.01)


def test_when_the_planned_rate_begins_to_fall() -> None:
    assert Course(settings(1000, schedule="constant")).falls_from == 1000
    assert Course(settings(1000, schedule="cosine", warmup=0.1)).falls_from == 100
    assert Course(settings(1000, decay=0.25)).falls_from == 750
