"""What trains well on so many rows or images, where a person left it open: rules read off benchmarks/sweeps/recognition.md.

Before this   encoding/ tells what is read.
After this    tasks/recognition.py asks, and says what was picked.
"""

from __future__ import annotations

import math
from typing import Any

from fogwalk.encoding.columns import Columns
from fogwalk.encoding.pixels import Pixels
from fogwalk.encoding.records import spelled
from fogwalk.settings import Settings

# Up to so many records to learn from, an update learns from so many of them.
BATCHES = ((5_000, 32), (100_000, 128), (math.inf, 512))
# What trains well where nothing else is said, by what is read and how much of it there is: up to so many rows for each number
# of a row, or so many images.
Fitted = dict[str, Any]
FEW_ROWS: tuple[tuple[float, Fitted], ...] = (
    (60, {"model.dropout": 0.5, "optimizer.weight_decay": 1.0, "optimizer.learning_rate": 0.005}),
    (200, {"model.dropout": 0.2, "optimizer.weight_decay": 0.3, "optimizer.learning_rate": 0.01}),
)
PLAIN_ON_IMAGES: Fitted = {
    "model.hidden": (512, 256),
    "model.dropout": 0.3,
    "optimizer.name": "adamw",
    "optimizer.learning_rate": 0.001,
    "optimizer.weight_decay": 0.1,
}
FEW_IMAGES = 10_000
FEW_CONVOLVED: Fitted = {"model.dropout": 0.4, "optimizer.learning_rate": 0.005, "optimizer.weight_decay": 0.3}
CONVOLVED: Fitted = {"optimizer.learning_rate": 0.01}
VIEWED: Fitted = {"optimizer.learning_rate": 0.005}


def fitted(settings: Settings, encoder: Columns | Pixels, many: int, unit: str) -> tuple[Settings, list[str]]:
    """The settings for so many records to learn from, with what was left open chosen; and why in words."""
    batch = next(batch for most, batch in BATCHES if many <= most)
    settings = _left_open(settings, {"training.batch": batch}, f"picked for {many:,} {unit}s")
    found, why = _fitting(encoder, many, unit, settings.model_kind)
    chosen = _left_open(settings, found, f"picked for {why}")
    changed = {key: value for key, value in chosen.flat().items() if value != settings.flat()[key]}
    if not changed:
        return settings, []
    told = ", ".join(f"{key.rpartition('.')[2].replace('_', ' ')} {spelled(value)}" for key, value in changed.items())
    return chosen, [f"{told}: picked for {why}"]


def _fitting(encoder: Columns | Pixels, many: int, unit: str, kind: str) -> tuple[Fitted, str]:
    """What trains well on so many records with a model of this kind; and how many there are, in words."""
    if isinstance(encoder, Columns):
        each = many / max(encoder.numbers + len(encoder.lists), 1)
        return next(
            (values for most, values in FEW_ROWS if each <= most), {}
        ), f"{each:.3g} rows for each number of a row"
    why = f"{many:,} {unit}s to learn from"
    if kind == "plain":
        return PLAIN_ON_IMAGES, why
    if kind == "vision":
        return VIEWED, why
    return (FEW_CONVOLVED if many < FEW_IMAGES else CONVOLVED), why


def _left_open(settings: Settings, values: Fitted, why: str) -> Settings:
    """The settings with those of the values that nobody chose; of the optimizer none where its name or its rate was chosen."""

    def is_open(key: str) -> bool:
        return settings.origin(key).startswith("default")

    whole = is_open("optimizer.name") and is_open("optimizer.learning_rate") and not settings.optimizer.find_rate
    fitting = {
        key: value for key, value in values.items() if is_open(key) and (whole or not key.startswith("optimizer."))
    }
    return settings.replacing(fitting, why)


def augmented(encoder: Pixels, kind: str) -> frozenset[str]:
    """How images are changed where nothing is said: tiny ones have no room to be moved, and a plain network, which has to learn a
    thing in each place anew, learns less from moved ones."""
    if min(encoder.height, encoder.width) < 16 or kind == "plain":
        return frozenset()
    return frozenset({"shift", "flip", "crop"} if encoder.channels == 3 else {"shift"})
