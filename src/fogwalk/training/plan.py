"""Closing what was left open: device, arithmetic, rate, number of steps, and when to save, validate and sample.

Before this   settings/ may hold None or auto; state.py can begin a trial.
After this    trainer.py writes the closed settings into the run folder; nothing is decided later.
A budget in minutes becomes a number of steps here, once, from a few trial steps; a run never reads the clock again.
"""

from __future__ import annotations

import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from fogwalk import hardware
from fogwalk.batches.windows import Batch
from fogwalk.errors import SettingError
from fogwalk.registry import OPTIMIZERS
from fogwalk.settings import Settings
from fogwalk.tasks.protocol import Task
from fogwalk.training.evaluation import evaluate
from fogwalk.training.loop import loop
from fogwalk.training.state import Arithmetic, begin, recipe
from fogwalk.training.stopping import Stop

DEFAULT_MINUTES = 5.0

TRIAL_STEPS = 6
# Measured on two cores: compiling costs up to 30 s with nothing cached, and takes 10 to 30 % off a step.
COMPILE_SECONDS = 30.0
COMPILE_GAIN = 0.15
# Of what is left of a budget, this much is not planned: the pace of a shared machine drifts.
RESERVE = 0.03
FINISHING_SECONDS = 2.0
# Share of a run that may go into validations, beyond the last one.
VALIDATING = 0.08


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What a trial measured, in seconds: one step, one validation, one sample, and the first step (which compiles)."""

    step: float
    validation: float
    sample: float
    first: float


def close_before_data(settings: Settings) -> Settings:
    """Close what needs no data: device, threads, arithmetic and the rate."""
    device = hardware.pick_device(settings.device)
    settings = settings.replacing({"device": device.type}, _kept(settings, "device", f"found: {device.type}"))
    if settings.threads is None:
        settings = settings.replacing({"threads": hardware.cores()}, "found: the cores of this machine")
    if settings.training.precision == "auto":
        quick = hardware.quick_bfloat16(device)
        why = "found: this processor has units for bfloat16" if quick else "found: no units for bfloat16 here"
        settings = settings.replacing({"training.precision": "bfloat16" if quick else "float32"}, why)
    check_compiler(settings)
    if settings.optimizer.learning_rate is None:
        name = settings.optimizer.name
        settings = settings.replacing({"optimizer.learning_rate": OPTIMIZERS.get(name).rate}, f"default of {name}")
    return settings


def close_device(settings: Settings) -> Settings:
    """For a resume: the device the run is on, or is moved to; raises SettingError when this machine has none such."""
    try:
        device = hardware.pick_device(settings.device).type
    except SettingError as error:
        remedy = "Go on without it: --device cpu (equal to about 1e-5, not to the bit)."
        raise SettingError(*error.keys, found=error.found, expected=error.remedy, remedy=remedy) from None
    return settings if device == settings.device else settings.replacing({"device": device}, settings.origin("device"))


def check_compiler(settings: Settings) -> None:
    """Raise SettingError when a run shall be compiled where nothing can compile it."""
    if settings.training.compile == "on" and not hardware.compiler():
        raise SettingError(
            "training.compile",
            found="this run is compiled, but no C++ compiler (g++ or clang++) was found here",
            remedy="Install one, or begin a run with --training.compile off.",
        )


def _kept(settings: Settings, key: str, otherwise: str) -> str:
    origin = settings.origin(key)
    return otherwise if origin == "default" else origin


def close(
    settings: Settings, task: Task, spent: float, say: Callable[[str], None] = lambda words: None
) -> tuple[Settings, list[str]]:
    """Close everything else, and say why in words. `spent` is how many seconds of a budget have passed; `say` is told
    before something takes long.

    Raises SettingError when a budget is too small for one step.
    """
    words: list[str] = []
    training = settings.training
    limits = _limits_without_clock(settings, task)
    minutes = settings.minutes
    if not limits and minutes is None:
        minutes = DEFAULT_MINUTES
        words.append(f"no limit was given, so {minutes:g} minutes (--minutes, or --training.steps)")
    began = time.perf_counter()
    steps = min(limits.values(), default=0)
    compiled = training.compile
    if minutes is not None and minutes * 60 <= spent + FINISHING_SECONDS:
        raise _too_short(minutes, spent)
    if minutes is not None or compiled == "auto":
        pace = measure(settings, task, compiled="on" if compiled == "on" else "off")
        if compiled == "auto":
            compiled, pace, why = _compile_or_not(settings, task, pace, steps, minutes, spent, say)
            words.append(why)
        if minutes is not None:
            left = minutes * 60 - spent - (time.perf_counter() - began) - FINISHING_SECONDS
            fit = _steps_that_fit(left * (1 - RESERVE), pace, task, settings)
            if fit < 1:
                raise _too_short(minutes, spent + time.perf_counter() - began)
            limits[f"measured: {pace.step * 1000:.0f} ms a step, for {minutes:g} minutes"] = fit
    why, steps = min(limits.items(), key=lambda item: item[1])
    closed = {"training.steps": steps, "training.epochs": None, "training.tokens": None, "minutes": None}
    settings = settings.replacing(closed, why)
    settings = settings.replacing(
        {"training.compile": compiled}, _kept(settings, "training.compile", words[-1] if words else "")
    )
    return _close_habits(settings, task), words


def _too_short(minutes: float, spent: float) -> SettingError:
    return SettingError(
        "minutes",
        found=f"{minutes:g} minutes leave no time for a single step",
        expected=f"{spent:.0f} s of them have passed before the first one.",
        remedy="Give more minutes, or a smaller model (--preset tiny).",
    )


def _limits_without_clock(settings: Settings, task: Task) -> dict[str, int]:
    """Where each limit came from, and how many steps it is."""
    training = settings.training
    per_step = training.batch * settings.model.context
    limits: dict[str, int] = {}
    if training.steps is not None:
        limits[settings.origin("training.steps")] = training.steps
    if training.epochs is not None:
        epochs = math.ceil(training.epochs * task.training().per_epoch / training.batch)
        limits[f"{training.epochs:g} epochs, {settings.origin('training.epochs')}"] = max(1, epochs)
    if training.tokens is not None:
        limits[f"{training.tokens:g} tokens, {settings.origin('training.tokens')}"] = max(
            1, math.ceil(training.tokens / per_step)
        )
    return limits


def _steps_that_fit(seconds: float, pace: Pace, task: Task, settings: Settings) -> int:
    """The most steps that can be made in so many seconds, with the validations and samples a run of that length makes."""

    def needed(steps: int) -> float:
        habits = _close_habits(settings.replacing({"training.steps": steps}, ""), task).training
        validations = math.ceil(steps / (habits.evaluate_every or steps))
        samples = math.ceil(steps / habits.sample_every) if habits.sample_every else 0
        return steps * pace.step + validations * pace.validation + samples * pace.sample

    fewest, most = 0, int(seconds / pace.step) + 1
    while most - fewest > 1:
        middle = (fewest + most) // 2
        fewest, most = (middle, most) if needed(middle) <= seconds else (fewest, middle)
    return fewest


def _steps_a_validation_costs(task: Task, settings: Settings) -> float:
    """A validation is a forward pass over its tokens; a step is about three passes over a batch."""
    tokens = int(task.facts.get("validation_tokens", 0))
    return tokens / (3 * settings.training.batch * settings.model.context)


def _close_habits(settings: Settings, task: Task) -> Settings:
    """How often to save, validate and sample: a function of the number of steps alone, so that equal runs are equal."""
    training, steps = settings.training, settings.training.steps
    assert steps is not None
    values: dict[str, int] = {}
    # A long run still looks every 500 steps, where that is cheap: memorising should not go on unseen.
    if training.evaluate_every is None:
        affordable = VALIDATING * steps / max(_steps_a_validation_costs(task, settings), 1e-9)
        values["training.evaluate_every"] = math.ceil(steps / min(max(affordable, 1), max(20, steps / 500)))
    if training.save_every is None:
        values["training.save_every"] = min(max(steps // 10, 1), 500)
    if training.sample_every is None:
        values["training.sample_every"] = math.ceil(steps / 5)
    return settings.replacing(values, "chosen for this number of steps")


def measure(settings: Settings, task: Task, *, compiled: str) -> Pace:
    """Make a few steps on a throw-away model and time them."""
    arithmetic = arithmetic_of(settings.replacing({"training.compile": compiled}, ""))
    # At hardly any rate: a step takes as long, and a rate too high for the run is not met here but where it is told.
    trial = settings.replacing({"training.steps": TRIAL_STEPS, "optimizer.learning_rate": 1e-9}, "trial")
    state = begin(task.model(), trial, arithmetic.device)
    times = [time.perf_counter()]
    loop(state, recipe(task, trial, arithmetic), lambda event: times.append(time.perf_counter()), Stop())
    steps = [after - before for before, after in itertools.pairwise(times)]
    few = 0
    began = time.perf_counter()
    total = int(task.facts.get("validation_tokens", 0))

    def some() -> Iterator[Batch]:
        nonlocal few
        for batch in task.validation():
            few += batch.tokens
            yield batch
            if time.perf_counter() - began > 0.3:
                return

    evaluate(state.model, task.loss, some(), arithmetic)
    validation = (time.perf_counter() - began) * total / max(few, 1)
    began = time.perf_counter()
    state.model.eval()
    task.show(state.model, torch.Generator(arithmetic.device).manual_seed(settings.seed))
    sample = time.perf_counter() - began
    return Pace(step=max(statistics.median(steps[2:]), 1e-5), validation=validation, sample=sample, first=steps[0])


def _compile_or_not(
    settings: Settings,
    task: Task,
    eager: Pace,
    steps: int,
    minutes: float | None,
    spent: float,
    say: Callable[[str], None],
) -> tuple[str, Pace, str]:
    """Whether generated code pays within this run: on or off, the pace it gives, and why in words."""
    if not hardware.compiler():
        return "off", eager, "no C++ compiler found, so steps are not compiled"
    seconds = [steps * eager.step] if steps else []
    seconds += [minutes * 60 - spent] if minutes is not None else []
    expected = min(seconds)
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


def arithmetic_of(settings: Settings) -> Arithmetic:
    """The arithmetic of closed settings."""
    return Arithmetic(
        device=torch.device(settings.device),
        precision=settings.training.precision,
        compiled=settings.training.compile == "on",
    )


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
