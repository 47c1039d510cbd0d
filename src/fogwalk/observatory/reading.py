"""What the page is told of run folders, as plain values: which runs there are, where each stands, and its curves.

Before this   runs/.
After this    server.py sends it. Nothing here writes, and nothing loads a model.
"""

from __future__ import annotations

import math
import os
import stat
import threading
from bisect import bisect_left
from collections import OrderedDict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fogwalk.errors import FogwalkError, RunError, UsageError
from fogwalk.events import FINISHED, finite
from fogwalk.observatory.carried import carried, shows
from fogwalk.observatory.soundness import lost_end, lost_lines, lost_settings, stray
from fogwalk.registry import did_you_mean
from fogwalk.runs.catalogue import GOING, newest_settings, state_of
from fogwalk.runs.control import Wish, wished
from fogwalk.runs.folder import RunFolder, is_run, started, unsorted_runs
from fogwalk.runs.log import record_of, told_again
from fogwalk.runs.smoothing import Smooth
from fogwalk.settings import load_settings

MOST_RUNS = 200  # of a folder, the newest
SPARK = 60  # points of a run's small curve
MOST_STORIES = 8  # runs whose events are kept, those looked at last
# What is read of an event; a line without it holds none.
NEEDED = {
    "step": {"loss", "seconds", "examples"},
    "evaluated": {"validation_loss"},
    "sampled": {"prompt", "text"},
    "warned": {"message"},
    "stopped": {"reason"},
}
MOST_SAMPLES = 200  # of a run, the latest


@dataclass
class Story:
    """A run's events as they count, read on from where the last reading ended."""

    path: Path
    offset: int = 0
    records: list[dict[str, Any]] = field(default_factory=list)
    planned: dict[str, Any] = field(default_factory=dict)
    unread: int = 0  # lines that hold no event
    _sorted: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # what was asked for since the last new line
    _spark: list[float | None] | None = None
    _file: int | None = None

    def read(self) -> Story:
        """Take in what was written since. A file that became shorter, or is another, is read anew."""
        try:
            told = self.path.stat()
            if not stat.S_ISREG(told.st_mode):  # a pipe would be waited for
                return self
            size, same = told.st_size, self._file in (None, told.st_ino)
            self._file = told.st_ino
            if size < self.offset or not same:
                self.offset, self.records, self.planned, self.unread = 0, [], {}, 0
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
            record = record_of(line)
            if record is None or not record.keys() >= NEEDED.get(record["event"], set()):
                self.unread += 1
                continue
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


@dataclass(frozen=True, kw_only=True)
class Brief:
    """What a list tells of a run, kept until one of its files is another: `stamps` tell them apart."""

    stamps: tuple[Any, ...]
    settings: dict[str, Any]
    wrong: str
    unit: str
    best: float | None
    spark: list[float | None]
    lost: list[RunError]
    last: int  # the last step that has a line


