"""A recording of a run: which of its steps, frames and answers a file to send holds, within its room and a minute or two.

Before this   questions.py names what the screens ask.
After this    report.py puts the recording into a file.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

from starlette.applications import Starlette

from fogwalk.errors import RunError
from fogwalk.observatory import questions
from fogwalk.observatory.asking import MOST_BYTES, Asking, Recording, key_of
from fogwalk.observatory.reading import Shelf
from fogwalk.observatory.server import application
from fogwalk.runs.folder import RunFolder

SECONDS, EACH = 100.0, 40.0  # after which no further step is recorded; and that one of them is asked about
ANSWERS, ANSWER_SECONDS = 0.3, 40.0  # the share of the room, and the time, for what the model answers
FILM = 0.4  # the share of what is left then for a plain network's film
MOST_STEPS = 12  # that can be looked into
MOST_FRAMES = 40  # of a film

Tell = Callable[[str], None]


def record(folder: RunFolder, tell: Tell = lambda words: None) -> Recording:
    """Ask everything. `tell` is told how far it is. Raises RunError for a run that has made no step, or that cannot be read."""
    entry = Shelf(folder.path).entry(folder)
    if entry["wrong"]:
        raise RunError(f"{folder.path} is damaged, so there is nothing to send", expected=entry["wrong"])
    if not entry["spark"]:
        raise RunError(f"{folder.path} has made no step yet, so there is nothing to send", remedy="Train it first.")
    return asyncio.run(_recorded(folder, entry, tell))


async def _recorded(folder: RunFolder, entry: dict[str, Any], tell: Tell) -> Recording:
    guard = application(folder.path)
    app = cast(Starlette, guard.app)
    async with app.router.lifespan_context(app):
        ask = Asking(guard, folder.name, _hidden(folder, entry["data"]))
        await questions.of_the_run(ask)
        language, last = entry["task"] == "language", entry["step"]
        ask.bound(ANSWERS, ANSWER_SECONDS)
        tell("what the model answers")
        prompts, records = (await questions.prompts(ask), []) if language else await questions.of_records(ask)
        for prompt in prompts if language else []:
            await questions.of_a_prompt(ask, prompt)
            await questions.of_a_table(ask, prompt)
        for prompt in prompts if language else []:
            await questions.of_listeners(ask, prompt)
        ask.bound()
        measures = await ask.of_run("/measures")
        looks = measures["form"]["steps"] if measures else []
        frames = await _film(ask, last, looks, tell) if entry["kind"] == "plain" else []
        steps = await _steps(ask, entry, looks, tell)
        answered, tables = await _forming(ask, [0, *steps], prompts, records, language=language)
    if not steps:
        first = next((one for one in ask.recording.answers.values() if one.status != 200), None)
        why = json.loads(first.body)["error"] if first else ""
        raise RunError(f"no step of {folder.path} can be made again, so there is little to send", expected=why)
    ask.recording.held = {
        "run": folder.name,
        "made": time.strftime("%Y-%m-%d"),
        "of": last,
        "steps": steps,
        "screens": {"network": frames, "answer": answered, "round": tables},
        "rows": list(range(questions.ROWS)),
        "prompts": prompts,
        "records": records,
    }
    return ask.recording


def _hidden(folder: RunFolder, data: Iterable[str]) -> dict[str, str]:
    """Places of this machine that no file should tell, and what stands in their stead."""
    found: dict[str, str] = {}
    for place, name in (
        (Path.home(), "~"),
        (Path.cwd(), "."),
        (folder.path.absolute().parent, "runs"),
        (folder.path.absolute(), folder.name),
        *((Path(path), Path(path).name) for path in data if Path(path).is_absolute()),
    ):
        for one in (place, place.resolve()):
            if len(one.parts) > 1:
                found[str(one)] = name
    return found


async def _steps(ask: Asking, entry: dict[str, Any], looks: list[int], tell: Tell) -> list[int]:
    """Some steps whole: the last, the first, and between them those at which the run was looked into."""
    last = entry["step"]
    order = spread({1, last, *(look for look in looks if 1 <= look <= last)}, MOST_STEPS)
    done: list[int] = []
    largest = 0
    for step in order:
        late = time.monotonic() - ask.began > SECONDS
        if len(done) >= 2 and (late or ask.size + largest > MOST_BYTES):
            break
        tell(f"step {step:,} ({len(done) + 1} of up to {len(order)}), {ask.size / 1e6:.1f} MB")
        before = ask.size
        ask.bound(1 if done else 0.5, EACH)
        if await questions.of_a_step(ask, step, drawn=entry["kind"] == "plain"):
            done.append(step)
            largest = max(largest, ask.size - before)
    ask.bound()
    return sorted(done)


async def _film(ask: Asking, last: int, looks: list[int], tell: Tell) -> list[int]:
    """Some frames of a plain network's film, and each after a step that is recorded: as many as have room."""
    tell("the network's film")
    if await ask.of_run(f"/frames/{last}") is None:
        return []
    size = len(ask.recording.answers[key_of(f"runs/{ask.recording.name}/frames/{last}", {})].body) / 2
    most = max(2, min(MOST_FRAMES, round(FILM * (MOST_BYTES - ask.size) / size)))
    whole = spread({1, last, *(look for look in looks if 1 <= look <= last)}, MOST_STEPS)
    wanted = sorted({0, *spread(range(last + 1), most), *whole})
    return [frame for frame in wanted if await ask.of_run(f"/frames/{frame}") is not None]


async def _forming(
    ask: Asking, steps: list[int], prompts: list[str], records: list[int], *, language: bool
) -> tuple[list[int], list[int]]:
    """How one answer, and its round table, came to be: as the model was after each of the steps. Gives back those held."""
    answered: list[int] = []
    tables: list[int] = []
    for step in steps:
        if language and prompts:
            if await questions.of_a_prompt(ask, prompts[0], step):
                answered.append(step)
            if await questions.of_a_table(ask, prompts[0], step):
                tables.append(step)
        elif records:
            await ask.of_run("/mistakes", step=step)
            if await questions.of_a_record(ask, records[0], step):
                answered.append(step)
        elif prompts and await ask.of_run("/answer", prompt=prompts[0], step=step) is not None:
            answered.append(step)
    return answered, tables


def spread(steps: Iterable[int], most: int) -> list[int]:
    """So many of the steps, evenly: the last and the first, then the middle, then the middles of what is left."""
    found = sorted(steps)
    if len(found) > most:
        found = [found[round(at * (len(found) - 1) / (most - 1))] for at in range(most)]
    order = [found[at] for at in ((-1, 0) if len(found) > 1 else (-1,))] if found else []
    gaps = [(0, len(found) - 1)]
    while gaps:
        low, high = gaps.pop(0)
        if high - low > 1:
            middle = (low + high) // 2
            order.append(found[middle])
            gaps += [(low, middle), (middle, high)]
    return order
