"""Memory planned beside memory measured, for networks on rows and images: whole training processes, their peak by the
system's own count.

Usage: python -m benchmarks.recognition_memory FASHION
FASHION is the folder of Fashion-MNIST's IDX files. Goal: within 15 %.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

from benchmarks.machine import described
from benchmarks.planned import MEMORY_GOAL, measured

SHAPES = (
    "FASHION",
    "FASHION --model-kind plain",
    "FASHION --training.batch 1024",
    "FASHION --model-kind vision",
    "FASHION --model-kind vision --training.batch 512",
    "sample:spirals",
    "sample:spirals --training.batch 16384 --model.hidden 1024,1024",
    "sample:breast-cancer --model.hidden 2048,2048 --training.batch 4096",
)


def main() -> int:
    """Print the table; exit 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fashion")
    fashion = parser.parse_args().fashion
    print(f"{described()}\n\n| $ fogwalk train | planned | measured | off by |\n|---|---|---|---|")
    worst = 0.0
    for shape in SHAPES:
        path, *words = shape.replace("FASHION", fashion).split()
        words += ["--training.steps", "20", "--training.compile", "off"]
        command = [sys.executable, "-m", "fogwalk", "plan", path, *words, "--json"]
        told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["memory_bytes"]
        peak, _ = measured(path, words)
        off = told / peak - 1
        worst = max(worst, abs(off))
        print(f"| `{shape}` | {told / 1e6:.0f} MB | {peak / 1e6:.0f} MB | {off:+.1%} |", flush=True)
    print(f"\nfurthest off: {worst:.1%} (goal {MEMORY_GOAL:.0%})")
    return int(worst > MEMORY_GOAL)


if __name__ == "__main__":
    sys.exit(main())