class Shelf:
    """The runs under one folder, and after them those that come along with Fogwalk. A name is one of theirs or none: it never
    becomes a path. It may be asked from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._stories: OrderedDict[str, Story] = OrderedDict()  # of the runs that were looked at last
        self._briefs: dict[str, Brief] = {}
        self._turn = threading.RLock()

    def runs(self) -> list[RunFolder]:
        """The newest first, those that come along last; of two with one name the person's. Where the folder is itself a run, that
        one alone."""
        if is_run(self.root):
            return [RunFolder(self.root)]
        found = unsorted_runs(self.root)
        own = sorted(found, key=lambda folder: started(folder, told=self.stray(folder) is None))[::-1][:MOST_RUNS]
        names = {folder.name for folder in own}
        return own + [folder for folder in carried() if folder.name not in names]

    def find(self, name: str) -> RunFolder:
        """The run of a name. Raises UsageError, with the nearest names, where there is none."""
        if is_run(self.root):
            known = [RunFolder(self.root)]
        else:
            there = self.root.is_dir() and name in os.listdir(self.root)
            own = [RunFolder(self.root / name)] if there and is_run(self.root / name) else []
            known = own + carried()
        for folder in known:
            if folder.name == name:
                return folder
        raise UsageError(
            f"there is no run called '{name[:80]}'",
            remedy=did_you_mean(name, [folder.name for folder in self.runs()]),
        )

    def stray(self, folder: RunFolder) -> RunError | None:
        """What of a run leads out of the folder that is shown, or is no file: then nothing of it may be read."""
        return stray(folder.path, self.root if shows(folder) is None else folder.path)

    def story(self, folder: RunFolder) -> Story:
        """Its events up to now. Those of the runs that were looked at last are kept."""
        key = str(folder.path)
        with self._turn:
            story = self._stories.setdefault(key, Story(folder.events)).read()
            self._stories.move_to_end(key)
            while len(self._stories) > MOST_STORIES:
                self._stories.popitem(last=False)
            return story

    def listed(self) -> list[dict[str, Any]]:
        """One entry for each run; of a damaged one what is wrong, in words."""
        runs = self.runs()
        told = [self.entry(folder) for folder in runs]
        known = {str(folder.path) for folder in runs}
        with self._turn:
            self._briefs = {key: brief for key, brief in self._briefs.items() if key in known}
        return told

    def entry(self, folder: RunFolder) -> dict[str, Any]:
        """A run on the first screen: what it learns, where it stands, and a small curve; in `remarks` what was lost of it."""
        strays = self.stray(folder)
        status = folder.status() if strays is None else {}
        told: dict[str, Any] = {
            "name": folder.name,
            "state": "damaged",
            "step": _whole(status.get("step")),
            "steps": _whole(status.get("steps")),
            "started": status.get("started"),
            "heartbeat": status.get("heartbeat"),
            "wrong": "" if strays is None else str(strays),
            "remarks": [],
            "best": None,
            "spark": [],
            "recorded": shows(folder) is not None,
            "shows": shows(folder),
        }
        if strays is not None:
            return told
        with self._turn:
            state, brief = state_of(folder), self._brief(folder)  # what has ended by now has written all its lines
        told |= {"wrong": brief.wrong, "best": brief.best, "spark": brief.spark}
        if not brief.wrong:
            told |= {"state": state, "unit": brief.unit} | brief.settings
            made = max(folder.steps_saved(), default=0)
            ended = status.get("state") not in (*GOING, None)
            made = max(made, told["step"] or 0) if ended else made
            lost = [] if state in GOING else lost_end(folder.events, brief.last, made)
            told["step"] = brief.last if lost else told["step"]  # no other step can be shown
            told["remarks"] = [str(one) for one in (*lost_settings(folder), *lost, *brief.lost)]
        return finite(told)  # type: ignore[no-any-return]  # a dict stays one

    def _brief(self, folder: RunFolder) -> Brief:
        key, settings = str(folder.path), newest_settings(folder)
        stamps = (_stamp(folder.events), settings, _stamp(settings))
        kept = self._briefs.get(key)
        if kept is not None and kept.stamps == stamps:
            return kept
        told, wrong = {}, ""
        try:
            read = load_settings(settings)
            told = {"task": read.task, "data": list(read.data.path), "kind": read.model_kind}
        except FogwalkError as error:
            wrong = str(error)
        watched = key in self._stories or state_of(folder) in GOING
        story = self.story(folder) if watched else Story(folder.events).read()
        losses = [record["validation_loss"] for record in story.of("evaluated")]
        steps = story.of("step")
        self._briefs[key] = Brief(
            stamps=stamps,
            settings=told,
            wrong=wrong,
            unit=story.planned.get("unit", "token"),
            best=min((loss for loss in losses if isinstance(loss, float | int)), default=None),
            spark=story.spark(),
            lost=lost_lines(folder.events, [record["step"] for record in steps], story.unread),
            last=steps[-1]["step"] if steps else 0,
        )
        return self._briefs[key]

    def opened(self, folder: RunFolder) -> dict[str, Any]:
        """What every screen needs of a run: its entry, and what was planned."""
        with self._turn:
            told = self.entry(folder)
            if self.stray(folder) is not None:
                return told | {
                    "planned": {},
                    "offset": 0,
                    "made": 0,
                    "wish": asdict(Wish()),
                    "stopped": None,
                    "finished": False,
                }
            story = self.story(folder)
            told |= {
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
        with self._turn:
            steps = self.story(folder).of("step")
            return steps[-1]["step"] if steps else 0

    def logged(self, folder: RunFolder, step: int) -> float | None:
        """The loss of an update as events.jsonl has it; None where it is not there, or no number."""
        with self._turn:
            steps = self.story(folder).of("step")
            at = bisect_left(steps, step, key=lambda record: record["step"])
            loss = steps[at]["loss"] if at < len(steps) and steps[at]["step"] == step else None
            return loss if _number(loss) else None

    def curves(self, folder: RunFolder, width: int) -> dict[str, Any]:
        """The losses in so many buckets at most, each with its first and last step, lowest, highest and smoothed loss; every
        validation, sample and warning; and the losses of guessing and of counting."""
        with self._turn:
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
                        [record["step"], record["prompt"], record["text"]]
                        for record in story.of("sampled")[-MOST_SAMPLES:]
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
    smooth, smoothed = Smooth(), []
    for record in steps:
        smoothed.append(smooth.take(record["loss"]) if _number(record["loss"]) else smooth.value)
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


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """What tells a file from another, or from itself as it was before; None where there is none."""
    try:
        told = file.stat()
    except OSError:
        return None
    return told.st_ino, told.st_size, told.st_mtime_ns


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
