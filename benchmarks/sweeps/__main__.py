"""What a budget of seconds teaches, for one choice of shape after the other: the evidence behind the planner's rules.

Usage: python -m benchmarks.sweeps PATH --seconds 60 [--characters N] [--paces FILE] [--table FILE] CHOICE CHOICE ...
Each choice, such as "model.layers=4 model.width=192", is a few flags of `fogwalk train` without their dashes. First the pace of
every choice is measured in turns, on an idle machine; with --paces it is kept in a file and read again. Then each is trained for
as many steps as its pace fits into the seconds, and scored on the whole validation split. So a machine that is busy while
training moves no figure. With --characters only the beginning of the text is used.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import described
from benchmarks.sweeps.choices import flags, settings_of, step_seconds
from benchmarks.training import beginning, train

# How often every choice's pace is measured, one choice after the other: the quickest counts, for a shared machine drifts.
ROUNDS = 3


def trained(path: str, choice: str, steps: int, seed: int) -> dict[str, Any]:
    """Train in a real process and score the checkpoint a person would use, the best by validation."""
    words = [path, "--training.steps", str(steps), "--training.compile", "off", "--training.sample-every", "0"]
    with tempfile.TemporaryDirectory() as folder:
        run = train([*words, "--seed", str(seed), *flags(choice)], Path(folder) / "run")
        score: dict[str, Any] = run.asked("evaluate")
        score["parameters"] = sum(row["count"] for row in run.asked("parameters"))
    return score


def main() -> int:
    """Measure, train, print the table."""
    options = argparse.ArgumentParser()
    options.add_argument("--characters", type=int)
    options.add_argument("path")
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--paces", type=Path)
    options.add_argument("--table", type=Path)
    options.add_argument("choices", nargs="+")
    found = options.parse_args()
    if not found.characters:
        return swept(found, found.path, f"`{os.path.basename(found.path)}`")
    with tempfile.TemporaryDirectory() as folder:
        named = f"the first {found.characters:,} characters of `{os.path.basename(found.path)}`"
        return swept(found, str(beginning(found.path, found.characters, Path(folder))), named)


def swept(found: argparse.Namespace, path: str, named: str) -> int:
    """The pace of every choice, then each trained; `named` tells the text in the table."""
    choices: list[str] = found.choices
    known: dict[str, float] = {}
    if found.paces and found.paces.exists():
        known = json.loads(found.paces.read_text(encoding="utf-8"))
    unknown = {choice: f"{named} {choice}" for choice in choices if f"{named} {choice}" not in known}
    for _ in range(ROUNDS):
        for choice, key in unknown.items():
            known[key] = min(known.get(key, math.inf), step_seconds(path, choice))
            print(f"{known[key] * 1000:7.1f} ms a step  {choice}", flush=True)
    if found.paces:
        found.paces.write_text(json.dumps(known, indent=1), encoding="utf-8")
    if not found.seconds:
        return 0
    lines = [
        f"{named}, {found.seconds:g} s of steps, seed {found.seed}, eager; {described()}.",
        "",
        "| choice | parameters | ms a step | steps | tokens seen | loss | bits per byte |",
        "|---|---|---|---|---|---|---|",
    ]
    for choice in choices:
        step = known[f"{named} {choice}"]
        steps = max(20, round(found.seconds / step))
        score = trained(path, choice, steps, found.seed)
        model = settings_of(path, choice)
        seen = steps * model.training.batch * model.context
        lines.append(
            f"| `{choice}` | {score['parameters'] / 1e6:.2f} M | {step * 1000:.0f} | {steps:,} | {seen / 1e6:.2f} M "
            f"| {score['loss']:.4f} | {score['bits_per_byte']:.4f} |"
        )
        print(lines[-1], flush=True)
    if found.table:
        found.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
