"""The page's server: it reads run folders, sends what a screen asks for, and writes only what is wished of a training into its
control/ folder. A training is another process, and never waits for it.

Before this   addresses/ know the answers; safety.py guards.
After this    cli/observe.py runs it; page/ draws.
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from fogwalk.errors import FogwalkError, UsageError
from fogwalk.observatory.addresses import answers, frames, runs, steps, trainings
from fogwalk.observatory.addresses import round as tables
from fogwalk.observatory.place import Place, as_asked
from fogwalk.observatory.safety import Guard, fault

PAGE = Path(__file__).parent / "page"


def application(root: Path, token: str = "") -> Guard:
    """The page of the runs under a folder."""
    place = Place(root)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await to_thread(place.take_up)
        yield
        place.desk.close()
        place.trainings.close()

    app = Starlette(
        routes=[
            Route("/", _page),
            Mount("/page", StaticFiles(directory=PAGE)),
            *(route for family in (runs, steps, frames, answers, tables, trainings) for route in family.routes(place)),
        ],
        exception_handlers={FogwalkError: _in_words, HTTPException: _not_there, Exception: _failed},
        lifespan=lifespan,
    )
    app.state.place = place
    return Guard(app, token)


async def _page(request: Request) -> Response:
    return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})


async def _in_words(request: Request, error: Exception) -> Response:
    """What a person can do about it; never a traceback."""
    assert isinstance(error, FogwalkError)
    words = (
        as_asked(str(error)) if request.method == "GET" else str(error)
    )  # a training that was begun says what may be typed
    return JSONResponse(
        {"error": _sendable(words)}, status_code=404 if error.exit_code == UsageError.exit_code else 409
    )


async def _failed(request: Request, error: Exception) -> Response:
    """A fault of ours: it is said in a line, and the page goes on."""
    return JSONResponse({"error": _sendable(fault(error))}, status_code=500)


async def _not_there(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": f"nothing is at {request.url.path[:120]}"}, status_code=error.status_code)


def _sendable(words: str) -> str:
    """Half of a letter, as a file's name may hold, is spelled."""
    return words.encode("utf-8", "backslashreplace").decode()
