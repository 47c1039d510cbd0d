"""One folder for each class: photos/cat/1.jpg is a cat.

Before this   pictures.py.
After this    images.py asks for it where a path is a folder.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path, PurePath

from fogwalk.data.files import find_files
from fogwalk.data.images import pictures
from fogwalk.data.images.images import SUFFIXES, Images
from fogwalk.errors import DataError

# Names of folders that are parts of a set, in the order in which they are learned from; they are scored in the opposite order.
PARTS = tuple(
    re.compile(rf"({names})([-_ ]?set)?$", re.IGNORECASE)
    for names in ("train|training", "val|valid|validation", "test|testing")
)


def read(folder: Path, size: int | None, channels: int | None, *, answering: bool = False) -> Images:
    """Every picture below a folder, its class the name of the folder it stands in, counted from the top; pictures beside the
    folders have none and are left out. Where the folders are the parts of a set, the classes stand in the train part, or, when
    `answering`, in the test part; where one folder is around all, in that."""
    if folder.is_file():
        return pictures.read([folder], [""], [folder.name], size, channels, [])
    notes: list[str] = []
    found: dict[PurePath, Path] = {}
    others = 0
    for _, place in find_files([str(folder)]).places:
        if place.suffix.lower() in SUFFIXES:
            found[place.relative_to(folder)] = place
        else:
            others += 1
    top = _top(folder, list(found), notes, answering=answering)
    places, labels, names, lost = [], [], [], []
    for inside, place in found.items():
        if inside.is_relative_to(top):
            parts = inside.relative_to(top).parts
            if len(parts) == 1:
                lost.append(inside.as_posix())
            else:
                places.append(place)
                labels.append(parts[0])
                names.append(inside.as_posix())
        elif len(inside.parts) <= len(top.parts):
            lost.append(inside.as_posix())
    if not places and lost:
        # Pictures to be answered for: no folders, and so no classes.
        loose = [folder / name for name in lost]
        return pictures.read(loose, [""] * len(lost), lost, size, channels, notes)
    empty = [
        entry.name
        for entry in sorted((folder / top).iterdir())
        if entry.is_dir() and not entry.name.startswith(".") and entry.name not in labels
    ]
    if empty:
        notes.append(
            f"{_shown(empty)} {'holds no images, and is no class' if len(empty) == 1 else 'hold no images, and are no classes'}"
        )
    if lost:
        notes.append(f"{len(lost):,} images stand in no class's folder, and are left out: {_shown(lost)}")
    if others:
        notes.append(f"{others:,} files are no images by their names, and are left out")
    if not places:
        raise DataError(
            f"{folder} holds no images", expected="It should hold one folder for each class, with its images inside."
        )
    return pictures.read(places, labels, names, size, channels, notes)


def _top(folder: Path, found: list[PurePath], notes: list[str], *, answering: bool) -> PurePath:
    """The folder, told from the outermost, whose own folders are the classes."""
    top = PurePath()
    whole = folder.absolute().name
    while True:
        below = [one.relative_to(top).parts for one in found if one.is_relative_to(top)]
        first = {parts[0] for parts in below if len(parts) > 1}
        deep = {parts[0] for parts in below if len(parts) > 2}
        flat = {parts[0] for parts in below if len(parts) == 2}
        if len(first) > 1 and all(_rank(name) is not None for name in first):
            ordered = sorted(first, key=lambda name: (_rank(name) or 0, name))
            chosen = ordered[-1 if answering else 0]
            if not answering and chosen not in deep:
                raise DataError(
                    f"{folder / top / chosen} holds images and no folders of them: what is to be told apart?",
                    expected=f"One folder for each class inside {chosen}, or no folders beside it but those of the classes.",
                )
            top /= chosen
            left = sorted(first - {chosen})
            if answering:
                notes.append(f"the {chosen} part is taken, of {', '.join(sorted(first))}")
            else:
                notes += [_left_alone(name, PurePath(whole) / top.parent / name, name in deep) for name in left]
        elif len(first) == 1 and not flat:
            top /= first.pop()
            notes.append(f"all images stand in {(PurePath(whole) / top).as_posix()}: the folders in it are the classes")
        else:
            return top


def _left_alone(name: str, path: PurePath, classes: bool) -> str:
    quoted = shlex.quote(path.as_posix())
    if classes:
        return f"the {name} part is left alone; fogwalk evaluate --data {quoted} takes it"
    return f"the {name} part has no classes and is left alone; fogwalk predict last {quoted} answers for it"


def _rank(name: str) -> int | None:
    return next((number for number, pattern in enumerate(PARTS) if pattern.match(name)), None)


def _shown(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:3]) + (" …" if len(names) > 3 else "")
