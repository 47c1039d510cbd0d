"""The addresses of an answer of a run's model: the whole of it, and any entry of how it was made.

Before this   work/answers.py at the desk.
After this    server.py collects them.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fogwalk.errors import UsageError
from fogwalk.observatory.place import RUN, Place, where, whole
from fogwalk.observatory.work import answers

LONGEST_PROMPT = 20_000  # letters


def routes(place: Place) -> list[Route]:
    """Each address and what answers there."""

    async def answer(request: Request) -> Response:
        prompt, row, step = prompted(request), whole(request, "row"), whole(request, "step")
        return JSONResponse(await place.ask(request, answers.answer, prompt, row, step))

    async def entry(request: Request) -> Response:
        prompt, step, name = prompted(request), whole(request, "step"), request.query_params.get("at", "")
        at = where(request, "place", "unit", "head")
        return JSONResponse({"text": await place.ask(request, answers.entry, prompt, step, name, at)})

    return [Route(f"{RUN}/answer", answer), Route(f"{RUN}/answer/entry", entry)]


def prompted(request: Request) -> str:
    """What is asked; raises UsageError where it is too long for an address."""
    prompt = request.query_params.get("prompt", "")
    if len(prompt) > LONGEST_PROMPT:
        raise UsageError(f"the prompt is {len(prompt):,} letters long", expected=f"At most {LONGEST_PROMPT:,}.")
    return prompt
