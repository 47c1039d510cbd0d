"""The one function behind the one command: data, encoding, model, plan, and the loop, with everyone listening.

Before this   tasks/, training/, runs/: this file only puts them in order.
After this    run.py opens what was trained; cli/train.py calls this with what a person typed.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fogwalk import hardware
from fogwalk.errors import DataError, Diverged, FogwalkError, Interrupted, RunError, SettingError
from fogwalk.events import Event, Listener, Planned, Resumed, StepDone, Stopped, Warned
from fogwalk.registry import TASKS
from fogwalk.runs.folder import RunFolder, create, find, sweep
from fogwalk.runs.lock import holding
from fogwalk.runs.log import EventLog, read_all
from fogwalk.runs.publish import write_atomically
from fogwalk.settings import Settings, Source, declared, flag, load_settings, resolve, write_toml
from fogwalk.tasks.protocol import Task
from fogwalk.training import checkpoint, plan
from fogwalk.training.evaluation import Evaluator
from fogwalk.training.loop import loop
from fogwalk.training.sampling import Sampler
from fogwalk.training.saving import Saver
from fogwalk.training.state import State, begin, recipe
from fogwalk.training.stopping import Stop

FINISHED = ("steps", "stop-below")


@dataclass(frozen=True)
class Told:
    """What a front end may be told besides events: words about data, model, plan and chance, before the first step."""

    kind: str
    words: str


class Bus:
    """Every listener hears every event, in order."""

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self.listeners = list(listeners)

    def __call__(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)


def train(
    settings: Settings, *, listeners: Iterable[Listener] = (), tell: Any = lambda told: None, began: float | None = None
) -> RunFolder:
    """Train a new run and give back its folder. `began` is when a budget in minutes started (time.monotonic())."""
    began = time.monotonic() if began is None else began
    if not settings.data.path:
        raise SettingError("data.path", found="nothing to learn from", remedy="Name a text: fogwalk train book.txt")
    settings = plan.close_before_data(_absolute(settings))
    assert settings.threads is not None
    with hardware.exactly(settings.threads):
        task: Task = TASKS.get(settings.task)(settings)
        folder = create(settings.out)
        settings = settings.replacing({"out": None}, "default")
        try:
            with holding(folder):
                _write_view(folder, settings, task)
                folder.write_status(state="planning", step=0, started=time.time())
                return _plan_and_run(folder, settings, task, list(listeners), tell, began)
        except BaseException:
            if not folder.steps_saved():
                shutil.rmtree(folder.path, ignore_errors=True)  # nothing was learned: leave no empty run behind
            raise


def resume(
    name: str,
    asked: Iterable[Source] = (),
    *,
    listeners: Iterable[Listener] = (),
    tell: Any = lambda told: None,
) -> RunFolder:
    """Go on with a run from its newest intact checkpoint; a finished one is left as it is unless asked for more steps.

    `asked` may change what does not alter a step (steps, save-every ...); anything else that differs is refused.
    """
    folder = find(name)
    with holding(folder):
        sweep(folder)
        if not folder.checkpoints.is_dir() or not (folder.steps_saved() or any(folder.checkpoints.iterdir())):
            return _start_over(folder, asked, list(listeners), tell)
        step, damage = checkpoint.require(folder)
        saved = load_settings(folder.checkpoint(step) / "settings.toml")
        settings = _with_later_steps(folder, saved, step)
        settings = _with_changes(settings, asked)
        if _is_finished(folder, settings, step):
            tell(Told("finished", f"{folder.path} is finished: {step} of {settings.training.steps} steps"))
            return folder
        assert settings.threads is not None
        with hardware.exactly(settings.threads):
            task = _same_data(folder, settings, step)
            _write_view(folder, settings, task)
            return _run(folder, settings, task, list(listeners), tell, resumed_from=step, damage=damage)


def _absolute(settings: Settings) -> Settings:
    path = settings.data.path
    if path.startswith("sample:"):
        return settings
    return settings.replacing({"data.path": str(Path(path).expanduser().absolute())}, settings.origin("data.path"))


def _write_view(folder: RunFolder, settings: Settings, task: Task) -> None:
    write_atomically(folder.settings, write_toml(settings))
    with suppress(FileNotFoundError):
        shutil.rmtree(folder.encoding)
    task.save_encoding(folder.encoding)


def _plan_and_run(
    folder: RunFolder, settings: Settings, task: Task, listeners: list[Listener], tell: Any, began: float
) -> RunFolder:
    for words in task.words():
        tell(Told("data", words))
    settings, why = plan.close(settings, task, time.monotonic() - began)
    write_atomically(folder.settings, write_toml(settings))
    return _run(folder, settings, task, listeners, tell, why=why)


def _run(
    folder: RunFolder,
    settings: Settings,
    task: Task,
    listeners: list[Listener],
    tell: Any,
    *,
    why: Iterable[str] = (),
    resumed_from: int | None = None,
    damage: Iterable[str] = (),
) -> RunFolder:
    """Train from a checkpoint, or from the beginning, to the end; every way it can end is written down."""
    training = settings.training
    assert training.steps
    assert training.evaluate_every
    assert training.save_every
    assert training.sample_every is not None
    arithmetic = plan.arithmetic_of(settings)
    fingerprint = hardware.fingerprint(arithmetic.device, settings.threads or 1)
    state = begin(task, settings, arithmetic.device)
    if resumed_from is not None:
        checkpoint.restore(folder, state, resumed_from)
    stop = Stop(tell=lambda words: bus(Warned(step=state.step, seconds=state.age(), message=words)))
    bus = Bus()
    steps = training.steps
    evaluator = Evaluator(
        state,
        task,
        arithmetic,
        bus,
        stop,
        every=training.evaluate_every,
        last=steps,
        context=settings.model.context,
        stop_below=training.stop_below,
    )
    save_every = training.save_every
    saver = Saver(
        folder,
        state,
        bus,
        # Saved before each validation: a crash while validating must not cost what was trained.
        due=lambda step: step % save_every == 0 or evaluator.due(step),
        keep=training.keep,
        settings=write_toml(settings),
        encoding=folder.encoding,
        digest=task.digest,
        fingerprint=fingerprint,
    )
    sampler = Sampler(state, task, bus, every=training.sample_every, last=steps, seed=settings.seed)
    with EventLog(folder.events) as log:
        bus.listeners = [log, *listeners, _Heartbeat(folder, steps), saver, evaluator, sampler]
        for told in describe(settings, state, why):
            tell(told)
        tell(Told("chance", task.chance()))
        for words in damage:
            bus(Warned(step=state.step, seconds=state.age(), message=f"passed over a damaged checkpoint: {words}"))
        if resumed_from is None:
            bus(_planned(settings, task, state))
            saver.save()
        else:
            exact, reason = _promise(folder, resumed_from, fingerprint)
            bus(Resumed(step=state.step, seconds=state.age(), steps=steps, exact=exact, why=reason))
        return _to_the_end(folder, state, settings, task, bus, saver, stop, log)


def _to_the_end(
    folder: RunFolder,
    state: State,
    settings: Settings,
    task: Task,
    bus: Bus,
    saver: Saver,
    stop: Stop,
    log: EventLog,
) -> RunFolder:
    reason = "failed"
    try:
        with stop.listening():
            loop(state, recipe(task, settings, plan.arithmetic_of(settings)), bus, stop)
            saver.save()
        reason = stop.reason or "steps"
    except Diverged as error:
        reason = "diverged"
        bus(Warned(step=state.step, seconds=state.age(), message=str(error)))
        raise
    except KeyboardInterrupt:
        reason = "interrupted"
        raise
    except RunError:
        with suppress(OSError, FogwalkError):  # the disk is full: what can still be told is told
            _finish(folder, state, bus, reason)
        raise
    finally:
        if reason != "failed":
            _finish(folder, state, bus, reason)
    if reason in ("interrupted", "terminated"):
        ended = Interrupted(
            f"stopped at step {state.step} of {settings.training.steps}, saved",
            remedy=f"Go on with: fogwalk train --resume {folder.path}",
        )
        ended.exit_code = 130 if reason == "interrupted" else 143
        raise ended
    return folder


def _finish(folder: RunFolder, state: State, bus: Bus, reason: str) -> None:
    bus(
        Stopped(
            step=state.step,
            seconds=state.age(),
            reason=reason,
            best_step=state.best_step,
            best_validation_loss=state.best_loss,
        )
    )
    states = {"steps": "finished", "stop-below": "finished", "terminated": "interrupted"}
    status = folder.status()
    folder.write_status(**_kept(status), state=states.get(reason, reason), step=state.step)


def _kept(status: dict[str, Any]) -> dict[str, Any]:
    return {"started": status["started"]} if "started" in status else {}


class _Heartbeat:
    """status.json, at most once a second: the run is alive, and where it is."""

    def __init__(self, folder: RunFolder, steps: int) -> None:
        self.folder = folder
        self.steps = steps
        self.kept = _kept(folder.status())
        self.last = -1.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepDone) and event.seconds - self.last < 1:
            return
        if not isinstance(event, Stopped):
            self.last = event.seconds
            self.folder.write_status(**self.kept, state="training", step=event.step, steps=self.steps)


def _planned(settings: Settings, task: Task, state: State) -> Planned:
    values = {key: list(value) if isinstance(value, tuple) else value for key, value in settings.flat().items()}
    model = {"kind": settings.model_kind, "parameters": count_parameters(state)}
    steps = settings.training.steps
    assert steps is not None
    return Planned(step=0, seconds=state.age(), steps=steps, settings=values, data=task.facts, model=model)


def count_parameters(state: State) -> int:
    """How many numbers training moves."""
    return sum(parameter.numel() for parameter in state.model.parameters())


def describe(settings: Settings, state: State, why: Iterable[str]) -> list[Told]:
    """The model and plan lines, for a person."""
    model, training = settings.model, settings.training
    count = count_parameters(state)
    size = f"{count / 1e6:.2f} M parameters ({count * 4 / 1e6:.1f} MB)"
    if settings.model_kind == "transformer":
        shape = f"{model.layers} layers x {model.heads} heads x {model.width} wide, context {model.context}"  # type: ignore[union-attr]
    else:
        shape = f"{' x '.join(map(str, model.hidden))} hidden, looking back {model.context}"  # type: ignore[union-attr]
    optimizer = settings.optimizer
    plan_words = (
        f"{training.steps:,} steps x {training.batch} x {model.context} tokens "
        f"({settings.origin('training.steps')}); {optimizer.name} at rate {optimizer.learning_rate:g}, "
        f"{optimizer.schedule}; {training.precision}, {settings.threads} threads, seed {settings.seed}"
    )
    return [
        Told("model", f"{settings.model_kind} {shape} = {size}"),
        Told("plan", plan_words),
        *(Told("plan", words) for words in why),
    ]


def _start_over(folder: RunFolder, asked: Iterable[Source], listeners: list[Listener], tell: Any) -> RunFolder:
    """A run that died before its first checkpoint begins again with the settings it was given."""
    settings = _with_changes(load_settings(folder.settings), asked)
    settings = plan.close_before_data(settings)
    assert settings.threads is not None
    with hardware.exactly(settings.threads):
        task: Task = TASKS.get(settings.task)(settings)
        _write_view(folder, settings, task)
        folder.write_status(**_kept(folder.status()), state="planning", step=0)
        return _plan_and_run(folder, settings, task, listeners, tell, time.monotonic())


def _with_later_steps(folder: RunFolder, settings: Settings, step: int) -> Settings:
    """A resume that asked for other steps and then died before its next checkpoint is remembered in the events."""
    for record in read_all(folder.events):
        if record["event"] == "resumed" and record["step"] >= step and record.get("steps") != settings.training.steps:
            settings = settings.replacing({"training.steps": record["steps"]}, "an earlier resume")
    return settings


def _with_changes(settings: Settings, asked: Iterable[Source]) -> Settings:
    known = declared()
    for source in asked:
        checked = resolve(source, Source("the run", {"model_kind": settings.model_kind})).flat()
        for key in source.values:
            value, now = checked[key], settings.flat()[key]
            if key == "data.path" and value and not value.startswith("sample:"):
                value = str(Path(value).expanduser().absolute())
            if value == now:
                continue
            if not known[key].resumable:
                allowed = ", ".join(f"--{item.flag}" for item in known.values() if item.resumable)
                raise SettingError(
                    key,
                    found=f"this run was begun with {flag(key)} {_shown(now)}, but {_shown(value)} was asked for",
                    expected=f"A resumed run can only change {allowed}.",
                    remedy="Leave it out to go on with the run, or leave out --resume to begin a new one.",
                    origin=f"{_shown(value)} came from {source.origin(key)}.",
                )
            settings = settings.replacing({key: value}, source.origin(key))
    return settings


def _shown(value: Any) -> str:
    return "unset" if value is None else ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _is_finished(folder: RunFolder, settings: Settings, step: int) -> bool:
    """Whether the run had ended for good, and nothing more is asked of it."""
    ended = False
    for record in read_all(folder.events):
        if record["event"] == "stopped":
            ended = record["reason"] == "steps" or (
                record["reason"] == "stop-below" and settings.origin("training.stop_below").find("command line") < 0
            )
        elif record["event"] == "resumed":
            ended = False
    assert settings.training.steps is not None
    return ended and step >= (settings.training.steps if ended else 0)


def _same_data(folder: RunFolder, settings: Settings, step: int) -> Task:
    """The task on the data it was begun with; raises DataError when that has changed."""
    task: Task = TASKS.get(settings.task)(settings, folder.checkpoint(step) / "encoding")
    digest = checkpoint.read_progress(folder, step)["data_sha256"]
    if task.digest != digest:
        raise DataError(
            f"{settings.data.path} has changed since this run began",
            expected=f"Its SHA-256 was {digest[:16]}..., and is {task.digest[:16]}... now.",
            remedy="Put the old text back to go on exactly, or train a new run on the new text.",
        )
    return task


def _promise(folder: RunFolder, step: int, now: dict[str, str]) -> tuple[bool, str]:
    """Whether going on is exact to the bit, and why."""
    then = checkpoint.read_progress(folder, step)["made_on"]
    differences = [f"{key} was {then.get(key)}, is {now[key]}" for key in now if then.get(key) != now[key]]
    if differences:
        return False, f"equal to about 1e-5, not to the bit: {'; '.join(differences)}"
    return True, "equal to the bit: same machine, threads and versions"
