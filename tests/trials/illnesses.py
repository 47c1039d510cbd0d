"""Runs made ill on purpose, each of which must be told what it has; and healthy ones, of which nothing may be said.

The thresholds of insight/verdicts.py were fixed on seeds 0 to 9 of FIXED; the battery runs seeds 10 to 19 of OTHER, data that the
thresholds have never seen. `python -m tests.trials.illnesses` prints the table of the first, for whoever fixes them anew.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import nn

from fogwalk import trainer
from fogwalk.data.recognise import settled
from fogwalk.errors import Diverged
from fogwalk.insight.verdicts import judge
from fogwalk.insight.watching import evidence_of
from fogwalk.runs.folder import RunFolder
from fogwalk.settings import Source
from fogwalk.tasks.recognition import Recognition
from fogwalk.training import state
from tests.trials.battery import Battery, Outcome

QUICK = {"training.sample_every": 0, "training.compile": "off", "threads": 1, "training.precision": "float32"}
SMALL_TEXT = {"model.layers": 2, "model.width": 48, "model.heads": 2, "model.context": 32, "training.batch": 8}


@dataclass(frozen=True)
class Task:
    """What is learned: its data (`text` is written anew for each seed), settings, and the steps that teach it."""

    name: str
    path: str
    steps: int
    settings: dict[str, Any]


def table(name: str, steps: int = 600, **settings: Any) -> Task:
    return Task(name, f"sample:{name}", steps, settings)


FIXED = {
    "tables": [table("moons"), table("wine"), table("iris"), table("xor")],
    "texts": [Task("sentences", "text", 300, SMALL_TEXT)],
    "images": [Task("digits, plain", "sample:digits", 400, {"model_kind": "plain"})],
    "numbers": [],
}
OTHER = {
    "tables": [table("spirals", 1500), table("breast-cancer"), table("circles")],
    "texts": [Task("questions", "other text", 300, SMALL_TEXT), Task("mlp", "other text", 400, {"model_kind": "mlp"})],
    "images": [Task("digits, convolutional", "sample:digits", 200, {"model_kind": "convolutional"})],
    "numbers": [table("diabetes")],
}
WORDS = (  # noqa: SIM905
    "the a fog walk slope feet rain hill river dog cat mat sat ran looked over found feel with and near old new stone light door"
).split()


def text(seed: int, kind: str, size: int) -> str:
    """Sentences, or questions, of a few words that follow one another in a habitual way."""
    chance = random.Random(f"{kind}/{seed}")
    follows = {word: chance.sample(WORDS, 3) for word in WORDS}
    lines, length = [], 0
    while length < size:
        word = chance.choice(WORDS)
        line = [word]
        for _ in range(chance.randint(4, 9)):
            word = chance.choice(follows[word])
            line.append(word)
        lines.append(
            ("who knows " if kind == "other text" else "") + " ".join(line) + ("?" if kind == "other text" else ".")
        )
        length += len(lines[-1])
    return "\n".join(lines)


def run(task: Task, seed: int, folder: Path, changes: dict[str, Any], content: str | None = None) -> list[str]:
    """Train, and give back the names of the verdicts."""
    path = task.path
    if "text" in task.path:
        path = str(folder / "book.txt")
        Path(path).write_text(content or text(seed, task.path, 40_000), encoding="utf-8")
    elif content is not None:
        path = str(folder / "table.csv")
        Path(path).write_text(content, encoding="utf-8")
    values = {
        **QUICK,
        "training.steps": task.steps,
        **task.settings,
        "seed": seed,
        "data.path": (path,),
        "out": str(folder / "run"),
    }
    with suppress(Diverged):
        trainer.train(settled(Source("trial", values | changes)))
    return [verdict.name for verdict in judge(evidence_of(RunFolder(folder / "run")))]


# -- how a run is made ill ---------------------------------------------------------------------------------------------

RATES = {"muon": 0.02, "adamw": 0.003, "sgd": 0.1}
Plant = Callable[[dict[str, list[Task]], int, Path], tuple[str, list[str]]]


def _pick(pools: dict[str, list[Task]], seed: int, *names: str) -> Task:
    tasks = [task for name in names for task in pools[name]]
    return tasks[seed % len(tasks)]


def rate_times(factor: float) -> Plant:
    def plant(pools: dict[str, list[Task]], seed: int, folder: Path) -> tuple[str, list[str]]:
        task = _pick(pools, seed, "tables", "texts", "images", "numbers")
        name = list(RATES)[seed % len(RATES)]
        changes = {"optimizer.name": name, "optimizer.learning_rate": RATES[name] * factor}
        return f"{task.name}, {name}", run(task, seed, folder, changes)

    return plant


def dead_start(pools: dict[str, list[Task]], seed: int, folder: Path) -> tuple[str, list[str]]:
    """Every bias before a ReLU is far below zero."""
    task = _pick(pools, seed, "tables", "numbers")

    @torch.no_grad()
    def sink(model: nn.Module) -> None:
        for name, parameter in model.named_parameters():
            if name.startswith("layers.") and name.endswith("bias"):
                parameter.fill_(-20.0)

    with changed_model(sink):
        return task.name, run(task, seed, folder, {"model.activation": "relu", "model.hidden": (32, 32)})


def sigmoid_stack(pools: dict[str, list[Task]], seed: int, folder: Path) -> tuple[str, list[str]]:
    task = _pick(pools, seed, "tables", "numbers")
    changes = {
        "model.activation": "sigmoid",
        "model.hidden": (32,) * (10 + seed % 3),
        "optimizer.name": ("sgd", "adamw")[seed % 2],
    }
    return task.name, run(task, seed, folder, changes)


def unscaled(pools: dict[str, list[Task]], seed: int, folder: Path) -> tuple[str, list[str]]:
    task = _pick(pools, seed, "tables", "numbers")
    factor = (100.0, 1000.0, 30.0)[seed % 3]

    def enlarge(made: Recognition) -> None:
        made.inputs = made.inputs * factor

    with changed_task(enlarge):
        return f"{task.name} x {factor:g}", run(task, seed, folder, {})


def shuffled(pools: dict[str, list[Task]], seed: int, folder: Path) -> tuple[str, list[str]]:
    """Every answer belongs to another record; of a text every letter is drawn by itself."""
    task = _pick(pools, seed, "tables", "images", "numbers", "texts")
    if "text" in task.path:
        chance = random.Random(seed)
        return task.name, run(task, seed, folder, {}, "".join(chance.choices("abcdefgh .", k=40_000)))

    def mix(made: Recognition) -> None:
        made.answers = made.answers[torch.from_numpy(np.random.default_rng(seed).permutation(len(made.answers)))]

    with changed_task(mix):
        return task.name, run(task, seed, folder, {})


def corrupt_row(pools: dict[str, list[Task]], seed: int, folder: Path) -> tuple[str, list[str]]:
    task = _pick(pools, seed, "tables", "numbers")

    def spoil(made: Recognition) -> None:
        learned = np.flatnonzero(~made.held)
        made.inputs[int(learned[seed * 7 % len(learned)]), 0] = (float("nan"), float("inf"))[seed % 2]

    with changed_task(spoil):
        return task.name, run(task, seed, folder, {})


def tiny_data(pools: dict[str, list[Task]], seed: int, folder: Path) -> tuple[str, list[str]]:
    """So little that all of it is soon known by heart."""
    task = _pick(pools, seed, "texts")
    changes = {"training.steps": 1500, "training.evaluate_every": 50}
    return task.name, run(task, seed, folder, changes, text(seed, task.path, 2_500))


PLANTED: dict[str, tuple[str, Plant]] = {
    "rate x 100": ("overshooting", rate_times(100)),
    "rate / 1000": ("glacial", rate_times(0.001)),
    "dead start": ("dead", dead_start),
    "sigmoid stack": ("vanishing", sigmoid_stack),
    "unscaled inputs": ("unscaled inputs", unscaled),
    "shuffled labels": ("stuck at chance", shuffled),
    "corrupt row": ("corrupt data", corrupt_row),
    "tiny data": ("memorising", tiny_data),
}


@contextmanager
def changed_model(change: Callable[[nn.Module], None]) -> Iterator[None]:
    """Every model that is drawn is changed before its first step."""
    drawn = state.initialise

    def drawn_and_changed(model: nn.Module, seed: int) -> None:
        drawn(model, seed)
        change(model)

    with mock.patch.object(state, "initialise", drawn_and_changed):
        yield


@contextmanager
def changed_task(change: Callable[[Recognition], None]) -> Iterator[None]:
    """Every task that is opened is changed, as data that is wrong would be."""
    begin = Recognition.__init__

    def begun(self: Recognition, *given: Any, **named: Any) -> None:
        begin(self, *given, **named)
        change(self)

    with mock.patch.object(Recognition, "__init__", begun):
        yield


HEALTHY: list[tuple[Task, dict[str, Any]]] = [
    *((task, {}) for tasks in OTHER.values() for task in tasks),
    (table("wine"), {}),
    (table("iris"), {"optimizer.name": "sgd"}),
    (table("moons"), {"model.activation": "relu", "model.hidden": (32, 32)}),
]


def trial(shared: object, number: int, folder: Path) -> Outcome:
    """The illnesses first, ten seeds of each, then the healthy."""
    if number < 10 * len(PLANTED):
        name = list(PLANTED)[number // 10]
        right, plant = PLANTED[name]
        told, found = plant(OTHER, 10 + number % 10, folder)
        return Outcome(found[:1] == [right], name, f"{told}: {', '.join(found) or 'nothing'}")
    task, changes = HEALTHY[number - 10 * len(PLANTED)]
    found = run(task, 10, folder, changes)
    return Outcome(set(found) <= {"converged"}, "healthy", f"{task.name}: {', '.join(found) or 'nothing'}")


ILLNESSES = Battery(
    "illnesses",
    "a run made ill is told what it has, before anything else; of a healthy run nothing is said but that it has converged",
    10 * len(PLANTED) + len(HEALTHY),
    lambda folder: None,
    trial,
    alone=True,
)


def main() -> int:
    """The table that thresholds are fixed on: seeds 0 to 9, or those of the illnesses that are named."""
    named = sys.argv[1:] or [*PLANTED, "healthy"]
    wrong = 0
    for name in named:
        for seed in range(10):
            with tempfile.TemporaryDirectory() as folder:
                if name == "healthy":
                    task = _pick(FIXED, seed, "tables", "texts", "images")
                    right, told, found = "", task.name, run(task, seed, Path(folder), {})
                    fine = set(found) <= {"converged"}
                else:
                    right, plant = PLANTED[name]
                    told, found = plant(FIXED, seed, Path(folder))
                    fine = found[:1] == [right]
            wrong += not fine
            print(f"{'ok ' if fine else 'BAD'} {name} {seed} {told}: {', '.join(found) or 'nothing'}", flush=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
