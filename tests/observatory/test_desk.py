"""The desk does one thing at a time; nobody stands behind what nobody waits for."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator

import pytest

from fogwalk.errors import RunError
from fogwalk.observatory import desk as desks
from fogwalk.observatory.desk import Desk


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """One of little patience."""
    monkeypatch.setattr(desks, "PATIENCE", 0.2)
    desk = Desk()
    yield desk
    desk.close()


async def left() -> bool:
    """Somebody who is gone."""
    return True


async def there() -> bool:
    """Somebody who waits."""
    return False


def test_what_nobody_waits_for_is_given_up_for_whoever_comes_next(desk: Desk) -> None:
    async def scene() -> None:
        first = await desk.ask(os.getpid)
        long = asyncio.create_task(desk.ask(time.sleep, 60, gone=after(1)))
        await asyncio.sleep(0.5)
        queued = asyncio.create_task(desk.ask(time.sleep, 60, gone=left))
        began = time.monotonic()
        assert await desk.ask(os.getpid, gone=there) != first, "by another process"
        assert time.monotonic() - began < 30
        for one in (long, queued):
            with pytest.raises(RunError, match="nobody waits"):
                await one

    asyncio.run(scene())


def test_what_somebody_waits_for_is_done_first_and_so_is_what_stands_in_nobodys_way(desk: Desk) -> None:
    async def scene() -> None:
        first = await desk.ask(os.getpid)
        long = asyncio.create_task(desk.ask(time.sleep, 1.5, gone=there))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        assert await desk.ask(os.getpid) == first
        assert time.monotonic() - began > 1
        await long
        await desk.ask(time.sleep, 1.5, gone=after(1))  # it may be asked for again, and is remembered
        assert await desk.ask(os.getpid) == first

    asyncio.run(scene())


def after(asked: int) -> desks.Gone:
    """Somebody who leaves once it has been asked so often whether they are there."""
    times = 0

    async def gone() -> bool:
        nonlocal times
        times += 1
        return times > asked

    return gone
