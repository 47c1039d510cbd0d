"""The one function behind the one command: data, encoding, model, plan, and the loop, with everyone listening.

Before this   tasks/, training/, runs/: this file only puts them in order.
After this    run.py opens what was trained; cli/train.py calls this with what a person typed.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fogwalk import hardware
from fogwalk.errors import DataError, SettingError
from fogwalk.events import FINISHED, Listener
from fogwalk.registry import TASKS
from fogwalk.runs.folder import RunFolder, create, find, sweep
from fogwalk.runs.lock import holding
from fogwalk.runs.log import read_all
from fogwalk.runs.publish import write_atomically
from fogwalk.settings import Settings, Source, declared, flag, load_settings, typed, write_toml
from fogwalk.tasks.protocol import Task
from fogwalk.training import checkpoint, plan
from fogwalk.training.schedule import schedule
from fogwalk.training.session import Tell, Told, enough_memory, sit, started


def _nothing_told(told: Told) -> None:
    """For callers that only want the run."""


def train(
    settings: Settings, *, listeners: Iterable[Listener] = (), tell: Tell = _nothing_told, began: float | None = None
) -> RunFolder:
    """Train a new run and give back its folder. `began` is when a budget in minutes started (time.monotonic())."""
    began = time.monotonic() if began is None else began
    if not settings.data.path:
        raise SettingError("data.path", found="nothing to learn from", remedy="Name a text: fogwalk train book.txt")
    settings = plan.close_before_data(_absolute(settings))
    assert settings.threads is not None
    with hardware.exactly(settings.threads, settings.device), enough_memory(settings):
        task: Task = TASKS.get(settings.task)(settings)
        folder = create(settings.out)
        settings = settings.replacing({"out": None}, "default")
        with holding(folder):  # refused here, before anything is touched, while another process has the folder
            try:
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
    tell: Tell = _nothing_told,
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
        before = _with_later_steps(folder, saved, step)
        settings = _with_changes(before, asked)
        assert settings.training.steps is not None
        assert settings.threads is not None
        _check_extension(settings, before, step)
        ended = _has_ended(folder, step)
        if ended and (settings == before or (ended == "steps" and step >= settings.training.steps)):
            more = (
                f"--training.steps {settings.training.steps * 2} would extend it"
                if ended == "steps"
                else "its goal is reached"
            )
            tell(Told("done", f"{folder.path} is finished: {step} of {settings.training.steps} steps; {more}"))
            return folder
        plan.check_compiler(settings)
        _tell_of_extension(settings, before, step, tell)
        with hardware.exactly(settings.threads, settings.device), enough_memory(settings):
            task = _same_data(folder, settings, step)
            _write_view(folder, settings, task)
            return sit(folder, settings, task, list(listeners), tell, resumed_from=step, damage=damage)


def _absolute(settings: Settings) -> Settings:
    return settings.replacing({"data.path": _absolute_paths(settings.data.path)}, settings.origin("data.path"))


def _absolute_paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(path if path.startswith("sample:") else str(Path(path).expanduser().absolute()) for path in paths)


def _write_view(folder: RunFolder, settings: Settings, task: Task) -> None:
    write_atomically(folder.settings, write_toml(settings))
    with suppress(FileNotFoundError):
        shutil.rmtree(folder.encoding)
    task.save_encoding(folder.encoding)


def _plan_and_run(
    folder: RunFolder, settings: Settings, task: Task, listeners: list[Listener], tell: Tell, began: float
) -> RunFolder:
    for words in task.words():
        tell(Told("data", words))
    settings, why = plan.close(settings, task, time.monotonic() - began)
    write_atomically(folder.settings, write_toml(settings))
    return sit(folder, settings, task, listeners, tell, why=why)


def _start_over(folder: RunFolder, asked: Iterable[Source], listeners: list[Listener], tell: Tell) -> RunFolder:
    """A run that died before its first checkpoint begins again with the settings it was given."""
    settings = _with_changes(load_settings(folder.settings), asked)
    settings = plan.close_before_data(settings)
    assert settings.threads is not None
    with hardware.exactly(settings.threads, settings.device), enough_memory(settings):
        task: Task = TASKS.get(settings.task)(settings)
        _write_view(folder, settings, task)
        folder.write_status(**started(folder.status()), state="planning", step=0)
        return _plan_and_run(folder, settings, task, listeners, tell, time.monotonic())


def _with_later_steps(folder: RunFolder, settings: Settings, step: int) -> Settings:
    """A resume that asked for other steps and then died before its next checkpoint is remembered in the events."""
    for record in read_all(folder.events):
        if record["event"] == "resumed" and record["step"] >= step and record.get("steps") != settings.training.steps:
            settings = settings.replacing({"training.steps": record["steps"]}, "an earlier resume")
    return settings


def _with_changes(settings: Settings, asked: Iterable[Source]) -> Settings:
    """The run's settings with what may change on a resume changed; raises SettingError for a contradiction."""
    known, own = declared(), settings.flat()
    for source in asked:
        for key, value in typed(source).items():
            if key == "data.path":
                value = _absolute_paths(value)
            if key in own and value == own[key]:
                continue
            if not known[key].resumable:
                raise _contradiction(key, own.get(key), value, source.origin(key))
            try:
                settings = settings.replacing({key: value}, source.origin(key))
            except SettingError as error:
                origin = f"It came from {source.origin(key)}."
                raise SettingError(key, found=error.found, expected=error.expected, origin=origin) from None
    return settings


