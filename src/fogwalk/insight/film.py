"""A run as a film: the model after each update, one after the other, so that a person can watch it learn.

Before this   again.py finds the nearest checkpoint; training/replay.py makes the steps again, in the run's own arithmetic.
After this    observatory/work/frames.py draws plain networks of it.
Going on by one step costs one step; going back begins at the nearest checkpoint or waypoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from fogwalk import hardware
from fogwalk.batches.batch import Batch
from fogwalk.errors import UsageError
from fogwalk.insight.again import nearest_checkpoint
from fogwalk.insight.capture import Captured, capture
from fogwalk.insight.nudge import require_entry
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import loss_trace
from fogwalk.training.evaluation import Result, evaluate
from fogwalk.training.loop import seed_chance
from fogwalk.training.replay import Replay, replaying

MOST_SCORED = 10_000  # held-back examples, above which a frame is not scored


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The model after `step` updates: its `parameters` by name, what the last update had as `gradients` (float32) and made as
    `changes`, and that update's pass; before the first update there are none of these."""

    step: int
    steps: int
    loss: float | None
    parameters: dict[str, Tensor]
    gradients: dict[str, Tensor]
    changes: dict[str, Tensor]
    captured: Captured | None


class Film:
    """Of one run. `replay` holds the model as it is in the frame that was asked for last."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._replay: Replay | None = None
        self._frame: Frame | None = None

    @property
    def replay(self) -> Replay:
        """The run at the frame that was asked for last."""
        assert self._replay is not None
        return self._replay

    def at(self, step: int, made: int | None = None) -> Frame:
        """The frame after `step` updates; `made` says how many the run has made, where that is known. Raises UsageError for a
        step it has not made, and what replaying raises."""
        if self._frame is not None and self._frame.step == step:
            return self._frame
        if made is None or step > made:
            made = max(loss_trace(self.folder.events), default=0)
        if not 0 <= step <= made:
            raise UsageError(f"{self.folder.path} has no step {step}", expected=f"It has made {made:,} steps.")
        before = max(0, step - 1)
        if self._replay is None or self._replay.state.step > before:
            first, _ = nearest_checkpoint(self.folder, before + 1, made)
            with replaying(self.folder, first, before=before) as self._replay:
                pass
        with self._exactly():
            self.replay.to(before)
            self._frame = self._taken(step)
        return self._frame

    def scored(self) -> Result | None:
        """The held-back examples scored with the model as it is now, as the run scores them; None where there are too many."""
        replay = self.replay
        if not 0 < replay.task.sizes.validation <= MOST_SCORED:
            return None
        task, arithmetic = replay.task, replay.recipe.arithmetic
        with self._exactly():
            return evaluate(replay.state.model, task.loss, task.validation(), arithmetic, task.metrics)

    @contextmanager
    def altered(self, name: str, at: tuple[int, ...], value: float) -> Iterator[None]:
        """The model with one entry of a parameter put to another value meanwhile. Raises UsageError where there is none such."""
        parameters = dict(self.replay.state.model.named_parameters())
        require_entry(parameters, name, at)
        parameter = parameters[name]
        with torch.no_grad():
            before = float(parameter[at])
            parameter[at] = value
        try:
            yield
        finally:
            with torch.no_grad():
                parameter[at] = before

    def _taken(self, step: int) -> Frame:
        replay = self.replay
        state, task, recipe = replay.state, replay.task, replay.recipe
        if step == 0:
            return self._of(0, None, {}, {}, None)
        batch: Batch = recipe.batches.at(step - 1)
        state.model.train()
        captured = capture(
            state.model,
            task.loss,
            batch,
            accumulate=recipe.accumulate,
            before=lambda: seed_chance(recipe.seed, step - 1),
            counts=task.class_weights,
        )
        before = {name: parameter.detach().clone() for name, parameter in state.model.named_parameters()}
        replay.to(step)
        changes = {name: parameter.detach() - before[name] for name, parameter in state.model.named_parameters()}
        return self._of(step, replay.losses[step], captured.gradients, changes, captured)

    def _of(
        self,
        step: int,
        loss: float | None,
        gradients: dict[str, Tensor],
        changes: dict[str, Tensor],
        captured: Captured | None,
    ) -> Frame:
        parameters = {name: one.detach().clone() for name, one in self.replay.state.model.named_parameters()}
        return Frame(
            step=step,
            steps=self.replay.recipe.course.steps,
            loss=loss,
            parameters=parameters,
            gradients=gradients,
            changes=changes,
            captured=captured,
        )

    @contextmanager
    def _exactly(self) -> Iterator[None]:
        settings = self.replay.settings
        with hardware.exactly(settings.threads or 1, settings.device):
            yield
