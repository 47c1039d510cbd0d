"""Trainings that the page begins: each a process of its own, as if it had been typed, that goes on when the page ends. One
that waits for the page is taken up by the next server where this one was killed.

Before this   choices.py says what may be chosen; `fogwalk train` trains; runs/control.py steers.
After this    addresses/trainings.py asks.
"""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from filelock import FileLock

from fogwalk.errors import RunError, UsageError
from fogwalk.observatory import children
from fogwalk.observatory.choices import Choices
from fogwalk.runs.catalogue import GOING, state_of
from fogwalk.runs.control import Wish, keep, kept, wish, wished
from fogwalk.runs.folder import RunFolder, fresh_name, is_run

MOST_AT_ONCE = 4  # trainings that the page has begun and that go on
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
        self.choices = Choices(root, folder)
        self._begun: list[Begun] = []
        self._kept: dict[str, tuple[RunFolder, FileLock]] = {}  # those that this server is there for

    async def begin(self, asked: dict[str, Any]) -> str:
        """Begin a training on `data` with `settings` at `pace`; gives back the run's name once it is a run, or is taking long.
        Raises UsageError for what may not be chosen, RunError in the words of a training that was refused."""
        if is_run(self.root):
            raise UsageError("this page shows one run alone", remedy="Open a folder of runs: fogwalk observe runs")
        words = self.choices.words(asked)
        return await self._begun_with(fresh_name(self.root), ["train", *words, "--out"])

    async def go_on(self, folder: RunFolder, steps: Any) -> None:
        """Train a run on, up to so many steps. Raises what `begin` does."""
        if not isinstance(steps, int) or isinstance(steps, bool) or not 0 < steps <= 10**9:
            raise UsageError(f"steps cannot be {steps!r:.40}", expected="It is the number of the last step.")
        if state_of(folder) in GOING:
            raise RunError(f"{folder.name} is being trained already")
        await self._begun_with(folder.path, ["train", "--training.steps", str(steps), "--resume"])

    def take_up(self, folder: RunFolder) -> None:
        """Be there for a training that waits and whose page's server has died: it waits on, and ends with this one."""
        if state_of(folder) == "paused" and kept(folder) is False:
            self._keep(folder)

    def _keep(self, folder: RunFolder) -> None:
        if str(folder.path) not in self._kept and (lock := keep(folder)) is not None:
            self._kept[str(folder.path)] = (folder, lock)

    async def _begun_with(self, place: Path, words: list[str]) -> str:
        going = [one for one in self._begun if one.process.poll() is None]
        if len(going) >= MOST_AT_ONCE:
            raise RunError(f"{MOST_AT_ONCE} trainings begun here go on already", remedy="Stop one first.")
        said = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the training goes on
        try:
            process = subprocess.Popen(
                children.command(*words, str(place.absolute())),
                cwd=self.folder,
                env=children.surroundings(),
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
            if refused := begun.refused():
                raise RunError(refused)
            status = begun.folder.status()
            if status.get("heartbeat") != before:
                self._keep(begun.folder)
            alive = status.get("heartbeat") != before and status.get("state") not in ("planning", None)
            if alive and begun.folder.steps_saved():  # before its first checkpoint there is nothing to look at
                break
            await asyncio.sleep(LOOKS)
        return begun.folder.name

    def close(self) -> None:
        """Let go of what goes on: it is no business of the page any longer. What waits for the page is saved and ends."""
        for one in self._begun:
            one.said.close()
            if one.process.poll() is None:
                _LEFT.append(one.process)
        waits = {str(one.folder.path) for one in self._begun if one.waits}
        folders = {str(one.folder.path): one.folder for one in self._begun if one.process.poll() is None}
        for path, folder in (folders | {path: folder for path, (folder, _) in self._kept.items()}).items():
            state, until = state_of(folder), wished(folder).until
            with suppress(RunError):
                if state == "paused" or (state == "planning" and path in waits):
                    wish(folder, Wish(stop=True))
                elif until is not None and state in GOING:
                    wish(folder, Wish())  # it would wait there with nobody to tell it to go on
        for _, lock in self._kept.values():
            lock.release()
        self._begun, self._kept = [], {}
