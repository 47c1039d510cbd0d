"""The course of a run changed on its way: because it has converged, or because its pace is not what was planned.

Before this   course.py, convergence.py; evaluation.py has validated.
After this    session.py listens with it. Every change is an event that is on the disk before it takes effect; a resumed run
follows the recorded ones, so that it never depends on the clock of the moment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from fogwalk.events import Evaluated, Event, Listener, Replanned, Resumed, StepDone
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import read_all
from fogwalk.settings import Settings, Source, declared, typed
from fogwalk.training.convergence import verdict
from fogwalk.training.course import UNTIL_CONVERGED, Budget, Course, ending_at
from fogwalk.training.drift import Drift
from fogwalk.training.history import History
from fogwalk.training.plan import CHOSEN
from fogwalk.training.state import State

# What is left must end late or early by more than this share of it, and by more than a second, to change the plan.
LATE = 0.04
EARLY = 0.10
LEAST_SECONDS = 1.0


# What a re-plan may change.
COURSE = ("training.steps", "optimizer.warmup", "optimizer.decay", "training.convergence")
# By step, what changed there: the values and why.
Recorded = Mapping[int, dict[str, Any]]


def carried() -> set[str]:
    """What a resume may change, and says in its event: what a person may, and how often an extended run looks and shows."""
    return {key for key, item in declared().items() if item.resumable} | {
        "training.evaluate_every",
        "training.sample_every",
    }


def recorded_course(folder: RunFolder, settings: Settings, step: int) -> tuple[Course, dict[int, dict[str, Any]]]:
    """The course of a run that goes on from the checkpoint of `step`, which holds these settings: with what happened since and
    no checkpoint holds, which is what a resume changed before it died, and the run's own re-plans. What lies beyond `step`
    is given back by its step, to be followed there."""
    resumable = carried()
    ahead: dict[int, dict[str, Any]] = {}
    budget: Budget | None = None
    converged = False
    planned: dict[int, int] = {}  # by step, from when on which last step was planned
    for record in read_all(folder.events):
        name, at, changed = record["event"], record["step"], record.get("settings")
        if name not in ("planned", "replanned", "resumed") or not isinstance(changed, dict):
            continue
        kept = dict(changed)
        if name == "planned":
            budget = Budget(**record["budget"]) if isinstance(record.get("budget"), dict) else None
        elif name == "replanned" and record["reason"] == "converged" and at <= step:
            converged, budget = True, replace(budget, fill=False) if budget else None
        elif name == "resumed":
            kept = {key: changed[key] for key in resumable & changed.keys()}
            before = [last for since, last in sorted(planned.items()) if since <= at]
            if before and record["steps"] != before[-1]:  # extended: what had been planned beyond holds no more
                ahead = {known: earlier for known, earlier in ahead.items() if known <= at}
                planned = {since: last for since, last in planned.items() if since <= at}
                if at > step:
                    steps = {"training.steps": kept.pop("training.steps")}
                    ahead[at] = {**record, "settings": steps, "reason": "resumed", "why": "extended by a resume"}
                else:
                    budget, converged = None, False
            elif at > step:
                kept.pop("training.steps", None)
        planned[at] = record["steps"]
        if name == "replanned" and at > step:
            ahead[at] = record
        elif name != "planned" and at >= step:
            origin = "an earlier resume" if name == "resumed" else _origin(at, record["reason"])
            settings = _changed(settings, kept, origin)
    course = Course(settings, budget)
    course.converged = converged
    return course, ahead


def _changed(settings: Settings, changed: dict[str, Any], origin: str) -> Settings:
    now, values = settings.flat(), typed(Source(origin, changed))
    values = {key: value for key, value in values.items() if value != now[key]}
    # What follows from the number of steps still does: the next extension chooses it anew.
    followed = {key: value for key, value in values.items() if settings.origin(key) == CHOSEN}
    settings = settings.replacing(followed, CHOSEN)
    return settings.replacing({key: value for key, value in values.items() if key not in followed}, origin)


def _origin(step: int, reason: str) -> str:
    return f"re-planned at step {step} ({reason})"


class Replanner:
    """A listener. `recorded` holds, by step, what an earlier session of this run decided beyond where this one begins."""

    def __init__(
        self,
        state: State,
        course: Course,
        history: History,
        emit: Listener,
        recorded: Recorded,
        turned: Callable[[Settings], None] = lambda settings: None,
        *,
        drift: Drift | None = None,
        deciding: bool = True,
    ) -> None:
        self.state = state
        self.course = course
        self.history = history
        self.emit = emit
        self.recorded = dict(recorded)
        self.turned = turned
        self.drift = drift or Drift()
        self.deciding = deciding
        self._decided_until = max(recorded, default=0)

    def __call__(self, event: Event) -> None:
        self.drift(event)
        if isinstance(event, StepDone | Resumed):
            if (record := self.recorded.pop(event.step, None)) is not None:
                self._turn(record["settings"], record["reason"], record["why"])
            elif isinstance(event, StepDone):
                self._watch_pace(event)
        elif isinstance(event, Evaluated):
            self._watch_convergence(event.step)

    def _free(self, step: int) -> bool:
        """Whether a decision may be made here: not before the recorded ones, and not at the end."""
        return self.deciding and self._decided_until < step < self.course.steps

    def _watch_convergence(self, step: int) -> None:
        training = self.course.settings.training
        if (
            training.convergence != "on"
            or not self._free(step)
            or not self.course.full_from <= step < self.course.falls_from
        ):
            return  # while the rate rises or falls, what is learned says nothing of more steps at the full one
        found = verdict(self.history, training)
        if found is None or not found.converged:
            return
        constant = self.course.settings.optimizer.schedule == "constant"
        falling = 0 if constant else math.ceil(training.convergence_decay * step)
        last = min(step + max(falling, 1), self.course.steps)
        what = (
            "The rate is constant, so the run ends here"
            if constant
            else f"The rate falls over {last - step:,} more steps"
        )
        why = f"converged: {found.words()}. {what}"
        values = ending_at(self.course.settings, step, last, falling=last - step)
        self._turn(values | {"training.convergence": "off"}, "converged", why)

    def _watch_pace(self, event: StepDone) -> None:
        budget, steps, training = self.course.budget, self.course.steps, self.course.settings.training
        if budget is None or not self._free(event.step) or not self.drift.looks(steps):
            return
        assert training.evaluate_every
        more = self.drift.fit(budget.seconds, training.evaluate_every, training.sample_every or 0)
        fit = min(event.step + more, UNTIL_CONVERGED - 1)
        planned, late = steps - event.step, steps - fit
        if -EARLY * planned <= late <= LATE * planned or abs(late) * self.drift.pace < LEAST_SECONDS:
            return
        if fit < steps or budget.fill:
            why = f"a step takes {self.drift.pace * 1000:.0f} ms now: {fit:,} steps fit instead of {steps:,}"
            self._turn(ending_at(self.course.settings, event.step, fit), "pace", why)

    def _turn(self, values: dict[str, Any], reason: str, why: str) -> None:
        settings = _changed(self.course.settings, values, _origin(self.state.step, reason))
        steps = settings.training.steps
        assert steps is not None
        self.emit(
            Replanned(
                step=self.state.step,
                seconds=self.state.age(),
                steps=steps,
                settings=values,
                reason=reason,
                why=why,
            )
        )
        course = self.course
        course.turn(settings)
        course.converged = reason == "converged" or (reason == "pace" and course.converged)
        if reason != "pace" and course.budget:
            # A run that has converged ends early; one that was extended ends where it was told to.
            course.budget = None if reason == "resumed" else replace(course.budget, fill=False)
        self.turned(settings)
