"""What a battery is: numbered trials, each run by itself in a fresh folder, each with an outcome in words.

`make test-slow` draws some trials of each battery, seeded by the commit; `make trials` runs them all and writes the table.
"""

from __future__ import annotations

import concurrent.futures
import random
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Outcome:
    """How one trial ended: whether as it must, in which phase it struck, and what was seen."""

    passed: bool
    phase: str
    details: str = ""


@dataclass(frozen=True)
class Battery:
    """`prepare` makes what all trials share, once; `trial` runs number n of `size` in a folder of its own."""

    name: str
    promise: str
    size: int
    prepare: Callable[[Path], object]
    trial: Callable[[object, int, Path], Outcome]
    alone: bool = False  # one trial at a time: they run in this process, or on every core
    needs: dict[str, int] = field(default_factory=dict)  # phases that the whole battery must strike at least so often
    draws: int = 8  # trials that are drawn for `make test-slow`


def commit() -> str:
    """The commit that is tried."""
    return subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()


def drawn(battery: Battery) -> list[int]:
    """The trials this commit runs in `make test-slow`."""
    chance = random.Random(f"{battery.name} {commit()}")
    return sorted(chance.sample(range(battery.size), battery.draws))


def run(battery: Battery, numbers: Iterable[int], jobs: int) -> list[Outcome]:
    """These trials of a battery, so many at once where it allows that, each printed as it ends."""
    with tempfile.TemporaryDirectory() as shared_folder:
        shared = battery.prepare(Path(shared_folder))

        def one(number: int) -> Outcome:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    outcome = battery.trial(shared, number, Path(folder))
                except Exception as error:
                    error.add_note(f"in trial {number} of {battery.name}")
                    raise
            told = "ok" if outcome.passed else "FAILED"
            print(f"{battery.name} {number}: {told}  {outcome.phase}  {outcome.details}", flush=True)
            return outcome

        with concurrent.futures.ThreadPoolExecutor(1 if battery.alone else jobs) as pool:
            return list(pool.map(one, numbers))
