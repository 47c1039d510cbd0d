"""What every address of the page's server stands on: the shelf of runs, the desk, the trainings begun, and how a question is
read.

Before this   reading.py knows the runs, desk.py works for them, trainings.py begins them.
After this    addresses/ answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from fogwalk.errors import UsageError
from fogwalk.observatory.carried import shows
from fogwalk.observatory.desk import Desk
from fogwalk.observatory.reading import Shelf
from fogwalk.observatory.trainings import Trainings
from fogwalk.runs.folder import RunFolder

RUN = "/api/runs/{name}"  # the address of one run, below which others stand


class Place:
    """The runs under a folder, the process that works for the page, and the trainings that it began."""

    def __init__(self, root: Path) -> None:
        self.shelf = Shelf(root)
        self.desk = Desk()
        self.trainings = Trainings(root, Path.cwd())

    def take_up(self) -> None:
        """Be there for the trainings that wait for a page whose server was killed."""
        for folder in self.shelf.runs():
            if shows(folder) is None and self.shelf.stray(folder) is None:
                self.trainings.take_up(folder)

    def named(self, request: Request) -> RunFolder:
        """The run that is named in the address, of which nothing may be read yet. Raises UsageError where there is none."""
        return self.shelf.find(request.path_params["name"])

    def run(self, request: Request) -> RunFolder:
        """The run that is named in the address. Raises UsageError where there is none, RunError where it leads elsewhere."""
        folder = self.named(request)
        if (strays := self.shelf.stray(folder)) is not None:
            raise strays
        return folder

    def own(self, request: Request) -> RunFolder:
        """The run that is named, where it may be changed. Raises UsageError for one that comes along with Fogwalk."""
        folder = self.run(request)
        if shows(folder) is not None:
            raise UsageError(
                f"{folder.name} comes along with Fogwalk and is only read", remedy="Train one of your own from Start."
            )
        return folder

    async def ask(self, request: Request, work: Callable[..., Any], *given: Any) -> Any:
        """What `work` gives back at the desk for the folder of the run that is named, and whatever else it is given."""
        return await self.desk.ask(work, str(self.run(request).path), *given, gone=request.is_disconnected)


_NUMBERED = re.compile(r"--(row|place|unit|head|step) (-?\d+)")
_QUOTED = re.compile(r"--prompt (?=[\"'])")
_NAMED = re.compile(r"--(row|place|unit|head|step|prompt)\b")


def as_asked(words: str) -> str:
    """An error's words with what stands in the page's address where a command line has flags: row=9 for --row 9. A line to type
    stays as it is typed."""
    lines = words.split("\n")
    for place, line in enumerate(lines):
        if "fogwalk " not in line:
            lines[place] = _NAMED.sub(r"the \1", _QUOTED.sub("", _NUMBERED.sub(r"\1=\2", line)))
    return "\n".join(lines)


def whole(request: Request, name: str, default: int | None = None) -> int | None:
    """A whole number of the query; raises UsageError for what is none."""
    value = request.query_params.get(name, "")
    if not value:
        return default
    if not value.isdecimal() or len(value) > 12:
        raise UsageError(f"{name} cannot be '{value[:40]}'", expected="It is a whole number, counted from 0.")
    return int(value)


def where(request: Request, *flags: str) -> dict[str, int]:
    """Those of the flags that are given."""
    asked = {flag: whole(request, flag) for flag in flags}
    return {flag: value for flag, value in asked.items() if value is not None}


def floats(shape: list[int], content: bytes) -> Response:
    """Little-endian float32, its shape in a header."""
    headers = {"x-shape": ",".join(map(str, shape))}
    return Response(content, media_type="application/octet-stream", headers=headers)
