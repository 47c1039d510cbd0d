"""The addresses of one step of a run: the whole of it, its stations, any entry, a tensor, one weight, told or moved.

Before this   work/steps.py at the desk.
After this    server.py collects them.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fogwalk.errors import UsageError
from fogwalk.observatory.place import RUN, Place, floats, where, whole
from fogwalk.observatory.work import steps

MOST_BINS = 200
STEP = f"{RUN}/steps/{{step:int}}"


def routes(place: Place) -> list[Route]:
    """Each address and what answers there."""

    async def step(request: Request) -> Response:
        return JSONResponse(await place.ask(request, steps.step, request.path_params["step"], whole(request, "row", 0)))

    async def entry(request: Request) -> Response:
        name, at = request.query_params.get("at", ""), where(request, "row", "place", "unit", "head")
        return JSONResponse({"text": await place.ask(request, steps.entry, request.path_params["step"], name, at)})

    async def station(request: Request) -> Response:
        which, row = request.path_params["station"], whole(request, "row", 0)
        return JSONResponse(await place.ask(request, steps.station, request.path_params["step"], which, row))

    async def layer(request: Request) -> Response:
        name, at = request.query_params.get("at", ""), where(request, "row", "place", "unit", "head")
        return JSONResponse(await place.ask(request, steps.layer, request.path_params["step"], name, at))

    async def weight(request: Request) -> Response:
        name, at, row = request.query_params.get("name", ""), _indices(request), whole(request, "row", 0)
        return JSONResponse(await place.ask(request, steps.weight, request.path_params["step"], name, at, row))

    async def entries(request: Request) -> Response:
        """Some of a parameter's entries, `first` and those after it, in the order `by`."""
        name, by = request.query_params.get("name", ""), request.query_params.get("by", "gradient")
        first = whole(request, "first", 0)
        return JSONResponse(await place.ask(request, steps.entries, request.path_params["step"], name, by, first))

    async def histogram(request: Request) -> Response:
        name, bins = request.query_params.get("name", ""), whole(request, "bins", 40)
        bins = max(1, min(bins or 1, MOST_BINS))
        return JSONResponse(await place.ask(request, steps.histogram, request.path_params["step"], name, bins))

    async def tensor(request: Request) -> Response:
        name, row = request.query_params.get("name", ""), whole(request, "row")
        shape, content = await place.ask(request, steps.tensor, request.path_params["step"], name, row)
        return floats(shape, content)

    async def nudge(request: Request) -> Response:
        """The slope along one weight by moving it `by` so much to either side, beside its gradient."""
        name, at, by = request.query_params.get("name", ""), _indices(request), _decimal(request, "by")
        return JSONResponse(await place.ask(request, steps.nudge, request.path_params["step"], name, at, by))

    async def tried(request: Request) -> Response:
        """The loss if one weight were another."""
        name, at, value = request.query_params.get("name", ""), _indices(request), _decimal(request, "value")
        if value is None:
            raise UsageError("no value is given", expected="It is a number, such as value=0.7.")
        return JSONResponse(await place.ask(request, steps.tried, request.path_params["step"], name, at, value))

    return [
        Route(STEP, step),
        Route(f"{STEP}/entry", entry),
        Route(f"{STEP}/tensor", tensor),
        Route(f"{STEP}/stations/{{station}}", station),
        Route(f"{STEP}/layer", layer),
        Route(f"{STEP}/weight", weight),
        Route(f"{STEP}/entries", entries),
        Route(f"{STEP}/histogram", histogram),
        Route(f"{STEP}/nudge", nudge),
        Route(f"{STEP}/tried", tried),
    ]


def _indices(request: Request) -> tuple[int, ...]:
    """Which entry of a parameter is meant, written as 3,1. Raises UsageError for what is none."""
    said = request.query_params.get("at", "")
    parts = said.split(",") if said else []
    if not all(part.isdecimal() and len(part) <= 12 for part in parts):
        raise UsageError(f"at cannot be '{said[:40]}'", expected="It is an entry, counted from 0, such as at=3,1.")
    return tuple(map(int, parts))


def _decimal(request: Request, name: str) -> float | None:
    """A number of the query; raises UsageError for what is none."""
    said = request.query_params.get(name, "")
    if not said:
        return None
    try:
        return float(said)
    except ValueError:
        raise UsageError(f"{name} cannot be '{said[:40]}'", expected="It is a number, such as 0.7.") from None
