"""What a person named -> files in a stable order: files, folders read recursively, patterns such as notes/*.md.

Before this   paths as they were typed.
After this    opening.py reads a file's bytes; sources/ turns them into documents.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fogwalk.data.samples import SAMPLES
from fogwalk.errors import DataError
from fogwalk.registry import did_you_mean, nearest


@dataclass(frozen=True)
class Files:
    """Files with the names they are told by, in a stable order; and what was left out, in words.

    `several` tells whether more than one file may have been meant: then one that cannot be read is left out, and
    not an error. The files with the names in `named` were named one by one.
    """

    places: tuple[tuple[str, Path], ...]
    left_out: tuple[str, ...]
    several: bool
    named: frozenset[str] = frozenset()


def find_files(paths: Sequence[str]) -> Files:
    """Every file that the paths mean, each once. Raises DataError for a path that means none."""
    found: dict[str, Path] = {}
    seen: dict[str, str] = {}
    left_out: list[str] = []
    several = len(paths) > 1
    named: set[str] = set()

    def add(name: str, file: Path, by_itself: bool = False) -> None:
        whole = os.path.abspath(file)
        if whole not in seen:
            seen[whole] = name if name not in found else whole
            found[seen[whole]] = file
        if by_itself:
            named.add(seen[whole])

    for path in paths:
        if not path.strip():
            raise DataError(
                "the path of the text is empty", remedy="Name a file or a folder; `.` is the one you are in."
            )
        place = Path(path).expanduser()
        if os.path.isdir(place):  # false, not an error, for a name too long
            several = True
            inside, closed = _below(place)
            left_out += closed
            name = place.absolute().name  # of `.` too
            prefix = f"{name}/" if len(paths) > 1 and name else ""
            for inner in inside:
                add(prefix + inner.relative_to(place).as_posix(), inner)
        elif pattern := _pattern(place):
            several = True
            for match in pattern.files():
                add(match.as_posix(), pattern.folder / match)
        else:
            _require(place)
            add(place.name, place, by_itself=True)
    if not found:
        expected = f"Left out: {', '.join(left_out[:5])}." if left_out else "It holds no files."
        raise DataError(f"nothing to read in {', '.join(paths)}", expected=expected)
    return Files(tuple(found.items()), tuple(left_out), several, frozenset(named))


class _Pattern(NamedTuple):
    folder: Path
    inside: str

    def files(self) -> list[Path]:
        """What matches, and where that is folders alone what is in them. As in a folder, none is reached through a link."""
        found = [Path(match) for match in sorted(glob.glob(self.inside, root_dir=self.folder, recursive=True))]
        files = [match for match in found if os.path.isfile(self.folder / match)]
        if "**" in self.inside:
            files = [match for match in files if not _through_a_link(self.folder, match)]
        if not files:
            folders = [match for match in found if os.path.isdir(self.folder / match)]
            files = [file.relative_to(self.folder) for match in folders for file in _below(self.folder / match)[0]]
        if not files:
            raise DataError(f"no file matches {self.folder / self.inside}")
        return sorted(files)


def _pattern(place: Path) -> _Pattern | None:
    """The pattern that a path is, if it is one. What stands on the disk as it is written is no pattern: neither a file
    `a[1].txt` nor the folder `[old] texts` that somebody works in."""
    if os.path.lexists(place):
        return None
    folder = next((parent for parent in place.parents if os.path.isdir(parent)), Path())
    inside = str(place.relative_to(folder))
    return _Pattern(folder, inside) if glob.has_magic(inside) else None


def _through_a_link(folder: Path, inside: Path) -> bool:
    return any(os.path.islink(folder / parent) for parent in inside.parents if parent != Path())


def _require(place: Path) -> None:
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        if os.path.islink(place):
            raise DataError(f"{place} is a link to {os.readlink(place)}, which is not there") from None
        raise DataError(f"no such file or folder: {place}", remedy=_near(place)) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{place} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(mode):
        raise DataError(
            f"{place} is a pipe or a device, not a file", expected="A text is read more than once; write it to a file."
        )


def _below(folder: Path) -> tuple[list[Path], list[str]]:
    """Every file below a folder by name, hidden ones and links to folders left out; and the folders that do not open."""
    closed: list[str] = []

    def remember(error: OSError) -> None:
        closed.append(f"{os.path.relpath(error.filename, folder)} ({error.strerror})")

    def walk() -> Iterator[Path]:
        for parent, folders, files in os.walk(folder, onerror=remember):
            folders[:] = [name for name in folders if not name.startswith(".")]
            yield from (Path(parent) / name for name in files if not name.startswith("."))

    def is_there(place: Path) -> bool:
        try:
            return stat.S_ISREG(place.stat().st_mode)
        except OSError as error:  # a link to what is gone, or to what may not be seen
            closed.append(f"{os.path.relpath(place, folder)} ({error.strerror})")
            return False

    inside = (place for place in walk() if is_there(place))
    return sorted(inside, key=lambda place: place.relative_to(folder).as_posix()), sorted(closed)


def _near(place: Path) -> str:
    if "sample" in str(place) and ":" not in str(place):
        return did_you_mean(f"sample:{place.name}", SAMPLES)
    try:
        names = [entry.name for entry in place.parent.iterdir()]
    except OSError:
        return f"The folder {place.parent} does not exist either." if not place.parent.exists() else ""
    close = nearest(place.name, names)
    return f"Did you mean {' or '.join(str(place.with_name(name)) for name in close)}?" if close else ""
