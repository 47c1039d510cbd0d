"""Longer stories than one run of one text, killed too: a folder of texts as byte pairs, a budget in minutes, an extension.

A budget's steps depend on the clock, so there is nothing to compare with but its own recorded plan, trained from the beginning.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import loss_trace, read_all
from tests.trials.battery import Battery, Outcome
from tests.trials.killing import digest, killed_after, phase, resume, seconds_of, text_of, unequal_repeats

SMALL = [
    *("--model.layers", "2", "--model.width", "96", "--model.heads", "3", "--model.context", "32"),
    *(
        "--threads",
        "1",
        "--training.batch",
        "4",
        "--training.save-every",
        "3",
        "--training.compile",
        "off",
        "--model.dropout",
        "0.1",
    ),
]
STEPS = ("--training.steps", "60", "--training.evaluate-every", "10", "--training.sample-every", "20")
MINUTES = 0.25


@dataclass(frozen=True)
class Texts:
    """What the stories are told of, and how long each takes from when its run can be resumed."""

    file: Path
    folder: Path
    seconds: dict[str, float]


def prepare(folder: Path) -> Texts:
    """One text, and the same cut into twelve files of two folders."""
    file = text_of(folder)
    text, places = file.read_text(encoding="utf-8"), folder / "texts"
    for number in range(12):
        place = places / f"part {number % 2}"
        place.mkdir(parents=True, exist_ok=True)
        size = len(text) // 12
        (place / f"{number}.txt").write_text(text[number * size : (number + 1) * size], encoding="utf-8")
    texts = Texts(file, places, {"budget": MINUTES * 60})
    texts.seconds["folder"] = seconds_of(told("folder", texts, folder / "a"), folder / "a")
    texts.seconds["extension"] = seconds_of(told("extension", texts, folder / "b"), folder / "b")
    return texts


def train(path: Path, out: Path, *more: str) -> list[str]:
    """The command that begins a story."""
    return [sys.executable, "-m", "fogwalk", "train", str(path), "--out", str(out), *SMALL, *more]


def told(story: str, texts: Texts, out: Path) -> list[str]:
    """The command of a story; what comes before it is done."""
    if story == "folder":
        return train(texts.folder, out, *STEPS, "--data.tokenizer", "bpe", "--data.vocabulary", "300")
    if story == "budget":
        return train(texts.file, out, "--minutes", str(MINUTES))
    half = ("--training.steps", "30", "--training.evaluate-every", "10", "--training.sample-every", "0")
    subprocess.run(train(texts.file, out, *half), check=True, capture_output=True)
    return [*resume(out), "--training.steps", "60"]


def trial(shared: object, number: int, folder: Path) -> Outcome:
    """Kill one story at a random moment, go on with it, and compare it with itself told in one piece."""
    assert isinstance(shared, Texts)
    run, whole = folder / "run", folder / "whole"
    story = ("folder", "budget", "extension")[number % 3]
    words = told(story, shared, run)
    killed_after(words, random.Random(number).uniform(0, shared.seconds[story]), run)
    struck = f"{story}: {phase(run)}"
    done = subprocess.run(resume(run), capture_output=True, text=True, check=False)
    if done.returncode:
        return Outcome(False, struck, f"resume ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    if story == "extension" and max(RunFolder(run).steps_saved()) == 30:
        # Killed before it had begun: what was asked for is remembered nowhere, and is asked for again.
        subprocess.run(words, check=True, capture_output=True)
    if story == "budget":
        follow_the_record(run, whole)
        again = resume(whole)
    else:
        again = told(story, shared, whole)
    subprocess.run(again, check=True, capture_output=True)
    return compared(run, whole, struck)


def follow_the_record(run: Path, whole: Path) -> None:
    """A copy of the run as it began, with what was re-planned in its log, and without the clock that asked for it."""
    shutil.copytree(run, whole)
    for step in RunFolder(whole).steps_saved()[1:]:
        shutil.rmtree(RunFolder(whole).checkpoint(step))
    records = list(read_all(run / "events.jsonl"))
    for record in records:
        if record["event"] == "planned":
            record["budget"] = None
    kept = [record for record in records if record["event"] in ("planned", "replanned")]
    (whole / "events.jsonl").write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")


def compared(run: Path, whole: Path, struck: str) -> Outcome:
    """Every loss, and the last checkpoint's weights and optimizer state."""
    if repeated := unequal_repeats(run):
        return Outcome(False, struck, f"step {repeated[0]} and {len(repeated) - 1} more were repeated unequally")
    losses, expected = loss_trace(run / "events.jsonl"), loss_trace(whole / "events.jsonl")
    if losses != expected:
        wrong = sorted(step for step in {*losses, *expected} if losses.get(step) != expected.get(step))
        return Outcome(False, struck, f"{len(wrong)} losses differ, the first at step {wrong[0]}")
    if digest(run) != digest(whole):
        return Outcome(False, struck, "losses are equal, the last checkpoint is not")
    return Outcome(True, struck, f"{len(losses)} steps")


STORIES = Battery(
    "kills of longer stories",
    "a folder of texts, a budget in minutes and an extension, killed at a random moment, end as if told in one piece",
    12,
    prepare,
    trial,
)
