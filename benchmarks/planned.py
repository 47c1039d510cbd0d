"""Memory and time planned beside memory and time measured, for ten shapes: whole training processes, timed from outside, their
peak by the system's own count.

Usage: python -m benchmarks.planned DATA [--seconds 40]
DATA is the folder with tinyshakespeare.txt. Each shape is trained eagerly for about so many seconds of steps, with the
validations and samples a run of that length makes. Planned is what `fogwalk plan` says: for time the mean of what it says before
and after the training, for the pace of a shared machine drifts. By how much the later one is off the earlier is the drift; where
that is more than a tenth, the shape is trained again, up to three times. Goals: memory within 15 %, time within 10 %.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.machine import described
from benchmarks.sweeps.choices import flags, step_seconds

MEMORY_GOAL, TIME_GOAL = 0.15, 0.10
DRIFT, TURNS = 0.10, 3
SHAPES = (
    "model.layers=2 model.width=64 model.heads=1",
    "model.layers=4 model.width=192 model.heads=3",
    "model.layers=4 model.width=192 model.heads=3 training.batch=64",
    "model.layers=4 model.width=192 model.heads=3 model.context=512 training.batch=4",
    "model.layers=6 model.width=384 model.heads=6",
    "model.layers=6 model.width=384 model.heads=6 training.batch=64 training.accumulate=4",
    "model.layers=8 model.width=512 model.heads=8 model.context=256 training.batch=8",
    "model.layers=4 model.width=256 model.heads=4 data.tokenizer=bpe data.vocabulary=8192",
    "model.layers=6 model.width=256 model.heads=4 optimizer.name=adamw training.precision=float32",
    "model.layers=12 model.width=768 model.heads=12 training.batch=4",
)


def planned(path: str, words: list[str]) -> dict[str, Any]:
    """What `fogwalk plan` says."""
    command = [sys.executable, "-m", "fogwalk", "plan", path, *words, "--json"]
    told: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return told


def measured(path: str, words: list[str]) -> tuple[int, float]:
    """Bytes that a training process holds at most, and its wall seconds."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "fogwalk", "train", path, "--out", str(Path(folder) / "run"), *words]
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return usage.ru_maxrss * 1024, time.monotonic() - began


def main() -> int:
    """Print the table; exit 1 when one is further off than the goal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--seconds", type=float, default=40)
    found = parser.parse_args()
    path = str(found.data / "tinyshakespeare.txt")
    print(f"{described()}; $ fogwalk plan {Path(path).name} --training.compile off, and the shape\n")
    print("| shape | steps | memory planned | measured | off by | time planned | measured | off by | drift |")
    print("|---|---|---|---|---|---|---|---|---|")
    worst = [0.0, 0.0]
    for choice in SHAPES:
        words = [*flags(choice), "--training.compile", "off"]
        # In a process of its own: a child begins as large as its parent is, and the system counts that as its peak.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            step = pool.submit(step_seconds, path, choice).result()
        steps = max(20, round(found.seconds / step))
        words += ["--training.steps", str(steps)]
        for _ in range(TURNS):
            told = planned(path, words)
            memory, seconds = measured(path, words)
            drift = planned(path, words)["seconds"] / told["seconds"] - 1
            if abs(drift) <= DRIFT:
                break
        time_told = told["seconds"] * (1 + drift / 2)
        off = told["memory_bytes"] / memory - 1, time_told / seconds - 1
        worst = [max(before, abs(now)) for before, now in zip(worst, off, strict=True)]
        print(
            f"| `{choice}` | {steps} | {told['memory_bytes'] / 1e6:.0f} MB | {memory / 1e6:.0f} MB | {off[0]:+.1%} "
            f"| {time_told:.1f} s | {seconds:.1f} s | {off[1]:+.1%} | {drift:+.1%} |",
            flush=True,
        )
    print(f"\nfurthest off: memory {worst[0]:.1%} (goal {MEMORY_GOAL:.0%}), time {worst[1]:.1%} (goal {TIME_GOAL:.0%})")
    return int(worst[0] > MEMORY_GOAL or worst[1] > TIME_GOAL)


if __name__ == "__main__":
    sys.exit(main())
