"""What a budget of minutes teaches: four texts, the plan untouched, whole processes timed from outside, beside an n-gram model.

Usage: python -m benchmarks.budgets DATA [--minutes 2] [--seed 1] [--only NAME]
DATA is the folder with tinyshakespeare.txt. Caches are cold. Goals for two minutes: tinyshakespeare at most 1.65 nats per
character, every process within the minutes and a tenth more. Scored is the checkpoint a person would use, the best by
validation; the last one's loss stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import described
from fogwalk.runs.log import read_story
from fogwalk.settings import load_settings

GOAL = 1.65
SMALL = 20_000  # characters: the beginning of tinyshakespeare


def train(words: list[str], out: Path) -> tuple[float, dict[str, Any], dict[str, Any]]:
    """Train in a real process; its wall seconds, what `evaluate --json` says afterwards, and how the run ended."""
    began = time.monotonic()
    # A fresh cache folder: the text is surveyed and tokenised within the time, as at a person's first start.
    cold = os.environ | {"XDG_CACHE_HOME": str(out.parent / "cache")}
    subprocess.run([sys.executable, "-m", "fogwalk", *words], check=True, stdout=subprocess.DEVNULL, env=cold)
    seconds = time.monotonic() - began
    told = subprocess.run(
        [sys.executable, "-m", "fogwalk", "evaluate", str(out), "--json"],
        check=True,
        capture_output=True,
        text=True,
        env=cold,
    )
    story = read_story(out / "events.jsonl")
    last = [record for record in story if record["event"] == "evaluated"][-1]["validation_loss"]
    ended = {"reason": story[-1]["reason"], "last": last, "replans": sum(r["event"] == "replanned" for r in story)}
    return seconds, json.loads(told.stdout), ended


def main() -> int:
    """Print the table; exit 1 when a goal of a two-minute run is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="one of tinyshakespeare, python-docs, python-source, 20 kB")
    found = parser.parse_args()
    print(f"{described()}; caches cold, seed {found.seed}\n")
    print(
        "| text | shape | steps | ended by | loss | of the last step | context | n-gram (order) | bits per byte | process |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.txt"
        whole = found.data / "tinyshakespeare.txt"
        small.write_text(whole.read_text(encoding="utf-8")[:SMALL], encoding="utf-8")
        texts = {
            "tinyshakespeare": [str(whole), "--data.tokenizer", "characters"],
            "python-docs": ["sample:python-docs"],
            "python-source": ["sample:python-source"],
            "20 kB": [str(small)],
        }
        for name, text in texts.items():
            if found.only not in (None, name):
                continue
            out = Path(folder) / name / "run"
            words = ["train", *text, "--minutes", f"{found.minutes:g}", "--seed", str(found.seed), "--out", str(out)]
            seconds, score, ended = train(words, out)
            settings = load_settings(out / "settings.toml")
            print(
                f"| {name} | {settings.model.describe()} | {settings.training.steps:,} | {ended['reason']}"
                f"{' (re-planned)' * bool(ended['replans'])} | {score['loss']:.4f} | {ended['last']:.4f} | {score['context']} "
                f"| {score['ngram']:.4f} ({score['ngram_order']}) | {score['bits_per_byte']:.4f} | {seconds:.1f} s |",
                flush=True,
            )
            missed |= seconds > found.minutes * 66
            missed |= name == "tinyshakespeare" and found.minutes <= 2 and score["loss"] > GOAL
    print(f"\n$ fogwalk {shlex.join(words[:-2])}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
