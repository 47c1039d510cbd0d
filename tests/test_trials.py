"""Eight trials drawn from each heavy battery, seeded by the commit (`make test-slow`); `make trials` runs them all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.trials.batteries import BATTERIES
from tests.trials.battery import Battery, drawn

pytestmark = pytest.mark.slow

NAMED = {battery.name: battery for battery in BATTERIES}
_prepared: dict[str, object] = {}


@pytest.fixture(scope="module")
def shared_folder() -> Iterator[Path]:
    """Where the batteries keep their references."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)
    _prepared.clear()


def shared(battery: Battery, folder: Path) -> object:
    """What the battery's trials share, made once."""
    if battery.name not in _prepared:
        place = folder / battery.name.replace(" ", "-")
        place.mkdir()
        _prepared[battery.name] = battery.prepare(place)
    return _prepared[battery.name]


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name, battery in NAMED.items() for number in drawn(battery)]
)
def test_a_drawn_trial_keeps_its_promise(name: str, number: int, shared_folder: Path, tmp_path: Path) -> None:
    battery = NAMED[name]
    outcome = battery.trial(shared(battery, shared_folder), number, tmp_path)
    assert outcome.passed, f"{battery.promise}: {outcome.phase}: {outcome.details}"
