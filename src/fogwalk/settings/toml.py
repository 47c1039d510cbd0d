"""Settings as a TOML file: read with the line of every key, written so that reading it back repeats the run.

Before this   tree.py.
After this    resolve.py takes the values; runs/ and training/ write settings.toml.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fogwalk.errors import UsageError
from fogwalk.registry import nearest
from fogwalk.settings.fields import flag
from fogwalk.settings.tree import GROUPS, Settings

_HEADER = re.compile(r"^\s*\[\[?([^\[\]]+)\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")


def read_toml(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """The values of a settings file under dotted keys with underscores, and the line each stands on.

    The table [origins], which Fogwalk writes for people, is left out: the values now come from this file.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        tree = tomllib.loads(text)
    except FileNotFoundError:
        names = [entry.name for entry in path.parent.glob("*.toml")]
        close = [str(path.with_name(name)) for name in nearest(path.name, names)]
        remedy = f"Did you mean {' or '.join(close)}?" if close else ""
        raise UsageError(f"no such settings file: {path}", remedy=remedy) from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read as a settings file: {error.strerror}",
            remedy="Name a TOML file, such as a run's settings.toml.",
        ) from None
    except UnicodeDecodeError:
        raise UsageError(
            f"{path} is not UTF-8 text, so it cannot be a TOML settings file", remedy="Save it again as UTF-8."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"{path} is not valid TOML: {error}",
            remedy='A setting is written as: learning-rate = 0.001, text as "bpe".',
        ) from None
    tree.pop("origins", None)
    return dict(_flatten(tree, "")), dict(_lines(text))


def _flatten(tree: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        key = prefix + name.replace("-", "_")
        if isinstance(value, dict):
            # An empty or unknown table is passed on under its own name, so that it is refused and never ignored.
            if value and (prefix or key in GROUPS):
                yield from _flatten(value, f"{key}.")
            elif key not in GROUPS:
                yield key, value
        else:
            yield key, value


def _lines(text: str) -> Iterator[tuple[str, int]]:
    section = ""
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines would also cut at U+2028 inside a value
        if header := _HEADER.match(line):
            section = _plain(header[1])
            yield section, number
        elif key := _KEY.match(line):
            yield (f"{section}.{_plain(key[1])}" if section else _plain(key[1])), number


def _plain(key: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in key.split(".")).replace("-", "_")


def write_toml(settings: Settings) -> str:
    """The settings as TOML text, with a last table [origins] that says where every value came from."""
    lines = ["# Every value of this run. `fogwalk train --config THIS-FILE` repeats it."]
    sections: dict[str, list[str]] = {"": []}
    for key, value in settings.flat().items():
        group, _, name = key.rpartition(".")
        if value is not None:
            sections.setdefault(group, []).append(f"{flag(name)} = {write_value(value)}")
    for group, entries in sections.items():
        lines += [f"\n[{group}]"] * bool(group) + entries
    lines.append("\n[origins]")
    lines += [
        f'"{flag(key)}" = {write_value(settings.origin(key))}'
        for key, value in settings.flat().items()
        if value is not None
    ]
    return "\n".join(lines) + "\n"


def read_origins(path: Path) -> dict[str, str]:
    """The [origins] table of a settings.toml that Fogwalk wrote, under keys with underscores."""
    origins = tomllib.loads(path.read_bytes().decode("utf-8-sig")).get("origins", {})
    if not isinstance(origins, dict):
        return {}
    return {str(key).replace("-", "_"): str(value) for key, value in origins.items()}


def write_value(value: Any) -> str:
    """One value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # A JSON string is a TOML basic string, once the one character JSON leaves bare is escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, tuple):
        return f"[{', '.join(write_value(part) for part in value)}]"
    return repr(value)
