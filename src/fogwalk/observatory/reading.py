"""What the page is told of run folders, as plain values: which runs there are, where each stands, and its curves.

Before this   runs/.
After this    server.py sends it. Nothing here writes, and nothing loads a model.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fogwalk.errors import FogwalkError, RunError, UsageError
from fogwalk.events import FINISHED, finite
from fogwalk.observatory.carried import carried, shows
from fogwalk.observatory.soundness import lost_end, lost_lines, lost_settings, lost_words, stray
from fogwalk.observatory.story import Story, decimated, number, pace
from fogwalk.registry import did_you_mean
from fogwalk.runs.catalogue import GOING, newest_settings, state_of
from fogwalk.runs.control import Wish, wished
from fogwalk.runs.folder import RunFolder, is_run, started, unsorted_runs
from fogwalk.settings import load_settings

MOST_RUNS = 200  # of a folder, the newest
# The states that runs end in, where these are not the reasons.
ENDED = {**dict.fromkeys(FINISHED, "finished"), "terminated": "interrupted"}
MOST_STORIES = 8  # runs whose events are kept, those looked at last
MOST_SAMPLES = 200  # of a run, the latest


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
    ended: str  # the state that the events end with; empty where they don't tell
    steps: int | None


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

    def left_out(self) -> int:
        """How many older runs `runs` leaves out. They can be found by their names."""
        return 0 if is_run(self.root) else max(0, len(unsorted_runs(self.root)) - MOST_RUNS)

    def find(self, name: str) -> RunFolder:
        """The run of a name, whichever there is, without a look into any other. Raises UsageError, with the nearest names, where
        there is none."""
        alone = is_run(self.root)
        names = [self.root.absolute().name] if alone else os.listdir(self.root) if self.root.is_dir() else []
        path = self.root if alone else self.root / name
        if name in names and is_run(path):
            return RunFolder(path)
        coming = [] if alone else carried()
        for folder in coming:
            if folder.name == name:
                return folder
        known = [one for one in names if _letters(one) == one and (alone or is_run(self.root / one))]
        raise UsageError(
            f"there is no run called '{_letters(name)[:80]}'",
            remedy=did_you_mean(name, [*known, *(folder.name for folder in coming)]),
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
        told = [self._entry(folder) for folder in runs]
        known = {str(folder.path) for folder in runs}
        with self._turn:
            self._briefs = {key: brief for key, brief in self._briefs.items() if key in known}
        return told

    def _entry(self, folder: RunFolder) -> dict[str, Any]:
        """Its entry, whatever the system says of its files."""
        if _letters(folder.name) != folder.name:
            return self._bare(
                folder, "The name of this run's folder is no UTF-8, so no address can hold it. Rename it."
            )
        try:
            return self.entry(folder)
        except OSError as error:
            return self._bare(folder, f"{folder.path} cannot be read: {error.strerror}")

    def _bare(self, folder: RunFolder, wrong: str) -> dict[str, Any]:
        """What is told of a run of which nothing may or can be read."""
        return {
            "name": _letters(folder.name),
            "state": "damaged",
            "step": None,
            "steps": None,
            "started": None,
            "heartbeat": None,
            "wrong": wrong,
            "remarks": [],
            "best": None,
            "spark": [],
            "recorded": shows(folder) is not None,
            "shows": shows(folder),
        }

    def entry(self, folder: RunFolder) -> dict[str, Any]:
        """A run on the first screen: what it learns, where it stands, and a small curve; in `remarks` what was lost of it."""
        strays = self.stray(folder)
        told = self._bare(folder, "" if strays is None else str(strays))
        if strays is not None:
            return told
        status = folder.status()
        with self._turn:
            stands = self._stands(folder, status)
            brief = self._brief(folder)  # what has ended by now has written all its lines
        told |= {name: status.get(name) for name in ("started", "heartbeat")}
        told |= {"step": stands["step"], "steps": stands["steps"]}
        told |= {"wrong": brief.wrong, "best": brief.best, "spark": brief.spark}
        if not brief.wrong:
            told |= {"state": stands["state"], "unit": brief.unit} | brief.settings
            made = max(folder.steps_saved(), default=0)
            ended = status.get("state") not in (*GOING, None)
            made = max(made, told["step"] or 0) if ended else made
            lost = [] if told["state"] in GOING else lost_end(folder.events, brief.last, made)
            told["step"] = brief.last if lost else told["step"]  # no other step can be shown
            told["remarks"] = [str(one) for one in (*lost_settings(folder), *lost_words(folder), *lost, *brief.lost)]
        return finite(told)  # type: ignore[no-any-return]  # a dict stays one

    def _stands(self, folder: RunFolder, status: dict[str, Any]) -> dict[str, Any]:
        """The state, the step and the steps planned: what its status tells, and what that does not, its events."""
        told = {"state": state_of(folder), "step": status.get("step"), "steps": status.get("steps")}
        if not {"state", "step", "steps"} <= status.keys():
            brief = self._brief(folder)
            if "state" not in status and told["state"] not in GOING:
                told["state"] = brief.ended or told["state"]
            told |= {
                name: value for name, value in (("step", brief.last), ("steps", brief.steps)) if told[name] is None
            }
        return told

    def stands(self, folder: RunFolder) -> dict[str, Any]:
        """How a run stands now, and what is wished of it."""
        with self._turn:
            return self._stands(folder, folder.status()) | {"wish": asdict(wished(folder))}

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
        # A run that was just read for a list is often the one that is opened next.
        roomy = len(self._stories) < MOST_STORIES
        kept_too = roomy or key in self._stories or state_of(folder) in GOING
        story = self.story(folder) if kept_too else Story(folder.events).read()
        losses = [record["validation_loss"] for record in story.of("evaluated")]
        reason = story.stopped["reason"] if story.stopped else ""
        steps = story.of("step")
        self._briefs[key] = Brief(
            stamps=stamps,
            settings=told,
            wrong=wrong,
            unit=story.planned.get("unit", "token"),
            best=min((loss for loss in losses if loss is not None), default=None),
            spark=story.spark(),
            lost=lost_lines(folder.events, [record["step"] for record in steps], story.unread),
            last=steps[-1]["step"] if steps else 0,
            ended=ENDED.get(reason, reason),
            steps=story.steps,
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
            told["stopped"] = story.stopped
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
            return loss if number(loss) else None

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
                    "marks": {name: facts[name] for name in ("guessing", "frequencies") if number(facts.get(name))},
                    "last": {
                        name: last.get(name) for name in ("step", "loss", "gradient_norm", "learning_rate", "seconds")
                    },
                    "pace": pace(steps),
                    "counted": sum(number(record["loss"]) for record in steps),
                    "steps": story.steps,
                }
            )


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """What tells a file from another, or from itself as it was before; None where there is none."""
    try:
        told = file.stat()
    except OSError:
        return None
    return told.st_ino, told.st_size, told.st_mtime_ns


def _letters(name: str) -> str:
    """A name as UTF-8 can hold it."""
    return name.encode("utf-8", "replace").decode()
