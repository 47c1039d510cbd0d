"""Whether a run is what it says: every checksum, the settings, the resume state, and its last steps trained again.

Before this   trainer.py, training/checkpoint.py.
After this    cli/verify.py prints each check.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from fogwalk.errors import DataError, FogwalkError
from fogwalk.registry import TASKS
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import loss_trace, read_all
from fogwalk.runs.publish import problems
from fogwalk.settings import Settings, declared, load_settings
from fogwalk.tasks.protocol import Task
from fogwalk.training import checkpoint
from fogwalk.training.replanning import COURSE
from fogwalk.training.replay import replaying
from fogwalk.training.state import begin


@dataclass(frozen=True)
class Check:
    """One thing looked at, whether it held, and what was seen."""

    what: str
    passed: bool
    details: str = ""


def verify(folder: RunFolder, *, replay: bool = False) -> Iterator[Check]:
    """Every check of a run, one after the other."""
    intact = []
    for step in folder.steps_saved():
        found = problems(folder.checkpoint(step))
        if found and not folder.checkpoint(step).exists():
            continue  # a run that goes on has put a newer one in its place
        intact += [] if found else [step]
        yield Check(f"checksums of checkpoint {step}", not found, "; ".join(found))
    if not folder.steps_saved():
        yield Check("a checkpoint", False, "the run stopped before its first; `fogwalk train --resume` begins it again")
        return
    if not intact:
        yield Check("an intact checkpoint to go on from", False, f"none of {len(folder.steps_saved())}")
        return
    try:
        settings = load_settings(folder.checkpoint(intact[-1]) / "settings.toml")
        same = folder.settings.exists() and _fixed(load_settings(folder.settings)) == _fixed(settings)
        yield _log(folder)
        own = folder.checkpoint(intact[-1]) / "encoding"
        held = folder.encoding.is_dir() and _contents(folder.encoding) == _contents(own)
        yield Check("encoding", held, "" if held else f"{folder.encoding} differs from checkpoint {intact[-1]}")
        yield Check("settings", same, "" if same else f"{folder.settings} differs from checkpoint {intact[-1]}")
        yield from _state(folder, intact[-1])
        if replay:
            yield _replay(folder, intact)
    except FogwalkError as error:
        yield Check("settings and resume state", False, str(error))


def _log(folder: RunFolder) -> Check:
    """Every line of events.jsonl but a torn last one is an event, and every step up to the last saved one has its own."""
    what = "events"
    if not folder.events.is_file():
        return Check(what, False, f"{folder.events} is missing")
    lines = [line for line in folder.events.read_bytes().split(b"\n")[:-1] if line.strip()]
    read = len(list(read_all(folder.events)))
    if read < len(lines):
        return Check(what, False, f"{len(lines) - read} of {len(lines)} lines of {folder.events} are no events")
    missing = set(range(1, folder.steps_saved()[-1] + 1)) - loss_trace(folder.events).keys()
    told = f"steps are missing in {folder.events}, {min(missing)} the first" if missing else f"{read:,} lines"
    return Check(what, not missing, told)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def _fixed(settings: Settings) -> dict[str, Any]:
    """What neither a resume nor a re-plan may change; the rest may be newer beside the checkpoints than in the last of them."""
    known = declared()
    return {key: value for key, value in settings.flat().items() if not known[key].resumable and key not in COURSE}


def _state(folder: RunFolder, step: int) -> Iterator[Check]:
    place = folder.checkpoint(step)
    settings = load_settings(place / "settings.toml")
    try:
        task: Task = TASKS.get(settings.task)(settings, place / "encoding")
        changed = task.digest != checkpoint.read_progress(folder, step)["data_sha256"]
        told = f"{', '.join(settings.data.path)} has changed since the run began" if changed else ""
        yield Check("data", not changed, told)
        model = task.model()
    except DataError as error:
        yield Check("data", False, str(error))
        model = TASKS.get(settings.task).rebuilt(settings, place / "encoding")
    state = begin(model, settings, torch.device("cpu"))
    checkpoint.restore(folder, state, step)
    fine = state.step == step and all(torch.isfinite(value).all() for value in state.model.parameters())
    yield Check("resume state", fine, f"step {state.step}")


def _replay(folder: RunFolder, intact: list[int]) -> Check:
    """Train from the last checkpoint but one to the last, and compare weights, optimizer and losses bit for bit."""
    what = "replay of the last interval"
    if len(intact) < 2:
        return Check(what, False, "two intact checkpoints are needed")
    first, last = intact[-2:]
    with replaying(folder, first) as replay:
        replay.to(last)
        again, losses, then = replay.state, replay.losses, replay.fresh()
        checkpoint.restore(folder, then, last)
    logged = loss_trace(folder.events)
    pairs = {
        **{name: (value, then_value) for (name, value), then_value in _paired(again.model, then.model)},
        **{name: (value, then.optimizer.state()[name]) for name, value in again.optimizer.state().items()},
    }
    different = [name for name, (one, other) in pairs.items() if not torch.equal(one, other)]
    different += [f"loss of step {step}" for step, loss in losses.items() if logged.get(step) != loss]
    seen = f"steps {first + 1} to {last}: {len(pairs)} tensors and {len(losses)} losses"
    return Check(
        what,
        not different,
        f"{seen} equal to the bit" if not different else f"{different[0]} and {len(different) - 1} more differ",
    )


def _paired(one: torch.nn.Module, other: torch.nn.Module) -> Iterator[tuple[tuple[str, torch.Tensor], torch.Tensor]]:
    return zip(one.named_parameters(), other.parameters(), strict=True)
