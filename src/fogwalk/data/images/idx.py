"""IDX, the format of MNIST and its kin: a file of images and a file of labels, packed or not. LeCun's own, about 1998.

Before this   ../opening.py unpacks.
After this    images.py asks for it where a folder holds such files.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fogwalk.data.images.images import Images
from fogwalk.data.opening import opened
from fogwalk.data.tables.table import hashes
from fogwalk.errors import DataError

NAME = re.compile(r"(?P<part>.*?)[-_.]?(images|labels)[-_.]idx(?P<axes>[13])[-_.]ubyte(\.gz)?$", re.IGNORECASE)
TEST = ("t10k", "test")


def is_idx(place: Path) -> bool:
    """Whether a folder holds such files, or a file is one, by its name."""
    if os.path.isdir(place):
        try:
            return any(NAME.match(name) for name in os.listdir(place))
        except OSError:  # told where it is read
            return False
    return bool(NAME.match(place.name))


def read(place: Path, *, test: bool) -> Images:
    """The training part of a folder, or its test part; or the part that a file belongs to."""
    folder = place if place.is_dir() else place.parent
    parts: dict[str, dict[str, Path]] = {}
    for entry in sorted(folder.iterdir()):
        if found := NAME.match(entry.name):
            kind = "images" if found["axes"] == "3" else "labels"
            parts.setdefault(found["part"].lower().strip("-_."), {}).setdefault(kind, entry)
    if place.is_file():
        found = NAME.match(place.name)
        assert found
        part = found["part"].lower().strip("-_.")
    else:
        tests = [name for name in parts if name.endswith(TEST)]
        trains = [name for name in parts if not name.endswith(TEST)]
        part = (tests or trains)[0] if test else (trains or tests)[0]
    files = parts[part]
    if "images" not in files:
        raise DataError(
            f"{folder} holds labels of '{part}' and no images of it", expected=f"Such as {part}-images-idx3-ubyte."
        )
    pixels = array(files["images"], 3)
    if "labels" not in files:
        labels: NDArray[np.uint8] | None = None
    else:
        labels = array(files["labels"], 1)
        if len(labels) != len(pixels):
            raise DataError(
                f"{files['images'].name} holds {len(pixels):,} images, and {files['labels'].name} {len(labels):,} labels"
            )
    whole = hashlib.sha256(b"idx\0")
    whole.update(pixels.data)
    told: tuple[str | None, ...] = tuple("" for _ in pixels)
    if labels is not None:
        whole.update(labels.data)
        told = tuple(str(label) for label in labels.tolist())
    rows = pixels.reshape(len(pixels), -1)
    notes = (
        (f"the test part is left alone; fogwalk evaluate --data {shlex.quote(str(folder))} takes it",)
        if not test and any(name.endswith(TEST) for name in parts)
        else ()
    )
    return Images(
        pixels[:, None],
        told,
        tuple(f"{part} {number}" for number in range(len(pixels))),
        hashes(row.tobytes() for row in rows),
        whole.hexdigest(),
        notes,
    )


def array(place: Path, axes: int) -> NDArray[np.uint8]:
    """One file's bytes in their shape; raises DataError where it is not what its name says."""
    with opened(place) as stream:
        raw = stream.read()
    if len(raw) < 4 + 4 * axes or raw[:2] != b"\x00\x00" or raw[2] != 8 or raw[3] != axes:
        raise DataError(
            f"{place} is not an IDX file of {axes} axes of bytes",
            expected="Such begin with 00 00 08 and the number of axes.",
        )
    shape = struct.unpack(f">{axes}I", raw[4 : 4 + 4 * axes])
    values = np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * axes)
    if len(values) != np.prod(shape):
        raise DataError(
            f"{place} is cut off: {len(values):,} bytes of {' x '.join(map(str, shape))}",
            remedy="Copy or download it again.",
        )
    return values.reshape(shape)
