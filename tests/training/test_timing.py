"""Seconds of steps, validations and samples: in both orders in which a step and its validation are heard."""

from __future__ import annotations

import pytest

from fogwalk.cli.remaining import Remaining
from fogwalk.events import Evaluated, Event, Planned, Resumed, Sampled, StepDone
from fogwalk.training.timing import Timing


def step(number: int, seconds: float) -> StepDone:
    return StepDone(step=number, seconds=seconds, loss=1.0, gradient_norm=1.0, learning_rate=0.1, examples=10)


def evaluated(number: int, seconds: float) -> Evaluated:
    return Evaluated(step=number, seconds=seconds, validation_loss=1.0, context=8, examples=10)


def story() -> list[Event]:
    """Steps of 1 s; after the second a validation of 3 s and a sample of 0.5 s, after the third a sample of 0.25 s."""
    return [
        step(1, 10.0),
        step(2, 11.0),
        evaluated(2, 14.0),
        Sampled(step=2, seconds=14.5, prompt="", text=""),
        step(3, 15.5),
        Sampled(step=3, seconds=15.75, prompt="", text=""),
        step(4, 16.75),
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_each_is_timed_apart(turned: bool) -> None:
    events = story()
    if turned:
        events[1:3] = reversed(events[1:3])
    timing = Timing(50)
    for event in events:
        timing(event)
    assert list(timing.latest) == [1.0, 1.0, 1.0]
    assert (timing.made, timing.now) == (3, 16.75)
    assert list(timing.validations) == [3.0]
    assert timing.sample == 0.25


def test_what_a_resume_begins_with_is_no_step() -> None:
    timing = Timing(50)
    resumed = Resumed(step=7, seconds=900.0, steps=10, settings={}, exact=True, why="")
    sample = Sampled(step=7, seconds=904.5, prompt="", text="")
    for event in (evaluated(7, 904.0), resumed, sample, step(8, 930.0), step(9, 931.0)):
        timing(event)
    assert list(timing.latest) == [1.0]  # the first step of a session makes generated code
    assert not timing.validations
    assert timing.sample == 0.5


def test_a_sample_at_a_resume_is_no_longer_than_it_was() -> None:
    timing = Timing(50)
    timing(Resumed(step=7, seconds=900.0, steps=10, settings={}, exact=True, why=""))
    timing(Sampled(step=7, seconds=900.5, prompt="", text=""))
    assert timing.sample == 0.5


def test_what_is_left_counts_the_validations_to_come() -> None:
    left = Remaining()
    left(Planned(step=0, seconds=0.0, steps=10, settings={"training.evaluate_every": 4}, data={}, model={}))
    assert left.pace() == 0.0
    for event in (step(1, 1), step(2, 2), step(3, 3), step(4, 4), evaluated(4, 7), step(5, 8)):
        left(event)
    assert left.pace() == 1.0
    assert left.seconds(5) == 11.0  # five steps, and the validations after the steps 8 and 10
