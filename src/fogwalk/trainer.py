"""The one function behind the one command: data, encoding, model, plan, and the loop, with everyone listening.

Before this   tasks/, training/, runs/: this file only puts them in order.
After this    run.py opens what was trained; cli/train.py calls this with what a person typed.
"""

from __future__ import annotations

import json
import shlex
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fogwalk import hardware
from fogwalk.errors import DataError, FogwalkError, RunError, SettingError
from fogwalk.events import FINISHED, Listener
from fogwalk.insight.watching import Watcher
from fogwalk.registry import TASKS
from fogwalk.runs.control import Wish, forget
from fogwalk.runs.folder import RATES, RunFolder, create, find, require_free
from fogwalk.runs.lock import holding
from fogwalk.runs.log import read_all
from fogwalk.runs.publish import UNFINISHED, cannot_write, write_atomically
from fogwalk.settings import Settings, Source, declared, flag, load_settings, typed, write_toml
from fogwalk.tasks.protocol import Task
from fogwalk.training import checkpoint, plan
from fogwalk.training.heartbeat import begun
from fogwalk.training.memory import enough_memory, planned_memory
from fogwalk.training.pace import measure
from fogwalk.training.replanning import Recorded, recorded_course
from fogwalk.training.schedule import schedule
from fogwalk.training.session import Session, Tell, Told, count_parameters, describe


def _nothing_told(told: Told) -> None:
    """For callers that only want the run."""


def train(
    settings: Settings,
    *,
    listeners: Iterable[Listener] = (),
    tell: Tell = _nothing_told,
    began: float | None = None,
    wish: Wish | None = None,
) -> RunFolder:
    """Train a new run and give back its folder. `began` is when a budget in minutes started (time.perf_counter()); `wish` is what
    holds until the page wishes otherwise."""
    began = time.perf_counter() if began is None else began
    if not settings.data.path:
        raise SettingError("data.path", found="nothing to learn from", remedy="Name a text: fogwalk train book.txt")
    require_free(settings.out)
    with _opened(_absolute(settings), began) as (settings, task):
        made = settings.out is None or not Path(settings.out).expanduser().exists()
        folder = create(settings.out)
        settings = settings.replacing({"out": None}, "default")
        with holding(folder):  # refused here, before anything is touched, while another process has the folder
            require_free(str(folder.path))
            try:
                folder.write_status(state="planning", step=0, started=time.time())
                write_atomically(folder.settings, write_toml(settings))  # from here on it is a run, and can be resumed
                _plan_and_run(folder, settings, task, listeners, tell, began, wish)
            except BaseException:
                if not folder.steps_saved():
                    folder.discard(whole=made)  # nothing was learned: leave no empty run behind
                raise
    return folder


def resume(
    name: str,
    asked: Iterable[Source] = (),
    *,
    listeners: Iterable[Listener] = (),
    tell: Tell = _nothing_told,
    wish: Wish | None = None,
) -> RunFolder:
    """Go on with a run from its newest intact checkpoint; a finished one is left as it is unless asked for more steps.

    `asked` may change what does not alter a step (steps, save-every ...); anything else that differs is refused.
    """
    folder = find(name)
    with holding(folder):
        folder.sweep()
        forget(folder)
        if not folder.steps_saved() and not any(folder.checkpoints.glob("*")):
            _require_nothing_lost(folder)
            _start_over(folder, asked, listeners, tell, wish)
            return folder
        step, damage = checkpoint.require(folder)
        saved = load_settings(folder.checkpoint(step) / "settings.toml")
        course, recorded = recorded_course(folder, saved, step)
        before = course.settings
        settings = plan.close_device(_with_changes(before, asked, folder))
        if settings.training.steps != before.training.steps:
            course.budget, recorded = None, {}  # the person's word stands above what the run had planned for itself
        steps = settings.training.steps
        assert steps is not None
        _check_extension(settings, before, step)
        _tell_of_edits(folder, before, recorded, tell)
        ended = _has_ended(folder, step)
        if ended and (settings == before or (ended != "stop-below" and step >= steps)):
            more = (
                "its goal is reached; a lower --training.stop-below would go on"
                if ended == "stop-below"
                else f"--training.steps {steps * 2} would extend it"
            )
            if settings.data.path != before.data.path:
                _same_data(folder, settings, step)  # a text that was moved is the same text; another one is refused
            _write_views(folder, before, step)
            tell(Told("done", f"{folder.path} is finished: {step} of {before.training.steps} steps; {more}"))
            return folder
        plan.check_compiler(settings)
        with _arithmetic(settings):
            task = _same_data(folder, settings, step)
            _tell_of_extension(settings, before, step, tell)
            if settings.training.steps != before.training.steps:
                settings = plan.extended(settings, task)
            _write_views(folder, before, step)
            course.turn(settings)
            Session(folder, course, task, step, recorded, watch=Watcher).run(listeners, tell, (), damage, wish)
    return folder


