"""The addresses that change something: a training is begun, told to wait, go on, slow down or end, and trained on.

Before this   trainings.py begins them; runs/control.py holds what is wished.
After this    server.py collects them; safety.py lets through only what the page itself asks for.
"""

from __future__ import annotations

import json
from asyncio import to_thread
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fogwalk.errors import RunError, UsageError
from fogwalk.observatory.place import RUN, Place
from fogwalk.runs.catalogue import GOING, state_of
from fogwalk.runs.control import Wish, wish


def routes(place: Place) -> list[Route]:
    """Each address and what answers there."""

    async def offered(request: Request) -> Response:
        return JSONResponse(await to_thread(place.trainings.choices.offered))

    async def begin(request: Request) -> Response:
        return JSONResponse({"name": await place.trainings.begin(await told(request))})

    async def control(request: Request) -> Response:
        folder, asked = place.own(request), await told(request)
        if state_of(folder) not in GOING:
            raise RunError(f"{folder.name} is not being trained", expected="Only a training can be steered.")
        try:
            wished = Wish(**asked)
        except TypeError:
            raise UsageError("this cannot be wished of a run", expected="It has until, pace and stop.") from None
        wish(folder, wished)
        return JSONResponse({"state": state_of(folder)})

    async def go_on(request: Request) -> Response:
        folder, asked = place.own(request), await told(request)
        await place.trainings.go_on(folder, asked.get("steps"))
        return JSONResponse({"name": folder.name})

    return [
        Route("/api/trainings", offered),
        Route("/api/trainings", begin, methods=["POST"]),
        Route(f"{RUN}/control", control, methods=["POST"]),
        Route(f"{RUN}/further", go_on, methods=["POST"]),
    ]


async def told(request: Request) -> dict[str, Any]:
    """The JSON object that came along. Raises UsageError where none did."""
    try:
        found = await request.json()
        json.dumps(found, ensure_ascii=False).encode()  # half of a letter is none
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UsageError("what was asked cannot be read", expected="It is a JSON object.")
    return found
