"""`make trials`: every battery whole; writes its table to docs/trials.md and exits 1 when a trial failed.

Usage: python -m tests.trials [--only NAME ...] [--table FILE] [--jobs N]
With --only the other batteries' parts of the table stay as they are, each with the commit it was tried on.
"""

from __future__ import annotations

import argparse
import collections
import platform
import sys
import time
from pathlib import Path

import torch

from tests.trials.batteries import BATTERIES
from tests.trials.battery import Battery, Outcome, commit, run


def missing(battery: Battery, outcomes: list[Outcome]) -> list[str]:
    """Phases that were struck too seldom."""
    counts = {phase: sum(phase in outcome.phase for outcome in outcomes) for phase in battery.needs}
    return [f"{phase}: {counts[phase]} of {least}" for phase, least in battery.needs.items() if counts[phase] < least]


def section(battery: Battery, outcomes: list[Outcome], seconds: float, jobs: int) -> str:
    """A battery's part of the table."""
    passed = sum(outcome.passed for outcome in outcomes)
    phases = collections.Counter(outcome.phase for outcome in outcomes)
    lines = [
        f"## {battery.name}: {passed} of {battery.size} passed",
        "",
        f"Promise: {battery.promise}.",
        "",
        f"Commit {commit()}; {1 if battery.alone else jobs} at once, {seconds:.0f} s.",
        "",
        "| struck | trials | passed |",
        "|---|---|---|",
    ]
    for phase, count in phases.most_common():
        fine = sum(outcome.passed for outcome in outcomes if outcome.phase == phase)
        lines.append(f"| {phase} | {count} | {fine} |")
    lines += [f"\nToo seldom: {words}" for words in missing(battery, outcomes)]
    return "\n".join(lines)


def earlier(table: Path) -> dict[str, str]:
    """The parts of a table that was written before, by the name of their battery."""
    if not table.exists():
        return {}
    parts = table.read_text(encoding="utf-8").split("\n## ")[1:]
    return {part.partition(":")[0]: f"## {part.strip()}" for part in parts}


def main() -> int:
    """Run and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", help="names of batteries", choices=[battery.name for battery in BATTERIES])
    parser.add_argument("--table", type=Path, default=Path("docs/trials.md"))
    parser.add_argument("--jobs", type=int, default=2, help="trials at once; more only moves where a kill strikes")
    found = parser.parse_args()
    parts, failed = earlier(found.table) if found.only else {}, False
    for battery in BATTERIES:
        if not found.only or battery.name in found.only:
            began = time.monotonic()
            outcomes = run(battery, range(battery.size), found.jobs)
            parts[battery.name] = section(battery, outcomes, time.monotonic() - began, found.jobs)
            failed |= not all(outcome.passed for outcome in outcomes) or bool(missing(battery, outcomes))
    head = (
        "# Trials\n\nWritten by `make trials`: every battery whole. "
        "`make test-slow` draws 8 of each, of the corpus 2, seeded by the commit.\n"
        f"Python {platform.python_version()}, torch {torch.__version__}, {torch.get_num_threads()} threads.\n"
    )
    ordered = [parts[battery.name] for battery in BATTERIES if battery.name in parts]
    table = "\n\n".join([head.strip(), *ordered]) + "\n"
    found.table.write_text(table, encoding="utf-8")
    print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
