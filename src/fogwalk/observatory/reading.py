"""What the page is told of run folders, as plain values: which runs there are, where each stands, and its curves.

Before this   runs/.
After this    server.py sends it. Nothing here writes, and nothing loads a model.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fogwalk.errors import FogwalkError, UsageError
from fogwalk.events import FINISHED, finite
from fogwalk.observatory.carried import carried, shows
from fogwalk.registry import did_you_mean
from fogwalk.runs.catalogue import newest_settings, state_of
from fogwalk.runs.control import wished
from fogwalk.runs.folder import RunFolder, all_runs, is_run
from fogwalk.runs.log import record_of, told_again
from fogwalk.settings import load_settings

MOST_RUNS = 200  # of a folder, the newest
SMOOTH = 0.9  # share of the last smoothed loss that is kept
SPARK = 60  # points of a run's small curve
MOST_SAMPLES = 200  # of a run, the latest


@dataclass
class Story:
    """A run's events as they count, read on from where the last reading ended."""

    path: Path
    offset: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)
    planned: dict[str, Any] = field(default_factory=dict)
    _sorted: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # what was asked for since the last new line
    _spark: list[float | None] | None = None
    _file: int | None = None

    def read(self) -> Story:
        """Take in what was written since. A file that became shorter, or is another, is read anew."""
        try:
            told = self.path.stat()
            size, same = told.st_size, self._file in (None, told.st_ino)
            self._file = told.st_ino
            if size < self.offset or not same:
                self.offset, self.records, self.planned = 0, [], {}
                self._sorted, self._spark = {}, None
            if size > self.offset:
                with self.path.open("rb") as file:
                    file.seek(self.offset)
                    self._take(file.read(size - self.offset))
        except OSError:  # no events yet, or none that may be read
            pass
        return self

    def _take(self, content: bytes) -> None:
        whole = content.rfind(b"\n") + 1
        self.offset += whole
        self._sorted, self._spark = {}, None
        for line in content[:whole].splitlines():
            if (record := record_of(line)) is not None:
                self.records = told_again(self.records, record)
                if record["event"] == "planned":
                    self.planned = record

    def of(self, event: str) -> list[dict[str, Any]]:
        """The events of a name, in order."""
        if event not in self._sorted:
            self._sorted[event] = [record for record in self.records if record["event"] == event]
        return self._sorted[event]

    def spark(self) -> list[float | None]:
        """The highest losses of a small curve."""
        if self._spark is None:
            self._spark = [high for *_, high in _ranges(self.of("step"), SPARK)]
        return self._spark


