"""Killed at any moment, a run goes on as if nothing had happened: losses and weights equal to the bit.

Real processes, SIGKILL at a random wall time from the run folder's beginning to the process's end, compiled and eager by
turns; every fifth trial is killed again while it resumes. A second battery kills at each file operation, from the first on.
"""

from __future__ import annotations

import hashlib
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import loss_trace, read_all
from tests.trials.battery import Battery, Outcome

STEPS = 60
# Small batches and a save after every step: much of the wall time is saving, so that many kills strike there.
COMMON = [
    *("--training.steps", str(STEPS), "--training.evaluate-every", "10"),
    *("--training.sample-every", "0", "--training.batch", "4", "--model.dropout", "0.1", "--seed", "3"),
]
TRANSFORMER = [
    *("--model.layers", "2", "--model.width", "384", "--model.heads", "6", "--model.context", "32"),
]
EVERY = ("--training.save-every", "1")
THIRD = ("--training.save-every", "3", "--training.compile", "off")
# Two trials at once, each on one of two cores: threads of two processes that wait for each other take ten times as long.
ALONE = ("--threads", "1")
KINDS = {
    "eager": [*TRANSFORMER, *EVERY, *ALONE, "--optimizer.name", "adamw", "--training.compile", "off"],
    "compiled": [*TRANSFORMER, *EVERY, *ALONE, "--training.compile", "on"],
    # Saved every third step: steps wait to be logged when a save begins.
    "transformer": ["--preset", "tiny", *THIRD, "--optimizer.name", "sgd", "--training.accumulate", "2"],
    "three-layer net": ["--model-kind", "mlp", "--model.hidden", "300,300", *THIRD],
    "classes": ["--target", "kind", "--model.hidden", "400,400", *EVERY, *ALONE, "--training.compile", "off"],
    "numbers": ["--target", "size", "--model.hidden", "400,400", *THIRD, *ALONE, "--training.loss", "huber"],
    "images": ["--data.augment", "shift,flip,crop", "--model.channels", "16,32", *THIRD, *ALONE],
    "patches": ["--model-kind", "vision", "--model.layers", "2", *EVERY, *ALONE, "--training.compile", "off"],
}


@dataclass(frozen=True)
class Reference:
    """What an uninterrupted run did, and how long it took."""

    paths: dict[str, Path]
    seconds: dict[str, float]
    losses: dict[str, dict[int, float]]
    digests: dict[str, str]


def command(path: Path, out: Path, kind: str) -> list[str]:
    """The run that all trials of a kind repeat."""
    return [sys.executable, "-m", "fogwalk", "train", str(path), "--out", str(out), *COMMON, *KINDS[kind]]


def text_of(folder: Path) -> Path:
    """About 60,000 characters, the same on every machine."""
    chance = random.Random(0)
    words = ["".join(chance.choices("abcdefghijklmnop", k=chance.randint(2, 7))) for _ in range(400)]
    path = folder / "text.txt"
    path.write_text(" ".join(chance.choices(words, k=11_000)), encoding="utf-8")
    return path


