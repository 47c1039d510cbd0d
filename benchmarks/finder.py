"""Whether the learning-rate finder finds: a run at its rate beside runs at a sweep of rates, on three models.

Usage: python -m benchmarks.finder DATA [--steps 200]
DATA is the folder with tinyshakespeare.txt. Compared are validation losses after the last step. Goal: within 0.02 of the best.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import described
from benchmarks.sweeps.choices import flags
from benchmarks.training import train
from fogwalk.registry import OPTIMIZERS

GOAL = 0.02
MODELS = (
    "model.layers=3 model.width=128 model.heads=2",
    "model.layers=2 model.width=64 model.heads=1 optimizer.name=adamw",
    "model-kind=mlp",
)
AROUND = (0.25, 0.5, 1.0, 2.0, 4.0)  # times the optimizer's default


def trained(path: str, choice: str, steps: int, rate: str) -> tuple[float, float]:
    """The rate a run was trained at, and its last validation loss."""
    words = [path, *flags(choice), "--training.steps", str(steps), "--training.compile", "off"]
    words += ["--training.sample-every", "0", "--optimizer.learning-rate", rate]
    with tempfile.TemporaryDirectory() as folder:
        run = train(words, Path(folder) / "run")
        used, loss = run.settings.optimizer.learning_rate, run.validations()[-1]
    assert used
    return used, loss


def main() -> int:
    """Print the table; exit 1 when a found rate is further off than the goal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    found = parser.parse_args()
    path = str(found.data / "tinyshakespeare.txt")
    print(f"{described()}; {found.steps} steps, seed 1\n")
    print("| model | found | its loss | best of the sweep | off by | the sweep |\n|---|---|---|---|---|---|")
    worst = 0.0
    for choice in MODELS:
        name = next((word.split("=")[1] for word in choice.split() if word.startswith("optimizer.name")), "muon")
        default = OPTIMIZERS.get(name).rate
        rate, loss = trained(path, choice, found.steps, "find")
        swept = dict(trained(path, choice, found.steps, f"{default * factor:g}") for factor in AROUND)
        best = min(swept, key=swept.__getitem__)
        off = loss - swept[best]
        worst = max(worst, off)
        row = ", ".join(f"{at:g}: {seen:.4f}" for at, seen in swept.items())
        print(
            f"| `{choice}` | {rate:g} | {loss:.4f} | {swept[best]:.4f} at {best:g} | {off:+.4f} | {row} |", flush=True
        )
    print(f"\nfurthest off {worst:+.4f} (goal: within {GOAL})")
    return int(worst > GOAL)


if __name__ == "__main__":
    sys.exit(main())
