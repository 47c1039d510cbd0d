"""What looking inside costs a training: the share of its time that looks, waypoints and verdicts take, and steps with and without
them, turn by turn.

Usage: python -m benchmarks.recording DATA [--minutes 2] [--pairs 2]
DATA is the folder with tinyshakespeare.txt. The goal: under 3 % of a 2-minute training, looked into every 50 steps. The share is
what the watcher's calls take in such a training, by the clock; the pairs are trainings of 300 steps with `--insight.every` 50
and 0, told as seconds of their median step and of the whole loop.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
import timeit
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import described
from fogwalk import load, trainer
from fogwalk.batches.batch import Batch
from fogwalk.data.recognise import settled
from fogwalk.insight.capture import names_made
from fogwalk.insight.watching import Watcher
from fogwalk.models.probes import see
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import read_all
from fogwalk.settings import Source

GOAL = 0.03


def watched(values: dict[str, Any]) -> tuple[RunFolder, float]:
    """A run, and the seconds that the watcher took in it."""
    spent = 0.0
    call, ending = Watcher.__call__, Watcher.ending

    def timed_call(self: Watcher, event: Any) -> None:
        nonlocal spent
        began = time.perf_counter()
        call(self, event)
        spent += time.perf_counter() - began

    def timed_ending(self: Watcher, reason: str) -> None:
        nonlocal spent
        began = time.perf_counter()
        ending(self, reason)
        spent += time.perf_counter() - began

    vars_of: Any = Watcher
    vars_of.__call__, vars_of.ending = timed_call, timed_ending
    try:
        return trainer.train(settled(Source("benchmark", values)), began=time.perf_counter()), spent
    finally:
        vars_of.__call__, vars_of.ending = call, ending


def closed(folder: RunFolder) -> str:
    """What probes cost where nobody looks: so many of a pass, each one comparison, beside the median step."""
    model, ids = load(folder.path).model, torch.zeros(1, 2, dtype=torch.long)
    probes = sum(name.rpartition(".")[2] not in ("input", "output") for name in names_made(model, Batch(ids, ids)))
    each = min(timeit.repeat(lambda: see("x", ids), number=100_000, repeat=5)) / 100_000
    share = probes * each / seconds(folder)[0]
    return f"closed, the {probes} probes of a pass take {probes * each * 1e6:.1f} µs, {share:.4%} of a step"


def seconds(folder: RunFolder) -> tuple[float, float]:
    """Of the median step, with all that follows it, and of all steps."""
    steps = [record["seconds"] for record in read_all(folder.events) if record["event"] == "step"]
    each = [after - before for before, after in itertools.pairwise(steps)]
    return statistics.median(each), steps[-1] - steps[0]


def main() -> int:
    """Print both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--pairs", type=int, default=2)
    found = parser.parse_args()
    text = (str(found.data / "tinyshakespeare.txt"),)
    print(described())
    with tempfile.TemporaryDirectory() as place:
        folder, spent = watched({"data.path": text, "minutes": found.minutes, "out": f"{place}/run"})
        whole = [record["seconds"] for record in read_all(folder.events)][-1]
        looks = len(list(folder.probes.glob("*.safetensors")))
        size = sum(file.stat().st_size for file in folder.probes.iterdir())
        share = spent / whole
        print(
            f"{looks} looks, {size / 1e6:.2f} MB: {spent:.2f} s of {whole:.1f} s = {share:.2%} (goal {GOAL:.0%}: "
            f"{'met' if share < GOAL else 'missed'})"
        )
        print(closed(folder))
        ratios = []
        for pair in range(found.pairs):
            told = {}
            for every in (0, 50) if pair % 2 else (50, 0):
                values = {"data.path": text, "training.steps": 300, "insight.every": every, "training.sample_every": 0}
                told[every] = seconds(
                    trainer.train(settled(Source("pair", values | {"out": f"{place}/{pair}-{every}"})))
                )
            ratios.append(told[50][1] / told[0][1])
            print(
                f"300 steps with looks {told[50][1]:.1f} s, without {told[0][1]:.1f} s; median step "
                f"{told[50][0] * 1000:.1f} and {told[0][0] * 1000:.1f} ms"
            )
        if ratios:
            print(f"with looks / without: {statistics.median(ratios):.3f}")
    return int(share >= GOAL)


if __name__ == "__main__":
    raise SystemExit(main())
