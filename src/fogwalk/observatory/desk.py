"""The desk: one process beside the server that loads models, makes steps again and judges: the server holds no model, waits for
none, and goes on when one fails.

Before this   nothing.
After this    addresses/ ask it for what is in work/.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import Any

from fogwalk.errors import FogwalkError, RunError
from fogwalk.observatory.children import apart
from fogwalk.observatory.safety import reason

Gone = Callable[[], Awaitable[bool]]


class Refused(FogwalkError):
    """What the desk could not do, in the words of the error it met there, under the same exit code."""

    def __init__(self, words: str, code: int) -> None:
        super().__init__(words)
        self.exit_code = code


PATIENCE = 8.0  # seconds that are given to what nobody waits for, while others stand in line: as a new process takes
LEFT = "nobody waits for this any longer"


class Desk:
    """Asks the process, which is started when it is first needed and anew when it has died."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._process: Future[int]  # its number
        self._turn = asyncio.Lock()
        self._waiting = 0  # how many stand in line

    async def ask(self, work: Callable[..., Any], *given: Any, gone: Gone | None = None) -> Any:
        """What `work` gives back there. Raises Refused for what it raised, RunError where the process died, or where whoever
        asked is `gone` by the time it is their turn: then nothing is done. What is in hand is given up, with all that the process
        remembers, where they go meanwhile and somebody else stands in line."""
        self._waiting += 1
        try:
            await self._turn.acquire()
        finally:
            self._waiting -= 1
        try:
            if gone is not None and await gone():
                raise RunError(LEFT)
            return await self._asked(work, given, gone)
        finally:
            self._turn.release()

    async def _asked(self, work: Callable[..., Any], given: tuple[Any, ...], gone: Gone | None) -> Any:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            with apart():
                self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_yielding)
                self._process = self._pool.submit(os.getpid)  # with the first work the process is started
        left = False
        try:
            process = await asyncio.shield(asyncio.wrap_future(self._process))
            coming = asyncio.get_running_loop().run_in_executor(self._pool, _done, work, given)
            while gone is not None and not (await asyncio.wait({coming}, timeout=PATIENCE))[0]:
                if self._waiting and await gone():
                    left = True
                    with suppress(ProcessLookupError):  # it has died by itself
                        os.kill(process, signal.SIGTERM)
                    break
            fine, result = await coming
        except BrokenProcessPool:
            self.close()
            raise RunError(
                LEFT if left else "the process that was asked for this has died, perhaps for want of memory",
                remedy="Ask again." if left else "Ask again; a smaller batch or model needs less.",
            ) from None
        if not fine:
            raise Refused(*result)
        return result

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


FAULTS = (
    RuntimeError,
    MemoryError,
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
    AssertionError,
)

# -- what runs in the other process --------------------------------------------------------------------------------------


NICER = 10  # by which a training that goes on meanwhile comes before what the page asks for


def _yielding() -> None:
    """Fewer threads would make other sums than the run's, to the last bit; so it keeps them, and lets a training go first."""
    if hasattr(os, "nice"):
        os.nice(NICER)


def _done(work: Callable[..., Any], given: tuple[Any, ...]) -> tuple[bool, Any]:
    """What came of it; an error as its words, for not every one of them can travel."""
    try:
        return True, work(*given)
    except FogwalkError as error:
        return False, (str(error), error.exit_code)
    except FAULTS as error:  # torch refuses memory with a bare RuntimeError
        return False, (f"this could not be done: {reason(error)}", 1)
