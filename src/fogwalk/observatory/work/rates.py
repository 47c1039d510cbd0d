"""The learning rate of the updates before some looks inside a run.

Before this   runs/log.py writes the events.
After this    looks.py beside this file sends them with the looks.
"""

from __future__ import annotations

import re
from contextlib import suppress

from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import record_of

_STEP = re.compile(rb'^\{"event": "step", "step": (\d+),')


def rates(folder: RunFolder, steps: list[int]) -> list[float | None]:
    """The rate of the update that led to each of `steps`; None before any update and where no event tells it."""
    wanted, found = set(steps), {}
    with suppress(OSError), folder.events.open("rb") as file:
        for line in file:
            begun = _STEP.match(line)
            if begun and int(begun[1]) in wanted and (record := record_of(line)):
                found[record["step"]] = record.get("learning_rate")
    return [found.get(step) for step in steps]
