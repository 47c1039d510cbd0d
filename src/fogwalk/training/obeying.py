"""What a person wishes while a run is trained: to wait, to go slowly enough to be watched, to make one step, to end.

Before this   runs/control.py holds the wish; stopping.py ends a run.
After this    session.py lets it look once a step. Time that is waited is not part of the run's life, and no number changes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from fogwalk.errors import RunError
from fogwalk.events import Event, StepDone
from fogwalk.runs.control import Wish, kept, mark, wish, wished
from fogwalk.runs.folder import RunFolder
from fogwalk.training.heartbeat import begun
from fogwalk.training.state import State
from fogwalk.training.stopping import Stop

LOOK = 0.02  # seconds between two looks while it waits
BEAT = 1.0  # seconds between two signs of life while it waits
PATIENCE = 60.0  # seconds for which it waits for another page's server where its own is gone
AT_ONCE = 200  # steps a second, below which each is written down at once: somebody is watching


class Obeying:
    """A listener, the last to hear of a step. `write` puts what was logged into its file; `tell` says that it waits."""

    def __init__(
        self, folder: RunFolder, state: State, stop: Stop, *, steps: Callable[[], int], write: Callable[[], None]
    ) -> None:
        self.folder = folder
        self.state = state
        self.stop = stop
        self.steps = steps
        self.write = write
        self.wish = Wish()
        self._mark: tuple[int, int] | None = None
        self._last = time.monotonic()

    def begin(self, first: Wish, tell: Callable[[str], None]) -> None:
        """The first wish holds, unless the page wished something while the run was planned."""
        self.tell = tell
        if mark(self.folder) is None and first != Wish():
            with suppress(RunError):  # a page cannot steer a run that it cannot write to
                wish(self.folder, first)
        self._mark = mark(self.folder)
        self.wish = wished(self.folder) if self._mark else first

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepDone):
            self.obey(event.step)

    def obey(self, step: int) -> None:
        """Come back when the next step may be made."""
        self._look()
        self._slow_down()
        if self._waits(step):
            self._wait(step)
        self._last = time.monotonic()

    def _look(self) -> None:
        now = mark(self.folder)
        if now != self._mark:
            self._mark = now
            self.wish = wished(self.folder)
        if self.wish.stop:
            self.stop.ask("interrupted")

    def _waits(self, step: int) -> bool:
        until = self.wish.until
        return self.stop.reason is None and until is not None and until <= step < self.steps()

    def _slow_down(self) -> None:
        if self.wish.pace is None:
            return
        if self.wish.pace < AT_ONCE:
            self.write()
        began = time.monotonic()
        while self.wish.pace and self.stop.reason is None:
            left = self._last + 1 / self.wish.pace - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(left, LOOK))
            self._look()
        self.state.began += time.monotonic() - began

    def _wait(self, step: int) -> None:
        self.write()
        began, beat, told = time.monotonic(), 0.0, False
        left, late = None, kept(self.folder) is False
        stays = begun(self.folder.status())
        while self._waits(step):
            if time.monotonic() - beat >= BEAT:
                beat = time.monotonic()
                left = (left or beat) if kept(self.folder) is False else None
                if left is not None and beat - left >= PATIENCE:
                    self._left_alone(late)
                    continue
                with suppress(RunError):
                    self.folder.write_status(**stays, state="paused", step=step, steps=self.steps())
            if not told and time.monotonic() - began > BEAT:
                told = True
                self.tell(f"waiting after step {step}, as the page wishes; Ctrl+C saves and ends")
            time.sleep(LOOK)
            self._look()
        with suppress(RunError):
            self.folder.write_status(**stays, state="training", step=step, steps=self.steps())
        self.state.began += time.monotonic() - began

    def _left_alone(self, late: bool) -> None:
        """Nobody can tell it to go on any more. Where somebody watched it wait it is saved as it stands, and ends; where the page
        was gone before it came here, too `late` to be watched, it goes on as a training without a page does."""
        if not late:
            self.tell("the page that it waited for is gone: saving, and ending")
            self.stop.ask("interrupted")
            return
        self.tell("the page that asked it to wait is gone: going on")
        with suppress(RunError):
            wish(self.folder, Wish())
        self._mark, self.wish = mark(self.folder), Wish()
