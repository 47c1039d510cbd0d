"""fogwalk export: a trained model in a form that other tools open."""

from __future__ import annotations

import argparse

from fogwalk.cli.parsing import Parser, add_run
from fogwalk.errors import UsageError
from fogwalk.registry import EXPORTS


def parser(summary: str) -> Parser:
    """Which run, which form, where to."""
    parser = Parser("export", summary, "example: fogwalk export last --to huggingface exported")
    add_run(parser)
    parser.add_argument(
        "--to", nargs=2, required=True, metavar=("FORMAT", "DIR"), help=f"{' | '.join(EXPORTS)}, and a new folder"
    )
    parser.add_argument("--step", type=int, help="the checkpoint to use (default: the best validated)")
    return parser


def run(found: argparse.Namespace) -> int:
    """Write the folder."""
    name, target = found.to
    if name not in EXPORTS:
        EXPORTS.get(name)  # raises, naming the nearest
    from pathlib import Path

    from fogwalk.cli.tables import tell_damage
    from fogwalk.run import load

    place = Path(target).expanduser()
    if place.is_file() or (place.is_dir() and any(place.iterdir())):
        raise UsageError(f"{place} is not empty", remedy="Name a new folder.")
    run = load(found.run, step=found.step)
    tell_damage(run.damage, run.step)
    EXPORTS.get(name)(run, place)
    print(f"wrote {place} ({name}), the model of {run.folder.name} at step {run.step}")
    if name != "huggingface":
        return 0
    print(
        f"next    python -c \"from transformers import pipeline; print(pipeline('text-generation', '{place}')('The'))\""
    )
    return 0
