"""One folder for each class: photos/cat/1.jpg is a cat.

Before this   pictures.py.
After this    images.py asks for it where a path is a folder.
"""

from __future__ import annotations

from pathlib import Path

from fogwalk.data.files import find_files
from fogwalk.data.images import pictures
from fogwalk.data.images.images import SUFFIXES, Images
from fogwalk.errors import DataError


def read(folder: Path, size: int | None, channels: int | None) -> Images:
    """Every picture below a folder, its class the name of the folder it stands in, counted from the top; pictures beside the
    folders have none and are left out."""
    if folder.is_file():
        return pictures.read([folder], [""], [folder.name], size, channels, [])
    notes: list[str] = []
    places, labels, names, lost, others = [], [], [], [], 0
    for name, place in find_files([str(folder)]).places:
        inside = place.relative_to(folder)
        if place.suffix.lower() not in SUFFIXES:
            others += 1
        elif len(inside.parts) == 1:
            lost.append(name)
        else:
            places.append(place)
            labels.append(inside.parts[0])
            names.append(inside.as_posix())
    if not places and lost:
        # Pictures to be answered for: no folders, and so no classes.
        loose = [folder / name for name in lost]
        return pictures.read(loose, [""] * len(lost), lost, size, channels, notes)
    empty = [
        entry.name
        for entry in sorted(folder.iterdir())
        if entry.is_dir() and not entry.name.startswith(".") and entry.name not in labels
    ]
    if empty:
        notes.append(f"{_shown(empty)} hold{'s' * (len(empty) == 1)} no images, and are no classes")
    if lost:
        notes.append(f"{len(lost):,} images stand in no class's folder, and are left out: {_shown(lost)}")
    if others:
        notes.append(f"{others:,} files are no images by their names, and are left out")
    if not places:
        raise DataError(
            f"{folder} holds no images", expected="It should hold one folder for each class, with its images inside."
        )
    return pictures.read(places, labels, names, size, channels, notes)


def _shown(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names[:3]) + (" …" if len(names) > 3 else "")
