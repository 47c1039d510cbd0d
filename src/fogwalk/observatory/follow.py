"""A run's events as they are written, for a page that stays open: each whole line with the byte behind it, so that whoever comes
back says where they stopped and misses nothing.

Before this   runs/log.py writes lines and repairs a torn last one.
After this    server.py sends them as server-sent events.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from fogwalk.events import finite
from fogwalk.runs.log import record_of

LOOKS = 0.25  # seconds between two looks at the file
STANDS = 1.0  # seconds between two looks at how the run stands
QUIET = 10.0  # seconds after which something is said, so that a lost contact is noticed
AT_ONCE = 1_000_000  # bytes read at a time


def whole_lines(path: Path, offset: int) -> list[tuple[int, bytes]] | None:
    """Each whole line from a byte on, with the byte behind it; None where no line can end there: the file was written anew."""
    if not path.is_file():  # none yet, or a pipe, which would be waited for
        return []
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, offset - 1))
            if size < offset or (offset and file.read(1) != b"\n"):
                return None
            content = file.read(AT_ONCE)
            if not content.endswith(b"\n"):
                content += file.readline()  # a longer line is read whole
    except OSError:
        return []
    lines = []
    for line in content.split(b"\n")[:-1]:  # nothing else ends a line of the file
        offset += len(line) + 1
        lines.append((offset, line))
    return lines


def _told(behind: int, line: bytes) -> bytes:
    """A line as an event; of one that holds no whole event only where it ends."""
    record = record_of(line)
    if record is None:
        return b"id: %d\n\n" % behind
    plain = b"\r" not in line and b"NaN" not in line and b"Infinity" not in line
    return b"id: %d\ndata: %s\n\n" % (behind, line if plain else json.dumps(finite(record)).encode())


def _which(path: Path) -> tuple[int, int] | None:
    """What tells a file from another of its name."""
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_dev, told.st_ino


async def followed(
    path: Path,
    offset: int,
    gone: Callable[[], Awaitable[bool]],
    stands: Callable[[], dict[str, Any]] = dict,
) -> AsyncIterator[bytes]:
    """Server-sent events from a byte on, until whoever reads them is `gone`: `id` is the byte behind a line, `data` the line. How
    the run `stands` is an event of that name, at once, whenever it is another, and after QUIET seconds without a word: whoever
    hears nothing has lost contact. Where another file took the place of the one that was read, `anew` is the last event: whoever
    reads must begin anew."""
    quiet, since, file = 0.0, STANDS, _which(path)
    now: dict[str, Any] = {}
    told = now
    while not await gone():
        now, since = (now, since + LOOKS) if since < STANDS else (stands(), LOOKS)
        lines, which = whole_lines(path, offset), _which(path)
        if lines is None or (file is not None and which not in (file, None)):
            yield b"id: 0\nevent: anew\ndata: {}\n\n"
            return
        file = which if file is None else file if which else (0, 0)  # gone once, it is another when it comes back
        quiet = 0.0 if lines else quiet + LOOKS
        if now != told or quiet >= QUIET:
            quiet, told = 0.0, now
            yield b"event: stands\ndata: %s\n\n" % json.dumps(told).encode()
        if lines:
            offset = lines[-1][0]
            yield b"".join(_told(behind, line) for behind, line in lines)
        await asyncio.sleep(LOOKS)
