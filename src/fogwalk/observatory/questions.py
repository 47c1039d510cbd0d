"""What the screens ask the page's server, by the family of its addresses: what a recording of a run should hold.

Before this   asking.py asks.
After this    recording.py says of which steps, and how much.
What a screen begins with comes first, what opens on a click behind it, what is large last: where the room is used up, the rest is
left out, and the page says so. An address that there is not is passed over.
"""

from __future__ import annotations

import itertools
import math
import re

from fogwalk.observatory.asking import Answer, Asking, key_of, packed

WIDTH = 600  # buckets of the curve, as views/live.js asks
ROWS = 3  # records of a step's batch, from the first
FEW = 400  # dials of a network whose every one can be opened
TOP = 5  # dials of a larger one's parameters, those with the largest gradients
PROMPT = 40  # letters of a text that is asked about
RECORDS = 6  # of the validation split, from the first, and as many of those the model gets most wrong
MAPS = 32  # channels that are drawn, as answer/maps.js asks
STATIONS = ("batch", "loss", "blame", "update", "again")


async def of_the_run(ask: Asking) -> None:
    """What every screen begins with: the run, without where it stands."""
    listed = await ask("runs")
    opened = await ask.of_run("")
    listed["folder"] = ""
    for one in (*listed["runs"], opened):
        one["data"] = [_name(path) for path in one.get("data", [])]
    planned = opened["planned"]
    for values, name in ((planned.get("data", {}), "path"), (planned.get("settings", {}), "data.path")):
        values[name] = [_name(path) for path in values.get(name) or []]
    planned.get("settings", {})["out"] = None
    for path, told in (("runs", listed), (f"runs/{ask.recording.name}", opened)):
        ask.recording.answers[key_of(path, {})] = Answer(200, packed(told), None)
    await ask.of_run("/curves", width=WIDTH)
    await ask.of_run("/verdicts")
    await ask.of_run("/measures")


def _name(path: str) -> str:
    """A path's last part; a sample's name as it is."""
    return re.split(r"[/\\\\]", path)[-1] or path


# -- answers -------------------------------------------------------------------------------------------------------------


