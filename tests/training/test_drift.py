"""How many steps still fit: against a simulated machine that then makes them."""

from __future__ import annotations

import pytest

from fogwalk.events import Evaluated, Event, Sampled, StepDone
from fogwalk.training.drift import Drift


def step(number: int, seconds: float) -> StepDone:
    return StepDone(step=number, seconds=seconds, loss=1.0, gradient_norm=1.0, learning_rate=0.1, examples=10)


class Machine:
    """Makes steps, validations and samples of a given length, and tells them as a session does: validations before the step."""

    def __init__(self, *, step: float, validation: float, every: int, sample: float, sample_every: int) -> None:
        self.step, self.validation, self.every = step, validation, every
        self.sample, self.sample_every = sample, sample_every
        self.now, self.made = 0.0, 0

    def go(self) -> list[Event]:
        self.made += 1
        self.now += self.step
        told: list[Event] = [step(self.made, self.now)]
        if self.made % self.every == 0:
            self.now += self.validation
            told.insert(0, Evaluated(step=self.made, seconds=self.now, validation_loss=1.0, context=8, examples=10))
        if self.made % self.sample_every == 0:
            self.now += self.sample
            told.append(Sampled(step=self.made, seconds=self.now, prompt="", text=""))
        return told


@pytest.mark.parametrize("validation", [0.0, 0.5, 6.0])
@pytest.mark.parametrize("every", [7, 10, 90])
def test_what_fits_is_made_within_the_seconds(validation: float, every: int) -> None:
    machine = Machine(step=0.1, validation=validation, every=every, sample=0.4, sample_every=50)
    drift = Drift(validation_steps=validation / 0.1)
    budget, looked = 300.0, False
    while not (looked and machine.made > 100):  # each kind of wait has been seen
        looked = False
        for event in machine.go():
            drift(event)
            if isinstance(event, StepDone) and drift.looks(400):
                looked = True
        if looked:
            assert drift.pace == pytest.approx(0.1)
            fit = drift.fit(budget, every, 50)
    for _ in range(fit):
        machine.go()
    end = machine.now + validation * (machine.made % every > 0)
    # One validation or sample more or less may fall into what is left.
    assert budget - validation - 0.6 < end < budget + validation + 0.6


def test_a_stall_is_past_and_says_little_of_the_steps_to_come() -> None:
    drift = Drift()
    for number in range(1, 101):
        drift(step(number, 0.1 * number + 20.0 * (number > 60)))
    assert drift.looks(400)
    assert drift.pace == pytest.approx(0.1, rel=0.04)
    left = 100.0 - 30.0
    assert drift.fit(100.0, 10**6, 0) == pytest.approx(left / 0.1, rel=0.04)  # what the stall has cost is gone


def test_a_validation_that_was_never_timed_is_guessed_from_its_steps() -> None:
    machine = Machine(step=0.1, validation=0.0, every=10**6, sample=0.0, sample_every=10**6)
    drift = Drift(validation_steps=50)
    while True:
        (event,) = machine.go()
        drift(event)
        assert isinstance(event, StepDone)
        if drift.looks(100):
            break
    left = 60 - machine.now
    assert drift.fit(60, 10**6, 0) == pytest.approx((left - 5) / 0.1, abs=1)
