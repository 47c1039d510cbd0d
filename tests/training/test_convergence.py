"""The rule that ends a run: it fires when validation stands still within its noise, and not while it falls."""

from __future__ import annotations

import math
import random

import pytest

from fogwalk.settings import Training
from fogwalk.training.convergence import NOTHING, slope, strays, verdict
from fogwalk.training.history import History

RULE = Training(steps=10_000)


def history(loss_at: object, last: int, every: int = 20, noise: float = 0.0) -> History:
    chance, found = random.Random(0), History()
    for step in range(every, last + 1, every):
        found.validated(step, loss_at(step) + chance.gauss(0, noise))  # type: ignore[operator]
    return found


def fired_at(
    loss_at: object, noise: float = 0.01, rule: Training = RULE, last: int = 10_000, seed: int = 1
) -> int | None:
    """The first step at which the rule ends a run with this learning curve."""
    chance, found = random.Random(seed), History()
    for step in range(20, last, 20):
        found.validated(step, loss_at(step) + chance.gauss(0, noise))  # type: ignore[operator]
        said = verdict(found, rule)
        if said and said.converged:
            return step
    return None


def test_a_line_is_laid_by_least_squares_and_noise_read_off_neighbours() -> None:
    assert slope([(0, 1.0), (1, 0.0), (2, 1.0), (3, 0.0)]) == pytest.approx(-0.2)
    chance = random.Random(0)
    falling = [3.0 - place / 1000 + chance.gauss(0, 0.01) for place in range(2000)]
    assert strays(falling) == pytest.approx(0.01, rel=0.05)


def test_with_few_validations_nothing_is_said() -> None:
    assert verdict(history(lambda step: 2.0, 100), RULE) is None


def test_a_curve_that_still_falls_goes_on_and_one_that_stands_ends() -> None:
    falling = verdict(history(lambda step: 3.0 - step / 1000, 1000, noise=0.01), RULE)
    standing = verdict(history(lambda step: 2.0, 1000, noise=0.01), RULE)
    assert falling
    assert standing
    assert not falling.converged
    assert falling.gain == pytest.approx(0.23, abs=0.05)
    assert standing.noise == pytest.approx(0.01, rel=0.5)


CURVES = {
    "exponential": lambda step: 1.5 + 2.0 * math.exp(-step / 300),
    "power law": lambda step: 1.5 + 60 / step,
    "turning": lambda step: 1.5 + 2 * step**-0.5 + 1e-5 * max(0, step - 2000),
}


@pytest.mark.parametrize("name", CURVES)
def test_after_it_fires_half_as_many_steps_again_bring_less_than_the_noise(name: str) -> None:
    curve = CURVES[name]
    fired = [at for seed in range(10) if (at := fired_at(curve, seed=seed)) is not None]
    assert len(fired) == 10
    gained = [curve(at) - curve(at * 3 // 2) for at in fired]
    assert sum(gain < 0.01 for gain in gained) >= (9 if name == "turning" else 10), f"at {fired}: {gained}"
    if name == "exponential":
        assert all(300 < at < 4000 for at in fired)


def test_it_fires_once_a_memorising_run_has_turned() -> None:
    at = fired_at(lambda step: 1.5 + abs(step - 1000) / 2000)
    assert at is not None
    assert 1000 < at < 1600


def test_a_smooth_curve_that_falls_a_little_for_ever_ends_too() -> None:
    at = fired_at(lambda step: 0.1 + 4 / step, noise=0.0)
    assert at is not None
    assert 4 / at - 4 / (1.5 * at) < NOTHING
    assert fired_at(lambda step: 3.0 - step / 1000, noise=0.0) is None


def test_a_noise_that_is_given_is_taken() -> None:
    slow = Training(steps=10_000, convergence_noise=0.5)
    at = fired_at(lambda step: 3.0 - step / 10_000, rule=slow)
    assert at is not None
    assert at < 1000
    assert fired_at(lambda step: 3.0 - step / 10_000, 1e-6, Training(steps=10_000, convergence_noise=1e-4)) is None


def test_a_loss_that_is_not_finite_says_nothing() -> None:
    found = history(lambda step: 2.0, 1000, noise=0.01)
    found.validated(1020, math.nan)
    assert verdict(found, RULE) is None
