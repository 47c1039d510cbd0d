"""Memory planned beside memory measured, for ten shapes: the peak of a real training process, by the system's own count.

Usage: python -m benchmarks.memory DATA
DATA is the folder with tinyshakespeare.txt. Each shape trains six steps and validates once, eagerly. Goal: within 15 %.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import described
from benchmarks.sweeps.choices import flags, settings_of
from fogwalk.registry import TASKS
from fogwalk.training import memory

GOAL = 0.15
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


def peak(path: str, choice: str) -> int:
    """Bytes that a training process of this shape holds at most."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "fogwalk", "train", path, "--out", str(Path(folder) / "run"), *flags(choice)]
        words += ["--training.steps", "6", "--training.sample-every", "0", "--training.compile", "off"]
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, choice
    return usage.ru_maxrss * 1024


def main() -> int:
    """Print the table; exit 1 when one is further off than the goal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    path = str(parser.parse_args().data / "tinyshakespeare.txt")
    print(f"{described()}\n\n| shape | planned | measured | off by |\n|---|---|---|---|")
    worst = 0.0
    for choice in SHAPES:
        settings = settings_of(path, choice)
        task = TASKS.get(settings.task)(settings)
        count = sum(parameter.numel() for parameter in task.model().parameters())
        planned, measured = memory.planned_memory(settings, task.tokenizer.size, count), peak(path, choice)
        off = planned / measured - 1
        worst = max(worst, abs(off))
        print(f"| `{choice}` | {planned / 1e6:.0f} MB | {measured / 1e6:.0f} MB | {off:+.1%} |", flush=True)
    print(f"\nfurthest off {worst:.1%} (goal: within {GOAL:.0%})")
    return int(worst > GOAL)


if __name__ == "__main__":
    sys.exit(main())
