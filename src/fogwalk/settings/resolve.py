"""Defaults < preset < file < command line: one settings tree from many sources, each value knowing its origin.

Before this   tree.py declares; toml.py reads files; cli/ hands over the flags that were typed.
After this    trainer.py closes what was left open.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any

from fogwalk.errors import SettingError, UsageError
from fogwalk.registry import did_you_mean, nearest
from fogwalk.settings.fields import convert, flag
from fogwalk.settings.models import MODEL_GROUPS, READS
from fogwalk.settings.presets import PRESETS
from fogwalk.settings.toml import read_origins, read_toml
from fogwalk.settings.tree import GROUPS, Declared, Settings, declared


@dataclass(frozen=True)
class Source:
    """Values by dotted key and where they were written; later sources win over earlier ones."""

    name: str
    values: Mapping[str, Any]
    lines: Mapping[str, int] = field(default_factory=dict)

    def origin(self, key: str) -> str:
        """For a message: 'run.toml line 7', 'command line (--model.width)', 'preset tiny'."""
        if key in self.lines:
            return f"{self.name} line {self.lines[key]}"
        typed = self.name == "command line" and key != "data.path"  # the path stands by itself
        return f"{self.name} (--{flag(key)})" if typed else self.name


def preset(name: str) -> Source:
    """The values of a preset."""
    if name not in PRESETS:
        raise UsageError(f"unknown preset '{name}'", remedy=did_you_mean(name, PRESETS))
    return Source(f"preset '{name}'", PRESETS[name])


def file(path: Path) -> Source:
    """The values of a TOML settings file."""
    values, lines = read_toml(path)
    return Source(str(path), values, lines)


def nested(values: Mapping[str, Any], name: str = "arguments") -> Source:
    """The values of Python arguments: groups as dicts, `{"model": {"layers": 6}, "seed": 7}`."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= {f"{key}.{inner}".replace("-", "_"): content for inner, content in value.items()}
        else:
            flat[key.replace("-", "_")] = value
    return Source(name, {key: str(value) if isinstance(value, PurePath) else value for key, value in flat.items()})


def resolve(*sources: Source) -> Settings:
    """One checked settings tree; raises SettingError or UsageError that say where the wrong value came from."""
    chosen: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for source in sources:
        values = typed(source)
        chosen |= values
        origins |= {key: source.origin(key) for key in source.values}
        # Whether to find the rate was said with the rate.
        origins |= {key: source.origin("optimizer.learning_rate") for key in values if key not in source.values}
    try:
        return _build(chosen, origins, declared())
    except SettingError as error:
        if error.origin:
            raise
        told = "; ".join(f"{flag(key)} came from {origins.get(key, 'the defaults')}" for key in error.keys) + "."
        raise SettingError(
            *error.keys, found=error.found, expected=error.expected, remedy=error.remedy, origin=told
        ) from None


def typed(source: Source) -> dict[str, Any]:
    """The values of one source as the types their settings have; raises where a key or a value is none."""
    known = declared()
    values: dict[str, Any] = {}
    for key, value in source.values.items():
        if key not in known:
            raise _unknown(key, source, known)
        if key == "optimizer.learning_rate" and value == "find":
            values["optimizer.find_rate"] = True
            continue
        if key == "optimizer.learning_rate" and value is not None and "optimizer.find_rate" not in source.values:
            values["optimizer.find_rate"] = False  # whatever an earlier source said: the rate is given
        try:
            values[key] = convert(key, value, known[key].type, known[key].optional)
        except SettingError as error:
            expected = "It is a number, or find." if key == "optimizer.learning_rate" else error.expected
            origin = f"It came from {source.origin(key)}."
            raise SettingError(key, found=error.found, expected=expected, origin=origin) from None
    return values


def load_settings(path: Path) -> Settings:
    """A settings.toml that Fogwalk wrote into a run, with the origins it remembers."""
    values, lines = read_toml(path)
    settings = resolve(Source(str(path), values, lines))
    origins = {key: value for key, value in read_origins(path).items() if key in settings.flat()}
    return dataclasses.replace(settings, origins=MappingProxyType(origins))


def _build(chosen: Mapping[str, Any], origins: Mapping[str, str], known: Mapping[str, Declared]) -> Settings:
    kind = chosen.get("model_kind", "transformer")
    # An unknown kind is refused by Settings itself, with the kinds there are.
    model_group = MODEL_GROUPS.get(kind, MODEL_GROUPS["transformer"])
    grouped: dict[str, dict[str, Any]] = {name: {} for name in GROUPS}
    top: dict[str, Any] = {}
    for key, value in chosen.items():
        group, _, name = key.rpartition(".")
        kinds = known[key].kinds
        if kinds is not None and kind in MODEL_GROUPS and kind not in kinds:
            raise SettingError(
                key,
                found=f"{flag(key)} belongs to the model kind{'s' * (len(kinds) > 1)} {' and '.join(kinds)}, but this model "
                f"is of the kind {kind}",
                remedy="Leave it out."
                if not (fitting := [other for other in kinds if set(READS[other]) & set(READS[kind])])
                else f"Leave it out, or, for {' or '.join(READS[fitting[0]])}, add --model-kind {fitting[0]}.",
                origin=f"It came from {origins[key]}.",
            )
        if group:
            grouped[group][name] = value
        else:
            top[key] = value
    groups = {name: (model_group if group is None else group)(**grouped[name]) for name, group in GROUPS.items()}
    return Settings(**top, **groups, origins=MappingProxyType(dict(origins)))


def _unknown(key: str, source: Source, known: Mapping[str, Declared]) -> UsageError:
    origin = f"It came from {source.origin(key)}."
    group, _, name = key.rpartition(".")
    if isinstance(source.values[key], dict) or (group and group not in GROUPS):
        section = key if isinstance(source.values[key], dict) else group
        return UsageError(f"unknown section [{flag(section)}]", remedy=did_you_mean(section, GROUPS), origin=origin)
    spelled = [flag(candidate) for candidate in known]
    # A right name in the wrong section means the setting of that name.
    close = [flag(candidate) for candidate in known if candidate.rpartition(".")[2] == name]
    close = close or nearest(flag(key), spelled)
    remedy = f"Did you mean {' or '.join(close)}?" if close else "`fogwalk train --help` lists every setting."
    return UsageError(f"unknown setting {flag(key)}", remedy=remedy, origin=origin)
