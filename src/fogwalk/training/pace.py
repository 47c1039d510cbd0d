"""How fast this machine makes the steps of a run: a few on a throw-away model, timed; and whether generated code pays.

Before this   state.py can begin a trial, loop.py make its steps.
After this    plan.py turns a budget into steps with it.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from fogwalk import hardware
from fogwalk.batches.batch import Batch
from fogwalk.events import Event
from fogwalk.settings import Settings
from fogwalk.tasks.protocol import Task
from fogwalk.training.course import Course
from fogwalk.training.evaluation import evaluate
from fogwalk.training.loop import loop
from fogwalk.training.state import State, arithmetic_of, begin, recipe
from fogwalk.training.stopping import Stop

# A trial makes at least so many steps, and goes on for a second where they are quick: a small model's first ones are slow.
TRIAL_STEPS, MOST_TRIAL_STEPS = 6, 60
TRIAL_SECONDS = 1.0
FIRST = 3  # times the seconds of a trial that its first step may take before the trial ends with it
# Measured on two cores: compiling costs up to 30 s with nothing cached, and takes 10 to 30 % off a step.
COMPILE_SECONDS = 30.0
COMPILE_GAIN = 0.15
# A checkpoint is written, hashed and flushed to the disk: 8 ms of 2 MB, 0.11 s of 90 MB, 2.2 s of 690 MB (measured).
SAVING_SECONDS = 0.01
SAVING_RATE = 350e6  # bytes a second


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What a trial measured, in seconds: one step, one validation, one sample, and the first step (which compiles); and what a
    checkpoint of this size takes."""

    step: float
    validation: float
    sample: float
    first: float
    saving: float = 0.0


def measure(settings: Settings, task: Task, *, compiled: str, most: float | None = None) -> Pace:
    """Make a few steps on a throw-away model and time them: fewer where they take more than so many seconds."""
    arithmetic = arithmetic_of(settings.replacing({"training.compile": compiled}, ""))
    # At hardly any rate: a step takes as long, and a rate too high for the run is not met here but where it is told.
    trial = settings.replacing({"training.steps": MOST_TRIAL_STEPS, "optimizer.learning_rate": 1e-9}, "trial")
    state, stop = begin(task.model(), trial, arithmetic.device), Stop()
    times = [time.perf_counter()]

    def listen(event: Event) -> None:
        times.append(time.perf_counter())
        # The first step says least, for it is slow: another is made, unless even that is too much.
        enough = most is not None and times[-1] - times[0] > (most if len(times) > 2 else FIRST * most)
        if enough or (len(times) > TRIAL_STEPS and times[-1] - times[1] > TRIAL_SECONDS):
            stop.ask("timed")

    loop(state, recipe(task, Course(trial), arithmetic), listen, stop)
    steps = [after - before for before, after in itertools.pairwise(times)]
    few = 0
    began = time.perf_counter()
    total = task.sizes.validation

    def some() -> Iterator[Batch]:
        nonlocal few
        for batch in task.validation():
            few += batch.examples
            yield batch
            if time.perf_counter() - began > 0.3:
                return

    evaluate(state.model, task.loss, some(), arithmetic)
    validation = (time.perf_counter() - began) * total / max(few, 1)
    sample = steps[-1]  # about as much, where there is no time to try
    if most is None or sum(steps) <= most:
        began = time.perf_counter()
        state.model.eval()
        task.show(state.model, torch.Generator(arithmetic.device).manual_seed(settings.seed))
        sample = time.perf_counter() - began
    return Pace(
        step=max(statistics.median(steps[len(steps) // 2 :]), 1e-5),
        validation=validation,
        sample=sample,
        first=steps[0],
        saving=SAVING_SECONDS + _bytes(state) / SAVING_RATE,
    )


def _bytes(state: State) -> int:
    """Of a checkpoint: the parameters, and what the optimizer remembers."""
    held = [*state.model.parameters(), *state.optimizer.state().values()]
    return sum(value.numel() * value.element_size() for value in held)


def compile_or_not(
    settings: Settings,
    task: Task,
    eager: Pace,
    steps: int,
    seconds: float | None,
    say: Callable[[str], None],
) -> tuple[str, Pace, str]:
    """Whether generated code pays within a run of so many steps, or what of them fits into so many seconds: on or off, the
    pace it gives, and why in words."""
    if not hardware.compiler():
        return "off", eager, "no C++ compiler found, so steps are not compiled"
    limits = [steps * eager.step] if steps else []
    limits += [seconds] if seconds is not None else []
    expected = min(limits)
    if expected * COMPILE_GAIN < COMPILE_SECONDS:
        return (
            "off",
            eager,
            f"not compiled: {_time(expected)} of steps are too few to earn {COMPILE_SECONDS:.0f} s back",
        )
    say(f"compiling a few steps to see whether it pays; with nothing cached this takes about {COMPILE_SECONDS:.0f} s")
    try:
        pace = measure(settings, task, compiled="on")
    except (torch._dynamo.exc.TorchDynamoException, torch._inductor.exc.InductorError) as error:
        return "off", eager, f"not compiled: torch could not ({str(error).splitlines()[0][:80]})"
    speeds = f"{pace.step * 1000:.0f} ms a step, {eager.step * 1000:.0f} ms without"
    if pace.step < eager.step * 0.98:
        return "on", pace, f"compiled in {pace.first:.0f} s: {speeds}"
    return "off", eager, f"not compiled: {speeds}"


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
