"""--observe: the page of a run, opened in a process of its own once the run is one; whatever becomes of it, training goes on."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fogwalk.events import Event, Saved
from fogwalk.observatory import children

PATIENCE = 20.0  # seconds for which the address is waited for when a training has ended


class Page:
    """A listener that begins the page at the first checkpoint, and tells its address once it is known, or why there is none."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.address = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._begun = False
        self._words = ""  # not told yet

    def __call__(self, event: Event) -> None:
        if not self._begun and isinstance(event, Saved):
            self._begun = True
            self._begin(Path(event.path).parents[1])
        self._tell()

    def _tell(self) -> None:
        if self._words:
            over = "\r\x1b[K" if sys.stderr.isatty() else ""  # the living line is drawn again below
            print(f"{over}watch     {self._words}", file=sys.stderr)
            self._words = ""

    def _begin(self, folder: Path) -> None:
        opening = [] if sys.stdout.isatty() else ["--no-open"]
        words = children.command("observe", str(folder.parent), "--run", folder.name, *opening)
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  # open as long as the page
        try:
            self.process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env=children.surroundings(),
                text=True,
            )
        except OSError as error:
            self._words = f"no page: {error}; training goes on"
            return
        self._reader.start()

    def _read(self) -> None:
        assert self.process
        assert self.process.stdout
        self.address = self.process.stdout.readline().strip()
        if self.address:
            self._words = self.address
            return
        self.process.wait()
        self._said.seek(0)
        told = self._said.read().splitlines() or ["it ended without a word"]
        why = told[-1] if told[0].startswith("Traceback") else told[0]
        self._words = f"no page: {why.removeprefix('error: ')}; training goes on"

    def stay(self) -> None:
        """Where somebody is there to see it, until Ctrl+C."""
        if self.process is not None and sys.stdout.isatty():
            self._reader.join(PATIENCE)
            self._tell()
            if self.address and self.process.poll() is None:
                print(f"watch     {self.address} stays open; Ctrl+C ends it, `fogwalk observe` opens it again")
                with suppress(KeyboardInterrupt):
                    self.process.wait()

    def end(self) -> None:
        """End the page's process."""
        if self.process is not None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=5)
                self._reader.join(5)
                assert self.process.stdout
                self.process.stdout.close()
                self._said.close()


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
