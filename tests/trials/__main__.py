"""`make trials`: every battery whole; writes its table to docs/trials.md and exits 1 when a trial failed.

Usage: python -m tests.trials [--only NAME] [--table FILE] [--jobs N]
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import platform
import sys
import tempfile
import time
from pathlib import Path

import torch

from tests.trials.batteries import BATTERIES
from tests.trials.battery import Battery, Outcome, commit


def run(battery: Battery, jobs: int) -> tuple[list[Outcome], float]:
    """Every trial of a battery, so many at once, printed as it ends."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as shared_folder:
        shared = battery.prepare(Path(shared_folder))

        def one(number: int) -> Outcome:
            with tempfile.TemporaryDirectory() as folder:
                outcome = battery.trial(shared, number, Path(folder))
            told = "ok" if outcome.passed else "FAILED"
            print(f"{battery.name} {number}: {told}  {outcome.phase}  {outcome.details}", flush=True)
            return outcome

        with concurrent.futures.ThreadPoolExecutor(1 if battery.alone else jobs) as pool:
            outcomes = list(pool.map(one, range(battery.size)))
    return outcomes, time.monotonic() - began


def missing(battery: Battery, outcomes: list[Outcome]) -> list[str]:
    """Phases that were struck too seldom."""
    counts = {phase: sum(phase in outcome.phase for outcome in outcomes) for phase in battery.needs}
    return [f"{phase}: {counts[phase]} of {least}" for phase, least in battery.needs.items() if counts[phase] < least]


def section(battery: Battery, outcomes: list[Outcome], seconds: float) -> str:
    """A battery's part of the table."""
    passed = sum(outcome.passed for outcome in outcomes)
    phases = collections.Counter(outcome.phase for outcome in outcomes)
    lines = [
        f"## {battery.name}: {passed} of {battery.size} passed",
        "",
        f"Promise: {battery.promise}. Took {seconds:.0f} s.",
        "",
        "| struck | trials | passed |",
        "|---|---|---|",
    ]
    for phase, count in phases.most_common():
        fine = sum(outcome.passed for outcome in outcomes if outcome.phase == phase)
        lines.append(f"| {phase} | {count} | {fine} |")
    lines += [f"\nToo seldom: {words}" for words in missing(battery, outcomes)]
    return "\n".join(lines)


def main() -> int:
    """Run and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", help="the name of one battery")
    parser.add_argument("--table", default="docs/trials.md")
    parser.add_argument("--jobs", type=int, default=2, help="trials at once; more only moves where a kill strikes")
    found = parser.parse_args()
    parts, failed = [], False
    for battery in BATTERIES:
        if found.only in (None, battery.name):
            outcomes, seconds = run(battery, found.jobs)
            parts.append(section(battery, outcomes, seconds))
            failed |= not all(outcome.passed for outcome in outcomes) or bool(missing(battery, outcomes))
    head = (
        "# Trials\n\nWritten by `make trials`: every battery whole. `make test-slow` draws 8 of each, seeded by the commit.\n"
        f"\nCommit {commit()}, {found.jobs} trials at once.\n"
        f"Python {platform.python_version()}, torch {torch.__version__}, {torch.get_num_threads()} threads.\n"
    )
    table = "\n\n".join([head.strip(), *parts]) + "\n"
    Path(found.table).write_text(table, encoding="utf-8")
    print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
