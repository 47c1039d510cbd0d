"""What a budget of minutes teaches: four texts, the plan untouched, whole processes timed from outside, beside an n-gram model.

Usage: python -m benchmarks.budgets DATA [--minutes 2] [--seed 1] [--only NAME]
DATA is the folder with tinyshakespeare.txt. Caches are cold. Goals for two minutes: tinyshakespeare at most 1.65 nats per
character, every process within the minutes and a tenth more, and the n-gram model beaten on every text but perhaps the
smallest. Scored is the checkpoint a person would use, the best by validation; the last one's loss stands beside it.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import described
from benchmarks.training import small_text, train

GOAL = 1.65


def main() -> int:
    """Print the table; exit 1 when a goal is missed."""
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
        texts = {
            "tinyshakespeare": [str(found.data / "tinyshakespeare.txt"), "--data.tokenizer", "characters"],
            "python-docs": ["sample:python-docs"],
            "python-source": ["sample:python-source"],
            "20 kB": [str(small_text(found.data, Path(folder)))],
        }
        for name, text in texts.items():
            if found.only not in (None, name):
                continue
            place = Path(folder) / name
            words = ["train", *text, "--minutes", f"{found.minutes:g}", "--seed", str(found.seed)]
            # A fresh cache folder: the text is surveyed and tokenised within the time, as at a person's first start.
            run = train(words[1:], place / "run", cache=place / "cache")
            score, settings = run.asked("evaluate"), run.settings
            replanned = any(record["event"] == "replanned" for record in run.story)
            print(
                f"| {name} | {settings.model.describe()} | {settings.training.steps:,} | {run.story[-1]['reason']}"
                f"{' (re-planned)' * replanned} | {score['loss']:.4f} | {run.validations()[-1]:.4f} | {score['context']} "
                f"| {score['ngram']:.4f} ({score['ngram_order']}) | {score['bits_per_byte']:.4f} | {run.seconds:.1f} s |",
                flush=True,
            )
            missed |= run.seconds > found.minutes * 66
            missed |= name != "20 kB" and score["loss"] >= score["ngram"]
            missed |= name == "tinyshakespeare" and found.minutes <= 2 and score["loss"] > GOAL
    print(f"\n$ fogwalk {shlex.join(words)}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
