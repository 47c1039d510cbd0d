"""fogwalk demo: the default transformer on English text that every Python carries, for about 90 seconds."""

from __future__ import annotations

import argparse

from fogwalk.cli.parsing import Parser, add_observe, add_settings, sources
from fogwalk.cli.train import train
from fogwalk.settings import Source, resolve


def parser(summary: str) -> Parser:
    """The same flags as train, weaker defaults below them."""
    parser = Parser("demo", summary)
    add_observe(parser)
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="json: one event a line")
    add_settings(parser)
    return parser


def run(found: argparse.Namespace) -> int:
    """Train on sample:python-docs."""
    demo = Source("the demo", {"data.path": "sample:python-docs", "minutes": 1.5, "training.sample_prompt": "The "})
    return train(found, resolve(demo, *sources(found)))
