"""The address of a plain network's film: how it was after each update.

Before this   work/frames.py at the desk.
After this    server.py collects it.
"""

from __future__ import annotations

from asyncio import to_thread

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fogwalk.observatory.place import RUN, Place, floats, whole
from fogwalk.observatory.work import frames


def routes(place: Place) -> list[Route]:
    """Each address and what answers there."""

    async def frame(request: Request) -> Response:
        edit, entry = (request.query_params.get(name, "") for name in ("edit", "entry"))
        looked = frames.Looked(
            edit=frames.edited(edit) if edit else None,
            entry=frames.entered(entry) if entry else None,
            first=whole(request, "layers") or 0,
        )
        step, folder = request.path_params["step"], place.run(request)
        told = await place.ask(request, frames.frame, step, await to_thread(place.shelf.made, folder), looked)
        return JSONResponse(told | {"logged": await to_thread(place.shelf.logged, folder, step)})

    async def matrix(request: Request) -> Response:
        name, kind = request.query_params.get("name", ""), request.query_params.get("kind", "weight")
        made = await to_thread(place.shelf.made, place.run(request))
        return floats(*await place.ask(request, frames.matrix, request.path_params["step"], made, name, kind))

    return [Route(f"{RUN}/frames/{{step:int}}", frame), Route(f"{RUN}/frames/{{step:int}}/matrix", matrix)]
