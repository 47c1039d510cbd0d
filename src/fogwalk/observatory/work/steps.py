"""What the page asks of one step of a run, done at the desk.

Before this   run.py makes the step again.
After this    addresses/steps.py sends it; what is asked of one step is remembered, for a person looks at it from many sides.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict
from typing import Any

from fogwalk.errors import RunError
from fogwalk.events import finite
from fogwalk.observatory.work.kept import Kept, remembered, stamp
from fogwalk.observatory.work.layers import layer_told
from fogwalk.observatory.work.wire import wired

_STEPS: Kept = OrderedDict()


def _explained(path: str, number: int) -> Any:
    """A step of a run, made again or remembered."""
    from fogwalk.run import load

    return remembered(_STEPS, (*stamp(path), number), lambda: load(path).explain(number))


def step(path: str, number: int, row: int) -> dict[str, Any]:
    """A step's structure, and what `explain` prints of it, by station."""
    explanation = _explained(path, number)
    explanation.step.require_row(row)
    stations = type(explanation)(explanation.step, row).stations
    told = {name: "\n".join(lines) for name, lines in stations.items()}
    layers = [asdict(layer) for layer in explanation.layers]
    return finite({"structure": explanation.structure, "stations": told, "layers": layers})  # type: ignore[no-any-return]


def entry(path: str, number: int, name: str, where: dict[str, int]) -> str:
    """Any entry of a step, as `explain --at` prints it."""
    return str(_explained(path, number).at(name, **where))


def station(path: str, number: int, which: str, row: int) -> dict[str, Any]:
    """What one of a step's stations draws. Raises RunError for one there is not."""
    from fogwalk.observatory.work.stations import STATIONS

    if which not in STATIONS:
        raise RunError(f"a step has no station '{which[:40]}'", expected=f"There are: {', '.join(STATIONS)}.")
    made = _explained(path, number).step
    made.require_row(row)
    return finite(STATIONS[which](made, row))  # type: ignore[no-any-return]  # a dict stays one


def layer(path: str, number: int, name: str, where: dict[str, int]) -> dict[str, Any]:
    """What a module made at one place, and what it passed back: each formula with its numbers, in words and in code, and as
    `explain --at` tells it."""
    explanation = _explained(path, number)
    text = str(explanation.at(name, **where))
    if name not in explanation.step.modules():
        raise RunError(f"{name[:80]} is no layer of this step")
    return finite(layer_told(explanation.step, name, where) | {"text": text})  # type: ignore[no-any-return]  # a dict stays one


def weight(path: str, number: int, name: str, at: tuple[int, ...], row: int) -> dict[str, Any]:
    """One weight: where it was at work, which records blame it, and how it was moved."""
    from fogwalk.insight.dial import dial

    return finite(asdict(dial(_explained(path, number).step, name, at, row)))  # type: ignore[no-any-return]


ENTRIES = 24  # of a parameter, at a time


def entries(path: str, number: int, name: str, by: str, first: int) -> dict[str, Any]:
    """Some entries of a parameter from the first that is asked for: by `index`, or the largest `gradient` or `change` first."""
    import torch

    from fogwalk.insight.nudge import require_parameter

    made = _explained(path, number).step
    require_parameter(made, name)
    moved = made.moved[name]
    ranked = {"gradient": moved.gradient, "change": moved.change}
    if by not in ("index", *ranked):
        raise RunError(f"entries cannot be in the order of '{by[:40]}'", expected="It is index, gradient or change.")
    many = moved.old.numel()
    if by == "index":
        places = list(range(many))[first : first + ENTRIES]
    else:
        sizes = ranked[by].flatten().abs()
        places = sizes.topk(min(many, first + ENTRIES)).indices[first:].tolist()
    where = [tuple(map(int, torch.unravel_index(torch.tensor(place), moved.old.shape))) for place in places]
    numbers = [
        {"at": at, **{what: float(getattr(moved, what)[at]) for what in ("old", "gradient", "change", "new")}}
        for at in where
    ]
    return finite({"name": name, "many": many, "first": first, "entries": numbers})  # type: ignore[no-any-return]


MOST_COUNTED = 4_000_000  # numbers of a histogram, the first


def histogram(path: str, number: int, name: str, bins: int) -> dict[str, Any]:
    """How often the numbers of a tensor of the step lie where: counts between edges. `change/NAME` is an update. Raises RunError
    for a tensor there is not."""
    import torch

    structure, tensors = _explained(path, number).data
    same = {value["name"]: value["same_as"] for value in structure["values"] if value["same_as"]}
    kind, _, what = name.partition("/")
    if kind in ("value", "blame") and what in same:
        value = tensors.get(f"{kind}/{same[what]}", torch.zeros(0))
    elif kind == "change" and f"new/{what}" in tensors:
        value = tensors[f"new/{what}"] - tensors[f"old/{what}"]
    elif name in tensors:
        value = tensors[name]
    else:
        raise RunError(f"this step has no tensor '{name[:80]}'")
    numbers = value.detach().float().flatten()[:MOST_COUNTED].cpu()
    numbers = numbers[numbers.isfinite()]
    low, high = (float(numbers.min()), float(numbers.max())) if len(numbers) else (0.0, 0.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    counts, edges = torch.histogram(numbers, bins, range=(low, high))
    return {
        "name": name,
        "counts": counts.int().tolist(),
        "edges": edges.tolist(),
        "zeros": int((numbers == 0).sum()),
        "counted": len(numbers),
        "of": value.numel(),
    }


def tensor(path: str, number: int, name: str, row: int | None) -> tuple[list[int], bytes]:
    """A tensor of a step by its name in the form that docs/insight.md tells, little-endian float32; of what has records only
    `row`'s, where one is named."""
    explanation = _explained(path, number)
    made, (structure, tensors) = explanation.step, explanation.data
    if name not in tensors:
        raise RunError(f"this step has no tensor '{name[:80]}'")
    axes = {f"{kind}/{value['name']}": value["axes"] for value in structure["values"] for kind in ("value", "blame")}
    value = tensors[name]
    if row is not None and axes.get(name, ["batch"])[0] == "batch":
        made.require_row(row)
        value = value[row]
    return wired(value)


def nudge(path: str, number: int, name: str, at: tuple[int, ...], by: float | None) -> dict[str, Any]:
    """The slope of the loss along one weight by moving it to either side, beside its gradient."""
    from fogwalk.insight.nudge import nudged

    return finite(asdict(nudged(_explained(path, number).step, name, at, by)))  # type: ignore[no-any-return]


def tried(path: str, number: int, name: str, at: tuple[int, ...], value: float) -> dict[str, Any]:
    """The loss of the batch if one weight had been another, on a copy."""
    from fogwalk.insight import nudge

    return finite(asdict(nudge.tried(_explained(path, number).step, name, at, value)))  # type: ignore[no-any-return]
