"""Some trials drawn from each heavy battery, seeded by the commit (`make test-slow`); `make trials` runs them all."""

from __future__ import annotations

import pytest

from tests.trials.batteries import BATTERIES
from tests.trials.battery import Battery, drawn, run

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("battery", BATTERIES, ids=[battery.name for battery in BATTERIES])
def test_drawn_trials_keep_their_promise(battery: Battery) -> None:
    numbers = drawn(battery)
    outcomes = run(battery, numbers, jobs=2)
    assert len(outcomes) == battery.draws <= battery.size
    failed = [
        f"{number}: {one.phase}: {one.details}" for number, one in zip(numbers, outcomes, strict=True) if not one.passed
    ]
    assert not failed, f"{battery.promise}: {failed}"
