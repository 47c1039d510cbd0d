"""One session of a run: from its beginning or a checkpoint to wherever it ends, with everyone listening.

Before this   plan.py has closed the settings; loop.py, saving.py, evaluation.py and sampling.py are the parts.
After this    trainer.py begins and resumes runs with it. Every way a session can end is written into the run folder.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Protocol

from torch import nn

from fogwalk import hardware
from fogwalk.errors import Diverged, FogwalkError, Interrupted
from fogwalk.events import Event, Listener, Planned, Resumed, Stopped, Warned
from fogwalk.runs.control import Wish
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import EventLog, read_story
from fogwalk.runs.publish import write_atomically
from fogwalk.settings import Settings, unused, write_toml
from fogwalk.settings.fields import counted
from fogwalk.tasks.protocol import Sizes, Task
from fogwalk.training import checkpoint, plan
from fogwalk.training.course import UNTIL_CONVERGED, Course
from fogwalk.training.drift import Drift
from fogwalk.training.evaluation import Evaluator, is_due
from fogwalk.training.heartbeat import Heartbeat
from fogwalk.training.history import History
from fogwalk.training.loop import loop
from fogwalk.training.obeying import Obeying
from fogwalk.training.replanning import Recorded, Replanner, carried
from fogwalk.training.sampling import Sampler
from fogwalk.training.saving import Saver
from fogwalk.training.state import State, arithmetic_of, begin, recipe
from fogwalk.training.stopping import Stop


@dataclass(frozen=True)
class Told:
    """What a front end may be told besides events: words about data, model, plan and chance, before the first step."""

    kind: str
    words: str


Tell = Callable[[Told], None]


class Watching(Protocol):
    """One more listener, that looks into the run and changes nothing; `ending` comes before the last event."""

    def __call__(self, event: Event) -> None: ...

    def ending(self, reason: str) -> None:
        """The run stops for this reason; what is to be said of it is said now."""
        ...


Watch = Callable[[RunFolder, State, Task, Course, Listener], Watching]


class Bus:
    """Every listener hears every event, in order."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []

    def __call__(self, event: Event) -> None:
        for listener in self.listeners:
            listener(event)