def _contradiction(key: str, now: Any, value: Any, origin: str) -> SettingError:
    allowed = ", ".join(f"--{item.flag}" for item in declared().values() if item.resumable)
    return SettingError(
        key,
        found=f"this run was begun with {flag(key)} {_shown(now)}, but {_shown(value)} was asked for",
        expected=f"A resumed run can only change {allowed}.",
        remedy="Leave it out to go on with the run, or leave out --resume to begin a new one.",
        origin=f"{_shown(value)} came from {origin}.",
    )


def _shown(value: Any) -> str:
    return "unset" if value is None else ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _has_ended(folder: RunFolder, step: int) -> str | None:
    """The reason for which the run had ended for good at `step`, if it had: steps or stop-below."""
    ended: str | None = None
    for record in read_all(folder.events):
        if record["event"] == "resumed":
            ended = None
        elif record["event"] == "stopped" and record["step"] <= step:
            ended = record["reason"] if record["reason"] in FINISHED else None
    return ended


def _check_extension(settings: Settings, before: Settings, step: int) -> None:
    steps = settings.training.steps
    if steps != before.training.steps and steps is not None and steps < step:
        raise SettingError(
            "training.steps",
            found=f"this run has already made {step} steps, so it cannot end at {steps}",
            remedy=f"Set --training.steps above {step}, or leave it out.",
            origin=f"{steps} came from {settings.origin('training.steps')}.",
        )


def _tell_of_extension(settings: Settings, before: Settings, step: int, tell: Tell) -> None:
    """The schedule is stretched over other steps than planned: the rate may rise again."""
    steps, planned = settings.training.steps, before.training.steps
    if steps != planned and steps and planned:
        rate, was = (schedule(settings.optimizer, length)(min(step, length - 1)) for length in (steps, planned))
        words = f"{steps:,} steps instead of {planned:,}: the learning rate goes on at {rate:.2g} (it was {was:.2g})"
        tell(Told("plan", words))


def _same_data(folder: RunFolder, settings: Settings, step: int) -> Task:
    """The task on the data it was begun with; raises DataError when that has changed."""
    task: Task = TASKS.get(settings.task)(settings, folder.checkpoint(step) / "encoding")
    digest = checkpoint.read_progress(folder, step)["data_sha256"]
    if task.digest != digest:
        raise DataError(
            f"{', '.join(settings.data.path)} has changed since this run began",
            expected=f"Its SHA-256 was {digest[:16]}..., and is {task.digest[:16]}... now.",
            remedy="Put the old text back to go on exactly, or train a new run on the new text.",
        )
    return task
