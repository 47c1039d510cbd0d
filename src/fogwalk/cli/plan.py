"""fogwalk plan: what `train` would do with the same words, without training: data, model, steps, memory, time, and why."""

from __future__ import annotations

import argparse

from fogwalk.cli.parsing import Parser, add_json, add_settings, sources
from fogwalk.errors import UsageError


def parser(summary: str) -> Parser:
    """The words of train."""
    parser = Parser("plan", summary)
    parser.add_argument("path", nargs="*", help="files, folders, patterns such as 'notes/*.md', or sample:python-docs")
    add_settings(parser)
    add_json(parser)
    return parser


def run(found: argparse.Namespace) -> int:
    """Plan and print."""
    from fogwalk.data.recognise import settled

    settings = settled(*sources(found))
    if not settings.data.path:
        raise UsageError("nothing to plan for", remedy="Name a text: fogwalk plan book.txt")
    from fogwalk import trainer
    from fogwalk.cli.progress import Progress, clock
    from fogwalk.cli.tables import print_json, size
    from fogwalk.settings import flag
    from fogwalk.training.course import UNTIL_CONVERGED
    from fogwalk.training.session import Told

    with Progress(as_json=found.json) as progress:
        plan = trainer.forecast(settings, tell=progress.tell, began=found.began)
        steps = plan.settings.training.steps or 0
        known = steps < UNTIL_CONVERGED
        if found.json:
            values = {flag(key): value for key, value in plan.settings.flat().items() if value is not None}
            told = {"steps": steps if known else None, "seconds": plan.seconds if known else None}
            print_json({"parameters": plan.parameters, "memory_bytes": plan.memory, **told, "settings": values})
            return 0
        time = f"{clock(plan.seconds)} in all, this planning included" if known else "until validation improves no more"
        progress.tell(Told("memory", f"about {size(plan.memory)} at its most"))
        progress.tell(Told("time", time))
    return 0
