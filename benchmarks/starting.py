"""How soon the command line answers: --help and a wrong flag, best of five whole processes. Goal: under 0.3 s.

Usage: python -m benchmarks.starting
"""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.machine import described

GOAL = 0.3
CASES = (
    ["--help"],
    ["train", "--help"],
    ["generate", "--help"],
    ["train", "book.txt", "--model.layer", "3"],
    ["trian"],
    ["--version"],
)


def best_of_five(words: list[str]) -> float:
    """Seconds of the quickest of five processes."""
    times = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "fogwalk", *words], capture_output=True, check=False)
        times.append(time.monotonic() - began)
    return min(times)


def main() -> int:
    """Print the table; exit 1 when one is slower than the goal."""
    print(f"{described()}; the best of five is warm: Python's files are in the system's cache")
    print("\n$ python -m fogwalk, with these words\n\n| words | best of five |\n|---|---|")
    slowest = 0.0
    for words in CASES:
        seconds = best_of_five(words)
        slowest = max(slowest, seconds)
        print(f"| {' '.join(words)} | {seconds:.3f} s |")
    print(f"\nslowest {slowest:.3f} s (goal: under {GOAL} s)")
    return int(slowest >= GOAL)


if __name__ == "__main__":
    sys.exit(main())
