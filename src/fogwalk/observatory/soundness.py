"""What of a run's folder is not as a training leaves it, in words: files that lead elsewhere, and events that were lost.

Before this   runs/ names the places in a run's folder; a folder may have come from anywhere, or be damaged.
After this    reading.py tells it. Of a stray file nothing is opened.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from fogwalk.errors import RunError
from fogwalk.runs.control import place, read_wish
from fogwalk.runs.folder import RunFolder

OWN = "A run's folder holds folders and files of its own."


def stray(path: Path, root: Path) -> RunError | None:
    """What in a run's folder must not be read: a link that leads out of `root`, or what is no file, such as a pipe, which would
    be waited for without end. None where there is nothing such."""
    inside = Path(os.path.realpath(root))
    waiting, seen = [path], set()
    while waiting:
        folder = waiting.pop()
        real = os.path.realpath(folder)
        if not Path(real).is_relative_to(inside):
            return _outside(folder, real, remedy=f"Open it where it stands: fogwalk observe {real}")
        if real in seen:
            continue
        seen.add(real)
        try:
            entries = list(os.scandir(folder))
        except OSError:  # gone since, or not ours to read: whoever reads it is told so
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            elif not entry.is_file(follow_symlinks=False) and (found := _odd(Path(entry.path), inside, waiting)):
                return found
    return None


def _odd(path: Path, inside: Path, waiting: list[Path]) -> RunError | None:
    """What is wrong with an entry that is neither a file nor a folder; a link to a folder is looked into later."""
    try:
        if path.is_symlink():
            real = os.path.realpath(path)
            if not Path(real).is_relative_to(inside):
                return _outside(path, real, remedy="Copy in its place what it leads to, if you know what that is.")
        mode = path.stat().st_mode
    except OSError:  # a link to nothing, or gone since: nothing is read
        return None
    if stat.S_ISDIR(mode):
        waiting.append(path)
        return None
    if stat.S_ISREG(mode):
        return None
    return RunError(f"{path} is no file: it is not read", expected=OWN, remedy="Take it away.")


def _outside(path: Path, real: str, *, remedy: str) -> RunError:
    return RunError(
        f"{path} is a link to {real}, out of the folder that is shown: it is not read", expected=OWN, remedy=remedy
    )


# -- what was lost -------------------------------------------------------------------------------------------------------

EVERY = "It has a line for every step."
ANEW = "Copy the file again from where the run was trained. What its checkpoints hold can still be asked, and be trained on."


def lost_words(folder: RunFolder) -> list[RunError]:
    """What the run says of where it stands, or what was wished of it, and cannot be used."""
    found = []
    if wrong := folder.read_status()[1]:
        found.append(
            RunError(
                f"{folder.path / 'status.json'} cannot be used as it is: {wrong}",
                expected="What it does not tell is told here by the run's events.",
                remedy="Take the file away, or go on with the run: it is written anew.",
            )
        )
    if wrong := read_wish(folder)[1]:
        found.append(
            RunError(
                f"{place(folder)} cannot be read: {wrong}",
                expected="It says what was wished of a training; as it is, nothing is.",
                remedy="Take the file away.",
            )
        )
    return found


def lost_settings(folder: RunFolder) -> list[RunError]:
    """That a run's settings are missing, and where they were read instead."""
    saved = folder.steps_saved()
    if folder.settings.exists() or not saved:
        return []
    copy = folder.checkpoint(saved[-1]) / "settings.toml"
    return [
        RunError(
            f"{folder.settings} is missing: what is told here is read from the checkpoint of step {saved[-1]}",
            expected="A run's folder holds the settings that it was trained with.",
            remedy=f"Copy {copy} into its place.",
        )
    ]


def lost_end(events: Path, last: int, made: int) -> list[RunError]:
    """That the lines after step `last` are gone of a run that has `made` more and is not being trained."""
    if last >= made:
        return []
    if not events.exists():
        found = f"{events} is missing, and the run has made {made:,} steps"
    else:
        told = f"ends with step {last:,}" if last else "has no line of a step"
        found = f"{events} {told}, and the run has made {made:,}: its end was lost, so the curves end there too"
    return [RunError(found, expected=EVERY, remedy=ANEW)]


def lost_lines(events: Path, steps: list[int], unread: list[str]) -> list[RunError]:
    """What is missing between the lines of `steps`, and which lines stayed `unread`, and why."""
    found = []
    if unread:
        lines = (
            "a line that cannot be read" if len(unread) == 1 else f"{len(unread):,} lines that cannot be read, first"
        )
        found.append(f"{events} holds {lines} ({unread[0]})")
    gaps = _gaps(steps) if steps and steps[-1] != len(steps) else []
    if gaps:
        first, last = gaps[0]
        which = f"step {first:,}" if first == last else f"steps {first:,} to {last:,}"
        more = f", and {len(gaps) - 1:,} more such gaps" if len(gaps) > 1 else ""
        found.append(f"{events} has no line of {which}{more}")
    return [RunError(f"{one}: it was damaged", expected=EVERY, remedy=ANEW) for one in found]


def _gaps(steps: list[int]) -> list[tuple[int, int]]:
    """The first and the last step of each stretch without a line."""
    return [(before + 1, after - 1) for before, after in zip([0, *steps], steps, strict=False) if after > before + 1]
