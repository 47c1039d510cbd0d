"""Frozen settings, and where each value came from: default, preset, file, flag, or measured."""

from fogwalk.settings.fields import flag
from fogwalk.settings.presets import PRESETS
from fogwalk.settings.resolve import Source, file, load_settings, nested, preset, resolve, typed
from fogwalk.settings.toml import write_toml, write_value
from fogwalk.settings.tree import (
    ACTIVATIONS,
    Data,
    Declared,
    Mlp,
    Model,
    Optimizer,
    Settings,
    Training,
    Transformer,
    declared,
)
from fogwalk.settings.unused import unused

__all__ = [
    "ACTIVATIONS",
    "PRESETS",
    "Data",
    "Declared",
    "Mlp",
    "Model",
    "Optimizer",
    "Settings",
    "Source",
    "Training",
    "Transformer",
    "declared",
    "file",
    "flag",
    "load_settings",
    "nested",
    "preset",
    "resolve",
    "typed",
    "unused",
    "write_toml",
    "write_value",
]
