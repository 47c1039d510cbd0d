"""Networks on images, timed as whole commands, beside their goals: the digits that scikit-learn carries, and Fashion-MNIST.

Usage: python -m benchmarks.images FASHION [--seeds 5] [--only NAME] [KEY=VALUE ...]
FASHION is the folder with train-images-idx3-ubyte.gz and its kin (Debian's package dataset-fashion-mnist). Digits are written
as such files too, a fifth of them as the test part: another for each seed. Everything is scored on the test part, which
nothing else looks at. Settings such as model.dropout=0.2 go to each training.
"""

from __future__ import annotations

import argparse
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import fogwalk
from benchmarks.machine import described


@dataclass(frozen=True)
class Goal:
    """What is typed, how much of it must be right, and within how many seconds."""

    name: str
    words: str
    right: float
    seconds: float


GOALS = (
    Goal("digits", "DIGITS --minutes 0.3", 0.98, 20),
    Goal("fashion, plain", "FASHION --model-kind plain --minutes 0.9", 0.89, 60),
    Goal("fashion, convolutional", "FASHION --minutes 3.8", 0.92, 240),
)


def digits(folder: Path, seed: int) -> Path:
    """The digits that scikit-learn carries as IDX files: four fifths to learn from, the fifth of this seed as the test part."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import StratifiedKFold

    images, labels = load_digits(return_X_y=True)
    folder.mkdir()
    parts = list(StratifiedKFold(5, shuffle=True, random_state=0).split(images, labels))[(seed - 1) % 5]
    for name, places in zip(("train", "t10k"), parts, strict=True):
        pixels = (images[places] / 16 * 255).round().astype(np.uint8)
        head = struct.pack(">IIII", 0x803, len(places), 8, 8)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(head + pixels.tobytes())
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(
            struct.pack(">II", 0x801, len(places)) + labels[places].astype(np.uint8).tobytes()
        )
    return folder


def once(goal: Goal, fashion: str, seed: int, more: list[str]) -> tuple[float, float]:
    """Accuracy, and seconds of the command."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        data = str(digits(Path(folder) / "digits", seed)) if goal.name == "digits" else fashion
        words = [
            "train",
            *goal.words.replace("FASHION", data).replace("DIGITS", data).split(),
            "--seed",
            str(seed),
            "--out",
            str(out),
            *more,
        ]
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "fogwalk", *words], check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - began
        shown, answers = fogwalk.load(out).predict(data)
        right = shown.columns["label"].to_pylist()
        return statistics.mean(told == one for told, one in zip(answers.labels, right, strict=True)), seconds


def main() -> int:
    """Print the table; exit 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fashion")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    asked = parser.parse_args()
    more = [part for word in asked.settings for part in (f"--{word.split('=', 1)[0]}", word.split("=", 1)[1])]
    missed = False
    print(described(), *asked.settings)
    print("\n| data | command | right, median | worst | goal | seconds, median | worst | goal | met |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for goal in (goal for goal in GOALS if asked.only in goal.name):
        found = [once(goal, asked.fashion, seed, more) for seed in range(1, asked.seeds + 1)]
        right, seconds = [one for one, _ in found], [one for _, one in found]
        met = statistics.median(right) >= goal.right and statistics.median(seconds) < goal.seconds
        missed |= not met
        print(
            f"| {goal.name} | `{goal.words}` | {statistics.median(right):.2%} | {min(right):.2%} | {goal.right:.0%} "
            f"| {statistics.median(seconds):.1f} | {max(seconds):.1f} | {goal.seconds:.0f} | {'yes' if met else 'no'} |",
            flush=True,
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
