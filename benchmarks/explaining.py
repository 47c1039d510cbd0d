"""How long `fogwalk explain` takes for a step of the demo run, whole process, from the shell's view.

Usage: python -m benchmarks.explaining [RUN] [--steps 12]
RUN is a run of `fogwalk demo`; without it one is made (90 seconds). Steps are drawn at random over the whole run; beside them
one entry, one prompt and the verdicts. The goal: under 5 s each.
"""

from __future__ import annotations

import argparse
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import described
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import loss_trace

GOAL = 5.0


def seconds(run: str, *words: str) -> float:
    """Of one call."""
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "fogwalk", "explain", run, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 100, "it fits 100 columns"
    return time.perf_counter() - began


def main() -> int:
    """Print each and the worst."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", nargs="?")
    parser.add_argument("--steps", type=int, default=12)
    found = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        run = found.run
        if run is None:
            run = f"{place}/run"
            subprocess.run([sys.executable, "-m", "fogwalk", "demo", "--out", run], check=True, capture_output=True)
        made = max(loss_trace(RunFolder(Path(run)).events))
        steps = sorted(random.Random(0).sample(range(1, made + 1), found.steps))
        print(described())
        calls: dict[str, tuple[str, ...]] = {f"step {step} of {made}": ("--step", str(step)) for step in steps}
        calls["one entry"] = ("--step", str(steps[-1]), "--at", "layers.1.attention", "--row", "0", "--place", "7")
        calls["a prompt"] = ("--prompt", "The ")
        calls["the verdicts"] = ("--verdicts",)
        took = {}
        for name, words in calls.items():
            took[name] = seconds(run, *words)
            print(f"{name}: {took[name]:.2f} s", flush=True)
        worst = max(took.values())
        print(
            f"median {statistics.median(took.values()):.2f} s, worst {worst:.2f} s (goal {GOAL:.0f} s: "
            f"{'met' if worst < GOAL else 'missed'})"
        )
    return int(worst >= GOAL)


if __name__ == "__main__":
    raise SystemExit(main())
