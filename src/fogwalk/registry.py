"""Tables "name -> module:object", opened only when a name is asked for; a wrong name answers with the nearest right ones.

Before this   errors.py.
After this    settings.py reads the names a setting may take; tasks/, models/ and training/ fetch the objects.
Does not import what it lists: `fogwalk train --help` prints every optimizer's name without loading torch.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from fogwalk.errors import UsageError


def nearest(word: str, choices: Iterable[str], most: int = 3) -> list[str]:
    """The choices that look most like `word`, best first; empty when none is close.

    >>> nearest("rotery", ["rotary", "alibi"])
    ['rotary']
    """
    names = list(choices)
    folded = {name.lower(): name for name in reversed(names)}
    return [folded[match] for match in get_close_matches(word.lower(), folded, n=most, cutoff=0.6)]


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """A sentence naming the nearest choices, or all of them when none is close."""
    names = list(choices)
    close = nearest(word, names)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"It can be one of: {', '.join(names)}."


class Registry:
    """One family of things with names, such as the optimizers; a new member is one line here and one file."""

    def __init__(self, kind: str, members: dict[str, str]) -> None:
        self.kind = kind
        self._members = members

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def get(self, name: str) -> Any:
        """The object called `name`; imports its module on first use."""
        if name not in self._members:
            raise UsageError(f"unknown {self.kind} '{name}'", remedy=did_you_mean(name, self))
        module, _, attribute = self._members[name].partition(":")
        return getattr(importlib.import_module(module), attribute)


TASKS = Registry(
    "task",
    {
        "language": "fogwalk.tasks.language:Language",
        "classification": "fogwalk.tasks.recognition:Recognition",
        "regression": "fogwalk.tasks.recognition:Recognition",
    },
)

MODELS = Registry(
    "model kind",
    {
        "transformer": "fogwalk.models.transformer:build",
        "mlp": "fogwalk.models.mlp:build",
        "plain": "fogwalk.models.plain:build",
        "convolutional": "fogwalk.models.convolutional:build",
        "vision": "fogwalk.models.transformer:build_vision",
    },
)

POSITIONS = Registry(
    "positional encoding",
    {
        "rotary": "fogwalk.models.positions.rotary:Rotary",
        "learned": "fogwalk.models.positions.learned:Learned",
        "sinusoidal": "fogwalk.models.positions.sinusoidal:Sinusoidal",
        "alibi": "fogwalk.models.positions.alibi:Alibi",
        "none": "fogwalk.models.positions.protocol:Positions",
    },
)

OPTIMIZERS = Registry(
    "optimizer",
    {
        "muon": "fogwalk.training.optimizers.muon:muon",
        "adamw": "fogwalk.training.optimizers.adamw:adamw",
        "sgd": "fogwalk.training.optimizers.sgd:sgd",
    },
)

EXPORTS = Registry(
    "export format",
    {
        "huggingface": "fogwalk.interop.huggingface:export",
        "safetensors": "fogwalk.interop.weights:export",
        "onnx": "fogwalk.interop.onnx:export",
    },
)

# How a file's documents are read, by what its name ends with once .gz or .zst is taken off; anything else is text.
SOURCES = Registry(
    "data format",
    {
        "text": "fogwalk.data.sources.text:read",
        "jsonl": "fogwalk.data.sources.lines:read",
        "csv": "fogwalk.data.sources.delimited:read",
        "parquet": "fogwalk.data.sources.parquet:read",
    },
)

# How a file's columns are read, by what its name ends with.
TABLES = Registry(
    "table format",
    {
        "csv": "fogwalk.data.tables.delimited:read",
        "jsonl": "fogwalk.data.tables.lines:read",
        "parquet": "fogwalk.data.tables.parquet:read",
        "xlsx": "fogwalk.data.tables.spreadsheet:read",
    },
)

# How the work of a module is told, by the name of its class.
ACCOUNTS = Registry(
    "account",
    {
        "Linear": "fogwalk.insight.accounts.linear:Linear",
        "Embedding": "fogwalk.insight.accounts.embedding:Embedding",
        "Activation": "fogwalk.insight.accounts.activation:Activation",
        "Dropout": "fogwalk.insight.accounts.dropout:Dropout",
        "RMSNorm": "fogwalk.insight.accounts.normalisation:RMSNorm",
        "LayerNorm": "fogwalk.insight.accounts.normalisation:LayerNorm",
        "GroupNorm": "fogwalk.insight.accounts.normalisation:GroupNorm",
        "Conv2d": "fogwalk.insight.accounts.convolution:Convolution",
        "MaxPool2d": "fogwalk.insight.accounts.convolution:Pooling",
        "Attention": "fogwalk.insight.accounts.attention:Attention",
        "Layer": "fogwalk.insight.accounts.joins:Layer",
        "FeedForward": "fogwalk.insight.accounts.feed_forward:FeedForward",
        "GatedFeedForward": "fogwalk.insight.accounts.feed_forward:Gated",
        "LanguageModel": "fogwalk.insight.accounts.joins:LanguageModel",
        "VisionTransformer": "fogwalk.insight.accounts.joins:VisionTransformer",
        "ConvolutionalNetwork": "fogwalk.insight.accounts.joins:ConvolutionalNetwork",
        "PlainNetwork": "fogwalk.insight.accounts.joins:PlainNetwork",
        "PlainLanguageModel": "fogwalk.insight.accounts.joins:PlainLanguageModel",
    },
)

# What is measured of a look inside a run.
MEASURES = Registry(
    "measure",
    {
        "forward": "fogwalk.insight.measures.forward:Forward",
        "blame": "fogwalk.insight.measures.blame:Blame",
        "updates": "fogwalk.insight.measures.updates:Updates",
        "attention": "fogwalk.insight.measures.attention:Attention",
    },
)
