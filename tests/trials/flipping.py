"""One bit flipped anywhere in a checkpoint is detected, its file named, and the older checkpoint used.

A trial flips ten random bits, one after the other, over all files that the manifest lists and the manifest itself.
Every trial also runs the real command once on its last flip; every tenth trial damages all checkpoints, and the command
must then end with exit 1 naming the files.
"""

from __future__ import annotations

import contextlib
import io
import random
import shutil
from pathlib import Path

from fogwalk.cli import main
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.publish import problems
from fogwalk.training import checkpoint
from tests.trials.battery import Battery, Outcome
from tests.trials.killing import text_of

FLIPS = 10


def prepare(folder: Path) -> RunFolder:
    """A finished tiny run with several checkpoints."""
    out = folder / "run"
    words = ["train", str(text_of(folder)), "--preset", "tiny", "--model.context", "32", "--out", str(out)]
    code, _, errors = called(
        [*words, "--training.steps", "6", "--training.save-every", "1", "--training.sample-every", "0"]
    )
    assert code == 0, errors
    return RunFolder(out)


def called(words: list[str]) -> tuple[int, str, str]:
    """Run a command in this process; its exit code and what it printed."""
    output, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
        code = main(words)
    return code, output.getvalue(), errors.getvalue()


def flip(file: Path, bit: int) -> None:
    """Flip one bit of a file, counted from its first byte."""
    with file.open("r+b") as open_file:
        open_file.seek(bit // 8)
        byte = open_file.read(1)[0]
        open_file.seek(bit // 8)
        open_file.write(bytes([byte ^ (1 << bit % 8)]))


def trial(shared: object, number: int, folder: Path) -> Outcome:
    """Flip, look, flip back, ten times; the last flip stays for the command."""
    assert isinstance(shared, RunFolder)
    chance = random.Random(number)
    out = RunFolder(folder / "run")
    shutil.copytree(shared.path, out.path)
    newest, older = list(reversed(out.steps_saved()))[:2]
    files = [file for file in sorted(out.checkpoint(newest).rglob("*")) if file.is_file()]
    for turn in range(FLIPS):
        file = chance.choice(files)
        bit = chance.randrange(file.stat().st_size * 8)
        flip(file, bit)
        found = problems(out.checkpoint(newest))
        step, _ = checkpoint.newest_intact(out)
        if not any(str(file) in problem for problem in found):
            return Outcome(False, file.name, f"bit {bit} went unnoticed: {found}")
        if step != older:
            return Outcome(False, file.name, f"went on from step {step} instead of {older}")
        if turn < FLIPS - 1:
            flip(file, bit)
    return _command(out, file, chance if number % 10 == 9 else None)


def _command(out: RunFolder, file: Path, all_damaged: random.Random | None) -> Outcome:
    struck = file.name if all_damaged is None else "every checkpoint"
    if all_damaged:
        for step in out.steps_saved()[:-1]:
            other = out.checkpoint(step) / "model.safetensors"
            flip(other, all_damaged.randrange(other.stat().st_size * 8))
    code, output, errors = called(["train", "--resume", str(out.path), "--training.steps", "7"])
    told = " ".join((output + errors).split())
    if file.name not in told:
        return Outcome(False, struck, f"the command does not name {file.name}: {told[-300:]}")
    if all_damaged:
        named = all(f"{step:06d}" in told for step in out.steps_saved())
        return Outcome(code == 1 and named, struck, f"exit {code}")
    return Outcome(code == 0, struck, f"exit {code}{errors[-200:]}")


BIT_FLIPS = Battery(
    "bit flips",
    f"each of {FLIPS} random bit flips a trial is detected, the file named, the older checkpoint used",
    100,
    prepare,
    trial,
    alone=True,
)
