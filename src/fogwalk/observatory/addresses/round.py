"""The addresses of a round table: a text to begin with, all its heads, one of them, and the numbers of one listener.

Before this   work/round.py at the desk.
After this    server.py collects them.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fogwalk.observatory.addresses.answers import prompted
from fogwalk.observatory.place import RUN, Place, floats, whole
from fogwalk.observatory.work import round as tables

ROUND = f"{RUN}/round"


def routes(place: Place) -> list[Route]:
    """Each address and what answers there."""

    def named(request: Request) -> tuple[str, int]:
        return request.query_params.get("at", ""), whole(request, "head") or 0

    async def opening(request: Request) -> Response:
        return JSONResponse({"prompt": await place.ask(request, tables.opening)})

    async def table(request: Request) -> Response:
        return JSONResponse(await place.ask(request, tables.table, prompted(request), whole(request, "step")))

    async def thumbnails(request: Request) -> Response:
        return floats(*await place.ask(request, tables.thumbnails, prompted(request), whole(request, "step")))

    async def head(request: Request) -> Response:
        asked, measure = (prompted(request), whole(request, "step")), request.query_params.get("measure", "weight")
        return floats(*await place.ask(request, tables.head, *asked, *named(request), measure))

    async def listener(request: Request) -> Response:
        asked = prompted(request), whole(request, "step"), *named(request)
        where = whole(request, "place"), whole(request, "speaker")
        return JSONResponse(await place.ask(request, tables.listener, *asked, *where))

    return [
        Route(ROUND, table),
        Route(f"{ROUND}/opening", opening),
        Route(f"{ROUND}/thumbnails", thumbnails),
        Route(f"{ROUND}/head", head),
        Route(f"{ROUND}/listener", listener),
    ]
