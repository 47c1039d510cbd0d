"""What may be chosen for a training that the page begins: samples, files below the folder it was started in, and a listed set of
settings; anything else is refused in words.

Before this   data/ knows the samples, settings/ every setting.
After this    trainings.py begins what was chosen.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
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
MOST_FILES = 200  # of the folder that are offered
DEEPEST = 3  # folders below it that are looked into
READ = (".txt", ".md", ".csv", ".tsv", ".jsonl", ".json", ".parquet", ".xlsx", ".py")


class Choices:
    """Below a `folder`; those of the runs under `root` are no data."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder

    def offered(self) -> dict[str, Any]:
        """What may be chosen: samples, files, and settings with a sentence each."""
        known = declared()
        return {
            "folder": str(self.folder.absolute()),
            "samples": self._samples(),
            "files": sorted(self._files()),
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

    def _files(self) -> Iterator[str]:
        """Files that can be read, by their path below the folder."""
        found = 0
        for place, folders, files in os.walk(self.folder):
            here = Path(place).relative_to(self.folder)
            deep = len(here.parts) >= DEEPEST
            folders[:] = (
                []
                if deep
                else [one for one in sorted(folders) if not one.startswith(".") and not self._own(here / one)]
            )
            for file in sorted(files):
                if file.endswith(READ) and not file.startswith("."):
                    yield (here / file).as_posix()
                    found += 1
                    if found >= MOST_FILES:
                        return

    def _own(self, below: Path) -> bool:
        """Whether a folder is that of the runs."""
        return (self.folder / below).absolute() == self.root.absolute()

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
            raise UsageError(
                f"there is no '{data[:80]}'", remedy=did_you_mean(data, [*self._files(), *self._samples()])
            )
        return str(path)


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
