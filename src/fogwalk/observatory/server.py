"""The page's server: it reads run folders and sends what a screen asks for. A training is another process, and never waits.

Before this   reading.py, follow.py and desk.py know; safety.py guards.
After this    cli/observe.py runs it; page/ draws.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from fogwalk.errors import FogwalkError, UsageError
from fogwalk.observatory import desk
from fogwalk.observatory.desk import Desk
from fogwalk.observatory.follow import followed
from fogwalk.observatory.reading import Shelf
from fogwalk.observatory.safety import Guard
from fogwalk.runs.folder import RunFolder

PAGE = Path(__file__).parent / "page"
WIDEST = 4000  # buckets of a curve
LONGEST_PROMPT = 20_000  # letters


def application(root: Path, token: str = "") -> Guard:
    """The page of the runs under a folder."""
    place = _Place(root)
    run = "/api/runs/{name}"
    app = Starlette(
        routes=[
            Route("/", place.page),
            Mount("/page", StaticFiles(directory=PAGE)),
            Route("/api/runs", place.runs),
            Route(run, place.opened),
            Route(f"{run}/curves", place.curves),
            Route(f"{run}/events", place.events),
            Route(f"{run}/verdicts", place.verdicts),
            Route(f"{run}/measures", place.measures),
            Route(f"{run}/answer", place.answer),
            Route(f"{run}/answer/entry", place.answer_entry),
            Route(f"{run}/steps/{{step:int}}", place.step),
            Route(f"{run}/steps/{{step:int}}/entry", place.entry),
            Route(f"{run}/steps/{{step:int}}/tensor", place.tensor),
            Route(f"{run}/steps/{{step:int}}/plane", place.plane),
        ],
        exception_handlers={FogwalkError: _in_words, HTTPException: _not_there},
        lifespan=place.lifespan,
    )
    return Guard(app, token)


async def _in_words(request: Request, error: Exception) -> Response:
    """What a person can do about it; never a traceback."""
    assert isinstance(error, FogwalkError)
    return JSONResponse({"error": str(error)}, status_code=404 if error.exit_code == UsageError.exit_code else 409)


async def _not_there(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": f"nothing is at {request.url.path[:120]}"}, status_code=error.status_code)


class _Place:
    """Answers, one method for each address."""

    def __init__(self, root: Path) -> None:
        self.shelf = Shelf(root)
        self.desk = Desk()

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        yield
        self.desk.close()

    def _run(self, request: Request) -> RunFolder:
        return self.shelf.find(request.path_params["name"])

    async def page(self, request: Request) -> Response:
        return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})

    async def runs(self, request: Request) -> Response:
        return JSONResponse({"folder": str(self.shelf.root.absolute()), "runs": self.shelf.listed()})

    async def opened(self, request: Request) -> Response:
        return JSONResponse(self.shelf.opened(self._run(request)))

    async def curves(self, request: Request) -> Response:
        width = _whole(request, "width", 600)
        return JSONResponse(self.shelf.curves(self._run(request), min(width or 0, WIDEST)))

    async def events(self, request: Request) -> Response:
        """A stream of the run's events: from the byte that the page last had, or is asked for."""
        folder = self._run(request)
        last = request.headers.get("last-event-id", "")
        offset = int(last) if last.isdecimal() else _whole(request, "from", 0)
        return StreamingResponse(
            followed(folder.events, offset or 0, request.is_disconnected),
            media_type="text/event-stream",
            headers={"cache-control": "no-store"},
        )

    async def verdicts(self, request: Request) -> Response:
        return JSONResponse(await self.desk.ask(desk.verdicts, str(self._run(request).path)))

    async def measures(self, request: Request) -> Response:
        return JSONResponse(await self.desk.ask(desk.measures, str(self._run(request).path)))

    async def answer(self, request: Request) -> Response:
        prompt = _prompt(request)
        row, step = _whole(request, "row", None), _whole(request, "step", None)
        return JSONResponse(await self.desk.ask(desk.answer, str(self._run(request).path), prompt, row, step))

    async def answer_entry(self, request: Request) -> Response:
        path, prompt, name = str(self._run(request).path), _prompt(request), request.query_params.get("at", "")
        step, where = _whole(request, "step", None), _where(request, "place", "unit", "head")
        return JSONResponse({"text": await self.desk.ask(desk.answer_entry, path, prompt, step, name, where)})

    async def step(self, request: Request) -> Response:
        number, row = request.path_params["step"], _whole(request, "row", 0)
        return JSONResponse(await self.desk.ask(desk.step, str(self._run(request).path), number, row))

    async def entry(self, request: Request) -> Response:
        name = request.query_params.get("at", "")
        where = _where(request, "row", "place", "unit", "head")
        path = str(self._run(request).path)
        return JSONResponse({"text": await self.desk.ask(desk.entry, path, request.path_params["step"], name, where)})

    async def plane(self, request: Request) -> Response:
        path = str(self._run(request).path)
        return JSONResponse(await self.desk.ask(desk.plane, path, request.path_params["step"]))

    async def tensor(self, request: Request) -> Response:
        """Little-endian float32, its shape in a header."""
        name, row = request.query_params.get("name", ""), _whole(request, "row", None)
        path = str(self._run(request).path)
        shape, content = await self.desk.ask(desk.tensor, path, request.path_params["step"], name, row)
        headers: dict[str, Any] = {"x-shape": ",".join(map(str, shape))}
        return Response(content, media_type="application/octet-stream", headers=headers)


def _prompt(request: Request) -> str:
    """What is asked; raises UsageError where it is too long for an address."""
    prompt = request.query_params.get("prompt", "")
    if len(prompt) > LONGEST_PROMPT:
        raise UsageError(f"the prompt is {len(prompt):,} letters long", expected=f"At most {LONGEST_PROMPT:,}.")
    return prompt


def _where(request: Request, *flags: str) -> dict[str, int]:
    """Those of the flags that are given."""
    asked = {flag: _whole(request, flag, None) for flag in flags}
    return {flag: value for flag, value in asked.items() if value is not None}


def _whole(request: Request, name: str, default: int | None) -> int | None:
    """A whole number of the query; raises UsageError for what is none."""
    value = request.query_params.get(name, "")
    if not value:
        return default
    if not value.isdecimal() or len(value) > 12:
        raise UsageError(f"{name} cannot be '{value[:40]}'", expected="It is a whole number, counted from 0.")
    return int(value)
