"""fogwalk parameters: every group of dials: name, shape, count, size."""

from __future__ import annotations

import argparse
from typing import Any

from fogwalk.cli.parsing import Parser, add_json, add_run


def parser(summary: str) -> Parser:
    """Which run."""
    parser = Parser("parameters", summary)
    add_run(parser)
    add_json(parser)
    return parser


def run(found: argparse.Namespace) -> int:
    """Print the table."""
    from fogwalk.cli.tables import print_json, print_table, size
    from fogwalk.run import load

    model = load(found.run).model
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "shape": list(value.shape),
            "count": value.numel(),
            "bytes": value.numel() * value.element_size(),
        }
        for name, value in model.named_parameters()
    ]
    if found.json:
        print_json(rows)
        return 0
    total = sum(row["count"] for row in rows)
    weight = sum(row["bytes"] for row in rows)
    shown = [(row["name"], " x ".join(map(str, row["shape"])), f"{row['count']:,}", size(row["bytes"])) for row in rows]
    print_table(
        ("parameter", "shape", "count", "size"), [*shown, ("all", "", f"{total:,}", size(weight))], right=(2, 3)
    )
    return 0
