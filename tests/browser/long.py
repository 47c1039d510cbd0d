"""A run's events of any length without training it: every field that a real one writes, with losses that fall, stray and spike.

Before this   a short run that was trained.
After this    tests of the curve, and benchmarks/page.py.
"""

from __future__ import annotations

import json
import math
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

EACH = 0.01  # seconds of a step


def events(steps: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """The events between a run's plan and its end: its steps, a checkpoint and a validation at every hundredth of the way, and
    four spikes that a curve has to keep."""
    chance, often = random.Random(seed), max(1, steps // 100)
    spikes = {steps // 5 + 1: 9.5, steps // 3 + 1: 8.25, steps // 2 + 1: 0.015625, steps - 1: 7.75}
    for step in range(1, steps + 1):
        loss = spikes.get(step, 0.2 + 3 * math.exp(-5 * step / steps) + chance.gauss(0, 0.05))
        common = {"step": step, "seconds": step * EACH}
        yield {"event": "step", **common, "loss": loss} | {
            "gradient_norm": chance.lognormvariate(0, 0.3),
            "learning_rate": 0.02 * (1 - step / steps),
            "examples": 32,
        }
        if step % often == 0:
            yield {"event": "saved", **common, "path": f"/somewhere/runs/long/checkpoints/{step:06}", "bytes": 5435}
            yield {"event": "evaluated", **common, "validation_loss": loss + 0.1, "examples": 200, "context": None} | {
                "metrics": {"accuracy": 1 - 0.5 * math.exp(-3 * step / steps)}
            }
            yield {
                "event": "sampled",
                **common,
                "prompt": "x 0.3093, y -0.386",
                "text": " -> orange, 53% (it is orange)",
            }


def lengthen(short: Path, place: Path, steps: int) -> None:
    """A copy at `place` of a finished run, as if it had made so many steps."""
    shutil.copytree(short, place)
    planned, *_, stopped = (json.loads(line) for line in (short / "events.jsonl").read_bytes().splitlines())
    planned |= {"steps": steps, "settings": planned["settings"] | {"training.steps": steps}}
    stopped |= {"step": steps, "seconds": steps * EACH, "best_step": steps}
    with (place / "events.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(event) + "\n" for event in [planned, *events(steps), stopped])
    status = json.loads((place / "status.json").read_text(encoding="utf-8"))
    (place / "status.json").write_text(json.dumps(status | {"step": steps, "steps": steps}), encoding="utf-8")
