"""Plain networks on tables beside what simpler methods get on the same rows: toys, and the tables that scikit-learn carries.

Usage: python -m benchmarks.tables [--seeds 5] [--minutes 0.1] [--only NAME] [KEY=VALUE ...]
Toys: for each seed other points are drawn, 2,000 to learn from and 2,000 to score; the whole command is timed from outside.
The others: five folds for each seed; a fold's network and its rivals learn from the same rows (the network holds some of them
back to validate on) and are scored on the same others. Goals: toys over 99 % in under 10 s each; a mean score within one
standard error (over the five folds) of the best rival's, or above it. The median of the seeds is told, and the worst. Settings
such as model.dropout=0.2 go to each of the tables' trainings.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

import fogwalk
from benchmarks.machine import described
from fogwalk import trainer
from fogwalk.data.recognise import settled
from fogwalk.data.tables.samples import CARRIED, columns
from fogwalk.data.tables.table import Table
from fogwalk.data.toys import TOYS
from fogwalk.encoding.columns import Target
from fogwalk.objectives import rivals, scores
from fogwalk.settings import Source

FOLDS = 5
TOY_GOAL, TOY_SECONDS = 0.99, 10.0


def write(path: Path, names: list[str], rows: list[tuple[Any, ...]]) -> Path:
    """A table as a CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([tuple(names), *rows])
    return path


def toy(name: str, seed: int, folder: Path) -> tuple[float, float]:
    """Accuracy on other points of the same toy, and seconds of the command."""
    paths = []
    for number, part in enumerate(("learn", "score")):
        points, classes = TOYS[name](np.random.default_rng([seed, number]))
        rows = [(*point, f"c{one}") for point, one in zip(points.tolist(), classes.tolist(), strict=True)]
        paths.append(write(folder / f"{part}.csv", ["x", "y", "class"], rows))
    out = folder / "run"
    words = ["train", str(paths[0]), "--target", "class", "--seed", str(seed), "--minutes", "0.14", "--out", str(out)]
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "fogwalk", *words], check=True, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - began
    run = fogwalk.load(out)
    table, answers = run.predict(str(paths[1]))
    right = table.columns["class"].to_pylist()
    return statistics.mean(told == one for told, one in zip(answers.labels, right, strict=True)), seconds


def folds(name: str, seed: int, chosen: dict[str, str], folder: Path) -> dict[str, list[float]]:
    """For the network and each rival, its score on each fold."""
    table = Table(columns(name))
    target = CARRIED[name]
    answers = table.columns[target].to_pylist()
    classes = name != "sample:diabetes"
    splitter = (StratifiedKFold if classes else KFold)(FOLDS, shuffle=True, random_state=seed)
    rows = list(zip(*(values.to_pylist() for values in table.columns.values()), strict=True))
    found: dict[str, list[float]] = {}
    for number, (learned, scored) in enumerate(splitter.split(np.zeros(len(rows)), answers if classes else None)):
        parts = [write(folder / f"{part}{number}.csv", table.names, [rows[at] for at in places]) for part, places in
                 (("learn", learned), ("score", scored))]  # fmt: skip
        values = {
            "data.path": str(parts[0]),
            "data.target": target,
            "seed": str(seed),
            "out": str(folder / f"run{number}"),
        }
        run = fogwalk.Run(trainer.train(settled(Source("benchmark", values | chosen)), began=time.perf_counter()))
        asked, told = run.predict(str(parts[1]))
        values = table.columns[target].take(scored)
        for rival, score in _scored(table, target, classes, learned, scored).items():
            found.setdefault(rival, []).append(score)
        if told.chances is not None:
            right = told.target.codes(asked.columns[target])
            found.setdefault("network", []).append(scores.of_classes(right, told.chances)["accuracy"])
        else:
            assert told.numbers is not None
            found.setdefault("network", []).append(scores.of_numbers(np.array(values.to_pylist()), told.numbers)["R²"])
    return found


def _scored(table: Table, target: str, classes: bool, learned: Any, scored: Any) -> dict[str, float]:
    """The rivals, which learn from all rows of the fold, and from the table's own numbers, each column standardised."""
    own = np.stack(
        [np.array(values.to_pylist(), dtype=float) for values in table.without([target]).columns.values()], 1
    )
    middle, spread = own[learned].mean(0), own[learned].std(0)
    x, asked = ((own[places] - middle) / np.where(spread > 0, spread, 1) for places in (learned, scored))
    values = table.columns[target]
    if classes:
        told = Target(target, tuple(sorted(set(values.to_pylist()))))
        y, right = told.codes(values.take(learned)), told.codes(values.take(scored))
        found = rivals.of_classes(x, y, asked, len(told.classes))
        return {name: scores.of_classes(right, chances)["accuracy"] for name, chances in found}
    numbers = np.array(values.to_pylist(), dtype=float)
    told_numbers = rivals.of_numbers(x, numbers[learned], asked)
    return {name: scores.of_numbers(numbers[scored], found)["R²"] for name, found in told_numbers}


def main() -> int:
    """Print the tables; exit 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--minutes", default="0.1")
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE")
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    chosen = {"minutes": asked.minutes} | dict(word.split("=", 1) for word in asked.settings)
    missed = False
    print(described(), *asked.settings)
    print("\n| toy | accuracy, median | worst | seconds, median | worst | met |\n|---|---|---|---|---|---|", flush=True)
    for name in (name for name in TOYS if asked.only in name):
        right, seconds = [], []
        for seed in range(1, asked.seeds + 1):
            with tempfile.TemporaryDirectory() as folder:
                one, took = toy(name, seed, Path(folder))
            right.append(one)
            seconds.append(took)
        met = statistics.median(right) > TOY_GOAL and statistics.median(seconds) < TOY_SECONDS
        missed |= not met
        print(
            f"| {name} | {statistics.median(right):.2%} | {min(right):.2%} | {statistics.median(seconds):.1f} "
            f"| {max(seconds):.1f} | {'yes' if met else 'no'} |",
            flush=True,
        )
    print("\n| table | network, median | worst | best rival on the same folds | its score | one standard error | met |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in (name for name in CARRIED if asked.only in name):
        margins, networks, lines = [], [], []
        for seed in range(1, asked.seeds + 1):
            with tempfile.TemporaryDirectory() as folder:
                found = folds(name, seed, chosen, Path(folder))
            own = found.pop("network")
            wanted = ["linear regression"] if name == "sample:diabetes" else list(found)
            best = max(wanted, key=lambda rival: statistics.mean(found[rival]))
            error = statistics.stdev(found[best]) / FOLDS**0.5
            networks.append(statistics.mean(own))
            margins.append(statistics.mean(own) - statistics.mean(found[best]) + error)
            lines.append((best, statistics.mean(found[best]), error))
        middle = sorted(range(len(margins)), key=margins.__getitem__)[len(margins) // 2]
        best, score, error = lines[middle]
        met = statistics.median(margins) >= 0
        missed |= not met
        print(
            f"| {name} | {statistics.median(networks):.4f} | {min(networks):.4f} | {best} | {score:.4f} | {error:.4f} "
            f"| {'yes' if met else 'no'} |",
            flush=True,
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
