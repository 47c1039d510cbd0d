"""fogwalk remove: delete a run, unless it is being written."""

from __future__ import annotations

import argparse
import sys

from fogwalk.cli.parsing import Parser
from fogwalk.errors import UsageError


def parser(summary: str) -> Parser:
    """Which run; there is no default for what destroys."""
    parser = Parser("remove", summary)
    parser.add_argument("run", help="a run's name or folder")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def run(found: argparse.Namespace) -> int:
    """Ask on a terminal, then delete."""
    import shutil
    from pathlib import Path

    from fogwalk.cache import place_of
    from fogwalk.cli.tables import size
    from fogwalk.runs.folder import LOCKS, find
    from fogwalk.runs.lock import holding
    from fogwalk.runs.publish import cannot_write

    folder = find(found.run)
    here, place = Path.cwd(), folder.path.resolve()
    if place == here or place in here.parents:
        raise UsageError(f"you stand in {folder.path}", remedy="Go to another folder first.")
    if foreign := folder.foreign():
        raise UsageError(
            f"{folder.path} also holds {', '.join(foreign[:3])}, which is no part of a run",
            remedy="Move that away first; nothing was deleted.",
        )
    told = f"{folder.path} ({size(folder.bytes())}, {len(folder.steps_saved())} checkpoints)"
    if not found.yes:
        if not sys.stdin.isatty():
            raise UsageError(f"would delete {told}", remedy="Add --yes where there is nobody to ask.")
        if input(f"delete {told}? [y/N] ").strip().lower() not in ("y", "yes"):
            print("kept")
            return 0
    try:
        with holding(folder):  # refused while somebody writes, and nobody begins to while it goes
            shutil.rmtree(place_of("waypoints", folder.identity), ignore_errors=True)
            folder.discard(whole=False, but=LOCKS)
        folder.discard()  # the lock itself: on some systems an open file cannot be deleted
    except OSError as error:
        raise cannot_write(folder.path, error) from error
    print(f"removed {told}")
    return 0
