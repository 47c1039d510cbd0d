"""fogwalk report: a run's page as one file that opens anywhere, to send."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from fogwalk.cli.parsing import Parser, add_run
from fogwalk.errors import UsageError
from fogwalk.runs.folder import RunFolder, find


def parser(summary: str) -> Parser:
    """Which run, and which file."""
    parser = Parser("report", summary, "example: fogwalk report last --out lesson.html")
    add_run(parser)
    parser.add_argument("--out", metavar="FILE", help="the .html file to write (default: the run's name)")
    parser.add_argument("--force", action="store_true", help="write over a file that is there")
    return parser


def run(found: argparse.Namespace) -> int:
    """Ask the page's server everything, and write what it said with the page."""
    folder = _found(found.run)
    out = _out(found.out, folder, force=found.force)
    from fogwalk.cli.plain import printable
    from fogwalk.cli.tables import size
    from fogwalk.observatory.recording import record
    from fogwalk.observatory.report import MOST_BYTES, whole
    from fogwalk.runs.publish import write_atomically

    with _Told() as told:
        recording = record(folder, told)
    text = whole(recording)
    write_atomically(out, text, durable=False)
    held, many = recording.held, len(text.encode())
    print(printable(f"wrote {out} ({size(many)}), a page of {folder.name} that needs no network and no Fogwalk"))
    print(f"  {_listed('step', held['steps'])} of {held['of']:,}, each with its first {len(held['rows'])} rows")
    if frames := held["screens"]["network"]:
        print(f"  {len(frames)} frames of the network's film")
    if answers := len(held["prompts"]) + len(held["records"]):
        print(f"  {answers} answer{'' if answers == 1 else 's'}, each with how it was made")
    if many > MOST_BYTES:
        print(printable(f"  it is larger than {size(MOST_BYTES)}, which many a mailbox refuses"), file=sys.stderr)
    print(printable(f"next    open {out} in a browser, or send it; fogwalk observe shows every step of the run"))
    return 0


def _found(name: str) -> RunFolder:
    """The run of a name; of those that come along with Fogwalk too, where none here is called so. Raises what `find` does."""
    try:
        return find(name)
    except UsageError:
        from fogwalk.observatory.carried import carried

        for folder in carried():
            if folder.name == name:
                return folder
        raise


def _out(named: str | None, folder: RunFolder, *, force: bool) -> Path:
    """Where the file goes. Raises UsageError where it cannot, before the work is done."""
    out = Path(f"{folder.name}.html") if named is None else Path(named).expanduser()
    if named is not None and not named.strip():
        raise UsageError("--out names no file", remedy="Name one: --out lesson.html")
    if out.is_dir():
        raise UsageError(f"--out {out} is a folder", remedy=f"Name a file in it: --out {out / folder.name}.html")
    if out.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"--out {out}: a page is written as an .html file", remedy=f"--out {out.with_suffix('.html')}")
    if out.exists() and not force:
        raise UsageError(
            f"{out} is there already", remedy="Name another file with --out, or add --force to write over it."
        )
    if not out.parent.is_dir():
        raise UsageError(
            f"{out.parent} is not a folder that is there", remedy="Make it, or name another place: --out lesson.html"
        )
    if folder.path.resolve() in out.resolve().parents:
        raise UsageError(f"--out {out} lies in the run itself", remedy="Name a place beside it.")
    if not os.access(out.parent, os.W_OK | os.X_OK):
        raise UsageError(f"{out.parent} cannot be written", remedy="Name another place: --out FOLDER/lesson.html")
    return out


def _listed(what: str, values: list[int]) -> str:
    """steps 1, 100 and 200."""
    told = [f"{value:,}" for value in values]
    return f"{what} {told[0]}" if len(told) == 1 else f"{what}s {', '.join(told[:-1])} and {told[-1]}"


class _Told:
    """How far it is: one living line in a terminal, elsewhere a line now and then."""

    EACH = 10.0  # seconds between two lines where there is no terminal

    def __init__(self) -> None:
        self.last = 0.0
        self.living = sys.stderr.isatty()

    def __enter__(self) -> _Told:
        return self

    def __call__(self, words: str) -> None:
        if self.living:
            print(f"\r\x1b[Krecording  {words}", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self.last >= self.EACH:
            self.last = time.monotonic()
            print(f"recording  {words}", file=sys.stderr, flush=True)

    def __exit__(self, *what: object) -> None:
        if self.living:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
