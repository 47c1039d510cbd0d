"""A training in a process of its own, as a person starts one, timed from outside; and what it wrote down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fogwalk.data.samples import sample
from fogwalk.runs.log import read_story
from fogwalk.settings import Settings, load_settings

SMALL = 20_000  # characters of the small text: the beginning of tinyshakespeare


@dataclass(frozen=True)
class Trained:
    """A finished training: its folder, the wall seconds of the whole process, and the environment it ran in."""

    out: Path
    seconds: float
    environment: Mapping[str, str]

    @cached_property
    def story(self) -> list[dict[str, Any]]:
        """Its events."""
        return read_story(self.out / "events.jsonl")

    @cached_property
    def settings(self) -> Settings:
        """What it was trained with."""
        return load_settings(self.out / "settings.toml")

    def validations(self, until: int | None = None) -> list[float]:
        """The validation losses, up to a step."""
        evaluated = (record for record in self.story if record["event"] == "evaluated")
        return [record["validation_loss"] for record in evaluated if until is None or record["step"] <= until]

    def asked(self, *words: str) -> Any:
        """What `fogwalk WORDS --json` says of the run; the first word is the command."""
        command = [sys.executable, "-m", "fogwalk", words[0], str(self.out), *words[1:], "--json"]
        told = subprocess.run(command, check=True, capture_output=True, text=True, env=self.environment)
        return json.loads(told.stdout)


def train(words: list[str], out: Path, *, cache: Path | None = None) -> Trained:
    """Run `fogwalk train WORDS --out OUT`; with `cache`, a folder that is empty, nothing made earlier is found."""
    environment = dict(os.environ) | ({"XDG_CACHE_HOME": str(cache)} if cache else {})
    command = [sys.executable, "-m", "fogwalk", "train", *words, "--out", str(out)]
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=False)
    if done.returncode:
        raise SystemExit(f"fogwalk train {' '.join(words)} ended with {done.returncode}")
    return Trained(out, time.monotonic() - began, environment)


def beginning(path: str, characters: int, folder: Path) -> Path:
    """The first characters of a text or a sample, written into a folder under its name."""
    text = sample(path) if path.startswith("sample:") else Path(path).read_text(encoding="utf-8")
    place = folder / f"{Path(path).stem.removeprefix('sample:')}.txt"
    place.write_text(text[:characters], encoding="utf-8")
    return place


def small_text(data: Path, folder: Path) -> Path:
    """The 20 kB text, written into a folder."""
    return beginning(str(data / "tinyshakespeare.txt"), SMALL, folder)