async def prompts(ask: Asking) -> list[str]:
    """What a text's screens begin with, and how the run's last sample went on: a text that the model itself wrote."""
    opened, curves = await ask.of_run(""), await ask.of_run("/curves", width=WIDTH)
    context = opened["planned"].get("settings", {}).get("model.context") or PROMPT
    begun = [await ask.of_run("/round/opening"), await ask.of_run("/answer/form")]
    found = [told["prompt"] for told in begun if told and told.get("prompt")]
    for _, prompt, text in curves["samples"][-1:]:
        found += [prompt, (prompt + text)[: min(PROMPT, context)]]
    kept: dict[str, None] = {}
    for prompt in found or ["The "]:
        while prompt.strip() and prompt not in kept:
            if await ask.of_run("/answer", prompt=prompt) is not None:
                kept[prompt] = None
            else:
                prompt = prompt[: len(prompt) // 2]  # longer than the model looks back
    return list(kept)


async def of_a_prompt(ask: Asking, prompt: str, step: int | None = None) -> bool:
    """What comes after a text, by the run's best model or the one of a step; whether it could be told."""
    asked = {"prompt": prompt, "step": step}
    if step is None:
        await ask.of_run("/answer/form", prompt=prompt)
    answer = await ask.of_run("/answer", **asked)
    following = await ask.of_run("/answer/next", **asked)
    for told in (answer, following):
        if told:
            await ask.of_run("/answer/tensor", prompt=prompt, step=told["structure"]["step"], name="logits")
    return answer is not None


async def of_a_table(ask: Asking, prompt: str, step: int | None = None) -> bool:
    """The round table of a text: every head by its shares; whether it could be told."""
    table = await ask.of_run("/round", prompt=prompt, step=step)
    if table is None:
        return False
    asked = {"prompt": prompt, "step": table["step"]}
    if step is None:
        await ask.of_run("/round", **asked)
    await ask.of_run("/round/thumbnails", **asked)
    for one in table["heads"]:
        await ask.of_run("/round/head", **asked, at=one["table"], head=one["head"], measure="weight")
    return True


async def of_listeners(ask: Asking, prompt: str) -> None:
    """The numbers of every listener of a text in every head, with the speaker that it hears most; the last with each; and what
    each layer added to the last."""
    answer, table = await ask.of_run("/answer", prompt=prompt), await ask.of_run("/round", prompt=prompt)
    if answer is None:
        return
    places = range(len(answer["structure"]["tokens"]))
    for one in table["heads"] if table else []:
        at = {"prompt": prompt, "step": table["step"], "at": one["table"], "head": one["head"]}
        for measure in ("value", "effect"):
            await ask.of_run("/round/head", **at, measure=measure)
        for place in reversed(places):
            await ask.of_run("/round/listener", **at, place=place)
        for speaker in reversed(places):
            await ask.of_run("/round/listener", **at, place=places[-1], speaker=speaker)
    structure = answer["structure"]
    for name in structure["parts"]:
        if name != "embedding":  # as answer/driven.js asks
            await ask.of_run("/answer/entry", prompt=prompt, step=structure["step"], at=name, place=places[-1])


async def of_records(ask: Asking) -> tuple[list[str], list[int]]:
    """What the model answers of rows or images that were held back; gives back the row as text, and which."""
    form, mistakes = await ask.of_run("/answer/form"), await ask.of_run("/mistakes")
    worst = [one["place"] for one in mistakes["worst"]] if mistakes else []
    images = bool(form) and form["kind"] == "image"
    if images and worst:
        await ask.of_run("/mistakes/pictures", places=",".join(map(str, worst)))
    records = list(dict.fromkeys([*range(min(RECORDS, form["count"])), *worst[:RECORDS]])) if form else []
    held = [one for one in records if await of_a_record(ask, one, images=images)]
    row = form["prompt"] if form and not images else await _row(ask)
    if row:
        await ask.of_run("/answer/form", prompt=row)
    return ([row] if row and await ask.of_run("/answer", prompt=row) is not None else []), held


async def of_a_record(ask: Asking, place: int, step: int | None = None, *, images: bool = False) -> bool:
    """The answer for one record that was held back, and of an image what is drawn of how it was made."""
    asked = {"held": place, "step": step}
    if step is None:
        await ask.of_run("/answer/form", held=place)
    if await ask.of_run("/answer", **asked) is None:
        return False
    inside = await ask.of_run("/answer/inside", **asked) if images else None
    if inside is None:
        return True
    await ask.of_run("/answer/tensor", **asked, name="pixels")
    if inside.get("filters"):
        await ask.of_run("/answer/tensor", **asked, name=f"weight/{inside['filters']['name']}", most=MAPS)
    for one in inside.get("convolutions", []):
        await ask.of_run("/answer/tensor", **asked, name=f"value/{one['path']}.output", most=MAPS)
    for one in inside.get("attention", []):
        await ask.of_run("/answer/tensor", **asked, name=f"value/{one['path']}.weights")
    if step is None:
        for one in inside.get("convolutions", []):
            for unit in range(min(MAPS, one["shape"][0])):
                await ask.of_run("/answer/entry", **asked, at=one["path"], unit=unit)
    return True


async def _row(ask: Asking) -> str:
    """A row as the run's own samples name it, such as x 0.3, y 1.2; nothing where they name none."""
    curves = await ask.of_run("/curves", width=WIDTH)
    for _, prompt, _ in curves["samples"][-1:]:
        cells = [cell.rpartition(" ") for cell in prompt.split(", ")]
        if all(name and value for name, _, value in cells):
            return ", ".join(f"{name}={value}" for name, _, value in cells)
    return ""


# -- one step ------------------------------------------------------------------------------------------------------------


async def of_a_step(ask: Asking, step: int, *, drawn: bool) -> bool:
    """One step: the whole of it for some rows, its stations, and every entry by name; `drawn`, the matrices too. Whether it can
    be told."""
    at = f"/steps/{step}"
    told = await ask.also(at, {"row": 0}, row=None)
    if told is None:
        return False
    structure = told["structure"]
    rows = range(min(ROWS, structure["rows"]))
    for row in rows:
        await ask.of_run(at, row=row)
        for station in STATIONS:
            await ask.of_run(f"{at}/stations/{station}", row=row)
    parameters = structure["parameters"]
    small = sum(math.prod(one["shape"]) for one in parameters) <= FEW
    modules = [one["path"] for one in structure["modules"] if one["path"]]
    for row in rows:
        for name in (*modules, "loss"):
            await ask.of_run(f"{at}/entry", at=name, row=row)
            if name != "loss":
                await ask.of_run(f"{at}/layer", at=name, row=row)
    for name in modules:
        for kind in ("value", "blame"):
            await ask.also(f"{at}/histogram", {"name": f"{kind}/{name}.output"}, bins=40)
    paths = [one["path"] for one in told["layers"]]
    bends = {before: after for before, after in itertools.pairwise(paths) if after.startswith("activations.")}
    for one in parameters:
        units = await _of_a_parameter(ask, at, one["name"], one["shape"], small=small, drawn=drawn)
        bend = bends.get(one["name"].rpartition(".")[0])
        for unit in units if bend else ():
            await ask.of_run(f"{at}/layer", at=bend, row=0, unit=unit)
    for one in structure["values"]:
        await ask.of_run(f"{at}/entry", at=one["name"], row=0)
        if one["name"].endswith(".weights") and len(one["shape"]) == 4:
            for head in range(one["shape"][1]):
                await ask.of_run(f"{at}/entry", at=one["name"].removesuffix(".weights"), row=0, head=head)
                await ask.of_run(f"{at}/layer", at=one["name"].removesuffix(".weights"), row=0, head=head)
    return True


async def _of_a_parameter(ask: Asking, at: str, name: str, shape: list[int], *, small: bool, drawn: bool) -> list[int]:
    """How a parameter was moved, and some of its dials; of a small network each. Gives back the units that these belong to."""
    await ask.of_run(f"{at}/entry", at=name)
    for kind in ("gradient", "old", "change"):
        await ask.also(f"{at}/histogram", {"name": f"{kind}/{name}"}, bins=40)
    dials: list[list[int]] = []
    for by in ("gradient", "change", "index"):
        entries = await ask.of_run(f"{at}/entries", name=name, by=by, first=0)
        dials += [one["at"] for one in entries["entries"][: TOP if by == "gradient" else 1]] if entries else []
        if entries and small:
            for first in range(len(entries["entries"]), entries["many"], max(1, len(entries["entries"]))):
                await ask.of_run(f"{at}/entries", name=name, by=by, first=first)
    if drawn:
        for kind in ("old", "gradient", "new"):
            await ask.of_run(f"{at}/tensor", name=f"{kind}/{name}")
    if small:
        dials = [list(place) for place in itertools.product(*map(range, shape))]
        for place in dials:
            await ask.of_run(f"{at}/entry", at=name, **dict(zip(("unit", "place"), place, strict=False)))
    for place in dials:
        words = ",".join(map(str, place))
        await ask.of_run(f"{at}/weight", name=name, at=words, row=0)
        if small:
            await ask.of_run(f"{at}/nudge", name=name, at=words)
    return sorted({place[0] for place in dials if place})
