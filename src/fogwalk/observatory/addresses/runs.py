"""The addresses of whole runs: which there are, how each stands, its curves, its events as they come, and its health.

Before this   reading.py and follow.py; work/looks.py at the desk.
After this    server.py collects them.
"""

from __future__ import annotations

from asyncio import to_thread
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from fogwalk.errors import UsageError
from fogwalk.observatory.follow import followed
from fogwalk.observatory.place import RUN, Place, whole
from fogwalk.observatory.work import looks

WIDEST = 4000  # buckets of a curve


def routes(place: Place) -> list[Route]:
    """Each address and what answers there."""

    async def runs(request: Request) -> Response:
        listed, more = await to_thread(place.shelf.listed), await to_thread(place.shelf.left_out)
        return JSONResponse({"folder": str(place.shelf.root.absolute()), "runs": listed, "more": more})

    async def opened(request: Request) -> Response:
        return JSONResponse(await to_thread(place.shelf.opened, place.named(request)))

    async def curves(request: Request) -> Response:
        width = whole(request, "width", 600)
        return JSONResponse(await to_thread(place.shelf.curves, place.run(request), min(width or 0, WIDEST)))

    async def events(request: Request) -> Response:
        """A stream of the run's events: from the byte that the page last had, or is asked for."""
        folder = place.run(request)
        last = request.headers.get("last-event-id", "")
        if last and (not last.isdecimal() or len(last) > 15):
            raise UsageError(f"Last-Event-ID cannot be '{last[:40]}'", expected="It is a byte of the run's events.")
        offset = int(last) if last else whole(request, "from", 0)

        def now() -> dict[str, Any]:
            place.trainings.take_up(folder)  # whoever is watched is not alone
            return place.shelf.stands(folder)

        return StreamingResponse(
            followed(folder.events, offset or 0, request.is_disconnected, now),
            media_type="text/event-stream",
            headers={"cache-control": "no-store"},
        )

    async def verdicts(request: Request) -> Response:
        return JSONResponse(await place.ask(request, looks.verdicts))

    async def measures(request: Request) -> Response:
        told = await place.ask(request, looks.measures, request.query_params.get("seen", ""))
        return Response(told, media_type="application/json")

    return [
        Route("/api/runs", runs),
        Route(RUN, opened),
        Route(f"{RUN}/curves", curves),
        Route(f"{RUN}/events", events),
        Route(f"{RUN}/verdicts", verdicts),
        Route(f"{RUN}/measures", measures),
    ]
