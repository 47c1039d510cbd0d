"""Everything that looks on while a run trains: the recorder, and the verdicts on what it saw.

Before this   recorder.py, verdicts.py.
After this    trainer.py has every session listen with it. It reads, writes probes/ and says what it found; no weight hangs on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from fogwalk.errors import FogwalkError
from fogwalk.events import Evaluated, Event, Listener, Resumed, StepDone, Warned
from fogwalk.insight.recorder import Numbers, Recorder, looks
from fogwalk.insight.verdicts import ILLNESSES, SETTLED, Evidence, judge
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import read_story
from fogwalk.settings import load_settings, write_toml
from fogwalk.tasks.protocol import Task
from fogwalk.training.course import Course
from fogwalk.training.history import History
from fogwalk.training.state import State
from fogwalk.training.waypoints import Waypoints, forget

JUDGED = 25  # times in a run
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
        self._judged = 0
        every = course.settings.insight.every
        self.waypoints = Waypoints(folder, state, lambda: write_toml(course.settings)) if every else None
        self.recorder = Recorder(folder, state, task, course, every, self._saw)

    def __call__(self, event: Event) -> None:
        evidence = self.evidence
        if isinstance(event, Resumed):
            # Whether or not this session looks: what lies beyond is made anew.
            forget(self.folder, event.step)
            self.recorder.forget_beyond(event.step)
            self._remember(event.step)
        elif isinstance(event, StepDone):
            evidence.heard(event.step, float(event.loss), float(event.gradient_norm))
        elif isinstance(event, Evaluated):
            evidence.validations.append((event.step, event.validation_loss))
            evidence.held = event.examples
        self._carefully(lambda: self.recorder(event))
        if self.waypoints:
            self.waypoints(event)

    def ending(self, reason: str) -> None:
        """The last look, and what is to be said of the whole run."""
        self.evidence.stopped = reason
        if reason == "diverged":
            self.evidence.broken = broken(self.task, self.state.step)
        self._carefully(self.recorder.ending)
        self._judge(self.state.step)

    def _carefully(self, look: Callable[[], None]) -> None:
        """A look that fails ends no training: it is said, and there are no more."""
        try:
            look()
        except (FogwalkError, RuntimeError, MemoryError, OSError) as error:
            self.recorder.asked = 0
            why = str(error).splitlines()[0] if str(error) else type(error).__name__
            message = f"this run is not looked into any more: {why}"
            self.emit(Warned(step=self.state.step, seconds=self.state.age(), message=message))

    def _remember(self, step: int) -> None:
        """What was seen and said before a resume."""
        story = [record for record in read_story(self.folder.events) if record["step"] <= step]
        self.evidence = gathered(story, self.task.facts)
        self.evidence.looks = [(at, numbers) for at, numbers in looks(self.folder) if at <= step]
        self.evidence.stopped = ""
        said = [record["message"] for record in story if record["event"] == "warned"]
        self.told = {illness.name for illness in ILLNESSES if any(one.startswith(f"{illness.name}: ") for one in said)}

    def _saw(self, step: int, numbers: Numbers) -> None:
        self.evidence.looks.append((step, numbers))
        if step >= max(SETTLED * self.course.steps, self._judged + self.course.steps / JUDGED):
            self._judge(step)

    def _judge(self, step: int) -> None:
        evidence = self.evidence
        self._judged, evidence.steps = step, self.course.steps
        for found in judge(evidence):
            if found.name not in self.told and found.name not in TOLD_ELSEWHERE:
                self.told.add(found.name)
                self.emit(Warned(step=step, seconds=self.state.age(), message=str(found)))


def chances(facts: dict[str, Any]) -> Evidence:
    """Evidence of nothing yet but what the loss is without learning."""
    known = {name: facts[name] for name in ("guessing", "frequencies") if isinstance(facts.get(name), int | float)}
    guessing = known.get("guessing", math.inf)
    return Evidence(guessing=guessing, counting=min(guessing, known.get("frequencies", math.inf)))


def broken(task: Task, step: int) -> str:
    """Which record of the batch after `step` updates holds what is no finite number; empty where none does."""
    batch = task.training().at(step)
    for what, values in (("what is read", batch.inputs), ("what is asked", batch.targets)):
        if values.is_floating_point():
            wrong = ~torch.isfinite(values.flatten(1) if values.dim() > 1 else values[:, None]).all(1)
            if wrong.any():
                first, many = int(wrong.nonzero()[0]), int(wrong.sum())
                where = f"in {many} of {len(values)} records of the batch of step {step + 1}, record {first} first"
                return f"{where}, {what} holds no finite number{_of_all(task)}"
    return ""


def _of_all(task: Task) -> str:
    """Which of all records are such, where they are rows."""
    inputs = getattr(task, "inputs", None)
    if not isinstance(inputs, torch.Tensor) or not inputs.is_floating_point():
        return ""
    wrong = (~torch.isfinite(inputs.flatten(1)).all(1)).nonzero().flatten().tolist()
    shown = ", ".join(map(str, wrong[:5])) + (", …" if len(wrong) > 5 else "")
    return f"; of all the data, records {shown} (from 0, as they are read)" if wrong else ""


def gathered(story: list[dict[str, Any]], facts: dict[str, Any], epoch: float = math.inf) -> Evidence:
    """The evidence of a run's own log; looks are not in it."""
    evidence = chances(facts)
    history = History(epoch)
    for record in story:
        name, step = record["event"], record["step"]
        if name == "step":
            loss, norm = (math.nan if record.get(key) is None else record[key] for key in ("loss", "gradient_norm"))
            evidence.heard(step, loss, norm)
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
    there = len(list(folder.probes.glob("*.safetensors"))) if folder.probes.is_dir() else 0
    if there > len(evidence.looks):
        evidence.unread = (
            f"{there - len(evidence.looks)} of its {there} looks are damaged, or of another version of Fogwalk"
        )
    elif not there and evidence.made:
        blind = "it was not looked into while it trained (--insight.every 0)"
        evidence.unread = f"{folder.probes} is missing" if settings.insight.every else blind
    return evidence
