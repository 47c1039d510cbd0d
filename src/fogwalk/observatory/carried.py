"""The runs that come along with Fogwalk, so that its page always has something to show: small, finished, and read only.

Before this   benchmarks/recorded.py has trained them.
After this    reading.py lists them after a person's own.
"""

from __future__ import annotations

from pathlib import Path

from fogwalk.runs.folder import RunFolder, is_run

PLACE = Path(__file__).parent / "recorded"
CARRIED = {
    "two-moons": "A plain network of two layers of eight learns to part two half moons, by plain gradient descent: each weight's "
    "change is the rate times its gradient, the other way.",
    "handbook": "A transformer of two layers with two heads each reads, letter by letter, what Fogwalk says of itself: in each "
    "layer one head looks mostly at the letter before.",
}


def carried() -> list[RunFolder]:
    """Those that are there; a package may have been made without them."""
    return [RunFolder(PLACE / name) for name in CARRIED if is_run(PLACE / name)]


def shows(folder: RunFolder) -> str | None:
    """What one of them shows, in words; None for any other run."""
    return CARRIED.get(folder.name) if folder.path.parent == PLACE else None
