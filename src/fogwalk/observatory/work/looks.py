"""What the page asks of a whole run, done at the desk: its health, and every look inside while it trained.

Before this   insight/ judges and measures.
After this    addresses/runs.py sends it.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fogwalk.events import finite
from fogwalk.observatory.work.kept import Kept, remembered
from fogwalk.observatory.work.rates import rates
from fogwalk.runs.catalogue import GOING, state_of
from fogwalk.runs.folder import RunFolder

if TYPE_CHECKING:
    from fogwalk.insight.recorder import Numbers

MOST_LOOKS = 240  # columns of a map that can still be told apart
_LOOKS: Kept = OrderedDict()  # by run, then by file


def verdicts(path: str) -> list[dict[str, Any]]:
    """What the run's numbers say about its health."""
    from fogwalk.run import load

    return [asdict(verdict) for verdict in load(path).verdicts()]


def measures(path: str, seen: str = "") -> str:
    """Looks laid side by side, as JSON: the form, each number as nested lists, the `rates` of
    learning in the updates before them, how many looks there are in all, whether the run
    goes on, and in `seen` what tells these looks from others: where that is given back, only that it is the `same`. Of more than
    MOST_LOOKS every so many are told, from the first, and the last."""
    from fogwalk.insight.form import of_measures
    from fogwalk.insight.recorder import files

    folder = RunFolder(Path(path))
    there = [file for file in files(folder) if _stamp(file[1])]
    now = f"{len(there)}-{_stamp(there[-1][1])}" if there else "0"
    told: dict[str, Any] = {"seen": now, "going": state_of(folder) in GOING}
    if now == seen:
        return json.dumps(told | {"same": True})
    picked = thinned(there)
    found = _read(path, picked)
    form, tensors = of_measures(folder, found)
    numbers = {name: value.tolist() for name, value in tensors.items()}
    numbers |= {name: finite(numbers[name]) for name, value in tensors.items() if not value.isfinite().all()}
    told |= {"form": form, "numbers": numbers, "of": len(there) - len(picked) + len(found)}
    return json.dumps(told | {"rates": finite(rates(folder, form["steps"]))}, allow_nan=False)


def thinned(there: list[tuple[int, Path]]) -> list[tuple[int, Path]]:
    """At most MOST_LOOKS, from the first, the last among them; one more changes few."""
    each = 1
    while len(there) > each * (MOST_LOOKS - 1) + 1:
        each *= 2
    return [*there[:-1:each], *there[-1:]]


def _read(path: str, picked: list[tuple[int, Path]]) -> list[tuple[int, Numbers]]:
    """What the files hold. What was read stays, for a look that was written never changes; one that cannot be read is passed
    over."""
    from fogwalk.insight.recorder import read

    kept = remembered(_LOOKS, (path,), dict)
    found = []
    for step, file in picked:
        if (key := (step, _stamp(file))) not in kept:
            kept[key] = read(file)
        if kept[key] is not None:
            found.append((step, kept[key]))
    needed = {(step, _stamp(file)) for step, file in picked}
    for key in kept.keys() - needed:
        del kept[key]
    return found


def _stamp(file: Path) -> str:
    try:
        told = file.stat()
    except OSError:  # a resume removed it
        return ""
    return f"{told.st_ino}-{told.st_size}-{told.st_mtime_ns}"
