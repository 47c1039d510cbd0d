"""The address of a plain network's film: how it was after each update.

Before this   work/frames.py at the desk.
After this    server.py collects it.
"""

from __future__ import annotations

from asyncio import to_thread

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fogwalk.observatory.place import RUN, Place
from fogwalk.observatory.work import frames


def routes(place: Place) -> list[Route]:
    """Each address and what answers there."""

    async def frame(request: Request) -> Response:
        words = request.query_params.get("edit", "")
        edit = frames.edited(words) if words else None
        step, folder = request.path_params["step"], place.run(request)
        told = await place.ask(request, frames.frame, step, await to_thread(place.shelf.made, folder), edit)
        return JSONResponse(told | {"logged": await to_thread(place.shelf.logged, folder, step)})

    return [Route(f"{RUN}/frames/{{step:int}}", frame)]
