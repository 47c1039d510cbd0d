"""The one loop: every task, from three neurons to a large language model, learns in these lines.

Before this   state.py holds the parts.
After this    listeners: saving, validating, sampling, progress and the run folder hear of every step.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from fogwalk.batches.batch import Batch, drawn_seed
from fogwalk.errors import Diverged
from fogwalk.events import Listener, StepDone
from fogwalk.training.gradients import clip, first_not_finite
from fogwalk.training.state import Recipe, State
from fogwalk.training.stopping import Stop


def loop(state: State, recipe: Recipe, emit: Listener, stop: Stop, *, until: int | None = None) -> None:
    """Train from `state.step` to the course's last step, or the step `until`, or until asked to stop.

    Raises Diverged when a loss or gradient is not finite; that step changed no parameter and no optimizer state.
    """
    model, optimizer, task = state.model, state.optimizer, recipe.task
    parameters = list(model.parameters())
    device = parameters[0].device
    forward = recipe.arithmetic.forward(model)
    model.train()
    while state.step < (recipe.course.steps if until is None else until) and stop.reason is None:
        batch = recipe.batches.at(state.step).to(device)
        seed_chance(recipe.seed, state.step)
        loss = torch.zeros((), device=device)
        for part in batch.split(recipe.accumulate):
            with recipe.arithmetic():
                outputs = forward(part.inputs)  # forward pass
                part_loss = task.loss(outputs, part) / recipe.accumulate  # how wrong
            part_loss.backward()  # how much each parameter is to blame
            loss += part_loss.detach()
        norm = clip(parameters, recipe.clip)
        # Read before the update: zeroed gradients would still move weights through momentum and decay.
        if not (math.isfinite(norm) and math.isfinite(loss)):
            raise _diverged(model, batch, state.step, float(loss), recipe)
        rate = recipe.course.rate(state.step)
        optimizer.step(rate)  # every parameter moves a little
        optimizer.zero_grad()
        state.step += 1
        emit(
            StepDone(
                step=state.step,
                seconds=state.age(),
                loss=loss,
                gradient_norm=norm,
                learning_rate=rate,
                examples=batch.examples,
            )
        )


def seed_chance(seed: int, step: int) -> None:
    """Make what dropout draws in a step a pure function of (seed, step), so that no generator needs saving."""
    torch.manual_seed(drawn_seed(f"{seed}/{step}"))


def _diverged(model: nn.Module, batch: Batch, step: int, loss: float, recipe: Recipe) -> Diverged:
    rate = recipe.course.rate(step)
    seed_chance(recipe.seed, step)
    with recipe.arithmetic():
        place = first_not_finite(model, batch)
    if place == "the loss" and math.isfinite(loss):
        place = "the norm of the whole gradient"
    return Diverged(
        f"step {step + 1}: the loss is {loss:g}; the first number that is not finite is in {place}",
        expected=f"Batch {step + 1} of seed {recipe.seed} ({' x '.join(map(str, batch.inputs.shape))}), "
        f"learning rate {rate:.3g}. This step changed no parameter; the last checkpoint is good.",
        remedy=f"Train again with a lower rate, such as --optimizer.learning-rate {float(f'{rate / 3:.1g}'):g}, a longer "
        "--optimizer.warmup, or --training.precision float32.",
    )
