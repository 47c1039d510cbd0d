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
from fogwalk.observatory.work.wire import wired

REMEMBERED = 2  # steps, each with all its numbers
_STEPS: OrderedDict[tuple[str, int], Any] = OrderedDict()


def _explained(path: str, number: int) -> Any:
    """A step of a run, made again or remembered."""
    from fogwalk.run import load

    key = (path, number)
    if key not in _STEPS:
        while len(_STEPS) >= REMEMBERED:  # before the next is made: each may be large
            _STEPS.popitem(last=False)
        _STEPS[key] = load(path).explain(number)
    _STEPS.move_to_end(key)
    return _STEPS[key]


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
