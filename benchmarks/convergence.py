"""Whether the rule that ends a run is right: trained 50 % longer from where it fired, validation gains less than its noise.

Usage: python -m benchmarks.convergence DATA [--only NAME] [-- more flags of fogwalk train]
Three texts, trained with `--minutes 0`. Then the same run again (equal seed, so equal bits up to there) at the constant rate, for
half as many steps more. Gained is the mean of the five validations before the rule fired, less that of the last five.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.machine import described
from fogwalk.runs.log import read_story
from fogwalk.settings import load_settings
from fogwalk.training.convergence import verdict
from fogwalk.training.history import History
from fogwalk.training.plan import WARMING_STEPS


def story_of(words: list[str], out: Path) -> list[dict[str, Any]]:
    """Train and read what happened."""
    command = [sys.executable, "-m", "fogwalk", "train", *words, "--out", str(out)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return read_story(out / "events.jsonl")


def validations(story: list[dict[str, Any]], until: int) -> list[float]:
    """The validation losses up to a step."""
    return [r["validation_loss"] for r in story if r["event"] == "evaluated" and r["step"] <= until]


def main() -> int:
    """Print the table; exit 1 when a run gained more than its noise."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--only")
    found, more = parser.parse_known_args()
    more = [word for word in more if word != "--"]
    print(f"{described()}\n")
    print(
        "| text | fired at step | stated noise | gained in 50 % more | ended at | best loss | warned of memorising at, risen by |"
    )
    print("|---|---|---|---|---|---|---|")
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "small.txt"
        whole = found.data / "tinyshakespeare.txt"
        small.write_text(whole.read_text(encoding="utf-8")[:20_000], encoding="utf-8")
        for name, text in {
            "20 kB": str(small),
            "python-docs": "sample:python-docs",
            "tinyshakespeare": str(whole),
        }.items():
            if found.only not in (None, name):
                continue
            out = Path(folder) / name
            story = story_of([text, "--minutes", "0", "--training.compile", "off", *more], out)
            fired = next(record for record in story if record["event"] == "replanned")
            settings = load_settings(out / "settings.toml")
            history = History.of(story, fired["step"], again=False)
            said = verdict(history, settings.training)
            assert said
            steps = fired["step"] * 3 // 2
            again = [
                text,
                "--training.steps",
                str(steps),
                "--optimizer.schedule",
                "constant",
                "--training.compile",
                "off",
            ]
            again += ["--optimizer.warmup", repr(WARMING_STEPS / steps), "--training.sample-every", "0", *more]
            again += ["--training.evaluate-every", str(settings.training.evaluate_every)]
            shape = settings.model
            for key in ("layers", "width", "heads"):
                again += [f"--model.{key}", str(getattr(shape, key))]
            longer = story_of(again, Path(folder) / f"{name} longer")
            before, after = validations(longer, fired["step"]), validations(longer, steps)
            assert before == validations(story, fired["step"]), "the same run up to there"
            gained = statistics.mean(before[-5:]) - statistics.mean(after[-5:])
            missed |= gained >= said.noise
            warned = next((r for r in story if r["event"] == "warned"), None)
            risen = "never"
            if warned:
                seen = validations(story, warned["step"])
                risen = f"step {warned['step']}, {seen[-1] - min(seen):.3f}"
            print(
                f"| {name} | {fired['step']:,} | {said.noise:.4f} | {gained:.4f} | {settings.training.steps:,} "
                f"| {story[-1]['best_validation_loss']:.4f} | {risen} |",
                flush=True,
            )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
