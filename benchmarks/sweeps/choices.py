"""A choice to be measured, written as flags without their dashes: `model.layers=4 training.batch=8`."""

from __future__ import annotations

from fogwalk.cli.parsing import sources
from fogwalk.cli.train import parser
from fogwalk.settings import Settings, resolve
from fogwalk.training import plan


def flags(choice: str) -> list[str]:
    """The words of the command line that a choice stands for."""
    return [part for word in choice.split() for part in (f"--{word.partition('=')[0]}", word.partition("=")[2])]


def settings_of(path: str, choice: str) -> Settings:
    """The settings of a choice, with everything but its length closed."""
    words = [path, *flags(choice), "--training.steps", "1000", "--training.compile", "off"]
    return plan.close_before_data(resolve(*sources(parser("").read(words))))
