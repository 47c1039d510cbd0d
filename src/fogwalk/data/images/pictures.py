"""Picture files -> bytes of one size: every mode and orientation, in bounded memory, several at once. Pillow decodes them.

Before this   images.py says which size.
After this    folders.py and listed.py ask for all of them at once; what was made is kept between runs.
A picture takes up to 12 bytes for each pixel while it is decoded; with few threads, and large ones one at a time, all together
stay below about 1.6 GB.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from fogwalk.cache import cached
from fogwalk.data.images.images import Images, Pixels
from fogwalk.data.opening import raw_digest
from fogwalk.data.tables.table import Table, hashes
from fogwalk.errors import DataError

LARGEST = 64  # pixels that images of many sizes are brought to at most, where nothing is said
SAME_LARGEST = 128  # or that images of one size keep
STEP = 8
AT_ONCE = 64  # pictures handed to the threads at a time
MOST_PIXELS = 100_000_000  # of one picture: beyond that it is hardly a photograph
MOST_OF_JPEG = 400_000_000  # which is decoded at an eighth of its size
LARGE = 8_000_000  # pixels, as decoded, beyond which one is decoded at a time
THREADS = min(4, os.cpu_count() or 1)
DEEP = ("I", "F")  # how the names of modes of more than 8 bits begin
DARK = 16  # of 256: deep images that all stay below it use too little of their range

_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Header:
    """What a picture says of itself before it is decoded: whether it is grey, its size, its frames; or why it cannot be read."""

    grey: bool = True
    width: int = 0
    height: int = 0
    frames: int = 1
    mode: str = ""
    why: str = ""


def header(place: Path) -> Header:
    """Read a picture's first bytes."""
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # the limit is this file's own
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(place) as picture:
                wide, high = picture.size
                if wide * high > (MOST_OF_JPEG if picture.format in ("JPEG", "MPO") else MOST_PIXELS):
                    return Header(why=f"{wide} x {high} pixels are too many")
                frames = getattr(picture, "n_frames", 1)
                grey = picture.mode in ("1", "L", "LA", "I", "F") or picture.mode.startswith("I;16")
                return Header(grey, wide, high, frames, picture.mode)
    except UnidentifiedImageError:
        return Header(why="is no image" if place.stat().st_size else "is empty")
    except Exception as error:  # noqa: BLE001  # Pillow raises whatever its many decoders do
        return Header(why=_told(error))


def _told(error: Exception) -> str:
    words = (str(error).splitlines() or [""])[0][:80]
    return (
        "is truncated"
        if "truncated" in words or isinstance(error, IndexError | EOFError)
        else words or "cannot be read"
    )


def decoded(place: Path, size: int, channels: int) -> Pixels:
    """One picture, turned upright, its middle cut out as a square, brought to `size`; raises OSError where it is damaged."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(place) as picture:
            whole_size = picture.width * picture.height
            picture.draft("RGB" if channels == 3 else "L", (size * 2, size * 2))  # a JPEG is decoded small at once
            large = picture.width * picture.height > LARGE or whole_size > 8 * LARGE
            with _one_at_a_time if large else nullcontext():
                return _decoded(picture, size, channels)


def _decoded(picture: Any, size: int, channels: int) -> Pixels:
    """Copies are made only where something changes: a large picture is held as seldom as can be."""
    from PIL import Image, ImageOps

    ImageOps.exif_transpose(picture, in_place=True)
    whole: Any = picture
    if whole.mode.startswith(DEEP):
        whole = _of_eight_bits(whole)
    if whole.mode in ("RGBA", "LA", "PA") or "transparency" in whole.info:
        whole = whole if whole.mode == "RGBA" else whole.convert("RGBA")
        ground = Image.new("RGBA", whole.size, (255, 255, 255, 255))
        whole = Image.alpha_composite(ground, whole)
        del ground
    mode = "RGB" if channels == 3 else "L"
    whole = whole if whole.mode == mode else whole.convert(mode)
    whole = ImageOps.fit(whole, (size, size), Image.Resampling.BILINEAR)
    array = np.asarray(whole, dtype=np.uint8)
    return array[None] if channels == 1 else np.ascontiguousarray(array.transpose(2, 0, 1))


def _of_eight_bits(picture: Any) -> Any:
    """The highest 8 of 16 bits, also where whole numbers have 32; of floating point, of the first range that holds the
    picture: to 1, 255 or 65535. What is beyond is cut off. No range is a picture's own, so that one is as bright as another."""
    from PIL import Image

    array = np.array(picture, dtype=np.float32)
    np.nan_to_num(array, copy=False)
    ranges = (1.0, 255.0, 65535.0) if picture.mode == "F" else (65535.0,)
    top = next((one for one in ranges if array.max() <= one), 65535.0)
    array *= np.float32(255 / top)
    np.clip(array, 0, 255, out=array)
    return Image.fromarray(array.astype(np.uint8))


