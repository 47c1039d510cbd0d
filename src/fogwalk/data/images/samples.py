"""Images to try Fogwalk without any of one's own: the digits that scikit-learn carries, 8 x 8 pixels each.

Before this   images.py.
After this    images.py reads them like a folder.
"""

from __future__ import annotations

import hashlib

import numpy as np

from fogwalk.data.images.images import Images
from fogwalk.data.scikit import datasets
from fogwalk.data.tables.table import hashes

SAMPLES = ("sample:digits",)


def read(name: str) -> Images:
    """1,797 digits written by 43 people, in 17 shades of grey."""
    found = datasets(name).load_digits()
    pixels = np.round(found.images * (255 / 16)).astype(np.uint8)[:, None]
    return Images(
        pixels,
        tuple(str(label) for label in found.target.tolist()),
        tuple(f"digit {number}" for number in range(len(pixels))),
        hashes(row.tobytes() for row in pixels),
        hashlib.sha256(pixels.tobytes()).hexdigest(),
        (),
    )
