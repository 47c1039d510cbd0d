"""`make trials`: every battery whole; writes its table to docs/trials.md and exits 1 when a trial failed.

Usage: python -m tests.trials [--only NAME] [--table FILE]
"""

from __future__ import annotations

import argparse
import collections
import platform
import sys
import tempfile
import time
from pathlib import Path

import torch

from tests.trials.batteries import BATTERIES
from tests.trials.battery import Battery, Outcome


def run(battery: Battery) -> tuple[list[Outcome], float]:
    """Every trial of a battery, printed as it ends."""
    began = time.monotonic()
    outcomes = []
    with tempfile.TemporaryDirectory() as shared_folder:
        shared = battery.prepare(Path(shared_folder))
        for number in range(battery.size):
            with tempfile.TemporaryDirectory() as folder:
                outcome = battery.trial(shared, number, Path(folder))
            outcomes.append(outcome)
            print(
                f"{battery.name} {number}: {'ok' if outcome.passed else 'FAILED'}  {outcome.phase}  {outcome.details}",
                flush=True,
            )
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
    found = parser.parse_args()
    parts, failed = [], False
    for battery in BATTERIES:
        if found.only in (None, battery.name):
            outcomes, seconds = run(battery)
            parts.append(section(battery, outcomes, seconds))
            failed |= not all(outcome.passed for outcome in outcomes) or bool(missing(battery, outcomes))
    head = (
        "# Trials\n\nWritten by `make trials`: every battery whole. `make test-slow` draws 8 of each, seeded by the commit.\n"
        f"\nPython {platform.python_version()}, torch {torch.__version__}, {torch.get_num_threads()} threads.\n"
    )
    table = "\n\n".join([head.strip(), *parts]) + "\n"
    Path(found.table).write_text(table, encoding="utf-8")
    print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
