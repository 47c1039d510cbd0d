"""fogwalk compare: two runs side by side: what was set differently, and what came of it."""

from __future__ import annotations

import argparse
from typing import Any

from fogwalk.cli.parsing import Parser, add_json


def parser(summary: str) -> Parser:
    """Two runs."""
    parser = Parser("compare", summary)
    parser.add_argument("first", help="a run's name or folder")
    parser.add_argument("second", help="another")
    add_json(parser)
    return parser


def run(found: argparse.Namespace) -> int:
    """Print what differs."""
    from fogwalk.cli.tables import print_json, print_table
    from fogwalk.runs.catalogue import newest_settings, summarise
    from fogwalk.runs.folder import find
    from fogwalk.runs.log import read_story
    from fogwalk.settings import flag, load_settings

    folders = [find(found.first), find(found.second)]
    settings = [load_settings(newest_settings(folder)).flat() for folder in folders]
    keys = list(dict.fromkeys([*settings[0], *settings[1]]))
    differs = {
        flag(key): [values.get(key) for values in settings]
        for key in keys
        if settings[0].get(key) != settings[1].get(key)
    }
    results: dict[str, list[Any]] = {}
    for folder in folders:
        item = summarise(folder)
        story = read_story(folder.events)
        seconds = max((record["seconds"] for record in story), default=None)
        for name, value in (
            ("state", item.state),
            ("step", item.step),
            ("best validation loss", item.best_validation_loss),
            ("seconds", None if seconds is None else round(seconds, 1)),
        ):
            results.setdefault(name, []).append(value)
    if found.json:
        print_json({"runs": [str(folder.path) for folder in folders], "settings": differs, "results": results})
        return 0
    rows = [*results.items(), *differs.items()]
    print_table(("", *(folder.name for folder in folders)), [(name, *map(_shown, values)) for name, values in rows])
    if not differs:
        print("\nEvery setting is the same.")
    return 0


def _shown(value: Any) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) and value > 0.01 else str(value)