def read(
    places: Sequence[Path],
    labels: Sequence[str],
    names: Sequence[str],
    size: int | None,
    channels: int | None,
    notes: list[str],
    listed: Table | None = None,
) -> Images:
    """All the pictures that can be read, with their rows where they are of a list; those that cannot are left out, and said."""
    with ThreadPoolExecutor(THREADS) as pool:
        headers = list(pool.map(header, places))
        digests = list(pool.map(_digest, places))
    bad = {at: found.why for at, found in enumerate(headers) if found.why}
    good = [at for at in range(len(places)) if at not in bad]
    if not good:
        raise DataError(f"no image could be read: {names[0]} {headers[0].why}" if names else "there are no images")
    side, depth = _chosen([headers[at] for at in good], size, channels, notes)
    whole = hashlib.sha256(b"images\0")
    for at in good:
        whole.update(f"{labels[at]}\0{digests[at]}\0".encode("utf-8", "surrogatepass"))
    key = hashlib.sha256(f"{whole.hexdigest()}\0{side}\0{depth}\0 3".encode()).hexdigest()[:32]
    chosen = [places[at] for at in good]

    def write(folder: Path) -> None:
        damaged = {}
        with (folder / "pixels.bin").open("wb") as file:
            for number, found in enumerate(_all(chosen, side, depth)):
                if isinstance(found, str):
                    damaged[number] = found
                else:
                    file.write(found.tobytes())
        (folder / "damaged.json").write_text(json.dumps(damaged), encoding="utf-8")

    def opened(folder: Path) -> tuple[Pixels, dict[int, str]]:
        told = json.loads((folder / "damaged.json").read_text(encoding="utf-8"))
        shape = (len(chosen) - len(told), depth, side, side)
        # To be written to, and never written back: torch takes no other memory.
        pixels = (
            np.memmap(folder / "pixels.bin", dtype=np.uint8, mode="c", shape=shape)
            if shape[0]
            else np.zeros(shape, np.uint8)
        )
        return pixels, {int(number): why for number, why in told.items()}

    pixels, damaged = cached("images", key, write, opened)
    bad |= {good[number]: why for number, why in damaged.items()}
    if bad:
        shown = ", ".join(f"{names[at]} ({why})" for at, why in sorted(bad.items())[:3])
        notes.append(f"{len(bad):,} of {len(places):,} images are left out: {shown}{' …' if len(bad) > 3 else ''}")
    kept = [number for number in range(len(good)) if number not in damaged]
    deep = [at for at, number in enumerate(kept) if headers[good[number]].mode.startswith(DEEP)]
    if deep and all(pixels[at].max() < DARK for at in deep):
        notes.append(
            f"{len(deep):,} images of more than 8 bits use less than a sixteenth of their range (to 65,535; floating point to 1, "
            "255 or 65,535), and are nearly black: stretch them to it, or save them with 8 bits"
        )
    rows = np.array([good[number] for number in kept], dtype=np.int64)
    return Images(
        pixels,
        tuple(labels[good[number]] for number in kept),
        tuple(names[good[number]] for number in kept),
        hashes(digests[good[number]].encode() for number in kept),
        whole.hexdigest(),
        tuple(notes),
        listed.take(rows) if listed is not None else None,
    )


def _digest(place: Path) -> str:
    try:
        return raw_digest(place)
    except DataError:
        return ""


def _chosen(headers: list[Header], size: int | None, channels: int | None, notes: list[str]) -> tuple[int, int]:
    """The side and the channels that all are brought to; and what is told of them."""
    sides = Counter((found.width, found.height) for found in headers)
    depth = channels or (1 if all(found.grey for found in headers) else 3)
    smallest = sorted(min(found.width, found.height) for found in headers)
    if size is None:
        middle = smallest[len(smallest) // 2]
        most = SAME_LARGEST if len(sides) == 1 else LARGEST
        size = middle if middle <= most else most
        size = size if len(sides) == 1 and size == middle else max(size // STEP * STEP, min(size, STEP))
    (common, count), *others = sides.most_common()
    if others:
        notes.append(
            f"of {len(sides):,} sizes, {smallest[0]} to {smallest[-1]} pixels on the shorter side: the middle of each is brought "
            f"to {size} x {size} (--data.size)"
        )
    elif common != (size, size):
        notes.append(f"{count:,} images of {common[0]} x {common[1]} are brought to {size} x {size} (--data.size)")
    if moving := sum(found.frames > 1 for found in headers):
        notes.append(f"{moving:,} images move: the first picture of each is taken")
    modes = Counter(found.mode for found in headers if found.mode not in ("L", "RGB"))
    if modes:
        told = ", ".join(f"{count:,} {mode}" for mode, count in modes.most_common(4))
        notes.append(
            f"other than 8 bits of grey or of red, green and blue: {told}; brought to {'grey' if depth == 1 else 'colours'}"
        )
    return size, depth


def _all(places: Sequence[Path], size: int, channels: int) -> Iterator[Pixels | str]:
    """Each picture, or why it is damaged, in order; few of them in memory at a time."""

    def one(place: Path) -> Pixels | str:
        try:
            return decoded(place, size, channels)
        except Exception as error:  # noqa: BLE001  # as above
            return _told(error)

    waiting = iter(places)
    with ThreadPoolExecutor(THREADS) as pool:
        while some := list(islice(waiting, AT_ONCE)):
            yield from pool.map(one, some)
