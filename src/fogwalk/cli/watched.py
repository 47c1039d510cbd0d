"""--observe: the page of a run, opened in a process of its own once the run is one; whatever becomes of it, training goes on."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fogwalk.events import Event, Saved


class Page:
    """A listener that begins the page at the first checkpoint, and tells its address once it is known."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.address = ""
        self._told = False

    def __call__(self, event: Event) -> None:
        if self.process is None and isinstance(event, Saved):
            self._begin(Path(event.path).parents[1])
        if self.address and not self._told:
            self._told = True
            over = "\r\x1b[K" if sys.stderr.isatty() else ""  # the living line is drawn again below
            print(f"{over}watch     {self.address}", file=sys.stderr)

    def _begin(self, folder: Path) -> None:
        opening = [] if sys.stdout.isatty() else ["--no-open"]
        command = [sys.executable, "-m", "fogwalk", "observe", str(folder.parent), "--run", folder.name, *opening]
        with suppress(OSError):  # no page, then
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
            threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process
        assert self.process.stdout
        self.address = self.process.stdout.readline().strip()

    def stay(self) -> None:
        """Where somebody is there to see it, until Ctrl+C."""
        if self.process is not None and self.process.poll() is None and sys.stdout.isatty():
            print(f"watch     {self.address} stays open; Ctrl+C ends it, `fogwalk observe` opens it again")
            with suppress(KeyboardInterrupt):
                self.process.wait()

    def end(self) -> None:
        """End the page's process."""
        if self.process is not None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=5)


@contextmanager
def observed(asked: bool) -> Iterator[list[Page]]:
    """The listeners that a page needs, where one is asked for; it stays after a training that ended well."""
    page = Page()
    try:
        yield [page] if asked else []
    except BaseException:
        page.end()
        raise
    if asked:
        try:
            page.stay()
        finally:
            page.end()
