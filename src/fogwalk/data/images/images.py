"""Images as an array of bytes with a label each, all brought to one size; however large the files are, memory stays bounded.

Before this   ../files.py has found the files; folders.py, listed.py and idx.py beside this file tell what belongs together.
After this    encoding/pixels.py makes numbers of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fogwalk.data.tables.table import Hashes, Table

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Images:
    """`pixels` [count, channels, height, width], of 1 channel (grey) or 3 (red, green, blue); for each a label, or None where
    there is none, a name to show, and a hash of what it was made from; `notes` tell what was left out or read otherwise. Of a
    list `listed` has the rows of these images, and `target` is the column of the labels."""

    pixels: Pixels
    labels: tuple[str | None, ...]
    names: tuple[str, ...]
    hashes: Hashes
    digest: str
    notes: tuple[str, ...]
    listed: Table | None = None
    target: str | None = None

    def __len__(self) -> int:
        return len(self.labels)


def read_images(
    paths: Sequence[str],
    *,
    size: int | None,
    channels: int | None,
    target: str | None,
    encoding: str = "auto",
    answering: bool = False,
) -> Images:
    """The images of one path. Their size and channels are chosen where they are left open. `answering` takes the test part,
    where there is one, and images without a label. Raises DataError that names the file."""
    (path,) = paths
    found = _read(path, size, channels, target, encoding, answering=answering)
    return replace(found, notes=(*found.notes, *_contradictory(found)))


def _read(
    path: str, size: int | None, channels: int | None, target: str | None, encoding: str, *, answering: bool
) -> Images:
    from fogwalk.data.images import folders, idx, listed, samples

    if path in samples.SAMPLES:
        return samples.read(path)
    place = Path(path).expanduser()
    if idx.is_idx(place):
        return idx.read(place, test=answering)
    if place.suffix.lower() in (".csv", ".tsv"):
        return listed.read(place, target, size, channels, encoding=encoding, answering=answering)
    return folders.read(place, size, channels, answering=answering)


def _contradictory(found: Images) -> list[str]:
    """What is told of images that are there more than once, and not with the same label."""
    first: dict[int, int] = {}
    twins: dict[int, int] = {}  # the first of its bytes, and the first of another label
    for at, (hash, label) in enumerate(zip(found.hashes.tolist(), found.labels, strict=True)):
        if label and found.labels[before := first.setdefault(hash, at)] != label:
            twins.setdefault(before, at)
    if not twins:
        return []
    one, other = next(iter(twins.items()))
    return [
        f"{len(twins):,} image{'s' * (len(twins) != 1)} stand{'s' * (len(twins) == 1)} there with more than one label: "
        f"{found.names[one]} is '{found.labels[one]}', and {found.names[other]} '{found.labels[other]}'"
    ]


def is_images(path: str) -> bool:
    """Whether a path holds images to learn from, by the names of its files alone."""
    from fogwalk.data.images import idx, listed, samples

    if path.startswith("sample:"):
        return path in samples.SAMPLES
    place = Path(path).expanduser()
    if idx.is_idx(place):
        return True
    if place.suffix.lower() in (".csv", ".tsv") and os.path.isfile(place):
        return listed.is_list(place)
    return os.path.isdir(place) and mostly_images(place)  # false, not an error, for a name too long


def listed_labels(path: str, target: str | None, encoding: str) -> tuple[str, Table] | None:
    """The column of the labels and its table, where a path that holds images is a list of them which has such a column."""
    from fogwalk.data.images import listed

    place = Path(path).expanduser()
    return listed.labels(place, target, encoding) if place.suffix.lower() in (".csv", ".tsv") else None


LOOKED_AT = 2000


def mostly_images(folder: Path) -> bool:
    """Whether more than half of the files in the folders of a folder, as far as one looks, are images."""
    images = others = 0
    for parent, inner, names in os.walk(folder):
        inner.sort()
        inner[:] = [name for name in inner if not name.startswith(".")]
        if Path(parent) == folder:
            continue
        for name in names:
            if name.startswith("."):
                continue
            is_image = name.lower().endswith(SUFFIXES)
            images, others = images + is_image, others + (not is_image)
        if images + others >= LOOKED_AT:
            break
    return images > others
