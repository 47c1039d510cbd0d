"""How a run is asked to stop: by a person, by the system, or by a goal it has reached.

Before this   nothing.
After this    loop.py looks once a step; trainer.py saves and says why.
Ctrl+C once finishes the step and saves; twice stops now, and the last checkpoint is what is left. SIGTERM saves, and so does
a terminal that is closed.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType


class Stop:
    """`reason` is None while the run shall go on, else interrupted, terminated or stop-below."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._signalled = False  # by a person or the system; a goal that was reached is no signal

    def ask(self, reason: str) -> None:
        """Stop after the step in hand; the first reason stays."""
        self.reason = self.reason or reason

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Let Ctrl+C and SIGTERM ask, while the loop runs. Only the main thread may; elsewhere nothing changes."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers = {signal.SIGINT: self._interrupt, signal.SIGTERM: self._terminate}
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # not under nohup
            handlers[signal.SIGHUP] = self._terminate  # the terminal was closed
        before = {number: signal.getsignal(number) for number in handlers}
        for number, handler in handlers.items():
            signal.signal(number, handler)
        try:
            yield
        finally:
            for number, earlier in before.items():
                signal.signal(number, earlier)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self._signalled:
            raise KeyboardInterrupt
        self._signalled = True
        _tell("finishing this step, then saving; Ctrl+C again stops now, without saving")
        self.ask("interrupted")

    def _terminate(self, number: int, frame: FrameType | None) -> None:
        self._signalled = True
        _tell("asked to end: finishing this step, then saving")
        self.ask("terminated")


def _tell(message: str) -> None:
    # Straight to the descriptor: a signal may arrive in the middle of another write, which print would not survive.
    with suppress(OSError):  # nobody may be left to read it
        os.write(2, f"\n{message}\n".encode())
