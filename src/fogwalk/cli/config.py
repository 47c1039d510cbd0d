"""fogwalk config: the settings of a run as TOML, and with --why where each value came from."""

from __future__ import annotations

import argparse

from fogwalk.cli.parsing import Parser, add_json, add_run


def parser(summary: str) -> Parser:
    """Which run."""
    parser = Parser("config", summary)
    add_run(parser)
    parser.add_argument("--why", action="store_true", help="where each value came from")
    add_json(parser)
    return parser


def run(found: argparse.Namespace) -> int:
    """Print the settings."""
    from fogwalk.cli.plain import printable
    from fogwalk.cli.tables import print_json, print_table
    from fogwalk.runs.catalogue import newest_settings
    from fogwalk.runs.folder import find
    from fogwalk.settings import flag, load_settings, write_value

    folder = find(found.run)
    settings = load_settings(newest_settings(folder))
    values = {key: value for key, value in settings.flat().items() if value is not None}
    if found.json:
        print_json({flag(key): {"value": value, "origin": settings.origin(key)} for key, value in values.items()})
    elif found.why:
        rows = [(flag(key), write_value(value), settings.origin(key)) for key, value in values.items()]
        print_table(("setting", "value", "came from"), rows)
    else:
        print(printable(newest_settings(folder).read_text(encoding="utf-8")), end="")
    return 0
