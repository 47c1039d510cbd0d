"""A choice to be measured, written as flags without their dashes: `model.layers=4 training.batch=8`."""

from __future__ import annotations

from fogwalk import hardware
from fogwalk.cli.parsing import sources
from fogwalk.cli.train import parser
from fogwalk.registry import TASKS
from fogwalk.settings import Settings, resolve
from fogwalk.training import pace, plan


def flags(choice: str) -> list[str]:
    """The words of the command line that a choice stands for."""
    return [part for word in choice.split() for part in (f"--{word.partition('=')[0]}", word.partition("=")[2])]


def settings_of(path: str, choice: str) -> Settings:
    """The settings of a choice, with everything but its length closed."""
    words = [path, *flags(choice), "--training.steps", "1000", "--training.compile", "off"]
    return plan.close_before_data(resolve(*sources(parser("").read(words))))


def step_seconds(path: str, choice: str) -> float:
    """How long a step of a choice takes here: the quicker of two trials, each the median of a few eager steps."""
    settings = settings_of(path, choice)
    assert settings.threads
    with hardware.exactly(settings.threads):
        task = TASKS.get(settings.task)(settings)
        return min(pace.measure(settings, task, compiled="off").step for _ in range(2))
