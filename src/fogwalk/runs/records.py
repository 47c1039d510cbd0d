"""What a line of events.jsonl and the whole of status.json must hold, by type: what is read here holds it, so that no reader has
to be afraid. Of what does not, in words, what was found and what was expected.

Before this   ../events.py says what an event is: its fields are the schema.
After this    log.py and folder.py read through it.
"""

from __future__ import annotations

import json
import math
import typing
from dataclasses import dataclass, replace
from typing import Any, SupportsFloat

from fogwalk import events

DEEPEST = 32  # lists and tables within each other
MOST = 2**53  # whole numbers up to which a number with a point tells them apart
# What of each event its readers cannot do without; they ask whether the rest is there.
NEEDED = {
    "planned": ("steps", "settings", "data", "model"),
    "step": ("loss", "seconds", "examples"),
    "evaluated": ("validation_loss",),
    "sampled": ("prompt", "text"),
    "saved": (),
    "warned": ("message",),
    "resumed": ("steps",),
    "replanned": ("steps", "settings", "reason", "why"),
    "stopped": ("reason",),
}
NEVER_NULL = ("seconds", "learning_rate")


class Unreadable(ValueError):
    """A line or a file that does not hold what it must: what was found, and what was expected."""


@dataclass(frozen=True)
class Kind:
    """A kind of value: the Python types that hold it, and its name."""

    name: str
    types: tuple[type, ...]
    null: bool = False
    numbers: bool = False  # a table that holds nothing else

    def holds(self, value: Any) -> bool:
        """Whether a value is of this kind, and no larger than can be counted with."""
        if value is None:
            return self.null
        kind = type(value)
        if kind not in self.types:
            return False
        if kind is float:
            return math.isfinite(value)
        if kind is int:
            return bool(-MOST <= value <= MOST)
        return not self.numbers or all(one is None or NUMBER.holds(one) for one in value.values())


WHOLE, NUMBER = Kind("a whole number", (int,)), Kind("a number", (int, float))
WORDS, TABLE, TRUTH = Kind("text", (str,)), Kind("a table", (dict,)), Kind("true or false", (bool,))
NUMBERS = Kind("a table of numbers", (dict,), numbers=True)


def _kind(hint: Any, name: str) -> Kind:
    """The kind of a field of an event, by what it is declared as; a number that was not finite was written as null."""
    choices = typing.get_args(hint) if type(None) in typing.get_args(hint) else (hint,)
    (plain,) = (choice for choice in choices if choice is not type(None))
    by_hint = {int: WHOLE, float: NUMBER, SupportsFloat: NUMBER, str: WORDS, bool: TRUTH, dict[str, float]: NUMBERS}
    kind = by_hint.get(plain, TABLE)
    null = type(None) in choices or (kind is NUMBER and name not in NEVER_NULL)
    return replace(kind, null=null)


EVENTS: dict[str, dict[str, Kind]] = {
    "step" if kind is events.StepDone else kind.__name__.lower(): {
        name: _kind(hint, name) for name, hint in typing.get_type_hints(kind).items()
    }
    for kind in events.Event.__subclasses__()
}
STATUS = {
    "state": WORDS,
    "step": WHOLE,
    "steps": Kind("a whole number", (int,), null=True),
    "started": NUMBER,
    "heartbeat": NUMBER,
    "pid": WHOLE,
    "host": WORDS,
}
_PLAIN = json.JSONDecoder(parse_constant=lambda _: None)  # NaN and Infinity, which are no JSON, are null


def read_event(line: bytes) -> dict[str, Any]:
    """The event that a line holds. Raises Unreadable for a line that holds none, or not all that its readers need."""
    record = read_table(line)
    name, step = record.get("event"), record.get("step")
    if not isinstance(name, str):
        raise Unreadable("it names no event")
    if not WHOLE.holds(step) or step < 0:  # type: ignore[operator]  # it is a number then
        raise Unreadable(_wrong("step", record, WHOLE))
    known = EVENTS.get(name)
    if known is None:  # of a newer version: nobody reads it by name
        return record
    for field in NEEDED[name]:
        if field not in record:
            raise Unreadable(f"an event '{name}' of step {step:,} without its {field}")
    for field, value in record.items():
        kind = known.get(field)
        if kind is not None and not kind.holds(value):
            raise Unreadable(_wrong(field, record, kind))
    return record


def read_status(content: bytes) -> tuple[dict[str, Any], str]:
    """What a status.json holds as it should be, and what of it does not, in words."""
    try:
        status = read_table(content)
    except Unreadable as error:
        return {}, str(error)
    wrong = [name for name, kind in STATUS.items() if name in status and not kind.holds(status[name])]
    kept = {name: value for name, value in status.items() if name not in wrong}
    return kept, "; ".join(_wrong(name, status, STATUS[name]) for name in wrong)


def read_table(content: bytes) -> dict[str, Any]:
    """A JSON object. Raises Unreadable for anything else."""
    try:
        found = _PLAIN.decode(content.decode())
    except UnicodeDecodeError:
        raise Unreadable("it is no text in UTF-8") from None
    except RecursionError:
        raise Unreadable(f"lists or tables lie more than {DEEPEST} deep in each other") from None
    except ValueError:
        raise Unreadable("it is no whole JSON object") from None
    if not isinstance(found, dict):
        raise Unreadable("it is no JSON object")
    nested = b"[" in content or content.count(b"{") > 1
    if nested and any(_deeper(value, DEEPEST) for value in found.values()):
        raise Unreadable(f"lists or tables lie more than {DEEPEST} deep in each other")
    if b"\\u" in content and not _whole_letters(found):
        raise Unreadable("a letter of it is cut in half (a lone surrogate)")
    return found


def _deeper(value: Any, left: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    return left == 0 or any(
        _deeper(inner, left - 1) for inner in (value.values() if isinstance(value, dict) else value)
    )


def _whole_letters(found: dict[str, Any]) -> bool:
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _wrong(field: str, record: dict[str, Any], kind: Kind) -> str:
    if field not in record:
        return f"its {field} is missing, and it is {kind.name}"
    shown = json.dumps(record[field])
    return f"its {field} is {shown if len(shown) <= 40 else shown[:40] + '…'}, and it is {kind.name}"
