"""Checkpoints: everything a run needs to go on, published whole, believed only when every byte is as written.

Before this   state.py; runs/publish.py.
After this    saving.py decides when; trainer.py resumes; run.py opens a model; `verify` checks.
No pickle: tensors are safetensors, the rest is JSON and TOML.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from fogwalk.errors import CheckpointDamaged, RunError
from fogwalk.runs.folder import RunFolder, told_of_pickles
from fogwalk.runs.publish import UNFINISHED, cannot_write, flush, free_bytes, problems, publish
from fogwalk.training.state import State

FORMAT = 2


def weights(model: nn.Module) -> dict[str, Tensor]:
    """Every parameter once under its name, on the CPU; what is tied appears under its first name."""
    return {name: parameter.detach().cpu().contiguous() for name, parameter in model.named_parameters()}


@dataclass(frozen=True, kw_only=True)
class Extras:
    """What a checkpoint holds besides the state: settings as TOML, the encoding, the data's digest, the machine."""

    settings: Callable[[], str]
    save_encoding: Callable[[Path], None]
    digest: str
    fingerprint: dict[str, str]


def save(folder: RunFolder, state: State, extras: Extras) -> tuple[Path, int]:
    """Publish the checkpoint of `state.step`; gives back its folder and its size in bytes.

    Raises RunError before writing anything when the disk has too little room.
    """
    target = folder.checkpoint(state.step)
    model = weights(state.model)
    optimizer = {name: value.detach().cpu().contiguous() for name, value in state.optimizer.state().items()}
    needed = sum(value.numel() * value.element_size() for value in (*model.values(), *optimizer.values()))
    if not folder.checkpoints.is_dir():
        folder.checkpoints.mkdir(parents=True, exist_ok=True)
        flush(folder.path)
    if (free := free_bytes(folder.checkpoints)) < needed:
        kept = folder.steps_saved()
        raise RunError(
            f"the disk is full: the checkpoint of step {state.step} needs {needed:,} bytes at {target}, {free:,} are free",
            expected=f"The checkpoint of step {kept[-1]} is intact." if kept else "",
            remedy=f"Free some space, then: fogwalk train --resume {folder.path}",
        )
    progress = {
        "format": FORMAT,
        "step": state.step,
        "seconds": round(state.age(), 3),
        "best_step": state.best_step,
        "best_validation_loss": state.best_loss,
        "data_sha256": extras.digest,
        "made_on": extras.fingerprint,
    }

    def write(hidden: Path) -> None:
        save_file(model, hidden / "model.safetensors", metadata={"format": "pt"})
        save_file(optimizer, hidden / "optimizer.safetensors")
        (hidden / "progress.json").write_text(json.dumps(progress, indent=1) + "\n", encoding="utf-8")
        (hidden / "settings.toml").write_text(extras.settings(), encoding="utf-8")
        extras.save_encoding(hidden / "encoding")

    try:
        return target, publish(target, write)
    except SafetensorError as error:
        # safetensors wraps what the system said, a full disk included.
        raise RunError(
            f"the checkpoint of step {state.step} could not be written at {target}: {error}",
            expected=f"It needs {needed:,} bytes; {free_bytes(folder.checkpoints):,} are free.",
            remedy=f"Then go on with: fogwalk train --resume {folder.path}",
        ) from None


def newest_intact(folder: RunFolder) -> tuple[int | None, list[str]]:
    """The newest step whose checkpoint is intact (None: there is none), and what is wrong with newer ones."""
    damage: list[str] = []
    for step in reversed(folder.steps_saved()):
        found = problems(folder.checkpoint(step))
        if not found:
            return step, damage
        damage += found
    return None, damage


def require(folder: RunFolder) -> tuple[int, list[str]]:
    """The newest intact step, and the damage passed over; raises when nothing intact is left."""
    step, damage = newest_intact(folder)
    if step is None:
        if damage:
            raise CheckpointDamaged(
                f"no checkpoint of {folder.path} is intact:", expected="\n  ".join(damage), remedy="Train anew."
            )
        again = f"A run that stopped before its first is begun again by: fogwalk train --resume {folder.path}"
        raise CheckpointDamaged(
            f"{folder.path} holds no checkpoint of Fogwalk",
            expected=told_of_pickles(folder.path),
            remedy=again if folder.settings.is_file() else "",
        )
    return step, damage


def read_progress(folder: RunFolder, step: int) -> dict[str, Any]:
    """progress.json of a checkpoint; raises when a newer version of Fogwalk wrote it."""
    path = folder.checkpoint(step) / "progress.json"
    try:
        progress: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointDamaged(f"{path} cannot be read: {error}") from None
    if progress.get("format") != FORMAT:
        raise RunError(
            f"{path} is of format {progress.get('format')!r}; this Fogwalk reads format {FORMAT}",
            remedy="Use the version of Fogwalk that made the run.",
        )
    return progress


def load_weights(model: nn.Module, path: Path) -> None:
    """Put the weights of a model.safetensors into a model of the same shape."""
    stored = _tensors(path)
    own = dict(model.named_parameters())
    if missing := own.keys() ^ stored.keys():
        raise CheckpointDamaged(f"{path} does not fit this model: {', '.join(sorted(missing)[:3])} stands in one only")
    with torch.no_grad():
        for name, parameter in own.items():
            if parameter.shape != stored[name].shape:
                raise CheckpointDamaged(
                    f"{path} does not fit this model: {name} is {list(stored[name].shape)}, not {list(parameter.shape)}"
                )
            parameter.copy_(stored[name])


def restore(folder: RunFolder, state: State, step: int) -> None:
    """Make `state` what it was after `step` updates."""
    checkpoint = folder.checkpoint(step)
    progress = read_progress(folder, step)
    load_weights(state.model, checkpoint / "model.safetensors")
    state.optimizer.load(_tensors(checkpoint / "optimizer.safetensors"))
    state.step = progress["step"]
    state.seconds = progress["seconds"]
    state.best_step = progress["best_step"]
    state.best_loss = progress["best_validation_loss"]


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointDamaged(f"{path} is not a safetensors file: {error}") from None


def prune(folder: RunFolder, state: State, keep: int) -> None:
    """Remove old checkpoints: the newest `keep`, the best and the very first stay."""
    steps = [step for step in folder.steps_saved() if step <= state.step]
    stay = {*steps[-keep:], state.best_step, 0}
    for step in steps:
        if step not in stay:
            # Out of sight in one instant first: a half-removed checkpoint is never taken for a damaged one.
            leaving = folder.checkpoints / f"{UNFINISHED}leaving-{step}"
            try:
                folder.checkpoint(step).rename(leaving)
            except OSError as error:
                raise cannot_write(folder.checkpoint(step), error) from error
            shutil.rmtree(leaving, ignore_errors=True)
