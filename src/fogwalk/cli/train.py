"""fogwalk train: settings from what was typed, then the one function, with the progress line listening."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from fogwalk.cli.parsing import EXAMPLES, Parser, add_observe, add_settings, sources, wish_of
from fogwalk.errors import ExportError, UsageError
from fogwalk.runs.folder import RUNS, RunFolder
from fogwalk.settings import Settings, load_settings


def parser(summary: str) -> Parser:
    """Every setting is a flag."""
    parser = Parser("train", summary, EXAMPLES)
    parser.add_argument("path", nargs="*", help="files, folders, patterns such as 'notes/*.md', or sample:iris")
    parser.add_argument("--resume", metavar="RUN", nargs="?", const="last", help="go on with a run (last: the newest)")
    add_observe(parser)
    parser.add_argument("--log-format", choices=("text", "json"), default="text", help="json: one event a line")
    add_settings(parser)
    return parser


def run(found: argparse.Namespace) -> int:
    """Train or resume."""
    chosen, wish = sources(found), wish_of(found)
    if found.resume is None:
        from fogwalk.data.recognise import settled

        settings = settled(*chosen)
        if not settings.data.path:
            raise UsageError(
                "nothing to learn from",
                remedy="Name a text or a table: fogwalk train book.txt, fogwalk train iris.csv --target species; or run "
                "fogwalk demo.",
            )
        return train(found, settings)
    if found.config or found.preset:
        raise UsageError("--resume goes on with the run's own settings; --config and --preset do not go with it")
    from fogwalk import trainer
    from fogwalk.cli.progress import Progress
    from fogwalk.cli.watched import observed

    with observed(found.observe) as pages, Progress(as_json=found.log_format == "json") as progress:
        folder = trainer.resume(found.resume, chosen, listeners=[progress, *pages], tell=progress.tell, wish=wish)
        progress.next(next_lines(folder))
    return 0


def train(found: argparse.Namespace, settings: Settings) -> int:
    """A new run. torch is imported here, after everything that was typed has been found right."""
    from fogwalk import trainer
    from fogwalk.cli.progress import Progress
    from fogwalk.cli.watched import observed

    wish = wish_of(found)
    with observed(found.observe) as pages, Progress(as_json=found.log_format == "json") as progress:
        folder = trainer.train(settings, listeners=[progress, *pages], tell=progress.tell, began=found.began, wish=wish)
        progress.next(next_lines(folder))
    return 0


def next_lines(folder: RunFolder) -> list[str]:
    """What a person would type after a training; each works as it stands, once what is written in capitals is put in."""
    from fogwalk.interop.huggingface import require_held

    name = shlex.quote(folder.name if folder.path.parent == RUNS else str(folder.path))
    typed = Path(sys.argv[0])
    own = str(typed) if typed.name == "fogwalk" else "python -m fogwalk"
    command = "fogwalk" if shutil.which("fogwalk") else own
    settings = load_settings(folder.settings)
    parent = folder.path.parent
    page = (
        f"{command} observe{'' if parent == RUNS else f' {shlex.quote(str(parent))}'} --run {shlex.quote(folder.name)}"
    )
    if settings.task != "language":
        images = (folder.checkpoint(max(folder.steps_saved())) / "encoding" / "pixels.json").is_file()
        new = "PHOTOS" if images else "NEW.csv"
        answers = f"{command} predict {name} {new} --out answers.csv"
        return [f"{command} evaluate {name}", answers, f"{command} explain {name}", page]
    lines = [f"{command} generate {name} --tokens 300", f"{command} evaluate {name}"]
    with suppress(ExportError):  # not suggested where it would be refused
        require_held(settings.model)
        lines.append(f"{command} export {name} --to huggingface exported")
    return [*lines, f"{command} explain {name}", page]
