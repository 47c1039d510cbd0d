"""One setting: a dataclass field with its help sentence and its limits written once, beside it.

Before this   errors.py, registry.py.
After this    tree.py declares the settings with it; resolve.py converts and checks; cli/ makes flags and help from it.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from fogwalk.errors import SettingError
from fogwalk.registry import nearest


def setting(
    default: Any,
    help: str,
    *,
    choices: Iterable[str] | None = None,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    resumable: bool = False,
) -> Any:
    """A dataclass field with a help sentence and limits.

    `least`/`most` are inclusive, `above`/`below` exclusive. `resumable` settings may differ when a run is resumed,
    because they do not change what a step computes.
    """
    limits = {"choices": choices, "least": least, "above": above, "most": most, "below": below}
    return dataclasses.field(default=default, metadata={"help": help, "resumable": resumable, **limits})


def types_of(group: type) -> dict[str, tuple[Any, bool]]:
    """For each field of a settings dataclass: the type of its value (such as int, or tuple[str, ...] whole), and
    whether it may be left open (None: chosen for this data and machine)."""
    hints = typing.get_type_hints(group)
    result: dict[str, tuple[Any, bool]] = {}
    for field in dataclasses.fields(group):
        hint, optional = hints[field.name], False
        if isinstance(hint, types.UnionType):
            optional = True
            hint = next(arm for arm in typing.get_args(hint) if arm is not type(None))
        result[field.name] = (hint, optional)
    return result


def counted(count: int, thing: str) -> str:
    """A number of things, in words: 1 head, 3 heads, 1,000 steps."""
    return f"{count:,} {thing}{'s' * (count != 1)}"


def flag(key: str) -> str:
    """How a dotted key is spelled on the command line and in TOML: `training.save_every` -> `training.save-every`."""
    return key.replace("_", "-")


def convert(key: str, value: Any, kind: Any, optional: bool) -> Any:
    """`value` as the type the setting has: text from the command line is parsed, typed TOML values are checked."""
    if value is None and optional:
        return None
    if typing.get_origin(kind) is tuple:
        element = typing.get_args(kind)[0]
        if element is str and isinstance(value, str):
            value = (value,)  # one path; a comma may well stand in its name
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, list | tuple):
            many = {str: "a text, or several in a list"}
            raise _wrong(key, value, many.get(element, "whole numbers with commas between them, such as 128,64"))
        return tuple(convert(key, part, element, False) for part in parts)
    converter: Callable[[str, Any], Any] = {bool: _boolean, int: _whole, float: _number, str: _text}[kind]
    return converter(key, value)


def _wrong(key: str, value: Any, expected: str) -> SettingError:
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return SettingError(key, found=f"{flag(key)} cannot be {shown}", expected=f"It is {expected}.")


def _boolean(key: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
    if isinstance(value, str) and value.lower() in words:
        return words[value.lower()]
    raise _wrong(key, value, "true or false")


def _whole(key: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        if isinstance(value, str):
            number = float(value.replace("_", ""))
            if number.is_integer():
                return int(value.replace("_", "")) if "e" not in value.lower() and "." not in value else int(number)
    except (ValueError, OverflowError):
        pass
    raise _wrong(key, value, "a whole number")


def _number(key: str, value: Any) -> float:
    try:
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise _wrong(key, value, "a number")


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(key, value, "a text (in quotes, in a TOML file)")
    # Half a surrogate is how Python holds a file name that is not UTF-8; settings.toml could not hold it.
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise _wrong(key, value, "Unicode text; rename what is not")
    return value


def check_limits(prefix: str, group: Any) -> None:
    """Raise SettingError for the first field of a settings dataclass whose value is outside its limits."""
    for field in dataclasses.fields(group):
        value = getattr(group, field.name)
        if "help" not in field.metadata or value is None:
            continue
        for part in value if isinstance(value, tuple) else (value,):
            _check_one(f"{prefix}{field.name}", part, field.metadata)


def _check_one(key: str, value: Any, limits: Mapping[str, Any]) -> None:
    if limits["choices"] is not None and value not in limits["choices"]:
        close = nearest(str(value), limits["choices"])
        raise SettingError(
            key,
            found=f"{flag(key)} cannot be '{value}'",
            expected=f"It can be: {', '.join(limits['choices'])}.",
            remedy=f"Did you mean {' or '.join(close)}?" if close else "",
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        return
    expected = range_in_words(limits)
    odd = isinstance(value, float) and (math.isnan(value) or (math.isinf(value) and expected != ""))
    inside = (
        not odd
        and (limits["least"] is None or value >= limits["least"])
        and (limits["above"] is None or value > limits["above"])
        and (limits["most"] is None or value <= limits["most"])
        and (limits["below"] is None or value < limits["below"])
    )
    if not inside:
        shown = value if isinstance(value, int) else f"{value:g}"
        raise SettingError(
            key, found=f"{flag(key)} cannot be {shown}", expected=f"It must be {'finite and ' * odd}{expected}."
        )


def range_in_words(limits: Mapping[str, Any]) -> str:
    """The limits of a setting as words: 'at least 1', 'above 0 and below 1'; empty when there are none."""
    words = {"least": "at least", "above": "above", "most": "at most", "below": "below"}
    shown = {name: limits[name] for name in words if limits[name] is not None}
    return " and ".join(
        f"{words[name]} {limit:,}" if isinstance(limit, int) else f"{words[name]} {limit:g}"
        for name, limit in shown.items()
    )
