"""fogwalk verify: whether a run's files are as written, its settings and resume state sound, its training repeatable."""

from __future__ import annotations

import argparse

from fogwalk.cli.parsing import Parser, add_json, add_run


def parser(summary: str) -> Parser:
    """Which run, and whether to train again."""
    parser = Parser("verify", summary)
    add_run(parser)
    parser.add_argument(
        "--replay", action="store_true", help="train the last checkpoint interval again, compare the bits"
    )
    add_json(parser)
    return parser


def run(found: argparse.Namespace) -> int:
    """Print each check; exit 1 when one fails."""
    from fogwalk.cli.plain import printable
    from fogwalk.cli.tables import print_json
    from fogwalk.runs.folder import find
    from fogwalk.verify import verify

    checks = list(verify(find(found.run), replay=found.replay))
    if found.json:
        print_json([{"check": item.what, "passed": item.passed, "details": item.details} for item in checks])
    else:
        for item in checks:
            line = f"{'ok  ' if item.passed else 'BAD '}  {item.what}{': ' if item.details else ''}{item.details}"
            print(printable(line))
    return 0 if all(item.passed for item in checks) else 1
