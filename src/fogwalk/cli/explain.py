"""fogwalk explain: one step of a run in true numbers, one answer, or what the run's numbers say about its health."""

from __future__ import annotations

import argparse

from fogwalk.cli.parsing import Parser, add_run
from fogwalk.errors import UsageError


def parser(summary: str) -> Parser:
    """Which run, and what of it."""
    parser = Parser("explain", summary)
    add_run(parser)
    parser.add_argument(
        "--step", type=int, metavar="N", help="this update, made again and told whole (default: the last)"
    )
    parser.add_argument(
        "--at",
        metavar="NAME",
        help="only this layer, value or parameter of the step, such as layers.1.attention, head.weight or loss",
    )
    parser.add_argument("--row", type=int, default=0, metavar="N", help="which record, from 0 (default 0)")
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
    return parser


def run(found: argparse.Namespace) -> int:
    """Print it."""
    _check(found)
    from fogwalk.cli.plain import printable
    from fogwalk.cli.tables import tell_damage
    from fogwalk.run import load

    run = load(found.run, step=found.step if found.prompt is not None else None)
    if found.prompt is not None:
        told = run.explain_answer(found.prompt, row=found.row, out=found.out)
        tell_damage(run.damage, run.step)
    elif found.verdicts:
        told = run.health(out=found.out)
    else:
        explanation = run.explain(found.step, row=found.row)
        where = {name: getattr(found, name) for name in ("place", "unit", "head")}
        told = repr(explanation) if found.at is None else explanation.at(found.at, **where)
        if found.out:
            explanation.save(found.out)
    print(printable(told))
    return 0


def _check(found: argparse.Namespace) -> None:
    """What goes with what."""
    if found.at is None:
        for name in ("place", "unit", "head"):
            if getattr(found, name) is not None:
                raise UsageError(f"--{name} goes with --at", remedy="Name what to look at: --at layers.0")
    chosen = [flag for flag in ("at", "prompt", "verdicts") if getattr(found, flag) not in (None, False)]
    if len(chosen) > 1:
        raise UsageError(f"--{chosen[0]} and --{chosen[1]} ask for two different things", remedy="Leave one out.")
