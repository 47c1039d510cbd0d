"""fogwalk runs: the runs under ./runs, oldest first, without loading a model."""

from __future__ import annotations

import argparse

from fogwalk.cli.parsing import Parser, add_json


def parser(summary: str) -> Parser:
    """Nothing to choose."""
    parser = Parser("runs", summary)
    add_json(parser)
    return parser


def run(found: argparse.Namespace) -> int:
    """Print the table."""
    from fogwalk.cli.tables import print_json, print_table, size
    from fogwalk.runs.catalogue import summarise
    from fogwalk.runs.folder import RUNS, all_runs

    summaries = [summarise(folder) for folder in all_runs()]
    if found.json:
        print_json([summary.as_record() for summary in summaries])
        return 0
    if not summaries:
        print(f"no runs under {RUNS.absolute()} yet\nBegin with: fogwalk demo, or fogwalk train book.txt")
        return 0
    rows = [
        (
            item.name,
            item.task,
            item.state,
            f"{item.step}/{item.steps or '?'}",
            "" if item.best_validation_loss is None else f"{item.best_validation_loss:.4f}",
            size(item.bytes),
        )
        for item in summaries
    ]
    print_table(("run", "task", "state", "step", "best validation loss", "size"), rows, right=(3, 4, 5))
    return 0
