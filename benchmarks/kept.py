"""What keeping freed memory between steps saves: steps with it beside steps without, turn by turn.

Usage: python -m benchmarks.kept DATA [--rounds 4]
DATA is the folder with tinyshakespeare.txt. Each trial is a process of its own, eager, at least two seconds of steps. Without:
the C library is left to itself, as `hardware.keep_freed_memory` was before it was there. Page faults are those of the whole
process, for each of its steps.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.machine import described
from benchmarks.sweeps.choices import step_seconds
from fogwalk.training import evaluation, loop, pace, state
from fogwalk.training.state import State

CHOICES = (
    "model.layers=4 model.width=192 model.heads=3",
    "model.layers=3 model.width=128 model.heads=2 data.tokenizer=bpe data.vocabulary=8192",
    "model.layers=6 model.width=384 model.heads=6",
)


def trial(path: str, choice: str, *, keep: bool) -> tuple[float, float]:
    """Milliseconds of a step, and page faults for each."""
    words = [sys.executable, "-m", "benchmarks.kept", path, "--one", choice, *(["--keep"] if keep else [])]
    told = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return told["milliseconds"], told["faults"]


def one(path: str, choice: str, *, keep: bool) -> None:
    """The trial itself, in its own process."""
    if not keep:
        for module in (evaluation, state):
            vars(module)["keep_freed_memory"] = lambda: None
    vars(pace).update(TRIAL_SECONDS=2.0, MOST_TRIAL_STEPS=400)
    made = 0
    whole = loop.loop

    def counted(state: State, *others: Any) -> None:
        nonlocal made
        whole(state, *others)
        made += state.step

    vars(pace)["loop"] = counted
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    seconds = step_seconds(path, choice)
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    print(json.dumps({"milliseconds": seconds * 1000, "faults": faults / made}))


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--one")
    parser.add_argument("--keep", action="store_true")
    found = parser.parse_args()
    if found.one:
        one(str(found.data), found.one, keep=found.keep)
        return 0
    path = str(found.data / "tinyshakespeare.txt")
    print(f"{described()}; the median of {found.rounds}, turn by turn\n")
    print("| shape | kept | handed back | times as long | page faults a step, kept | handed back |")
    print("|---|---|---|---|---|---|")
    for choice in CHOICES:
        turns: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        for turn in range(found.rounds):
            for keep in (True, False) if turn % 2 else (False, True):  # neither is always first
                turns[keep].append(trial(path, choice, keep=keep))
        (kept, few), (back, many) = (
            [statistics.median(numbers) for numbers in zip(*turns[keep], strict=True)] for keep in (True, False)
        )
        print(
            f"| `{choice}` | {kept:.0f} ms | {back:.0f} ms | {back / kept:.2f} | {few:,.0f} | {many:,.0f} |", flush=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
