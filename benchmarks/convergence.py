"""Whether the rule that ends a run is right: trained 50 % longer from where it fired, validation gains less than its noise.

Usage: python -m benchmarks.convergence DATA [--only NAME] [-- more flags of fogwalk train]
DATA is the folder with tinyshakespeare.txt and names.txt. Five texts, trained with `--minutes 0`; the two largest take an hour
and more each. Then the same run again (equal seed, so equal bits up to there) at the constant rate, for half as many steps more.
Gained is the mean of the five validations before the rule fired, less that of the last five. Where the longer run memorises, the
warning must come before validation has risen by 0.05.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.machine import described
from benchmarks.training import Trained, beginning, small_text, train
from fogwalk.training.convergence import verdict
from fogwalk.training.history import History
from fogwalk.training.plan import WARMING_STEPS

MOST_RISEN = 0.05
MIDDLE = 100_000  # characters of python-docs
# Every text at the smallest shape: what is asked is when a run ends, and the smallest gets there soonest.
SHAPE = ["--model.layers", "2", "--model.width", "64", "--model.heads", "1", "--training.compile", "off"]
SHAPE += ["--training.sample-every", "0"]


def longer(run: Trained, text: str, steps: int, more: list[str], out: Path) -> Trained:
    """The same run without the rule, at the constant rate, for so many steps."""
    words = [text, *SHAPE, "--training.steps", str(steps), "--optimizer.schedule", "constant", *more]
    words += ["--optimizer.warmup", repr(WARMING_STEPS / steps), "--model.dropout", str(run.settings.model.dropout)]
    return train([*words, "--training.evaluate-every", str(run.settings.training.evaluate_every)], out)


def risen(run: Trained) -> tuple[str, float]:
    """When a run warned of memorising, in words, and how far above its lowest validation was by then."""
    warned = next((record for record in run.story if record["event"] == "warned"), None)
    seen = run.validations(warned["step"] if warned else None)
    above = seen[-1] - min(seen) if warned else max(0.0, seen[-1] - min(seen))
    return (f"step {warned['step']:,}, {above:.3f}" if warned else f"never; {above:.3f} at the end"), above


def main() -> int:
    """Print the table; exit 1 when a run gained more than its noise, or memorised unwarned."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--only")
    found, more = parser.parse_known_args()
    more = [word for word in more if word != "--"]
    print(f"{described()}; $ fogwalk train TEXT --minutes 0 {' '.join([*SHAPE, *more])}\n")
    print(
        "| text | fired at step | stated noise | gained in 50 % more | ended at | best loss | seconds "
        "| longer: warned of memorising, risen by |"
    )
    print("|---|---|---|---|---|---|---|---|")
    missed = False
    with tempfile.TemporaryDirectory() as folder:
        texts = {
            "20 kB": str(small_text(found.data, Path(folder))),
            "100 kB": str(beginning("sample:python-docs", MIDDLE, Path(folder))),
            "names": str(found.data / "names.txt"),
            "python-docs": "sample:python-docs",
            "tinyshakespeare": str(found.data / "tinyshakespeare.txt"),
        }
        for name, text in texts.items():
            if found.only not in (None, name):
                continue
            run = train([text, "--minutes", "0", *SHAPE, *more], Path(folder) / name)
            fired = next(r["step"] for r in run.story if r["event"] == "replanned" and r["reason"] == "converged")
            said = verdict(History.of(run.story, fired, again=False), run.settings.training)
            assert said
            steps = fired * 3 // 2
            on = longer(run, text, steps, more, Path(folder) / f"{name} longer")
            before, after = on.validations(fired), on.validations()
            assert before == run.validations(fired), "the same run up to there"
            gained = statistics.mean(before[-5:]) - statistics.mean(after[-5:])
            words, above = risen(on)
            missed |= gained >= said.noise or above > MOST_RISEN
            print(
                f"| {name} | {fired:,} | {said.noise:.4f} | {gained:.4f} | {run.settings.training.steps:,} "
                f"| {run.story[-1]['best_validation_loss']:.4f} | {run.seconds:.0f} | {words} |",
                flush=True,
            )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
