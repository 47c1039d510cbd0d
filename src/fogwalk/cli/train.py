"""fogwalk train: settings from what was typed, then the one function, with the progress line listening."""

from __future__ import annotations

import argparse
import shlex

from fogwalk.cli.parsing import EXAMPLES, Parser, add_settings, sources
from fogwalk.errors import UsageError
from fogwalk.runs.folder import RUNS, RunFolder
from fogwalk.settings import Settings, resolve


def parser(summary: str) -> Parser:
    """Every setting is a flag."""
    parser = Parser("train", summary, EXAMPLES)
    parser.add_argument("path", nargs="*", help="files, folders, patterns such as 'notes/*.md', or sample:python-docs")
    parser.add_argument("--resume", metavar="RUN", nargs="?", const="last", help="go on with a run (last: the newest)")
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="json: one event a line")
    add_settings(parser)
    return parser


def run(found: argparse.Namespace) -> int:
    """Train or resume."""
    chosen = sources(found)
    if not found.resume:
        settings = resolve(*chosen)
        if not settings.data.path:
            raise UsageError(
                "nothing to learn from", remedy="Name a text: fogwalk train book.txt, or run fogwalk demo."
            )
        return train(found, settings)
    if found.config or found.preset:
        raise UsageError("--resume goes on with the run's own settings; --config and --preset do not go with it")
    from fogwalk import trainer
    from fogwalk.cli.progress import Progress

    with Progress(as_json=found.log_format == "json") as progress:
        folder = trainer.resume(found.resume, chosen, listeners=[progress], tell=progress.tell)
        progress.next(next_lines(folder))
    return 0


def train(found: argparse.Namespace, settings: Settings) -> int:
    """A new run. torch is imported here, after everything that was typed has been found right."""
    from fogwalk import trainer
    from fogwalk.cli.progress import Progress

    with Progress(as_json=found.log_format == "json") as progress:
        folder = trainer.train(settings, listeners=[progress], tell=progress.tell, began=found.began)
        progress.next(next_lines(folder))
    return 0


def next_lines(folder: RunFolder) -> list[str]:
    """What a person would type after a training."""
    name = folder.name if folder.path.parent == RUNS else shlex.quote(str(folder.path))
    return [
        f"fogwalk generate {name} --tokens 300",
        f"fogwalk evaluate {name}",
        f"fogwalk export {name} --to huggingface exported",
    ]
