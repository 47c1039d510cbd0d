"""The recorder: every so many updates one small fixed batch goes through the weights with every probe open, and what the measures
make of it is kept as probes/000640.safetensors.

Before this   capture.py, measures/.
After this    verdicts.py judge by it; the page draws it over time.
It only reads. It looks when it is due, as long as looking takes no more than SHARE of the run's time, and in any case before the
first step and after the last.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fogwalk.batches.batch import Batch
from fogwalk.errors import FogwalkError
from fogwalk.events import Event, Planned, Resumed, StepDone
from fogwalk.insight.capture import capture, most_rows
from fogwalk.insight.measures.protocol import Look, Measure
from fogwalk.registry import MEASURES
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.publish import open_to_readers
from fogwalk.tasks.protocol import Task
from fogwalk.training.course import Course
from fogwalk.training.state import State

FORMAT = 1
TOKENS, ROWS, IMAGES = 512, 64, 16  # of the probe batch, at most
LONGEST = 256  # tokens of a window that are looked at: exact attention forms a square of them
LOOKS = 400  # in a run, at most
SHARE = 0.012  # of the run's time that looks may take, once the first seconds of them are over
FREE = 0.4  # seconds

Numbers = dict[str, Tensor]
Heard = Callable[[int, Numbers], None]


class Recorder:
    """A listener. `heard` is told what was measured at each step."""

    def __init__(
        self,
        folder: RunFolder,
        state: State,
        task: Task,
        course: Course,
        every: int,
        heard: Heard = lambda step, numbers: None,
    ) -> None:
        self.folder = folder
        self.state = state
        self.task = task
        self.course = course
        self.asked = every
        self.heard = heard
        self.spent = 0.0
        self.recorded = -1
        self._batch: Batch | None = None
        self._most = 0
        self._before: Numbers = {}
        self._before_step = -1

    @property
    def every(self) -> int:
        """Updates between two looks."""
        return max(self.asked, math.ceil(self.course.steps / LOOKS))

    def __call__(self, event: Event) -> None:
        if not self.asked:
            return
        if isinstance(event, Planned | Resumed):
            self.record()
        elif isinstance(event, StepDone):
            last = event.step + 1 == self.course.steps
            if (event.step + 1) % self.every == 0 or last:
                self._remember(last)
            if event.step % self.every == 0 or event.step == self.course.steps:
                self._record_if_due(event.step == self.course.steps)

    def ending(self) -> None:
        """The run stops here."""
        if self.asked:
            self.record()

    def _affordable(self) -> bool:
        return self.spent <= FREE + SHARE * self.state.age()

    def _remember(self, last: bool) -> None:
        """The weights before the update that is looked at."""
        if last or self._affordable():
            began = time.perf_counter()
            named = self.state.model.named_parameters()
            self._before = {name: parameter.detach().clone() for name, parameter in named}
            self._before_step = self.state.step
            self.spent += time.perf_counter() - began

    def _record_if_due(self, last: bool) -> None:
        if last or self._affordable():
            self.record()

    def record(self) -> None:
        """Look now, unless this step was looked at."""
        step = self.state.step
        if step == self.recorded:
            return
        began = time.perf_counter()
        self.recorded = step
        before, self._before = self._before if self._before_step == step - 1 else {}, {}
        numbers = self._measured(before)
        with suppress(OSError, SafetensorError, FogwalkError):  # a full disk is for those to tell who must write
            write(self.folder.probes / f"{step:06d}.safetensors", step, numbers)
        self.heard(step, numbers)
        self.spent += time.perf_counter() - began

    def _measured(self, before: Numbers) -> Numbers:
        model = self.state.model
        if self._batch is None:
            self._batch = probe_batch(self.task)
            self._most = most_rows(model, self._batch)
        mode = model.training
        model.eval()
        try:
            captured = capture(model, self.task.loss, self._batch, most=self._most)
        finally:
            model.train(mode)
        with torch.no_grad():
            return measured(Look(model, captured, before))

    def forget_beyond(self, step: int) -> None:
        """A run that goes on from an earlier step makes the later ones again."""
        with suppress(OSError):
            for path in self.folder.probes.glob("*.safetensors"):
                if path.stem.isdecimal() and int(path.stem) > step:
                    path.unlink()


def probe_batch(task: Task) -> Batch:
    """The first records of the first batch, as many as are quick to look at."""
    batch, sizes = task.training().at(0), task.sizes
    if sizes.unit == "token":
        wide = min(sizes.each, LONGEST)
        most = max(1, TOKENS // wide)
        return Batch(batch.inputs[:most, :wide], batch.targets[:most, :wide])
    most = ROWS if sizes.unit == "row" else IMAGES
    return Batch(batch.inputs[:most], batch.targets[:most])


def measured(look: Look) -> Numbers:
    """What every measure makes of a look."""
    numbers: Numbers = {"loss": torch.tensor(look.captured.loss)}
    for name in MEASURES:
        measure: Measure = MEASURES.get(name)()
        numbers |= measure.of(look)
    return {name: value.detach().float().cpu().contiguous().clone() for name, value in numbers.items()}


def axes() -> dict[str, tuple[str, ...]]:
    """How the axes of each number are called, by the first part of its name."""
    return {what: names for name in MEASURES for what, names in MEASURES.get(name).axes.items()}


def write(path: Path, step: int, numbers: Numbers) -> None:
    """One look as a file that is there whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    told = {"format": str(FORMAT), "step": str(step), "axes": json.dumps(axes())}
    save_file(numbers, fresh, metadata=told)
    open_to_readers(fresh)
    fresh.replace(path)


def looks(folder: RunFolder) -> Iterator[tuple[int, Numbers]]:
    """Every look of a run, the earliest first; a file that cannot be read, or of another format, is passed over."""
    for step, path in files(folder):
        if (numbers := read(path)) is not None:
            yield step, numbers


def files(folder: RunFolder) -> list[tuple[int, Path]]:
    """Every look's step and file, the earliest first."""
    if not folder.probes.is_dir():
        return []
    return sorted((int(path.stem), path) for path in folder.probes.glob("*.safetensors") if path.stem.isdecimal())


def read(path: Path) -> Numbers | None:
    """What a look's file holds; None where it cannot be read, or is of another format."""
    try:
        with safe_open(path, "pt") as file:
            told = file.metadata() or {}
            # Copies: the file is not held open by what is kept of it.
            numbers = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  # no mapping
    except (SafetensorError, OSError):
        return None
    return numbers if told.get("format") == str(FORMAT) else None