@contextmanager
def _opened(settings: Settings, began: float | None = None) -> Iterator[tuple[Settings, Task]]:
    """The settings, closed as far as that needs no data, and their task, under the run's arithmetic. The data has to be read
    within the budget that began then, or in the two seconds that a small text takes."""
    minutes = plan.minutes_for(settings)
    until = max(began + minutes * 60, time.perf_counter() + 2) if began is not None and minutes else None
    with _told_origins(settings):
        settings = plan.close_before_data(settings)
        with _arithmetic(settings):
            yield settings, TASKS.get(settings.task)(settings, until=until)


@contextmanager
def _told_origins(settings: Settings) -> Iterator[None]:
    """What is found wrong with a setting here says where its value came from, as what is found while reading them does."""
    try:
        yield
    except SettingError as error:
        known = {key: origin for key in error.keys if (origin := settings.origin(key)) != "default"}
        error.origin = (
            error.origin or "".join(f"{flag(key)} came from {origin}. " for key, origin in known.items()).strip()
        )
        raise


@contextmanager
def _arithmetic(settings: Settings) -> Iterator[None]:
    assert settings.threads is not None, "the plan closes the threads before anything is computed"
    with hardware.exactly(settings.threads, settings.device), enough_memory(settings):
        yield


def _absolute(settings: Settings) -> Settings:
    """Paths that hold from every folder, so that a run can be gone on with from anywhere."""
    values: dict[str, Any] = {"data.path": _absolute_paths(settings.data.path)}
    tokenizer = Path(settings.data.tokenizer).expanduser()
    if tokenizer.is_file():
        values["data.tokenizer"] = str(tokenizer.absolute())
    for key, value in values.items():
        settings = settings.replacing({key: value}, settings.origin(key))
    return settings


def _absolute_paths(paths: tuple[str, ...]) -> tuple[str, ...]:
    if any(not path.strip() for path in paths):
        raise DataError("the path of the text is empty", remedy="Name a file or a folder; `.` is the one you are in.")
    absolute = tuple(path if path.startswith("sample:") else str(Path(path).expanduser().absolute()) for path in paths)
    for path in absolute:
        if not path.isprintable() and any(0xD800 <= ord(letter) < 0xE000 for letter in path):
            raise DataError(f"the path {path!r} is not UTF-8, so a settings file cannot hold it", remedy="Rename it.")
    return absolute


def _write_views(folder: RunFolder, settings: Settings, step: int) -> None:
    """What stands beside the checkpoints is a view of the newest intact one."""
    write_atomically(folder.settings, write_toml(settings))
    fresh = folder.path / f"{UNFINISHED}encoding"
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(folder.checkpoint(step) / "encoding", fresh)
        shutil.rmtree(folder.encoding, ignore_errors=True)
        fresh.rename(folder.encoding)
    except OSError as error:
        raise cannot_write(folder.encoding, error) from error


@dataclass(frozen=True)
class Forecast:
    """What a training would be: its settings, parameters, bytes of memory and seconds."""

    settings: Settings
    parameters: int
    memory: int
    seconds: float


def forecast(settings: Settings, *, tell: Tell = _nothing_told, began: float | None = None) -> Forecast:
    """Everything that `train` would decide, without a run: the same plan, from the same trial steps."""
    began = time.perf_counter() if began is None else began
    with _opened(_absolute(settings)) as (settings, task):
        for words in task.words():
            tell(Told("data", words))
        closed = _closed(settings, task, tell, began)
        settings, task = closed.course.settings, closed.task
        # As long as a training takes until here; what is timed below it does not time.
        elapsed = time.perf_counter() - began
        pace = closed.pace or measure(settings, task, compiled=settings.training.compile)
        parameters = count_parameters(task.model())
        for told in describe(settings, task.sizes, parameters, closed.words):
            tell(told)
        tell(Told("chance", task.chance()))
        memory = planned_memory(settings, task.sizes, parameters)
        seconds = elapsed + plan.seconds_needed(closed, pace)
    return Forecast(settings, parameters, memory, seconds)


def _plan_and_run(
    folder: RunFolder,
    settings: Settings,
    task: Task,
    listeners: Iterable[Listener],
    tell: Tell,
    began: float,
    wish: Wish | None,
) -> None:
    task.save_encoding(folder.encoding)
    for words in task.words():
        tell(Told("data", words))
    closed = _closed(settings, task, tell, began)
    if closed.found:
        write_atomically(folder.path / RATES, json.dumps(asdict(closed.found)) + "\n")
    # settings.toml says what was asked for until there is a checkpoint: one who dies before begins with the same budget.
    Session(folder, closed.course, closed.task, None, watch=Watcher).run(listeners, tell, closed.words, (), wish)


def _closed(settings: Settings, task: Task, tell: Tell, began: float) -> plan.Closed:
    def say(words: str) -> None:
        tell(Told("trial", words))

    return plan.close(settings, task, time.perf_counter() - began, say)


