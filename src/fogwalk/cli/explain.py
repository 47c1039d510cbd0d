"""fogwalk explain: one step of a run in true numbers, one answer, or what the run's numbers say about its health."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fogwalk.cli.parsing import Parser, add_json, add_run
from fogwalk.errors import UsageError
from fogwalk.runs.publish import nearest_there

if TYPE_CHECKING:
    from fogwalk.run import Run


def parser(summary: str) -> Parser:
    """Which run, and what of it."""
    parser = Parser("explain", summary)
    add_run(parser)
    parser.add_argument(
        "--step",
        type=int,
        metavar="N",
        help="this update, made again and told whole (default: the last); with --prompt the model after so many",
    )
    parser.add_argument(
        "--at",
        metavar="NAME",
        help="only this layer, value or parameter of the step, such as layers.1.attention, head.weight or loss; with --prompt "
        "this layer or value of the answer",
    )
    parser.add_argument("--row", type=int, metavar="N", help="which record, from 0 (default 0)")
    parser.add_argument(
        "--place", type=int, metavar="N", help="with --at: which token or patch; of a parameter its column"
    )
    parser.add_argument(
        "--unit", type=int, metavar="N", help="with --at: which number of what comes out (default: the largest)"
    )
    parser.add_argument("--head", type=int, metavar="N", help="with --at: which attention head (default: all)")
    parser.add_argument(
        "--prompt",
        metavar="TEXT",
        help='the answer to this, and what drove it: how a text begins, a row as "age=39, sex=male", a table or an image',
    )
    parser.add_argument(
        "--out",
        metavar="FOLDER",
        help="write what is shown as data too: JSON and safetensors; with --verdicts the measures",
    )
    parser.add_argument("--verdicts", action="store_true", help="what the numbers of the run say about its health")
    add_json(parser)
    return parser


def run(found: argparse.Namespace) -> int:
    """Print it."""
    _check(found)
    from fogwalk.cli.plain import printable
    from fogwalk.cli.tables import print_json, tell_damage
    from fogwalk.run import load

    run = load(found.run)
    if found.out is not None and run.path.resolve() in (Path(found.out).resolve(), *Path(found.out).resolve().parents):
        raise UsageError(f"--out {found.out} lies in the run itself", remedy="Name a folder beside it.")
    if found.verdicts:
        _verdicts(found, run)
        return 0
    if found.prompt is not None:
        told: Any = run.explain_answer(found.prompt, row=found.row, step=found.step)
        if found.step is None:
            tell_damage(run.damage, run.step)
    else:
        told = run.explain(found.step, row=found.row or 0, name=found.at)
    if found.json:
        print_json(told.structure)
    elif found.at is None:
        print(printable(repr(told)))
    else:
        row = {} if found.row is None or found.prompt is not None else {"row": found.row}  # an answer is of one alone
        print(printable(told.at(found.at, **row, place=found.place, unit=found.unit, head=found.head)))
    if found.out is not None:
        _tell_written(told.save(found.out))
    return 0


def _tell_written(files: list[Path]) -> None:
    """Beside what is printed, not in it: that may be data."""
    from fogwalk.cli.plain import printable
    from fogwalk.cli.tables import size

    for file in files:
        print(printable(f"wrote {file} ({size(file.stat().st_size)})"), file=sys.stderr)


def _verdicts(found: argparse.Namespace, run: Run) -> None:
    from dataclasses import asdict

    from fogwalk.cli.plain import printable
    from fogwalk.cli.tables import print_json

    if found.json:
        print_json([asdict(verdict) for verdict in run.verdicts()])
    else:
        print(printable(run.health()))
    if found.out is not None:
        from fogwalk.insight.form import of_measures, write

        _tell_written(write(Path(found.out), *of_measures(run.folder)))


def _check(found: argparse.Namespace) -> None:
    """What goes with what, before any work is done."""
    if found.out is not None:
        _check_out(found.out)
    if found.verdicts:
        for name in ("step", "row"):
            if getattr(found, name) is not None:
                raise UsageError(
                    f"--{name} says nothing of the verdicts, which are of the whole run", remedy="Leave it out."
                )
    if found.at is None:
        for name in ("place", "unit", "head"):
            if getattr(found, name) is not None:
                raise UsageError(f"--{name} goes with --at", remedy="Name what to look at: --at layers.0")
    if found.json and found.at is not None:
        raise UsageError(
            "--json tells the whole step, and --at one entry", remedy="Leave one out, or use --out FOLDER."
        )
    for flag in ("at", "prompt"):
        if found.verdicts and getattr(found, flag) is not None:
            raise UsageError(f"--{flag} and --verdicts ask for two different things", remedy="Leave one out.")


def _check_out(out: str) -> None:
    """Raise UsageError where nothing can be written."""
    if not out:
        raise UsageError("--out names no folder", remedy="Name one: --out step-120.")
    place = nearest_there(Path(out))
    if not place.is_dir():
        raise UsageError(f"--out {out}: {place} is not a folder", remedy="Name another one.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UsageError(f"--out {out}: {place} cannot be written", remedy="Name another folder.")
