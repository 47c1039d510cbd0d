"""Trainings that the page begins: on a sample, or on a file under the folder that the page was started in, with a listed set of
settings. Each is a process of its own, as if it had been typed, and goes on when the page or its server ends.

Before this   `fogwalk train` trains; runs/control.py steers.
After this    addresses/trainings.py asks.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from fogwalk.data.images.samples import SAMPLES as IMAGES
from fogwalk.data.samples import SAMPLES as TEXTS
from fogwalk.data.tables.samples import TARGETS
from fogwalk.data.toys import TOYS
from fogwalk.errors import RunError, UsageError
from fogwalk.registry import did_you_mean
from fogwalk.runs.catalogue import state_of
from fogwalk.runs.control import Wish, wish, wished
from fogwalk.runs.folder import RunFolder, fresh_name, is_run
from fogwalk.settings import declared, flag

MAY_BE_CHOSEN = (
    "minutes",
    "seed",
    "data.target",
    "model.hidden",
    "model.activation",
    "model.layers",
    "model.width",
    "model.heads",
    "model.context",
    "model.dropout",
    "optimizer.name",
    "optimizer.learning_rate",
    "training.steps",
    "training.batch",
)
MOST_AT_ONCE = 4  # trainings that the page has begun and that go on
MOST_FILES = 200  # of the folder that are offered
DEEPEST = 3  # folders below it that are looked into
READ = (".txt", ".md", ".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx", ".py")
PATIENCE = 20.0  # seconds for which a beginning is waited for
LOOKS = 0.1  # seconds between two looks at it
MOST_WORDS = 4000  # of what a training said when it was refused


@dataclass
class Begun:
    """A training that the page began."""

    folder: RunFolder
    process: subprocess.Popen[bytes]
    said: IO[bytes]
    waits: bool  # before its first step

    def refused(self) -> str:
        """What it said when it ended without a run; nothing while it goes on, or where it ended well."""
        if self.process.poll() in (None, 0):
            return ""
        self.said.seek(0)
        return self.said.read().decode("utf-8", "replace")[-MOST_WORDS:].strip() or "it ended without a word"


_LEFT: list[subprocess.Popen[bytes]] = []  # that go on when the page has ended


class Trainings:
    """Begins them under a `root` of runs; data stand under the `folder` that the page was started in."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder
        self._begun: list[Begun] = []

    def offered(self) -> dict[str, Any]:
        """What may be chosen: samples, files, and settings with a sentence each."""
        known = declared()
        return {
            "folder": str(self.folder.absolute()),
            "samples": self._samples(),
            "files": sorted(self._files()),
            "settings": {key: known[key].help for key in MAY_BE_CHOSEN},
        }

    async def begin(self, asked: dict[str, Any]) -> str:
        """Begin a training on `data` with `settings` at `pace`; gives back the run's name once it is a run, or is taking long.
        Raises UsageError for what may not be chosen, RunError in the words of a training that was refused."""
        unknown = set(asked) - {"data", "settings", "pace"}
        if unknown:
            raise UsageError(f"a training knows no '{min(unknown)[:40]}'", expected="It has data, settings and pace.")
        if is_run(self.root):
            raise UsageError("this page shows one run alone", remedy="Open a folder of runs: fogwalk observe runs")
        words = [self._data(asked.get("data")), *self._settings(asked.get("settings", {})), *_paced(asked.get("pace"))]
        return await self._begun_with(fresh_name(self.root), ["train", *words, "--out"])

    async def go_on(self, folder: RunFolder, steps: Any) -> None:
        """Train a run on, up to so many steps. Raises what `begin` does."""
        if not isinstance(steps, int) or isinstance(steps, bool) or not 0 < steps <= 10**9:
            raise UsageError(f"steps cannot be {steps!r:.40}", expected="It is the number of the last step.")
        if state_of(folder) in ("planning", "training", "paused"):
            raise RunError(f"{folder.name} is being trained already")
        await self._begun_with(folder.path, ["train", "--training.steps", str(steps), "--resume"])

    async def _begun_with(self, place: Path, words: list[str]) -> str:
        going = [one for one in self._begun if one.process.poll() is None]
        if len(going) >= MOST_AT_ONCE:
            raise RunError(f"{MOST_AT_ONCE} trainings begun here go on already", remedy="Stop one first.")
        said = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the training goes on
        command = [sys.executable, "-m", "fogwalk", *words, str(place.absolute())]
        try:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,  # Ctrl+C on the page is none on the training
            )
        except (OSError, ValueError) as error:  # no such program, no memory; letters that no word may hold
            said.close()
            raise RunError(f"a training could not be begun: {error}") from None
        begun = Begun(RunFolder(place), process, said, "--pace=0" in words)
        self._begun.append(begun)
        before = begun.folder.status().get("heartbeat")
        for _ in range(int(PATIENCE / LOOKS)):
            if words := begun.refused():  # type: ignore[assignment]  # words of another kind
                raise RunError(str(words))
            status = begun.folder.status()
            if status.get("heartbeat") != before and status.get("state") not in ("planning", None):
                break
            await asyncio.sleep(LOOKS)
        return begun.folder.name

    def close(self) -> None:
        """Let go of what goes on: it is no business of the page any longer. What waits for the page is saved and ends."""
        for one in self._begun:
            one.said.close()
            if one.process.poll() is None:
                _LEFT.append(one.process)
                state, until = state_of(one.folder), wished(one.folder).until
                with suppress(RunError):
                    if state == "paused" or (state == "planning" and one.waits):
                        wish(one.folder, Wish(stop=True))
                    elif until is not None:
                        wish(one.folder, Wish())  # it would wait there with nobody to tell it to go on
        self._begun = []

    def refused(self, name: str) -> str:
        """What the training of a run that was begun here said when it was refused later on; nothing where it was not."""
        return next((one.refused() for one in reversed(self._begun) if one.folder.name == name), "")

    def _samples(self) -> list[str]:
        carried = importlib.util.find_spec("sklearn") is not None
        return [*TOYS, *TEXTS, *((*(name for name in TARGETS if name not in TOYS), *IMAGES) if carried else ())]

    def _files(self) -> Iterator[str]:
        """Files that can be read, by their path below the folder."""
        found = 0
        for place, folders, files in os.walk(self.folder):
            here = Path(place).relative_to(self.folder)
            deep = len(here.parts) >= DEEPEST
            folders[:] = (
                []
                if deep
                else [one for one in sorted(folders) if not one.startswith(".") and not self._own(here / one)]
            )
            for file in sorted(files):
                if file.endswith(READ) and not file.startswith("."):
                    yield (here / file).as_posix()
                    found += 1
                    if found >= MOST_FILES:
                        return

    def _own(self, below: Path) -> bool:
        """Whether a folder is that of the runs."""
        return (self.folder / below).absolute() == self.root.absolute()

    def _data(self, data: Any) -> str:
        """A sample's name, or a path that stands under the folder wherever its links lead. Raises UsageError otherwise."""
        if not isinstance(data, str) or not data.strip():
            raise UsageError("nothing to learn from", expected="Name a sample, or a file under this folder.")
        if data.startswith("sample:"):
            if data not in self._samples():
                raise UsageError(f"unknown sample '{data[:40]}'", remedy=did_you_mean(data, self._samples()))
            return data
        try:
            path = (self.folder / data).resolve()
            inside, there = path.is_relative_to(self.folder.resolve()), path.exists()
        except (OSError, ValueError):  # a name too long, or one that no file can have
            inside, there = True, False
        if not inside:
            raise UsageError(
                f"'{data[:80]}' is not under {self.folder.absolute()}", expected="Only what is can be learned here."
            )
        if not there:
            raise UsageError(
                f"there is no '{data[:80]}'", remedy=did_you_mean(data, [*self._files(), *self._samples()])
            )
        return str(path)

    def _settings(self, settings: Any) -> list[str]:
        """As they are typed. Raises UsageError for one that may not be chosen here."""
        if not isinstance(settings, dict):
            raise UsageError("settings cannot be read", expected="They are a name and a value each.")
        words = []
        for key, value in settings.items():
            if key not in MAY_BE_CHOSEN:
                raise UsageError(f"'{key[:40]}' cannot be chosen here", remedy=did_you_mean(key, MAY_BE_CHOSEN))
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise UsageError(f"{key} cannot be {value!r:.40}", expected="It is a word or a number.")
            words.append(f"--{flag(key)}={value}")
        return words


def _paced(pace: Any) -> list[str]:
    if pace is None:
        return []
    if isinstance(pace, bool) or not isinstance(pace, int | float):
        raise UsageError(f"pace cannot be {pace!r:.40}", expected="It is steps a second; 0 waits before the first.")
    return [f"--pace={pace}"]