def _start_over(
    folder: RunFolder, asked: Iterable[Source], listeners: Iterable[Listener], tell: Tell, wish: Wish | None
) -> None:
    """A run that died before its first checkpoint begins again with the settings it was given."""
    began = time.perf_counter()
    with _opened(_with_changes(load_settings(folder.settings), asked, folder), began) as (settings, task):
        folder.write_status(**begun(folder.status()), state="planning", step=0)
        _plan_and_run(folder, settings, task, listeners, tell, began, wish)


def _require_nothing_lost(folder: RunFolder) -> None:
    """Raise RunError when the run had saved what is no longer there."""
    saved = [record["step"] for record in read_all(folder.events) if record["event"] == "saved"]
    if saved:
        raise RunError(
            f"{folder.checkpoints} is empty, but the run had saved its step {max(saved)} there",
            remedy=f"Put the checkpoints back, or train anew: fogwalk train --config {shlex.quote(str(folder.settings))}",
        )


def _with_changes(settings: Settings, asked: Iterable[Source], folder: RunFolder) -> Settings:
    """The run's settings with what may change on a resume changed; raises SettingError for a contradiction."""
    known, own = declared(), settings.flat()
    for source in asked:
        for key, value in typed(source).items():
            if key == "data.path":
                value = _absolute_paths(value)
            if key in own and value == own[key]:
                continue
            if key == "optimizer.find_rate" and not value and key not in source.values:
                continue  # a number for the rate is looked at itself
            if key == "out" and value and Path(value).expanduser().absolute() == folder.path.absolute():
                continue  # the folder it is in
            if not known[key].resumable:
                raise _contradiction(key, own.get(key), value, source.origin(key))
            try:
                settings = settings.replacing({key: value}, source.origin(key))
            except SettingError as error:
                origin = f"It came from {source.origin(key)}."
                raise SettingError(key, found=error.found, expected=error.expected, origin=origin) from None
    return settings


def _contradiction(key: str, now: Any, value: Any, origin: str) -> SettingError:
    names = (f"--{item.flag}" for item in declared().values() if item.resumable and item.key != "data.path")
    allowed = f"{', '.join(names)}, and where its text lies (fogwalk train NEW-PLACE --resume RUN)"
    found = f"this run was begun with {flag(key)} {_shown(now)}, but {_shown(value)} was asked for"
    if key == "minutes" and now is None:
        found = "the minutes of a run become its number of steps when it begins, and cannot be given again"
    return SettingError(
        key,
        found=found,
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
            ended = record.get("reason") if record.get("reason") in FINISHED else None
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


def _tell_of_edits(folder: RunFolder, before: Settings, recorded: Recorded, tell: Tell) -> None:
    """A run goes on with its checkpoint's settings; whoever wrote into the file beside it is told so."""
    try:
        beside = load_settings(folder.settings).flat()
    except FogwalkError as error:
        tell(Told("note", f"{error.found}; the run goes on with its checkpoint's own settings"))
        return
    own = before.flat()
    ahead = {key for record in recorded.values() for key in record["settings"]}
    edited = [flag(key) for key, value in beside.items() if value != own.get(key) and key not in ahead]
    if edited:
        names = ", ".join(edited[:3])
        told = f"{folder.settings} was changed ({names}), which changes no run: give what shall change as a flag"
        tell(Told("note", told))


def _tell_of_extension(settings: Settings, before: Settings, step: int, tell: Tell) -> None:
    """The schedule is stretched over other steps than planned: the rate may rise again."""
    steps, planned = settings.training.steps, before.training.steps
    if steps != planned and steps and planned:
        rate, was = (schedule(settings.optimizer, length)(min(step, length - 1)) for length in (steps, planned))
        words = f"{steps:,} steps instead of {planned:,}: the learning rate goes on at {rate:.2g} (it was {was:.2g})"
        tell(Told("plan", words))


def _same_data(folder: RunFolder, settings: Settings, step: int) -> Task:
    """The task on the data it was begun with; raises DataError when that has changed."""
    try:
        task: Task = TASKS.get(settings.task)(settings, folder.checkpoint(step) / "encoding")
    except DataError as error:
        moved = f"If the text was moved: fogwalk train ITS-NEW-PLACE --resume {shlex.quote(str(folder.path))}"
        remedy = f"{error.remedy} {moved}".strip()
        raise DataError(error.found, expected=error.expected, remedy=remedy, origin=error.origin) from None
    digest = checkpoint.read_progress(folder, step)["data_sha256"]
    if task.digest != digest:
        trained = load_settings(folder.checkpoint(step) / "settings.toml").data.path
        if trained != settings.data.path:
            raise DataError(
                f"this run learns from {', '.join(trained)}, and {', '.join(settings.data.path)} is another text",
                expected=f"The digest of its bytes is {task.digest[:16]}..., and not {digest[:16]}...",
                remedy="Leave the path out to go on, or leave out --resume to train a new run.",
            )
        raise DataError(
            f"{', '.join(settings.data.path)} has changed since this run began",
            expected=f"The digest of its bytes was {digest[:16]}..., and is {task.digest[:16]}... now.",
            remedy="Put the old text back to go on exactly, or train a new run on the new text.",
        )
    return task
