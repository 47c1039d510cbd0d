"""The addresses of an answer of a run's model: the whole of it, its tensors, any entry of how it was made; what a person is asked
for it, and what the model gets wrong.

Before this   work/answers.py and work/records.py at the desk.
After this    server.py collects them.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fogwalk.errors import UsageError
from fogwalk.observatory.place import RUN, Place, floats, where, whole
from fogwalk.observatory.work import answers, records

LONGEST_PROMPT = 20_000  # letters


def routes(place: Place) -> list[Route]:
    """Each address and what answers there."""

    async def answer(request: Request) -> Response:
        prompt, row, step, held = (
            prompted(request),
            whole(request, "row"),
            whole(request, "step"),
            whole(request, "held"),
        )
        return JSONResponse(await place.ask(request, answers.answer, prompt, row, step, held))

    async def entry(request: Request) -> Response:
        prompt, step, name = prompted(request), whole(request, "step"), request.query_params.get("at", "")
        at, held = where(request, "place", "unit", "head"), whole(request, "held")
        return JSONResponse(await place.ask(request, answers.entry, prompt, step, name, at, held))

    async def next_token(request: Request) -> Response:
        return JSONResponse(await place.ask(request, answers.next_token, prompted(request), whole(request, "step")))

    async def tensor(request: Request) -> Response:
        prompt, step, name = prompted(request), whole(request, "step"), request.query_params.get("name", "")
        held, most = whole(request, "held"), whole(request, "most")
        return floats(*await place.ask(request, answers.tensor, prompt, step, name, held, most))

    async def inside(request: Request) -> Response:
        prompt, step, held = prompted(request), whole(request, "step"), whole(request, "held")
        return JSONResponse(await place.ask(request, answers.inside, prompt, step, held))

    async def form(request: Request) -> Response:
        return JSONResponse(await place.ask(request, records.form, prompted(request), whole(request, "held")))

    async def mistakes(request: Request) -> Response:
        return JSONResponse(await place.ask(request, records.mistakes, whole(request, "step")))

    async def pictures(request: Request) -> Response:
        asked = request.query_params.get("places", "").split(",")
        if not all(one.isdecimal() and len(one) < 12 for one in asked):
            raise UsageError("places are whole numbers, with commas between")
        return floats(*await place.ask(request, records.pictures, [int(one) for one in asked]))

    return [
        Route(f"{RUN}/answer", answer),
        Route(f"{RUN}/answer/entry", entry),
        Route(f"{RUN}/answer/next", next_token),
        Route(f"{RUN}/answer/tensor", tensor),
        Route(f"{RUN}/answer/inside", inside),
        Route(f"{RUN}/answer/form", form),
        Route(f"{RUN}/mistakes", mistakes),
        Route(f"{RUN}/mistakes/pictures", pictures),
    ]


def prompted(request: Request) -> str:
    """What is asked; raises UsageError where it is too long for an address, or no text."""
    prompt = request.query_params.get("prompt", "")
    if len(prompt) > LONGEST_PROMPT:
        raise UsageError(f"the prompt is {len(prompt):,} letters long", expected=f"At most {LONGEST_PROMPT:,}.")
    if "\0" in prompt:
        raise UsageError("the prompt holds a null character", expected="It is text.")
    return prompt