def table_of(folder: Path) -> Path:
    """400 rows of numbers, words of a few and of many, and missing cells; the same on every machine."""
    chance = random.Random(0)
    rows = ["size,age,colour,street,kind"]
    for number in range(400):
        size, age = chance.gauss(100, 30), "" if number % 11 == 0 else chance.randint(0, 90)
        colour, street = chance.choice(("red", "green", "blue")), f"street {chance.randint(0, 40)}"
        rows.append(f"{size:.3f},{age},{colour},{street},{'large' if size + chance.gauss(0, 20) > 100 else 'small'}")
    path = folder / "table.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def images_of(folder: Path) -> Path:
    """Two classes of 40 images in colour, the same on every machine."""
    chance = np.random.default_rng(0)
    place = folder / "images"
    for name, bright in (("dark", 80), ("light", 150)):
        (place / name).mkdir(parents=True, exist_ok=True)
        for number in range(40):
            pixels = chance.normal(bright, 50, (24, 24, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(place / name / f"{number}.png")
    return place


# What a kind learns from, where it is no text.
DATA: dict[str, Callable[[Path], Path]] = {
    "classes": table_of,
    "numbers": table_of,
    "images": images_of,
    "patches": images_of,
}


def prepare(*kinds: str) -> Callable[[Path], Reference]:
    """Run each kind without a kill; compiled twice, so that trials find a cache as warm as it was timed with."""

    def run(folder: Path) -> Reference:
        paths = {kind: DATA.get(kind, text_of)(folder) for kind in kinds}
        seconds, losses, digests = {}, {}, {}
        for kind, path in paths.items():
            for number in range(2 if kind == "compiled" else 1):
                out = folder / f"{kind} {number}"
                seconds[kind] = seconds_of(command(path, out, kind), out)
            losses[kind] = loss_trace(out / "events.jsonl")
            digests[kind] = digest(out)
        return Reference(paths, seconds, losses, digests)

    return run


def digest(out: Path) -> str:
    """SHA-256 of the last checkpoint's weights and optimizer state."""
    folder = RunFolder(out)
    place = folder.checkpoint(folder.steps_saved()[-1])
    files = (place / name for name in ("model.safetensors", "optimizer.safetensors"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def unequal_repeats(out: Path) -> list[int]:
    """Steps that were made again after a resume, and gave another loss."""
    seen: dict[int, set[float]] = {}
    for record in read_all(out / "events.jsonl"):
        if record["event"] == "step":
            seen.setdefault(record["step"], set()).add(record["loss"])
    return [step for step, losses in seen.items() if len(losses) > 1]


def phase(out: Path) -> str:
    """What the killed process was doing, read from what it left."""
    folder = RunFolder(out)
    if not (out / "settings.toml").is_file():
        return "before the run folder"
    names = [entry.name for entry in folder.checkpoints.iterdir()] if folder.checkpoints.is_dir() else []
    if any(name.startswith(".unfinished-leaving") for name in names):
        return "saving (removing an old checkpoint)"
    if any(name.startswith(".unfinished") for name in names):
        return "saving"
    if not folder.steps_saved():
        return "before the first checkpoint"
    return "after the end" if folder.status().get("state") == "finished" else "training"


def seconds_of(words: list[str], out: Path) -> float:
    """Run a command to its end; how long that took from when its run folder was one."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    began = begin(process, out)
    assert process.wait() == 0, words
    return time.monotonic() - began


def begin(process: subprocess.Popen[bytes], out: Path) -> float:
    """Wait until there is a run that could be resumed, or the process has ended; gives back the time."""
    while not (out / "settings.toml").is_file() and process.poll() is None:
        time.sleep(0.005)
    return time.monotonic()


def killed_after(words: list[str], seconds: float, out: Path) -> None:
    """Start a process and kill it so many seconds after its run can be resumed."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    begin(process, out)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


def trial(shared: object, number: int, folder: Path) -> Outcome:
    """Kill, resume, compare; the kinds that were prepared by turns."""
    assert isinstance(shared, Reference)
    chance = random.Random(number)
    kind = list(shared.paths)[number % len(shared.paths)]
    out = folder / "run"
    killed_after(command(shared.paths[kind], out, kind), chance.uniform(0, shared.seconds[kind]), out)
    struck = phase(out)
    if number % 5 == 4:
        killed_after(resume(out), chance.uniform(0, shared.seconds[kind]), out)
        struck = f"{struck}, then {phase(out)}"
    return finish_and_compare(shared, kind, out, struck)


def resume(out: Path) -> list[str]:
    """The command that goes on."""
    return [sys.executable, "-m", "fogwalk", "train", "--resume", str(out)]


def finish_and_compare(shared: Reference, kind: str, out: Path, struck: str) -> Outcome:
    """Resume to the end, or begin where nothing had been begun; then every loss and every weight must be equal."""
    begun = (out / "settings.toml").is_file()
    done = subprocess.run(
        resume(out) if begun else command(shared.paths[kind], out, kind), capture_output=True, text=True, check=False
    )
    if done.returncode:
        return Outcome(False, struck, f"resume ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    if repeated := unequal_repeats(out):
        return Outcome(False, struck, f"step {repeated[0]} and {len(repeated) - 1} more were repeated unequally")
    losses = loss_trace(out / "events.jsonl")
    wrong = [step for step, loss in shared.losses[kind].items() if losses.get(step) != loss]
    if wrong:
        return Outcome(False, struck, f"{len(wrong)} losses differ, the first at step {wrong[0]}")
    if digest(out) != shared.digests[kind]:
        return Outcome(False, struck, "losses are equal, the last checkpoint is not")
    return Outcome(True, struck, kind)


RECOGNITION_KILLS = Battery(
    "kills of tables and images",
    "after SIGKILL at a random moment a run of a table or of images equals the uninterrupted one to the bit",
    24,
    prepare("classes", "numbers", "images", "patches"),
    trial,
)

KILLS = Battery(
    "kills",
    "after SIGKILL at a random moment a resumed run equals the uninterrupted one to the bit",
    50,
    prepare("eager", "compiled"),
    trial,
    needs={"saving": 10},
)

# The process kills itself at its Nth file operation; what is counted is what a save does.
_AT_OPERATION = """
import os, signal, sys, shutil, pathlib
left = int(sys.argv.pop(1))
def counted(operation):
    def strike(*words, **more):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return operation(*words, **more)
    return strike
import fogwalk.trainer
os.fsync = counted(os.fsync)
os.replace = counted(os.replace)
pathlib.Path.rename = counted(pathlib.Path.rename)
shutil.rmtree = counted(shutil.rmtree)
import fogwalk.cli
sys.exit(fogwalk.cli.main(sys.argv[1:]))
"""

# The first dozen operations begin the run; a save with its pruning makes fewer than twenty, so that those from
# number 60 on hold more than a whole one, each operation struck.
BEGINNING = 12
LATER = 60
OPERATION_TRIALS = 40


def trial_at_operation(shared: object, number: int, folder: Path) -> Outcome:
    """Kill at one file operation, resume, compare; the transformer and the plain three-layer net by turns."""
    assert isinstance(shared, Reference)
    out = folder / "run"
    operation = number + 1 if number < BEGINNING else LATER + number - BEGINNING
    kind = ("transformer", "three-layer net")[number % 2]
    words = command(shared.paths[kind], out, kind)
    process = subprocess.run(
        [sys.executable, "-c", _AT_OPERATION, str(operation), *words[3:]], capture_output=True, check=False
    )
    if process.returncode != -signal.SIGKILL:
        return Outcome(False, "none", f"the run never made {operation} operations: exit {process.returncode}")
    return finish_and_compare(shared, kind, out, phase(out))


OPERATION_KILLS = Battery(
    "kills at file operations",
    "killed at a file operation (flush, rename, remove) of a save, a resumed run equals the uninterrupted one to the bit",
    OPERATION_TRIALS,
    prepare("transformer", "three-layer net"),
    trial_at_operation,
    alone=True,
)
