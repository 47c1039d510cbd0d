"""Bytes of images -> numbers a network reads: each channel's mean taken off, divided by its deviation, both learned from the
images that are not held back.

Before this   data/images/ gives the bytes.
After this    records.py; batches/rows.py gathers and changes them; models/ read them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fogwalk.errors import DataError

FILE = "pixels.json"
AT_ONCE = 4096


@dataclass(frozen=True)
class Pixels:
    """What images are brought to, and each channel's mean and deviation, of bytes divided by 255."""

    channels: int
    height: int
    width: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def save(self, folder: Path) -> None:
        """Write pixels.json."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Pixels:
        """Read pixels.json."""
        record = json.loads((folder / FILE).read_text(encoding="utf-8"))
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}
        return cls(**values)

    def require(self, images: NDArray[np.uint8]) -> None:
        """Raise DataError where images are of another size than was learned from."""
        if images.shape[1:] != (self.channels, self.height, self.width):
            found, wanted = (
                f"{shape[2]} x {shape[1]} x {shape[0]}"
                for shape in (images.shape[1:], (self.channels, self.height, self.width))
            )
            raise DataError(f"these images are {found} (width, height, channels), but the model reads {wanted}")


def learn(images: NDArray[np.uint8], learned: NDArray[np.int64]) -> Pixels:
    """The means and deviations of the channels over some of the images [count, channels, height, width]."""
    channels, height, width = images.shape[1:]
    total, squares = np.zeros(channels), np.zeros(channels)
    for start in range(0, len(learned), AT_ONCE):
        part = images[learned[start : start + AT_ONCE]].astype(np.float32) / 255
        total += part.sum((0, 2, 3), dtype=np.float64)
        squares += np.square(part).sum((0, 2, 3), dtype=np.float64)
    count = max(len(learned) * height * width, 1)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    deviation[deviation < 1e-4] = 1.0
    return Pixels(channels, height, width, tuple(mean.tolist()), tuple(deviation.tolist()))
