"""What a recording of a run holds: a list of questions to the page's server, by the family of their addresses.

Before this   asking.py asks them of the very same application, and keeps the answers.
After this    report.py puts the recording into a file; page/recorded.js answers from it.
What a screen asks and a recording should hold is named here, in the function of its family; what is large comes last, and stops
where the room or the time is used up.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

from starlette.applications import Starlette

from fogwalk.errors import RunError
from fogwalk.observatory.asking import MOST_BYTES, Answer, Asking, Recording, key_of
from fogwalk.observatory.reading import Shelf
from fogwalk.observatory.server import application
from fogwalk.runs.folder import RunFolder

SECONDS = 100.0  # after which no further step is recorded
ANSWERS, ANSWER_SECONDS = 0.35, 40.0  # the share of the room, and the time, for what the model answers
MOST_STEPS = 12  # that can be looked into
MOST_FRAMES = 40  # of a plain network's film
ROWS = 3  # records of a step's batch, from the first
FEW = 400  # dials of a network whose every one can be opened
PROMPT = 40  # letters of the text that is asked about
WIDTH = 600  # buckets of the curve, as views/live.js asks
HELD = 8  # records of the validation split, from the first

Tell = Callable[[str], None]


def record(folder: RunFolder, tell: Tell = lambda words: None) -> Recording:
    """Ask everything. `tell` is told how far it is. Raises RunError for a run that has made no step, or that cannot be read."""
    return asyncio.run(_recorded(folder, tell))


async def _recorded(folder: RunFolder, tell: Tell) -> Recording:
    entry = Shelf(folder.path).entry(folder)
    if entry["wrong"]:
        raise RunError(f"{folder.path} is damaged, so there is nothing to send", expected=entry["wrong"])
    if not entry["spark"]:
        raise RunError(f"{folder.path} has made no step yet, so there is nothing to send", remedy="Train it first.")
    guard = application(folder.path)
    app = cast(Starlette, guard.app)
    async with app.router.lifespan_context(app):
        ask = Asking(guard, folder.name, _hidden(folder, entry["data"]))
        await _of_the_run(ask)
        measures = await ask.of_run("/measures")
        ask.bound(ANSWERS, ANSWER_SECONDS)
        prompts, held = await _of_answers(ask, tell)
        ask.bound()
        steps, frames = await _of_steps(ask, entry, measures["form"]["steps"] if measures else [], prompts, tell)
    if not steps:
        first = next((one for one in ask.recording.answers.values() if one.status != 200), None)
        why = json.loads(first.body)["error"] if first else ""
        raise RunError(f"no step of {folder.path} can be made again, so there is little to send", expected=why)
    ask.recording.held = {
        "run": folder.name,
        "made": time.strftime("%Y-%m-%d"),
        "steps": steps,
        "frames": frames,
        "rows": list(range(ROWS)),
        "prompts": prompts,
        "records": held,
        "of": entry["step"],
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


# -- what is asked, by family --------------------------------------------------------------------------------------------


async def _of_the_run(ask: Asking) -> None:
    """What every screen begins with: the run, without where it stands."""
    listed = await ask("runs")
    await ask.of_run("")
    for key, answer in list(ask.recording.answers.items()):
        told = json.loads(answer.body)
        if listed is not None and told == listed:
            told["folder"] = ""
        for one in [told, *told.get("runs", [])]:
            if "data" in one:
                one["data"] = [_name(path) for path in one["data"]]
            planned = one.get("planned", {})
            if "path" in planned.get("data", {}):
                planned["data"]["path"] = [_name(path) for path in planned["data"]["path"]]
            if "data.path" in planned.get("settings", {}):
                planned["settings"]["data.path"] = [_name(path) for path in planned["settings"]["data.path"]]
                planned["settings"]["out"] = None
        ask.recording.answers[key] = Answer(answer.status, json.dumps(told, ensure_ascii=False).encode(), None)
    await ask.of_run("/curves", width=WIDTH)
    await ask.of_run("/verdicts")


def _name(path: str) -> str:
    return re.split(r"[/\\]", path)[-1] or path


async def _of_answers(ask: Asking, tell: Tell) -> tuple[list[str], list[int]]:
    """What the model answers to a few prompts, or of a few records, and how: gives back which."""
    tell("the answers")
    await ask.of_run("/answer/form")
    await ask.of_run("/mistakes")
    opened = json.loads(ask.recording.answers[key_of(f"runs/{ask.recording.name}", {})].body)
    if opened.get("task") == "language":
        prompts = await _prompts(ask, opened)
        for prompt in prompts:
            await _of_a_table(ask, prompt)
            await _of_a_prompt(ask, prompt)
        return prompts, []
    return await _of_records(ask)


async def _prompts(ask: Asking, opened: dict[str, Any]) -> list[str]:
    """The prompt of the run's samples, and how the last of them went on: a text that the model itself wrote."""
    curves = json.loads(ask.recording.answers[key_of(f"runs/{ask.recording.name}/curves", {"width": str(WIDTH)})].body)
    begun = await ask.of_run("/round/opening")
    form = await ask.of_run("/answer/form")
    prompts = [told["prompt"] for told in (begun, form) if told and told.get("prompt")]
    context = (opened.get("planned", {}).get("settings", {}) or {}).get("model.context") or PROMPT
    for _, prompt, text in curves["samples"][-1:]:
        prompts += [prompt, (prompt + text)[: min(PROMPT, context)]]
    kept: dict[str, None] = {}
    for prompt in prompts or ["The "]:
        while prompt.strip() and prompt not in kept:
            if await ask.of_run("/answer", prompt=prompt) is not None:
                kept[prompt] = None
            else:
                prompt = prompt[: len(prompt) // 2]  # longer than the model looks back
    return list(kept)


async def _of_a_prompt(ask: Asking, prompt: str) -> None:
    """The answer to a text, and any entry of how it was made that a person may open."""
    answer = await ask.of_run("/answer", prompt=prompt)
    await ask.of_run("/answer/next", prompt=prompt)
    if answer is None:
        return
    for name in ("logits",):
        await ask.of_run("/answer/tensor", prompt=prompt, name=name)
    layers = [name.removeprefix("weights/") for name in answer["tensors"] if name.startswith("weights/")]
    for layer in layers:
        heads = len(answer["tensors"][f"weights/{layer}"])
        for head, place in itertools.product(range(heads), range(len(answer["structure"]["tokens"]))):
            await ask.of_run("/answer/entry", prompt=prompt, at=layer, place=place, head=head)


async def _of_a_table(ask: Asking, prompt: str) -> None:
    """The round table of a text: every head, and the numbers of every listener with the speaker that it hears most."""
    table = await ask.of_run("/round", prompt=prompt)
    await ask.of_run("/round/thumbnails", prompt=prompt)
    for one in table["heads"] if table else []:
        at = {"prompt": prompt, "at": one["table"], "head": one["head"]}
        for measure in ("weight", "value", "effect"):
            await ask.of_run("/round/head", **at, measure=measure)
        for place in reversed(range(len(table["listeners"]))):
            await ask.of_run("/round/listener", **at, place=place)


async def _of_records(ask: Asking) -> tuple[list[str], list[int]]:
    """What the model answers of rows or images that were held back."""
    form = await ask.of_run("/answer/form", held=0)
    mistakes = await ask.of_run("/mistakes")
    count = form["count"] if form else 0
    worst = [one["place"] for one in mistakes.get("worst", [])] if mistakes else []
    held = list(dict.fromkeys([*range(min(HELD, count)), *worst[:HELD]]))
    if worst and form and form.get("kind") == "image":
        await ask.of_run("/mistakes/pictures", places=",".join(map(str, worst)))
    for one in held:
        await ask.of_run("/answer/form", held=one)
        await ask.of_run("/answer", held=one)
        inside = await ask.of_run("/answer/inside", held=one)
        for name in ("pixels", *(_drawn(inside) if inside else ())):
            await ask.of_run("/answer/tensor", held=one, name=name)
    prompts = [form["prompt"]] if form and form.get("prompt") else await _row(ask)
    for prompt in prompts:
        await ask.of_run("/answer", prompt=prompt)
    return prompts, held


def _drawn(inside: dict[str, Any]) -> list[str]:
    """The tensors that an image's answer is drawn of."""
    found = []
    for told in inside.values():
        for one in told if isinstance(told, list) else []:
            found += [f"value/{one['path']}.output", f"value/{one['path']}.weights"]
    return found


async def _row(ask: Asking) -> list[str]:
    """A row as the run's own samples name it, such as x 0.3, y 1.2; none where they name none."""
    curves = json.loads(ask.recording.answers[key_of(f"runs/{ask.recording.name}/curves", {"width": str(WIDTH)})].body)
    for _, prompt, _ in curves["samples"][-1:]:
        cells = [cell.rpartition(" ") for cell in prompt.split(", ")]
        if all(name and value for name, _, value in cells):
            return [", ".join(f"{name}={value}" for name, _, value in cells)]
    return []


async def _of_steps(
    ask: Asking, entry: dict[str, Any], looks: list[int], prompts: list[str], tell: Tell
) -> tuple[list[int], list[int]]:
    """Some steps whole: the first, the last, and between them those at which the run was looked into; gives back which, and
    which frames of the film."""
    last = entry["step"]
    order = spread([one for one in {1, *looks, last} if 1 <= one <= last], MOST_STEPS)
    done: list[int] = []
    largest = 0
    for step in order:
        late = time.monotonic() - ask.began > SECONDS
        if len(done) >= 2 and (late or ask.size + largest > MOST_BYTES):
            break
        tell(f"step {step:,} ({len(done) + 1} of up to {len(order)}), {ask.size / 1e6:.1f} MB")
        before = ask.size
        ask.bound(1 if done else 0.5)
        if await _of_a_step(ask, step, drawn=entry["kind"] == "plain"):
            done.append(step)
            largest = max(largest, ask.size - before)
            for prompt in prompts[:1]:
                for family in ("/answer", "/answer/next"):
                    await ask.of_run(family, prompt=prompt, step=step)
    ask.bound()
    frames: list[int] = []
    if entry["kind"] == "plain":
        for step in sorted({0, *spread(range(last + 1), MOST_FRAMES), *done}):
            if await ask.of_run(f"/frames/{step}") is not None:
                frames.append(step)
            elif not frames:
                break
    return sorted(done), frames


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


async def _of_a_step(ask: Asking, step: int, *, drawn: bool) -> bool:
    """One step: the whole of it for some rows, what is drawn of it, and every entry by name; whether it can be told."""
    at = f"/steps/{step}"
    told = await ask.of_run(at, row=0)
    if told is None:
        return False
    ask.same(at, {"row": 0}, {})
    structure = told["structure"]
    rows = range(min(ROWS, structure["rows"]))
    for row in rows[1:]:
        await ask.of_run(at, row=row)
    for station, row in itertools.product(("batch", "forward", "loss", "blame", "update", "again"), rows):
        await ask.of_run(f"{at}/stations/{station}", row=row)
    modules = [one["path"] for one in structure["modules"] if one["path"]]
    values = [one["name"] for one in structure["values"]]
    parameters = structure["parameters"]
    small = sum(math.prod(one["shape"]) for one in parameters) <= FEW
    for one in parameters:
        await _of_a_parameter(ask, at, one["name"], one["shape"], small=small, drawn=drawn)
    for row in rows:
        for name in [*modules, "loss", *(values if row == 0 else [])]:
            await ask.of_run(f"{at}/entry", at=name, row=row)
            if name in modules:
                await ask.of_run(f"{at}/layer", at=name, row=row)
    for one in structure["values"]:
        if one["name"].endswith(".weights") and len(one["shape"]) == 4:
            for head in range(one["shape"][1]):
                await ask.of_run(f"{at}/entry", at=one["name"].removesuffix(".weights"), row=0, head=head)
    return True


async def _of_a_parameter(ask: Asking, at: str, name: str, shape: list[int], *, small: bool, drawn: bool) -> None:
    """How a parameter was moved; of a small network each of its entries, and its tensors."""
    await ask.of_run(f"{at}/entry", at=name)
    for by in ("gradient", "change", "index"):
        entries = await ask.of_run(f"{at}/entries", name=name, by=by, first=0)
        for one in entries["entries"][: None if small else 3] if entries else []:
            await ask.of_run(f"{at}/weight", name=name, at=",".join(map(str, one["at"])), row=0)
    for kind in ("old", "gradient", "change"):
        await ask.of_run(f"{at}/histogram", name=f"{kind}/{name}", bins=40)
    if drawn:
        for kind in ("old", "gradient", "new"):
            await ask.of_run(f"{at}/tensor", name=f"{kind}/{name}")
    if small:
        for place in itertools.product(*map(range, shape)):
            flags = dict(zip(("unit", "place"), place, strict=False))
            await ask.of_run(f"{at}/entry", at=name, **flags)
