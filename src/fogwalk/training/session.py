"""One sitting of a run: from its beginning or a checkpoint to wherever it ends, with everyone listening.

Before this   plan.py has closed the settings; loop.py, saving.py, evaluation.py and sampling.py are the parts.
After this    trainer.py begins and resumes runs with it. Every way a sitting can end is written into the run folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch

from fogwalk import hardware
from fogwalk.errors import Diverged, FogwalkError, Interrupted, RunError
from fogwalk.events import Event, Listener, Planned, Resumed, StepDone, Stopped, Warned
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import EventLog
from fogwalk.settings import Settings, write_toml
from fogwalk.tasks.protocol import Task
from fogwalk.training import checkpoint, plan
from fogwalk.training.evaluation import Evaluator
from fogwalk.training.loop import loop
from fogwalk.training.sampling import Sampler
from fogwalk.training.saving import Saver
from fogwalk.training.state import State, begin, recipe
from fogwalk.training.stopping import Stop


@dataclass(frozen=True)
class Told:
    """What a front end may be told besides events: words about data, model, plan and chance, before the first step."""

    kind: str
    words: str


Tell = Callable[[Told], None]


class Bus:
    """Every listener hears every event, in order."""

    def __init__(self, listeners: Iterable[Listener] = ()) -> None:
        self.listeners = list(listeners)

    def __call__(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)


def sit(
    folder: RunFolder,
    settings: Settings,
    task: Task,
    listeners: list[Listener],
    tell: Tell,
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
    stop = Stop()
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
        return _to_the_end(folder, state, settings, task, bus, saver, stop)


def _to_the_end(
    folder: RunFolder,
    state: State,
    settings: Settings,
    task: Task,
    bus: Bus,
    saver: Saver,
    stop: Stop,
) -> RunFolder:
    reason = "failed"
    try:
        with stop.listening():
            loop(state, recipe(task, settings, plan.arithmetic_of(settings)), bus, stop)
            saver.save()
        reason = stop.reason or "steps"
    except Diverged as error:
        reason = "diverged"
        # Into the run folder only: a front end shows the error itself.
        bus.listeners[0](Warned(step=state.step, seconds=state.age(), message=str(error)))
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
    folder.write_status(**started(status), state=states.get(reason, reason), step=state.step)


def started(status: dict[str, Any]) -> dict[str, Any]:
    """What a new status keeps of the one before: when the run began."""
    return {"started": status["started"]} if "started" in status else {}


class _Heartbeat:
    """status.json, at most once a second: the run is alive, and where it is."""

    def __init__(self, folder: RunFolder, steps: int) -> None:
        self.folder = folder
        self.steps = steps
        self.kept = started(folder.status())
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
    optimizer, threads = settings.optimizer, f"{settings.threads} thread{'s' * (settings.threads != 1)}"
    plan_words = (
        f"{training.steps:,} steps x {training.batch} x {model.context} tokens "
        f"({settings.origin('training.steps')}); {optimizer.name} at rate {optimizer.learning_rate:g}, "
        f"{optimizer.schedule}; {training.precision}, {threads}, seed {settings.seed}"
    )
    return [
        Told("model", f"{settings.model_kind} {shape} = {size}"),
        Told("plan", plan_words),
        *(Told("plan", words) for words in why),
    ]


def _promise(folder: RunFolder, step: int, now: dict[str, str]) -> tuple[bool, str]:
    """Whether going on is exact to the bit, and why."""
    then = checkpoint.read_progress(folder, step)["made_on"]
    differences = [f"{key} was {then.get(key)}, is {now[key]}" for key in now if then.get(key) != now[key]]
    if differences:
        return False, f"equal to about 1e-5, not to the bit: {'; '.join(differences)}"
    if now["device"] != "cpu":
        return False, "equal where this device's kernels are deterministic; to the bit is promised on a CPU only"
    return True, "equal to the bit: same machine, threads and versions"


@contextmanager
def enough_memory(settings: Settings) -> Iterator[None]:
    """A refused allocation, in words: what asked for it and what would need less."""
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one; a CPU's allocator raises it bare
        if not isinstance(error, torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        raise RunError(
            f"this machine has too little memory for {settings.training.batch} x {settings.model.context} tokens a step",
            remedy=f"Halve --training.batch (now {settings.training.batch}), work through it in portions with "
            f"--training.accumulate {settings.training.accumulate * 2}, or choose a smaller model.",
        ) from error