class Shelf:
    """The runs under one folder, and after them those that come along with Fogwalk. A name is one of theirs or none: it never
    becomes a path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._stories: dict[str, Story] = {}

    def runs(self) -> list[RunFolder]:
        """The newest first, those that come along last; of two with one name the person's. Where the folder is itself a run, that
        one alone."""
        if is_run(self.root):
            return [RunFolder(self.root)]
        own = all_runs(self.root)[::-1][:MOST_RUNS]
        names = {folder.name for folder in own}
        return own + [folder for folder in carried() if folder.name not in names]

    def find(self, name: str) -> RunFolder:
        """The run of a name. Raises UsageError, with the nearest names, where there is none."""
        known = {folder.name: folder for folder in self.runs()}
        if name not in known:
            raise UsageError(f"there is no run called '{name[:80]}'", remedy=did_you_mean(name, list(known)))
        return known[name]

    def story(self, folder: RunFolder) -> Story:
        """Its events up to now."""
        key = str(folder.path)
        if key not in self._stories:
            self._stories[key] = Story(folder.events)
        return self._stories[key].read()

    def listed(self) -> list[dict[str, Any]]:
        """One entry for each run; of a damaged one what is wrong, in words."""
        return [self.entry(folder) for folder in self.runs()]

    def entry(self, folder: RunFolder) -> dict[str, Any]:
        """A run on the first screen: what it learns, where it stands, and a small curve."""
        status, story = folder.status(), self.story(folder)
        told: dict[str, Any] = {
            "name": folder.name,
            "state": "damaged",
            "step": _whole(status.get("step")),
            "steps": _whole(status.get("steps")),
            "started": status.get("started"),
            "heartbeat": status.get("heartbeat"),
            "wrong": "",
            "recorded": shows(folder) is not None,
            "shows": shows(folder),
        }
        try:
            settings = load_settings(newest_settings(folder))
            told |= {"state": state_of(folder), "task": settings.task, "data": list(settings.data.path)}
            told |= {"kind": settings.model_kind, "unit": story.planned.get("unit", "token")}
        except FogwalkError as error:
            told["wrong"] = str(error)
        losses = [record["validation_loss"] for record in story.of("evaluated")]
        losses = [loss for loss in losses if isinstance(loss, float | int)]
        told["best"] = min(losses, default=None)
        told["spark"] = story.spark()
        return finite(told)  # type: ignore[no-any-return]  # a dict stays one

    def opened(self, folder: RunFolder) -> dict[str, Any]:
        """What every screen needs of a run: its entry, and what was planned."""
        story = self.story(folder)
        told = self.entry(folder) | {
            "planned": story.planned,
            "offset": story.offset,
            "made": self.made(folder),
            "wish": asdict(wished(folder)),
        }
        told["stopped"] = next((record for record in reversed(story.records) if record["event"] == "stopped"), None)
        told["finished"] = bool(told["stopped"]) and told["stopped"]["reason"] in FINISHED
        return finite(told)  # type: ignore[no-any-return]  # a dict stays one

    def made(self, folder: RunFolder) -> int:
        """How many updates the run has made."""
        steps = self.story(folder).of("step")
        return steps[-1]["step"] if steps else 0

    def logged(self, folder: RunFolder, step: int) -> float | None:
        """The loss of an update as events.jsonl has it; None where it is not there, or no number."""
        steps = self.story(folder).of("step")
        at = bisect_left(steps, step, key=lambda record: record["step"])
        loss = steps[at]["loss"] if at < len(steps) and steps[at]["step"] == step else None
        return loss if _number(loss) else None

    def curves(self, folder: RunFolder, width: int) -> dict[str, Any]:
        """The losses in so many buckets at most, each with its first and last step, lowest, highest and smoothed loss; every
        validation, sample and warning; and the losses of guessing and of counting."""
        story = self.story(folder)
        facts = story.planned.get("data", {})
        steps = story.of("step")
        last = steps[-1] if steps else {}
        return finite(  # type: ignore[no-any-return]  # a dict stays one
            {
                "offset": story.offset,
                "points": decimated(steps, width),
                "validations": [
                    [record["step"], record["validation_loss"], record.get("metrics", {})]
                    for record in story.of("evaluated")
                ],
                "samples": [
                    [record["step"], record["prompt"], record["text"]] for record in story.of("sampled")[-MOST_SAMPLES:]
                ],
                "warnings": [[record["step"], record["message"]] for record in story.of("warned")],
                "marks": {name: facts[name] for name in ("guessing", "frequencies") if _number(facts.get(name))},
                "last": {
                    name: last.get(name) for name in ("step", "loss", "gradient_norm", "learning_rate", "seconds")
                },
                "pace": _pace(steps),
                "counted": sum(_number(record["loss"]) for record in steps),
                "steps": (story.of("replanned") or story.of("resumed") or [story.planned])[-1].get("steps"),
            }
        )


def stands(folder: RunFolder) -> dict[str, Any]:
    """How a run stands now, and what is wished of it."""
    status = folder.status()
    told = {"state": state_of(folder), "step": _whole(status.get("step")), "steps": _whole(status.get("steps"))}
    return told | {"wish": asdict(wished(folder))}


def decimated(steps: list[dict[str, Any]], width: int) -> list[list[float | None]]:
    """[first step, last step, lowest, highest, smoothed] of neighbouring steps' losses: no spike is lost. Losses that are not
    finite are left out of a bucket; a bucket of none has null."""
    smooth, weight, smoothed = 0.0, 0.0, []
    for record in steps:
        if _number(record["loss"]):
            smooth = SMOOTH * smooth + (1 - SMOOTH) * record["loss"]
            weight = SMOOTH * weight + (1 - SMOOTH)
        smoothed.append(smooth / weight if weight else None)
    return [
        [steps[first]["step"], steps[last]["step"], low, high, smoothed[last]]
        for first, last, low, high in _ranges(steps, width)
    ]


def _ranges(steps: list[dict[str, Any]], width: int) -> list[tuple[int, int, float | None, float | None]]:
    """(place of the first step, of the last, lowest, highest loss) of neighbouring steps in at most so many buckets."""
    each = -(-len(steps) // max(2, width)) or 1
    found = []
    for first in range(0, len(steps), each):
        losses = [record["loss"] for record in steps[first : first + each] if _number(record["loss"])]
        last = min(first + each, len(steps)) - 1
        found.append((first, last, min(losses, default=None), max(losses, default=None)))
    return found


def _pace(steps: list[dict[str, Any]]) -> dict[str, float | None]:
    """Examples and steps a second over the latest twenty steps."""
    latest = steps[-21:]
    seconds = latest[-1]["seconds"] - latest[0]["seconds"] if len(latest) > 1 else 0
    if seconds <= 0:
        return {"examples": None, "steps": None}
    examples = sum(record["examples"] for record in latest[1:])
    return {"examples": examples / seconds, "steps": (len(latest) - 1) / seconds}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
