"""Frozen settings, and where each value came from: default, preset, file, flag, or measured."""

from fogwalk.settings.fields import flag
from fogwalk.settings.models import (
    ACTIVATIONS,
    READS,
    Convolutional,
    Mlp,
    Model,
    Plain,
    Transformer,
    Vision,
    require_reads,
)
from fogwalk.settings.presets import PRESETS
from fogwalk.settings.resolve import Source, file, load_settings, nested, preset, resolve, typed
from fogwalk.settings.toml import write_toml, write_value
from fogwalk.settings.tree import Data, Declared, Insight, Optimizer, Settings, Training, declared, require_fitting
from fogwalk.settings.unused import unused

__all__ = [
    "ACTIVATIONS",
    "PRESETS",
    "READS",
    "Convolutional",
    "Data",
    "Declared",
    "Insight",
    "Mlp",
    "Model",
    "Optimizer",
    "Plain",
    "Settings",
    "Source",
    "Training",
    "Transformer",
    "Vision",
    "declared",
    "file",
    "flag",
    "load_settings",
    "nested",
    "preset",
    "require_fitting",
    "require_reads",
    "resolve",
    "typed",
    "unused",
    "write_toml",
    "write_value",
]
