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

LOOKS = 0.25  # seconds between two looks at the file
STANDS = 1.0  # seconds between two looks at how the run stands
QUIET = 10.0  # seconds after which something is said, so that a lost contact is noticed
AT_ONCE = 1_000_000  # bytes read at a time


def whole_lines(path: Path, offset: int) -> list[tuple[int, bytes]]:
    """Each whole line from a byte on, with the byte behind it. A shorter file was written anew: from its start."""
    try:
        with path.open("rb") as file:
            if file.seek(0, 2) < offset:
                offset = 0
            file.seek(offset)
            content = file.read(AT_ONCE)
            if not content.endswith(b"\n"):
                content += file.readline()  # a longer line is read whole
    except OSError:
        return []
    lines = []
    for line in content.splitlines(keepends=True):
        if line.endswith(b"\n"):
            offset += len(line)
            lines.append((offset, line[:-1]))
    return lines


async def followed(
    path: Path,
    offset: int,
    gone: Callable[[], Awaitable[bool]],
    stands: Callable[[], dict[str, Any]] = dict,
) -> AsyncIterator[bytes]:
    """Server-sent events from a byte on, until whoever reads them is `gone`: `id` is the byte behind a line, `data` the line. How
    the run `stands` is an event of that name, whenever it is another, and every QUIET seconds: whoever hears nothing has lost
    contact."""
    quiet, since, told = 0.0, STANDS, stands()
    while not await gone():
        since += LOOKS
        if since >= STANDS and (now := stands()) != told:
            told = now
            yield b"event: stands\ndata: %s\n\n" % json.dumps(told).encode()
        since = 0.0 if since >= STANDS else since
        lines = whole_lines(path, offset)
        if lines:
            quiet = 0.0
            offset = lines[-1][0]
            yield b"".join(b"id: %d\ndata: %s\n\n" % (behind, line) for behind, line in lines)
        else:
            quiet += LOOKS
            if quiet >= QUIET:
                quiet = 0.0
                yield b"event: stands\ndata: %s\n\n" % json.dumps(told).encode()
        await asyncio.sleep(LOOKS)
