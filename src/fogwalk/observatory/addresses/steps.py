"""The addresses of one step of a run: the whole of it, any entry and a tensor.

Before this   work/steps.py at the desk.
After this    server.py collects them.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fogwalk.observatory.place import RUN, Place, floats, where, whole
from fogwalk.observatory.work import steps

STEP = f"{RUN}/steps/{{step:int}}"


def routes(place: Place) -> list[Route]:
    """Each address and what answers there."""

    async def step(request: Request) -> Response:
        return JSONResponse(await place.ask(request, steps.step, request.path_params["step"], whole(request, "row", 0)))

    async def entry(request: Request) -> Response:
        name, at = request.query_params.get("at", ""), where(request, "row", "place", "unit", "head")
        return JSONResponse({"text": await place.ask(request, steps.entry, request.path_params["step"], name, at)})

    async def tensor(request: Request) -> Response:
        name, row = request.query_params.get("name", ""), whole(request, "row")
        shape, content = await place.ask(request, steps.tensor, request.path_params["step"], name, row)
        return floats(shape, content)

    return [
        Route(STEP, step),
        Route(f"{STEP}/entry", entry),
        Route(f"{STEP}/tensor", tensor),
    ]
