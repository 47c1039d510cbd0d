"""What may be chosen for a training that the page begins: samples, files below the folder it was started in, and a listed set of
settings; anything else is refused in words.

Before this   data/ knows the samples, settings/ every setting.
After this    trainings.py begins what was chosen.
"""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from fogwalk.data.images.samples import SAMPLES as IMAGES
from fogwalk.data.samples import SAMPLES as TEXTS
from fogwalk.data.tables.samples import TARGETS
from fogwalk.data.toys import TOYS
from fogwalk.errors import UsageError
from fogwalk.registry import did_you_mean
from fogwalk.settings import declared, flag

MAY_BE_CHOSEN = (
    "minutes",
    "seed",
    "data.target",
    "model.hidden",
    "model.activation",
    "model.layers",
    "model.width",
    "model.heads",
    "model.context",
    "model.dropout",
    "optimizer.name",
    "optimizer.learning_rate",
    "training.steps",
    "training.batch",
)
MOST_OF_A_FOLDER = 30  # files that are offered; of all folders together:
MOST_FILES = 200
DEEPEST = 3  # folders below it that are looked into
MOST_FOLDERS = 2_000  # that are looked into
KINDS = {
    "files": (".txt", ".md", ".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx"),
    "code": (".py",),
}
NO_DATA = ("node_modules", "site-packages", "__pycache__")  # and what a folder of Python's own holds, or a hidden one


class Choices:
    """Below a `folder`; those of the runs under `root` are no data."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder

    def offered(self) -> dict[str, Any]:
        """What may be chosen: samples; files, code and folders of images, by their paths below the folder; and settings with a
        sentence each. `left_out` counts the files that are not named."""
        known = declared()
        return {
            "folder": str(self.folder.absolute()),
            "samples": self._samples(),
            **self._found(),
            "settings": {key: known[key].help for key in MAY_BE_CHOSEN},
        }

    def words(self, asked: dict[str, Any]) -> list[str]:
        """`data`, `settings` and `pace` as they are typed behind `fogwalk train`. Raises UsageError for what may not be."""
        unknown = set(asked) - {"data", "settings", "pace"}
        if unknown:
            raise UsageError(f"a training knows no '{min(unknown)[:40]}'", expected="It has data, settings and pace.")
        return [self._data(asked.get("data")), *_settings(asked.get("settings", {})), *_paced(asked.get("pace"))]

    def _samples(self) -> list[str]:
        carried = importlib.util.find_spec("sklearn") is not None
        return [*TOYS, *TEXTS, *((*(name for name in TARGETS if name not in TOYS), *IMAGES) if carried else ())]

    def _found(self) -> dict[str, Any]:
        """What stands below the folder and can be learned from, the nearest first."""
        from fogwalk.data.images.images import SUFFIXES

        found: dict[str, list[str]] = {kind: [] for kind in KINDS}
        pictured: set[Path] = set()
        many = 0
        for here, names in self._walked():
            for kind, suffixes in KINDS.items():
                fitting = [name for name in names if name.lower().endswith(suffixes)]
                found[kind] += [(here / name).as_posix() for name in fitting[:MOST_OF_A_FOLDER]]
                many += len(fitting)
            if any(name.lower().endswith(SUFFIXES) for name in names):
                pictured.add(here)
        told = {kind: sorted(paths, key=_near)[:MOST_FILES] for kind, paths in found.items()}
        return {
            **told,
            "folders": sorted((one.as_posix() for one in _classed(pictured)), key=_near)[:MOST_FILES],
            "left_out": many - sum(map(len, told.values())),
        }

    def _walked(self) -> Iterator[tuple[Path, list[str]]]:
        """Each folder, by its path below, and the files in it that have names."""
        walk = os.walk(self.folder)
        for place, folders, files in islice(walk, MOST_FOLDERS):
            here = Path(place).relative_to(self.folder)
            inside = (
                [] if len(here.parts) >= DEEPEST else [one for one in sorted(folders) if self._looked_into(here / one)]
            )
            folders[:] = inside
            yield here, [file for file in sorted(files) if not file.startswith(".") and _text(file)]

    def _looked_into(self, below: Path) -> bool:
        own = (self.folder / below).absolute() == self.root.absolute()
        hidden = below.name.startswith(".") or below.name in NO_DATA or not _text(below.name)
        return not (own or hidden or (self.folder / below / "pyvenv.cfg").exists())

    def _data(self, data: Any) -> str:
        """A sample's name, or a path that stands under the folder wherever its links lead. Raises UsageError otherwise."""
        if not isinstance(data, str) or not data.strip():
            raise UsageError("nothing to learn from", expected="Name a sample, or a file under this folder.")
        if data.startswith("sample:"):
            if data not in self._samples():
                raise UsageError(f"unknown sample '{data[:40]}'", remedy=did_you_mean(data, self._samples()))
            return data
        try:
            path = (self.folder / data).resolve()
            inside, there = path.is_relative_to(self.folder.resolve()), path.exists()
        except (OSError, ValueError):  # a name too long, or one that no file can have
            inside, there = True, False
        if not inside:
            raise UsageError(
                f"'{data[:80]}' is not under {self.folder.absolute()}", expected="Only what is can be learned here."
            )
        if not there:
            found = self._found()
            known = [*found["files"], *found["folders"], *found["code"], *self._samples()]
            raise UsageError(f"there is no '{data[:80]}'", remedy=did_you_mean(data, known))
        return str(path)


def _near(path: str) -> tuple[int, str]:
    return path.count("/"), path


def _text(name: str) -> bool:
    """Whether a name can be sent: one of bytes that are no letters cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _classed(pictured: set[Path]) -> set[Path]:
    """The folders with a folder of images for each class; of a set that is in parts the one around them."""
    from fogwalk.data.images.folders import PARTS

    around = Counter(one.parent for one in pictured if one.parts)
    classed = {folder for folder, many in around.items() if many > 1}
    return {
        folder.parent if folder.parts and any(part.match(folder.name) for part in PARTS) else folder
        for folder in classed
    }


def _settings(settings: Any) -> list[str]:
    """As they are typed. Raises UsageError for one that may not be chosen here."""
    if not isinstance(settings, dict):
        raise UsageError("settings cannot be read", expected="They are a name and a value each.")
    words = []
    for key, value in settings.items():
        if key not in MAY_BE_CHOSEN:
            raise UsageError(f"'{key[:40]}' cannot be chosen here", remedy=did_you_mean(key, MAY_BE_CHOSEN))
        if isinstance(value, bool) or not isinstance(value, str | int | float) or "\0" in str(value):
            raise UsageError(f"{key} cannot be {value!r:.40}", expected="It is a word or a number.")
        words.append(f"--{flag(key)}={value}")
    return words


def _paced(pace: Any) -> list[str]:
    if pace is None:
        return []
    if isinstance(pace, bool) or not isinstance(pace, int | float):
        raise UsageError(f"pace cannot be {pace!r:.40}", expected="It is steps a second; 0 waits before the first.")
    return [f"--pace={pace}"]
