"""Words on the command line -> values, with a 'did you mean' for what is misspelled.

Before this   cli/__init__.py has picked the command.
After this    each command's file declares its arguments with this parser.
The standard library's argparse: `--help` answers in a tenth of a second, and what was typed is told from defaults.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Container
from pathlib import Path
from typing import Any, NoReturn

from fogwalk.errors import UsageError
from fogwalk.registry import nearest
from fogwalk.runs.control import Wish
from fogwalk.settings import PRESETS, Settings, Source, declared, file, preset

EXAMPLES = """examples:
  fogwalk train book.txt --minutes 5
  fogwalk train book.txt --model.layers 6 --training.steps 2000 --out runs/mine
  fogwalk train --config runs/mine/settings.toml
  fogwalk train --resume last"""


METAVARS = {int: "N", float: "X", bool: "BOOL", str: "NAME"}


class Parser(argparse.ArgumentParser):
    """An argument parser whose mistakes are UsageErrors that name the nearest right flag."""

    def __init__(self, command: str, summary: str, epilog: str = "") -> None:
        super().__init__(
            prog=f"fogwalk {command}",
            description=summary,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        # argparse takes -1e-3 for an option; here it is a value, to be refused in words.
        self._negative_number_matcher = re.compile(r"^-(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$|^-(inf|nan)$", re.IGNORECASE)
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def read(self, words: list[str]) -> argparse.Namespace:
        """Parse, refusing what is not known."""
        found, rest = self.parse_known_args(words)
        if not rest:
            return found
        wrong = next((word for word in rest if word.startswith("-")), rest[0])
        if not wrong.startswith("-"):
            raise UsageError(f"{self.prog}: '{wrong}' is one argument too many", remedy=f"See {self.prog} --help.")
        name = wrong.split("=")[0]
        options = [option for action in self._actions for option in action.option_strings if option.startswith("--")]
        known = [option for option in options if option not in ("--help", "--debug")]
        # A name without its section, such as --layers, means the setting of that name.
        close = [option for option in known if option.rpartition(".")[2] == name.lstrip("-")] or nearest(name, known)
        remedy = f"Did you mean {' or '.join(close)}?" if close else f"See {self.prog} --help."
        raise UsageError(f"{self.prog}: unknown option {name}", remedy=remedy)

    def error(self, message: str) -> NoReturn:
        if match := re.match(r"argument (\S+): expected one argument", message):
            raise UsageError(f"{self.prog}: {match[1]} needs a value after it")
        if match := re.match(r"argument (\S+): expected (\d) arguments", message):
            action = next(action for action in self._actions if match[1] in action.option_strings)
            raise UsageError(
                f"{self.prog}: {match[1]} needs {match[2]} values after it: {' '.join(action.metavar or ())}"
            )
        if match := re.match(r"argument (\S+): invalid (int|float) value: (.*)", message):
            expected = {"int": "It must be a whole number.", "float": "It must be a number."}[match[2]]
            raise UsageError(f"{self.prog}: {match[1]} cannot be {match[3]}", expected=expected)
        raise UsageError(f"{self.prog}: {message}", remedy=f"See {self.prog} --help.")


TITLES = {
    "": "the run",
    "data": "data",
    "model": "model",
    "optimizer": "optimizer",
    "training": "training",
    "insight": "looks inside",
}


# What may be typed for short.
SHORT = {"data.target": ("--target",)}


def add_settings(parser: Parser, sections: Container[str] = TITLES) -> None:
    """One flag for every setting of these sections, grouped as the tree is; what is not typed leaves no trace.

    A preset and a settings file go with the section of the run itself.
    """
    groups = {name: parser.add_argument_group(title) for name, title in TITLES.items() if name in sections}
    defaults = Settings().flat()
    for item in declared().values():
        group = item.key.rpartition(".")[0]
        if item.key == "data.path" or group not in groups:
            continue
        default = defaults.get(item.key)
        only = f"[{', '.join(item.kinds)}] " if item.kinds and "transformer" not in item.kinds else ""
        told = "" if default in (None, "", "auto") or "default" in item.help else f" (default: {_word(default)})"
        groups[group].add_argument(
            f"--{item.flag}",
            *SHORT.get(item.key, ()),
            dest=f"setting {item.key}",
            metavar=METAVARS.get(item.type, "N,N"),
            default=argparse.SUPPRESS,
            help=(only + item.help + told).replace("%", "%%"),
        )
    if "" not in groups:
        return
    groups[""].add_argument("--preset", help=f"a named starting point: {' | '.join(PRESETS)}")
    groups[""].add_argument("--config", metavar="FILE", help="settings from a TOML file, such as a run's settings.toml")


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)


def sources(found: argparse.Namespace) -> list[Source]:
    """What the person chose, weakest first: preset, file, command line."""
    chosen: list[Source] = []
    if getattr(found, "preset", None):
        chosen.append(preset(found.preset))
    if getattr(found, "config", None):
        chosen.append(file(Path(found.config)))
    typed = {key.removeprefix("setting "): value for key, value in vars(found).items() if key.startswith("setting ")}
    if getattr(found, "path", None):
        typed["data.path"] = found.path
    return [*chosen, Source("command line", typed)]


def add_run(parser: Parser) -> None:
    """The run a command is about: `last` unless named."""
    parser.add_argument("run", nargs="?", default="last", help="a run's name or folder (default: last, the newest)")


def add_observe(parser: Parser) -> None:
    """The page, while it trains."""
    parser.add_argument(
        "--observe", action="store_true", help="open a page on this machine that shows the run as it learns"
    )
    parser.add_argument(
        "--pace",
        type=float,
        metavar="X",
        help="at most X steps a second, to watch it; 0 waits before the first until the page says go",
    )


def wish_of(found: argparse.Namespace) -> Wish:
    """What is wished of a training until the page wishes otherwise. Raises UsageError for a pace that cannot be."""
    if found.pace == 0:
        return Wish(until=0)
    try:
        return Wish(pace=found.pace)
    except UsageError:
        raise UsageError(f"--pace cannot be {found.pace:g}", expected="It is steps a second, 0 or more.") from None


def add_json(parser: Parser) -> None:
    """--json for programs."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
