"""Closing what was left open: device, arithmetic, rate, number of steps, and when to save, validate and sample.

Before this   settings/ may hold None or auto; state.py can begin a trial.
After this    trainer.py writes the closed settings into the run folder; nothing is decided later.
A budget in minutes becomes a number of steps here, from a few trial steps; replanning.py watches whether they hold.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from fogwalk import hardware
from fogwalk.errors import SettingError
from fogwalk.registry import OPTIMIZERS
from fogwalk.settings import Settings, Training
from fogwalk.tasks.protocol import Task
from fogwalk.training import finder, shape
from fogwalk.training.course import UNTIL_CONVERGED, Budget, Course
from fogwalk.training.pace import TRIAL_SECONDS, TRIAL_STEPS, Pace, compile_or_not, measure
from fogwalk.training.schedule import FALLING

DEFAULT_MINUTES = 5.0
# Over so many steps the rate rises where no last step is known; and over so many at most in a run over rows or images, which
# makes many quick ones.
WARMING_STEPS, MOST_WARMING = 50, 200
# Of what is left of a budget, this much is not planned: the pace of a shared machine drifts.
RESERVE = 0.03
FINISHING_SECONDS = 2.0
# Share of what is left of a budget that trying one pace may take.
TRYING = 0.15
# Before a run began so many seconds have hardly gone into anything but reading.
READING_LONG = 20.0
# Share of a budget that the learning-rate finder may take.
FINDING = 0.25
HABITS = ("evaluate_every", "save_every", "sample_every")
CHOSEN = "chosen for this number of steps"
# Share of a run that may go into validations, beyond the last one.
VALIDATING = 0.08
# A small text is learned by heart within some tens of epochs: benchmarks/budgets.py, 20 kB.
EPOCHS_UNSEEN = 1
# Steps over rows are quick, and each validation is saved before it is made: not more often than this.
SELDOM = 100


def minutes_for(settings: Settings) -> float | None:
    """The minutes that were given, or that a run without any limit takes; None where another limit was given."""
    training = settings.training
    limits = training.steps, training.epochs, training.tokens, training.stop_below
    return DEFAULT_MINUTES if settings.minutes is None and not any(limits) else settings.minutes


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


def extended(settings: Settings, task: Task) -> Settings:
    """A run that was given another number of steps looks, saves and shows as one that began with it."""
    chosen = [f"training.{name}" for name in HABITS if settings.origin(f"training.{name}") == CHOSEN]
    return close_habits(settings.replacing(dict.fromkeys(chosen), CHOSEN), task)


def check_compiler(settings: Settings) -> None:
    """Raise SettingError when a run shall be compiled where nothing can compile it."""
    if settings.training.compile == "on" and not hardware.compiler():
        raise SettingError(
            "training.compile",
            found="this run is compiled, but no C++ compiler (g++ or clang++) was found here",
            remedy="Install one, or begin a run with --training.compile off.",
        )


def _is_open(settings: Settings, key: str) -> bool:
    """Whether nobody chose a value."""
    return settings.origin(key) == "default"


def _kept(settings: Settings, key: str, otherwise: str) -> str:
    origin = settings.origin(key)
    return otherwise if origin == "default" else origin


@dataclass(frozen=True)
class Closed:
    """A run's course and its task, why in words, the pace it was planned with where one was measured, and the curve where
    its rate was found."""

    course: Course
    task: Task
    words: list[str]
    pace: Pace | None
    found: finder.Found | None = None


def close(settings: Settings, task: Task, spent: float, say: Callable[[str], None] = lambda words: None) -> Closed:
    """Close everything else, and say why in words. `spent` is how many seconds of a budget have passed; `say` is told
    before something takes long.

    Raises SettingError when a budget is too small for one step, or a run would have no end.
    """
    words: list[str] = []
    began = time.perf_counter()

    def left() -> float | None:
        """Seconds of the budget, where there is one, until the last step must have been made."""
        gone = spent + time.perf_counter() - began
        return minutes * 60 - gone - FINISHING_SECONDS if minutes else None

    def timed(settings: Settings, task: Task) -> Pace:
        """The pace without generated code; trying it must leave time to train."""
        seconds = left()
        return measure(settings, task, compiled="off", most=None if seconds is None else seconds * TRYING)

    settings, told = task.fitted(settings)
    task, words = task.resized(settings), [*words, *told]
    limits = _limits_without_clock(settings, task)
    limited, asked = (
        bool(limits),
        min(limits.values(), default=0),
    )  # the length was asked for in steps, epochs or tokens
    minutes, goal = minutes_for(settings), settings.training.stop_below
    if not limits and minutes is None:
        minutes = 0.0
        words.append("a goal was given and no time, so until it is reached, or validation improves no more (--minutes)")
    elif settings.minutes is None and minutes is not None:
        words.append(f"no limit was given, so {minutes:g} minutes (--minutes, or --training.steps)")
    if minutes and minutes * 60 <= spent + FINISHING_SECONDS:
        raise _too_short(minutes, spent, TRIAL_STEPS * TRIAL_SECONDS)
    settings = _close_convergence(settings, minutes, limited)
    if minutes == 0 and not limited:
        settings = _without_end(settings)
        reached = "" if goal is None else f"is below {goal:g} or "
        limits[f"until validation {reached}improves no more"] = UNTIL_CONVERGED
    steps = min(limits.values(), default=0)
    compiled, budget, pace = settings.training.compile, None, None
    if not limited:
        settings, pace, why_so = shape.fit(settings, task, left(), timed)
        task = task.resized(settings)
        words += why_so
    found = None
    if settings.optimizer.find_rate:
        seconds = left()
        if seconds is not None:
            pace = pace or timed(settings, task)
            steps = min(steps or UNTIL_CONVERGED, max(int(seconds / pace.step), 1))
        settings, found, why_so = _find_rate(settings, task, steps, seconds, pace, say)
        words += why_so
    if minutes or compiled == "auto":
        if pace is None or compiled == "on":
            pace = measure(settings, task, compiled="on") if compiled == "on" else timed(settings, task)
        if compiled == "auto":
            compiled, pace, why = compile_or_not(settings, task, pace, steps, left(), say)
            words.append(why)
        if (seconds := left()) is not None:
            fit = steps_that_fit(seconds * (1 - RESERVE), pace, task, settings)
            if fit < 1:
                assert minutes
                least = needed(settings.replacing({"training.steps": 1}, ""), task, pace) / (1 - RESERVE)
                raise _too_short(minutes, spent + time.perf_counter() - began, least)
            budget = Budget(seconds, fill=not limited)
            limits[f"measured: {pace.step * 1000:.0f} ms a step, for {minutes:g} minutes"] = fit
    why, steps = min(limits.items(), key=lambda item: item[1])
    closed = {"training.steps": steps, "training.epochs": None, "training.tokens": None, "minutes": None}
    settings = settings.replacing(closed, why)
    if task.sizes.unit != "token" and steps * settings.optimizer.warmup > MOST_WARMING:
        share = {"optimizer.warmup": MOST_WARMING / steps}
        settings = (
            settings.replacing(share, f"chosen: {MOST_WARMING} steps") if _is_open(settings, *share) else settings
        )
    settings = settings.replacing(
        {"training.compile": compiled}, _kept(settings, "training.compile", words[-1] if words else "")
    )
    if budget and not limited:
        words += shape.told(settings, task)
    elif budget and steps < asked:
        words.append(f"{asked:,} steps were asked for: no more fit into {minutes:g} minutes")
    if goal is not None and minutes:
        words.append(f"it ends earlier once validation is below {goal:g}")
    return Closed(Course(close_habits(settings, task), budget), task.resized(settings), words, pace, found)


def _find_rate(
    settings: Settings, task: Task, steps: int, seconds: float | None, pace: Pace | None, say: Callable[[str], None]
) -> tuple[Settings, finder.Found | None, list[str]]:
    """The settings with the rate found for a run of so many steps, within its share of so many seconds; and why in words.
    Where even that is too short, the rate stays as it is."""
    most = None
    if seconds is not None and pace is not None:
        most = int(seconds * FINDING / pace.step)
        if most < (least := finder.TRIALS * finder.LEAST_STEPS):
            settings = settings.replacing({"optimizer.find_rate": False}, "too little time to try rates")
            told = (
                f"rate {settings.optimizer.learning_rate:g}, the optimizer's own: trying rates would take {least} steps "
                f"of {pace.step * 1000:.0f} ms, more than {FINDING:.0%} of the time"
            )
            return settings, None, [told]
    say("trying learning rates on throw-away models, from too cold to too hot")
    found = finder.find(settings, task, steps, most, math.inf if seconds is None else seconds * FINDING)
    values = {"optimizer.learning_rate": found.rate, "optimizer.find_rate": False}
    return settings.replacing(values, "found by trying rates"), found, found.words()


def seconds_needed(closed: Closed, pace: Pace) -> float:
    """How long the training itself will take: its steps, validations and samples."""
    return needed(closed.course.settings, closed.task, pace)


def _close_convergence(settings: Settings, minutes: float | None, limited: bool) -> Settings:
    """The rule ends what has no end of its own; where steps, epochs or tokens were asked for, they are made."""
    falling = settings.optimizer.schedule in FALLING
    if settings.training.convergence == "on" and falling and (minutes != 0 or limited):
        raise SettingError(
            "training.convergence",
            "optimizer.schedule",
            found=f"the rule ends a run before its rate begins to fall, but a {settings.optimizer.schedule} rate falls all along",
            remedy="Leave convergence out, or use the schedule warmup-stable-decay or constant.",
        )
    if settings.training.convergence != "auto":
        return settings
    on = minutes is not None and not limited and not falling
    why = "a budget in minutes ends early once nothing is learned" if on else "the number of steps was given"
    if falling and not limited:
        why = f"a {settings.optimizer.schedule} rate falls all along: what is learned is not over before its end"
    return settings.replacing({"training.convergence": "on" if on else "off"}, why)


def _without_end(settings: Settings) -> Settings:
    """A run that ends when it has converged: its rate rises over a few steps, and falls when the rule says so."""
    optimizer = settings.optimizer
    if optimizer.schedule in FALLING:
        raise SettingError(
            "optimizer.schedule",
            "minutes",
            found=f"the schedule {optimizer.schedule} falls towards a last step, but none is known: only a goal, or --minutes 0",
            remedy="Use warmup-stable-decay (it falls once validation improves no more) or constant, or give --minutes.",
        )
    if settings.training.convergence == "off" and settings.training.stop_below is None:
        raise SettingError(
            "training.convergence",
            "minutes",
            found="--minutes 0 trains until validation improves no more, but convergence is off: the run would have no end",
            remedy="Leave convergence on, or give --minutes, --training.steps or --training.stop-below.",
        )
    values = {"optimizer.warmup": WARMING_STEPS / UNTIL_CONVERGED, "optimizer.decay": 0.0}
    return settings.replacing(values, "chosen for a run without a last step")


def _too_short(minutes: float, spent: float, more: float) -> SettingError:
    """`spent` seconds have passed, and `more` would be needed for the least that can be called training."""
    smaller = ", or a smaller model (--preset tiny)" if minutes * 60 > spent + FINISHING_SECONDS else ""
    kept = " What was read of the text is kept: the same words may do now." if spent > READING_LONG else ""
    return SettingError(
        "minutes",
        found=f"{minutes:g} minutes leave no time for a single step",
        expected=f"{spent:.0f} s of them have passed before the first one: starting, reading, and timing a few steps.",
        remedy=f"Give at least {math.ceil((spent + more + FINISHING_SECONDS) / 6 + 1) / 10:g} minutes{smaller}.{kept}",
    )


def _limits_without_clock(settings: Settings, task: Task) -> dict[str, int]:
    """Where each limit came from, and how many steps it is."""
    training = settings.training
    sizes = task.sizes
    per_step = sizes.step(settings)
    if training.tokens is not None and sizes.unit != "token":
        raise SettingError(
            "training.tokens",
            found=f"training.tokens counts tokens of a text, but this learns from {sizes.unit}s",
            remedy="Say how often to go through them: --training.epochs.",
        )
    limits: dict[str, int] = {}
    if training.steps is not None:
        limits[settings.origin("training.steps")] = training.steps
    lengths = {"epochs": task.training().per_epoch / training.batch, "tokens": 1 / per_step}
    for name, steps_each in lengths.items():
        if (asked := getattr(training, name)) is not None:
            steps = asked * steps_each
            if steps >= UNTIL_CONVERGED:
                raise SettingError(
                    f"training.{name}",
                    found=f"{asked:g} {name} are {steps:.3g} steps of {per_step:,} {sizes.unit}s",
                    expected=f"A run makes fewer than {UNTIL_CONVERGED:,}.",
                    remedy=f"Give fewer {name}, or --minutes 0 to train until validation improves no more.",
                )
            limits[f"{asked:g} {name}, {settings.origin(f'training.{name}')}"] = max(1, math.ceil(steps))
    return limits


def needed(settings: Settings, task: Task, pace: Pace) -> float:
    """Seconds of a run of these settings: steps, validations, samples and checkpoints."""
    training = close_habits(settings, task).training
    steps = training.steps or 0
    validations = math.ceil(steps / (training.evaluate_every or steps))
    samples = math.ceil(steps / training.sample_every) if training.sample_every else 0
    return steps * pace.step + validations * pace.validation + samples * pace.sample + saves(training) * pace.saving


def saves(training: Training) -> int:
    """Checkpoints of a run: before its first step, every so many, before each validation, and at its end."""
    steps, often, seen = training.steps or 0, training.save_every or 1, training.evaluate_every or 1
    within = steps // often + steps // seen - steps // math.lcm(often, seen)
    return 1 + within + bool(steps % often and steps % seen)


def steps_that_fit(seconds: float, pace: Pace, task: Task, settings: Settings) -> int:
    """The most steps that can be made in so many seconds, with the validations and samples a run of that length makes."""

    def of(steps: int) -> float:
        return needed(settings.replacing({"training.steps": steps}, ""), task, pace)

    fewest, most = 0, min(int(seconds / pace.step) + 1, UNTIL_CONVERGED)
    while most - fewest > 1:
        middle = (fewest + most) // 2
        fewest, most = (middle, most) if of(middle) <= seconds else (fewest, middle)
    return fewest


def steps_a_validation_costs(task: Task, settings: Settings) -> float:
    """A validation is a forward pass over its examples; a step is about three passes over a batch."""
    return task.sizes.validation / (3 * task.sizes.step(settings))


def close_habits(settings: Settings, task: Task) -> Settings:
    """How often to save, validate and sample: a function of the number of steps alone, so that equal runs are equal."""
    training, steps = settings.training, settings.training.steps
    assert steps is not None
    values: dict[str, int] = {}
    endless = steps >= UNTIL_CONVERGED
    if training.evaluate_every is None:
        # Seldom enough that it costs little; often enough that memorising does not go on unseen: within once through
        # the text, 500 steps and, where there is one, a twentieth of the run.
        affordable = math.ceil(steps_a_validation_costs(task, settings) / VALIDATING)
        wanted = min(
            EPOCHS_UNSEEN * task.training().per_epoch / training.batch, 500, math.inf if endless else steps / 20
        )
        if task.sizes.unit != "token":
            wanted = max(wanted, SELDOM)
        values["training.evaluate_every"] = min(max(affordable, math.ceil(wanted)), steps)
    if training.save_every is None:
        values["training.save_every"] = min(max(steps // 10, 1), 500)
    if training.sample_every is None:
        often = values.get("training.evaluate_every", training.evaluate_every or 1)
        values["training.sample_every"] = often * 10 if endless else math.ceil(steps / 5)
    return settings.replacing(values, CHOSEN)
