"""A step of a run made again: from the nearest checkpoint or waypoint, in the run's own arithmetic, then with every probe open.

Before this   training/replay.py goes up to the step; one_step.py takes it.
After this    run.py and cli/explain.py ask for it.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from fogwalk.errors import CheckpointDamaged, Diverged, RunError, UsageError
from fogwalk.hardware import free_memory
from fogwalk.insight.capture import names_made
from fogwalk.insight.one_step import Step, copied, taken
from fogwalk.insight.seen import require_name
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import read_story
from fogwalk.runs.publish import problems
from fogwalk.settings import write_toml
from fogwalk.training import waypoints
from fogwalk.training.optimizers.protocol import Optimizer
from fogwalk.training.replay import Replay, replaying
from fogwalk.training.state import State

COPIES = 13  # of the parameters, that telling a step holds at most: AdamW's memory stands before, now and after


def explain(folder: RunFolder, step: int | None = None, name: str | None = None) -> Step:
    """Update number `step` of a run, told whole; without one the last it made.

    Raises UsageError for a step the run has not made, and at once for a `name` that its model has not; RunError where no
    checkpoint before it is intact, and what a run on other data or of a newer version raises.
    """
    if step is not None and step < 1:
        raise UsageError(f"--step cannot be {step}", expected="Updates are counted from 1.")
    story = read_story(folder.events)
    logged = {record["step"]: record for record in story if record["event"] == "step"}
    last = _last_step(folder, story, set(logged), step)
    step = step or max(logged, default=last)
    first, damage = nearest_checkpoint(folder, step, last)
    told = _replayed(folder, step, first, logged.get(step, {}).get("loss"), near=step - 1, name=name)
    if told.waypoint and told.replayed != told.logged:
        waypoints.forget(folder, -1)  # left by another course of this run, or of no use on this machine
        told = _replayed(folder, step, first, told.logged, near=None, name=name)
    return replace(told, damage=damage)


def model_after(folder: RunFolder, step: int) -> nn.Module:
    """The model as it was after `step` updates, ready to answer; raises what `explain` does."""
    if step < 0:
        raise UsageError(f"--step cannot be {step}", expected="It is a number of updates; 0 is before the first.")
    made = max((record["step"] for record in read_story(folder.events) if record["event"] == "step"), default=0)
    if step > made:
        raise UsageError(f"{folder.path} has no step {step}", expected=f"It has made {made:,} steps.")
    first, _ = nearest_checkpoint(folder, step + 1, made)
    with replaying(folder, first, before=step) as replay:
        _require_memory(replay.state)
        replay.to(step)
        model: nn.Module = replay.state.model.eval()
    return model


def _replayed(
    folder: RunFolder, step: int, first: int, logged: float | None, *, near: int | None, name: str | None
) -> Step:
    """The step from the checkpoint of `first`, or from a waypoint no later than `near`."""
    with replaying(folder, first, before=near) as replay:
        _require_memory(replay.state)
        if name is not None:
            require_name(name, replay.state.model, names_made(replay.state.model, replay.recipe.batches.at(step - 1)))
        began_at, began = replay.state.step, time.perf_counter()
        replay.to(step - 1)
        if time.perf_counter() - began > waypoints.SECONDS and folder.status().get("state") not in (
            "training",
            "paused",
        ):
            waypoints.keep(folder, replay.state, write_toml(replay.settings))  # so that it comes at once the next time
        return _told(folder, replay, step, began_at, logged, waypoint=began_at != first)


def _last_step(folder: RunFolder, story: list[dict[str, Any]], logged: set[int], step: int | None) -> int:
    """The last step that can be told; raises UsageError where the one that is asked for lies beyond."""
    made = max(logged, default=0)
    ended: dict[str, Any] = next(
        (record for record in reversed(story) if record["event"] in ("stopped", "resumed")), {}
    )
    last = made + (ended.get("reason") == "diverged")  # the step that was not made can be looked into too
    if not last and (saved := max(folder.steps_saved(), default=0)):
        raise RunError(
            f"{folder.events} is missing or holds no steps, but the run has a checkpoint of step {saved}",
            remedy="Put the file back: a step is told beside the loss that stands there.",
        )
    if not last:
        raise UsageError(f"{folder.path} has made no step yet")
    if step is not None and step > last:
        raise UsageError(
            f"{folder.path} has no step {step}", expected=f"It has made {made:,} steps.", remedy=f"Try --step {made}."
        )
    return last


def nearest_checkpoint(folder: RunFolder, step: int, last: int) -> tuple[int, tuple[str, ...]]:
    """The newest intact checkpoint before an update, and what is wrong with those that were passed over."""
    saved = folder.steps_saved()
    damage: list[str] = []
    for first in reversed([known for known in saved if known < step]):
        if not (found := problems(folder.checkpoint(first))):
            return first, tuple(damage)
        damage += found
    intact = [known for known in saved if not problems(folder.checkpoint(known))]
    if damage and not intact:
        raise CheckpointDamaged(f"no checkpoint of {folder.path} is intact:", expected="\n  ".join(damage))
    raise RunError(
        f"step {step} cannot be told: no checkpoint before it is {'intact' if damage else 'there'}",
        expected=f"Steps {min(intact) + 1} to {last} can." if intact and min(intact) < last else "",
        remedy="Checkpoint 0 is kept for this; it has been removed or damaged.",
    )


def _told(folder: RunFolder, replay: Replay, step: int, first: int, logged: float | None, *, waypoint: bool) -> Step:
    """Take the step in the run's own arithmetic, go back, and take it once more with every probe open."""
    state = replay.state
    before, memory = copied(state)
    try:
        replay.to(step)
        replayed: float | None = replay.losses[step]
    except Diverged:
        replayed = None
    _put_back(state.model, state.optimizer, before, memory)
    return taken(
        state,
        replay.recipe,
        step,
        kept=(before, memory),
        run=folder.name,
        began_at=first,
        logged=logged,
        replayed=replayed,
        ended=logged is None,
        waypoint=waypoint,
    )


def _require_memory(state: State) -> None:
    """Raise RunError where a step of this model cannot be held: what is told of it is many times its parameters."""
    parameters = sum(parameter.nbytes for parameter in state.model.parameters())
    needed = COPIES * parameters
    free = free_memory(next(state.model.parameters()).device)
    if free is not None and needed > free:
        raise RunError(
            f"a step of this model takes about {needed / 1e9:.1f} GB to tell, and {free / 1e9:.1f} GB of memory are free",
            expected=f"Its {parameters // 4:,} parameters are held about {COPIES} times: before, after, blame and memory.",
            remedy="Close other programs, or look at what --prompt and --verdicts tell.",
        )


@torch.no_grad()
def _put_back(model: nn.Module, optimizer: Optimizer, before: dict[str, Tensor], memory: dict[str, Tensor]) -> None:
    for name, parameter in model.named_parameters():
        parameter.copy_(before[name])
    for part in optimizer.parts:
        part.optimizer.state.clear()
    optimizer.load(memory)
    optimizer.zero_grad()
