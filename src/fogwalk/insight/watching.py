"""Everything that looks on while a run trains: the recorder, and the verdicts on what it saw.

Before this   recorder.py, verdicts.py.
After this    trainer.py has every session listen with it. It reads, writes probes/ and says what it found; no weight hangs on it.
"""

from __future__ import annotations

import math
from typing import Any

import torch

from fogwalk.events import Evaluated, Event, Listener, Resumed, StepDone, Warned
from fogwalk.insight.recorder import Numbers, Recorder, looks
from fogwalk.insight.verdicts import SETTLED, Evidence, judge
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import read_story
from fogwalk.settings import load_settings, write_toml
from fogwalk.tasks.protocol import Task
from fogwalk.training.course import Course
from fogwalk.training.history import History
from fogwalk.training.state import State
from fogwalk.training.waypoints import Waypoints

TOLD_ELSEWHERE = ("memorising", "converged")  # by the evaluator and the re-plan, as they come


class Watcher:
    """A listener of a session."""

    def __init__(self, folder: RunFolder, state: State, task: Task, course: Course, emit: Listener) -> None:
        self.state = state
        self.task = task
        self.course = course
        self.emit = emit
        self.folder = folder
        self.evidence = chances(task.facts)
        self.told: set[str] = set()
        every = course.settings.insight.every
        self.waypoints = Waypoints(folder, state, lambda: write_toml(course.settings)) if every else None
        self.recorder = Recorder(folder, state, task, course, every, self._saw)

    def __call__(self, event: Event) -> None:
        evidence = self.evidence
        if isinstance(event, Resumed):
            story = [record for record in read_story(self.folder.events) if record["step"] <= event.step]
            self.evidence = evidence = gathered(story, self.task.facts)
            evidence.looks = [(step, numbers) for step, numbers in looks(self.folder) if step <= event.step]
            evidence.stopped = ""
        elif isinstance(event, StepDone):
            evidence.losses[event.step] = float(event.loss)
            evidence.norms[event.step] = float(event.gradient_norm)
        elif isinstance(event, Evaluated):
            evidence.validations.append((event.step, event.validation_loss))
            evidence.held = event.examples
        self.recorder(event)
        if self.waypoints:
            self.waypoints(event)

    def ending(self, reason: str) -> None:
        """The last look, and what is to be said of the whole run."""
        self.evidence.stopped = reason
        if reason == "diverged":
            self.evidence.broken = broken(self.task, self.state.step)
        self.recorder.ending()
        self._judge(self.state.step)

    def _saw(self, step: int, numbers: Numbers) -> None:
        self.evidence.looks.append((step, numbers))
        if step >= SETTLED * self.course.steps:
            self._judge(step)

    def _judge(self, step: int) -> None:
        evidence = self.evidence
        evidence.steps = self.course.steps
        for found in judge(evidence):
            if found.name not in self.told and found.name not in TOLD_ELSEWHERE:
                self.told.add(found.name)
                self.emit(Warned(step=step, seconds=self.state.age(), message=str(found)))


def chances(facts: dict[str, Any]) -> Evidence:
    """Evidence of nothing yet but what the loss is without learning."""
    known = {name: facts[name] for name in ("guessing", "frequencies") if isinstance(facts.get(name), int | float)}
    return Evidence(guessing=known.get("guessing", math.inf), counting=known.get("frequencies", math.inf))


def broken(task: Task, step: int) -> str:
    """Which record of the batch after `step` updates holds what is no finite number; empty where none does."""
    batch = task.training().at(step)
    for what, values in (("what is read", batch.inputs), ("what is asked", batch.targets)):
        if values.is_floating_point():
            wrong = ~torch.isfinite(values.flatten(1) if values.dim() > 1 else values[:, None]).all(1)
            if wrong.any():
                first, many = int(wrong.nonzero()[0]), int(wrong.sum())
                where = f"in {many} of {len(values)} records of the batch of step {step + 1}, record {first} first"
                return f"{where}, {what} holds no finite number"
    return ""


def gathered(story: list[dict[str, Any]], facts: dict[str, Any], epoch: float = math.inf) -> Evidence:
    """The evidence of a run's own log; looks are not in it."""
    evidence = chances(facts)
    history = History(epoch)
    for record in story:
        name, step = record["event"], record["step"]
        if name == "step":
            loss, norm = (math.nan if record.get(key) is None else record[key] for key in ("loss", "gradient_norm"))
            evidence.losses[step], evidence.norms[step] = loss, norm
            history.learned(loss)
        elif name == "evaluated":
            loss = math.nan if record["validation_loss"] is None else record["validation_loss"]
            evidence.validations.append((step, loss))
            evidence.held = record.get("examples", 0)
            history.validated(step, loss)
            if history.recovers():
                evidence.memorises = ""
            if words := history.memorises():
                evidence.memorises = words.removesuffix(": memorising")
        elif name in ("planned", "resumed", "replanned"):
            evidence.steps = record["steps"]
            if record.get("reason") == "converged":
                evidence.converged = record["why"].removeprefix("converged: ").partition(". ")[0]
        elif name == "stopped":
            evidence.stopped = record["reason"]
        elif name == "warned" and record["message"].startswith("corrupt data: "):
            evidence.broken = record["message"].removeprefix("corrupt data: ").partition(". ")[0]
    return evidence


def evidence_of(folder: RunFolder) -> Evidence:
    """All that a run's folder holds to judge it by."""
    story = read_story(folder.events)
    facts: dict[str, Any] = next((record["data"] for record in story if record["event"] == "planned"), {})
    settings, epoch = load_settings(folder.settings), math.inf
    if learned := facts.get("training_tokens") or facts.get("training"):
        each = settings.context if settings.task == "language" else 1
        epoch = learned / (settings.training.batch * each)
    evidence = gathered(story, facts, epoch)
    evidence.looks = list(looks(folder))
    return evidence
