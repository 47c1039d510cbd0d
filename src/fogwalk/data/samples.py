"""Texts to try Fogwalk without any data of one's own: those that every Python carries, and a small one that comes along.

Before this   nothing but the Python installation.
After this    corpus.py reads them like a file. Python's differ between its versions, so their hash is printed.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

from fogwalk.errors import DataError
from fogwalk.registry import did_you_mean


def python_docs() -> str:
    """Python's own help topics, about 380,000 characters of English.

    A fifth of them are paragraphs that stand there twice; each is kept once, or validation would hold what
    training has seen.
    """
    from pydoc_data.topics import topics

    seen: set[str] = set()
    kept: list[str] = []
    for name in sorted(topics):
        for paragraph in topics[name].split("\n\n"):
            key = " ".join(paragraph.split())
            if key and key not in seen:
                seen.add(key)
                kept.append(paragraph.strip("\n"))
    return "\n\n".join(kept) + "\n"


def python_source() -> str:
    """The standard library's source without its tests, about 12 million characters."""
    root = Path(sysconfig.get_path("stdlib"))
    return "\n\n".join(_sources(root))


def _sources(root: Path) -> Iterator[str]:
    for place in sorted(root.rglob("*.py"), key=lambda place: place.relative_to(root).as_posix()):
        folders = place.relative_to(root).parts[:-1]
        if {"test", "tests", "idle_test", "site-packages", "__pycache__"}.isdisjoint(folders):
            try:
                yield place.read_text(encoding="utf-8").strip("\n") + "\n"
            except (UnicodeDecodeError, OSError):
                continue


def handbook() -> str:
    """What Fogwalk's own documents say, as they once stood, about 140,000 characters: the same on every machine."""
    return (Path(__file__).parent / "texts" / "handbook.txt").read_text(encoding="utf-8")


SAMPLES: dict[str, Callable[[], str]] = {
    "sample:python-docs": python_docs,
    "sample:python-source": python_source,
    "sample:handbook": handbook,
}


def sample(name: str) -> str:
    """The text of a sample; raises DataError for one that does not exist."""
    if name not in SAMPLES:
        raise unknown_sample(name)
    return SAMPLES[name]()


def unknown_sample(name: str) -> DataError:
    """For a sample that is none: neither a text, nor a table, nor images."""
    from fogwalk.data.images.samples import SAMPLES as IMAGES
    from fogwalk.data.tables.samples import TARGETS

    return DataError(f"unknown sample '{name}'", remedy=did_you_mean(name, [*SAMPLES, *TARGETS, *IMAGES]))