class Session:
    """The parts of one session, put together; `run` trains to the end."""

    def __init__(
        self,
        folder: RunFolder,
        course: Course,
        task: Task,
        resumed_from: int | None,
        recorded: Recorded = MappingProxyType({}),
        watch: Watch | None = None,
    ) -> None:
        settings = course.settings
        training = settings.training
        assert training.steps, "the plan closes the settings"
        assert training.evaluate_every
        assert training.save_every
        assert training.sample_every is not None
        self.folder = folder
        self.course = course
        self.task = task
        self.resumed_from = resumed_from
        self.arithmetic = arithmetic_of(settings)
        self.fingerprint = hardware.fingerprint(
            self.arithmetic.device, settings.threads or 1, compiled=self.arithmetic.compiled
        )
        hardware.give_back_memory()  # what the trials of the plan have left
        self.state = begin(task.model(), settings, self.arithmetic.device)
        if resumed_from is not None:
            checkpoint.restore(folder, self.state, resumed_from)
        every = training.evaluate_every
        epoch = task.training().per_epoch / training.batch
        self.history = History(epoch)
        if resumed_from is not None:
            redone = is_due(resumed_from, every, self.course.steps)
            self.history = History.of(read_story(folder.events), resumed_from, again=redone, epoch=epoch)
            if self.history.best_step is not None:
                # The checkpoint was saved before its own validation, and so does not know it.
                self.state.best_step, self.state.best_loss = self.history.best_step, self.history.best_loss
        self.stop = Stop()
        self.bus = Bus()
        self.log = EventLog(folder.events)
        self.evaluator = Evaluator(
            self.state,
            task,
            self.arithmetic,
            self.bus,
            self.stop,
            every=every,
            course=self.course,
            stop_below=training.stop_below,
            history=self.history,
        )
        save_every = training.save_every
        self.saver = Saver(
            folder,
            self.state,
            self.bus,
            # Saved before each validation: a crash while validating must not cost what was trained.
            due=lambda step: step % save_every == 0 or self.evaluator.due(step),
            # What a checkpoint counts as done must be in the log before it: a resume begins behind it.
            before=lambda: self.log.write(durable=True),
            keep=training.keep,
            extras=checkpoint.Extras(
                settings=lambda: write_toml(self.course.settings),
                save_encoding=task.save_encoding,
                digest=task.digest,
                fingerprint=self.fingerprint,
            ),
        )
        drift = Drift(plan.steps_a_validation_costs(task, settings))
        self.replanner = Replanner(self.state, self.course, self.history, self.bus, recorded, self._view, drift=drift)
        self.watcher = watch(folder, self.state, task, course, self.bus) if watch else None
        self.obeying = Obeying(folder, self.state, self.stop, steps=lambda: self.course.steps, write=self.log.write)
        self.sampler = Sampler(
            self.state, task, self.bus, every=training.sample_every, course=self.course, seed=settings.seed
        )

    def run(
        self,
        listeners: Iterable[Listener],
        tell: Tell,
        why: Iterable[str],
        damage: Iterable[str],
        wish: Wish | None = None,
    ) -> None:
        """Train; raises Interrupted when asked to stop, Diverged, or what else went wrong, once it is written down."""
        with self.log:
            heartbeat = Heartbeat(self.folder, self.course)
            self.bus.listeners = [
                self.log,
                *listeners,
                heartbeat,
                self.saver,
                self.evaluator,
                self.replanner,
                self.sampler,
                *([self.watcher] if self.watcher else []),
                self.obeying,
            ]
            for told in describe(self.course.settings, self.task.sizes, count_parameters(self.state.model), why):
                tell(told)
            tell(Told("chance", self.task.chance()))
            reason, failing = "failed", True
            try:
                with self.stop.listening():
                    self.obeying.begin(wish or Wish(), lambda words: tell(Told("note", words)))
                    self._begin(damage)
                    self.obeying.obey(self.state.step)
                    loop(self.state, recipe(self.task, self.course, self.arithmetic), self.bus, self.stop)
                    self.saver.save()
                ended = "converged" if self.course.converged else "steps"
                reason = ended if self.state.step >= self.course.steps else self.stop.reason or "failed"
                failing = False
            except Diverged as error:
                reason = "diverged"
                # Into the run folder only: a front end shows the error itself.
                with suppress(FogwalkError):
                    self.log(Warned(step=self.state.step, seconds=self.state.age(), message=str(error)))
                raise
            except KeyboardInterrupt:
                reason = "interrupted"
                raise self._interrupted(reason, "without saving it") from None
            finally:
                self._finish(reason, failing)
        self._raise_if_asked(reason)

    def _view(self, settings: Settings) -> None:
        """settings.toml beside the checkpoints says what the run is on now."""
        with suppress(FogwalkError):
            write_atomically(self.folder.settings, write_toml(settings))

    def _begin(self, damage: Iterable[str]) -> None:
        state = self.state
        for words in damage:
            self.bus(Warned(step=state.step, seconds=state.age(), message=f"passed over a damaged checkpoint: {words}"))
        if self.resumed_from is None:
            self.bus(_planned(self.course, self.task, state))
            self.saver.save()
            self._view(self.course.settings)
            return
        exact, reason = _promise(self.folder, self.resumed_from, self.fingerprint)
        values = self.course.settings.flat()
        changed = {key: list(value) if isinstance(value := values[key], tuple) else value for key in sorted(carried())}
        self.bus(
            Resumed(
                step=state.step,
                seconds=state.age(),
                steps=self.course.steps,
                settings=changed,
                exact=exact,
                why=reason,
                unit=self.task.sizes.unit,
            )
        )
        self._view(self.course.settings)

    def _finish(self, reason: str, failing: bool) -> None:
        state = self.state
        stopped = Stopped(
            step=state.step,
            seconds=state.age(),
            reason=reason,
            best_step=state.best_step,
            best_validation_loss=state.best_loss,
        )
        # When the disk is full, or the front end failed, each is told who still can be; the first error goes on.
        passed_over = (OSError, FogwalkError) if failing else ()
        if self.watcher and reason != "failed":
            with suppress(*passed_over):
                self.watcher.ending(reason)
        for listener in self.bus.listeners:
            with suppress(*passed_over):
                listener(stopped)

    def _raise_if_asked(self, reason: str) -> None:
        if reason not in ("interrupted", "terminated"):
            return
        raise self._interrupted(reason, "saved")

    def _interrupted(self, reason: str, saved: str) -> Interrupted:
        newest = max(self.folder.steps_saved(), default=None)
        kept = "" if newest in (None, self.state.step) else f"The newest checkpoint is of step {newest}."
        ended = Interrupted(
            f"stopped at step {self.state.step} of {self.course.steps}, {saved}",
            expected=kept,
            remedy=f"Go on with: fogwalk train --resume {shlex.quote(str(self.folder.path))}",
        )
        ended.exit_code = 130 if reason == "interrupted" else 143
        return ended


def _planned(course: Course, task: Task, state: State) -> Planned:
    settings = course.settings
    values = {key: list(value) if isinstance(value, tuple) else value for key, value in settings.flat().items()}
    model = {"kind": settings.model_kind, "parameters": count_parameters(state.model)}
    return Planned(
        step=0,
        seconds=state.age(),
        steps=course.steps,
        settings=values,
        data=task.facts,
        model=model,
        budget=asdict(course.budget) if course.budget else None,
        unit=task.sizes.unit,
    )


def count_parameters(model: nn.Module) -> int:
    """How many numbers training moves."""
    return sum(parameter.numel() for parameter in model.parameters())


def _length(steps: int | None) -> str:
    return counted(steps, "step") if steps and steps < UNTIL_CONVERGED else "as many steps as it takes"


def describe(settings: Settings, sizes: Sizes, count: int, why: Iterable[str]) -> list[Told]:
    """The model and plan lines, for a person."""
    training, optimizer = settings.training, settings.optimizer
    size = f"{count:,} parameters"
    if count >= 100_000:
        size = f"{count / 1e6:.2f} M parameters ({count * 4 / 1e6:.1f} MB)"
    plan_words = (
        f"{_length(training.steps)} x {sizes.words(settings)} "
        f"({settings.origin('training.steps')}); {optimizer.name} at rate {optimizer.learning_rate:g}, "
        f"{optimizer.schedule}; {training.precision}, {counted(settings.threads or 0, 'thread')}, seed {settings.seed}"
    )
    return [
        Told("model", f"{settings.model_kind} {settings.model.describe()} = {size}"),
        Told("plan", plan_words),
        *(Told("plan", words) for words in why),
        *(Told("note", words) for words in unused(settings)),
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
