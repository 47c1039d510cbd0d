"""Validation: every example held back is scored once, and the best step is remembered.

Before this   loop.py emits steps; saving.py has saved by then.
After this    events say the validation loss; generation and export take the best checkpoint.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fogwalk.batches.batch import Batch
from fogwalk.errors import Diverged
from fogwalk.events import Evaluated, Event, Listener, Resumed, StepDone, Warned
from fogwalk.hardware import keep_freed_memory
from fogwalk.tasks.protocol import Task
from fogwalk.training.course import Course
from fogwalk.training.history import History
from fogwalk.training.state import Arithmetic, State
from fogwalk.training.stopping import Stop

Loss = Callable[[Tensor, Batch], Tensor]
Metrics = Callable[[Tensor, Batch], dict[str, float]]


@dataclass(frozen=True)
class Result:
    """Mean loss and what else the task tells, over so many examples."""

    loss: float
    examples: int
    metrics: dict[str, float]


@torch.no_grad()
def evaluate(
    model: nn.Module,
    loss_of: Loss,
    batches: Iterable[Batch],
    arithmetic: Arithmetic,
    metrics_of: Metrics = lambda outputs, batch: {},
) -> Result:
    """Mean loss and metrics over all batches, weighted by their examples.

    In the run's own number format, never compiled, with dropout off; the model's mode is put back.
    """
    keep_freed_memory()
    mode = model.training
    model.eval()
    total, examples = 0.0, 0
    sums: dict[str, float] = {}
    for batch in batches:
        batch = batch.to(arithmetic.device)
        with arithmetic():
            outputs = model(batch.inputs)
            loss = loss_of(outputs, batch)
        total += float(loss) * batch.examples
        for name, value in metrics_of(outputs, batch).items():
            sums[name] = sums.get(name, 0.0) + value * batch.examples
        examples += batch.examples
    model.train(mode)
    return Result(total / examples, examples, {name: value / examples for name, value in sums.items()})


def is_due(step: int, every: int, last: int) -> bool:
    """Whether the state after `step` updates is validated, in a run that validates every so often and after its last."""
    return step > 0 and (step % every == 0 or step == last)


class Evaluator:
    """Validates every `every` steps, after the last one, and again after a resume from such a step."""

    def __init__(
        self,
        state: State,
        task: Task,
        arithmetic: Arithmetic,
        emit: Listener,
        stop: Stop,
        *,
        every: int,
        course: Course,
        stop_below: float | None,
        history: History,
    ) -> None:
        self.state = state
        self.task = task
        self.arithmetic = arithmetic
        self.emit = emit
        self.stop = stop
        self.every = every
        self.course = course
        self.stop_below = stop_below
        self.history = history

    def due(self, step: int) -> bool:
        """Whether the state after `step` updates is validated."""
        return is_due(step, self.every, self.course.steps)

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepDone):
            self.history.learned(float(event.loss))
        if isinstance(event, StepDone | Resumed) and self.due(event.step):
            self._evaluate()

    def _evaluate(self) -> None:
        state = self.state
        task, model = self.task, self.course.settings.model
        found = evaluate(state.model, task.loss, task.validation(), self.arithmetic, task.metrics)
        loss = found.loss
        self.history.validated(state.step, loss)
        state.best_step, state.best_loss = self.history.best_step, self.history.best_loss
        self.emit(
            Evaluated(
                step=state.step,
                seconds=state.age(),
                validation_loss=loss,
                examples=found.examples,
                context=getattr(model, "context", None),
                metrics=found.metrics,
            )
        )
        if not math.isfinite(loss):
            raise Diverged(
                f"step {state.step}: the validation loss is {loss:g}",
                expected="Training losses were finite: the model's scores for other text have run away.",
                remedy="Train again with a lower rate (--optimizer.learning-rate) or with --optimizer.clip 1.",
            )
        if words := self.history.recovers():
            self.emit(Warned(step=state.step, seconds=state.age(), message=words))
        if words := self.history.memorises():
            message = f"{words}. Best kept: step {state.best_step}."
            self.emit(Warned(step=state.step, seconds=state.age(), message=message))
        if self.stop_below is not None and loss < self.stop_below:
            self.stop.ask("stop-below")
