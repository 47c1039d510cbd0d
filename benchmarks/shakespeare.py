"""What two minutes teach: tinyshakespeare, characters, the default model, whole processes timed from outside.

Usage: python -m benchmarks.shakespeare DATA [--minutes 2] [--seeds 1,2,3] [-- more flags of fogwalk train]
DATA is the folder with tinyshakespeare.txt. Prints the full command, each seed's validation loss at its context and
the wall time of the process, caches cold. Goal: at most 1.75 nats in two minutes. Scored is the checkpoint a person would
use, which is the best by validation; the last one's loss stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import described
from fogwalk.runs.log import read_story

GOAL = 1.75


def train(text: Path, minutes: float, seed: int, more: list[str], out: Path) -> tuple[list[str], float, dict[str, Any]]:
    """Train in a real process; gives the command, its wall seconds and what `evaluate --json` says afterwards."""
    words = [
        *("train", str(text), "--data.tokenizer", "characters", "--minutes", f"{minutes:g}"),
        *("--seed", str(seed)),
        *more,
    ]
    words += ["--out", str(out)]
    began = time.monotonic()
    # A fresh cache folder: the text is surveyed and tokenised within the time, as at a person's first start.
    cold = os.environ | {"XDG_CACHE_HOME": str(out.parent / "cache")}
    subprocess.run([sys.executable, "-m", "fogwalk", *words], check=True, stdout=subprocess.DEVNULL, env=cold)
    seconds = time.monotonic() - began
    told = subprocess.run(
        [sys.executable, "-m", "fogwalk", "evaluate", str(out), "--json"], check=True, capture_output=True, text=True
    )
    return words, seconds, json.loads(told.stdout)


def main() -> int:
    """Print the table; exit 1 when the median misses the goal of a two-minute run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seeds", default="1")
    found, more = parser.parse_known_args()
    text = found.data / "tinyshakespeare.txt"
    print(f"{described()}; caches cold")
    losses: list[float] = []
    for seed in map(int, found.seeds.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "run"
            words, seconds, score = train(text, found.minutes, seed, [word for word in more if word != "--"], out)
            compiled = _compiled(out)
            last = [r for r in read_story(out / "events.jsonl") if r["event"] == "evaluated"][-1]["validation_loss"]
        if not losses:
            print(f"$ fogwalk {shlex.join(words[:-2])}\n")
            print("| seed | validation loss | of the last step | context | whole process | steps compiled |")
            print("|---|---|---|---|---|---|")
        losses.append(score["loss"])
        print(
            f"| {seed} | {score['loss']:.4f} | {last:.4f} | {score['context']} | {seconds:.1f} s | {compiled} |",
            flush=True,
        )
    median = statistics.median(losses)
    print(f"\nmedian {median:.4f} nats per token (goal for 2 minutes: at most {GOAL})")
    return int(found.minutes <= 2 and median > GOAL)


def _compiled(out: Path) -> bool:
    return 'compile = "on"' in (out / "settings.toml").read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
