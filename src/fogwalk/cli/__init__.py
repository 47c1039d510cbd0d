"""The command line: one file per command, no logic of its own; errors become one message and an exit code.

Before this   everything.
After this    a person.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
import time
from contextlib import suppress

COMMANDS = {
    "train": "train a model on your text or table, or go on with a run",
    "plan": "what would be trained, memory, time, and why, without training",
    "data": "what a text is, how it would be split and tokenised, with examples",
    "demo": "train on English text that Python carries, in about 90 seconds",
    "generate": "let a trained model write",
    "predict": "let a trained model answer for the rows of a table",
    "evaluate": "score a trained model on held-out text or rows",
    "explain": "one step of a run, one answer, or the run's health, with every number",
    "observe": "a page that shows every run, live and finished",
    "report": "a run's page as one file that opens anywhere, to send",
    "parameters": "every group of dials in a model: name, shape, count, size",
    "runs": "the runs under ./runs",
    "compare": "two runs: what was set differently, and what came of it",
    "config": "the settings of a run, and where each came from",
    "verify": "check that a run's files are as written, and that its training repeats",
    "export": "write a model for other tools",
    "remove": "delete a run",
    "doctor": "what this machine has and lacks",
}


def main(words: list[str] | None = None) -> int:
    """Run one command; gives back the exit code."""
    began = time.perf_counter()
    words = sys.argv[1:] if words is None else words
    debug = "--debug" in words
    # Started without a terminal at all, as a service may be: there is nobody to print for.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # open as long as the process
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # as above
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a letter that a narrow console lacks is spelled, and stops nothing
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(words, began)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`fogwalk runs | head -1`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:  # the edge of the program: a person sees words, not a traceback
        if debug:
            raise
        with suppress(BrokenPipeError):  # nobody may be left to read it
            _tell(error)
        return getattr(error, "exit_code", 1)


def _tell(error: Exception) -> None:
    from fogwalk.cli.plain import printable
    from fogwalk.errors import FogwalkError

    if isinstance(error, FogwalkError):
        print(printable(f"{'' if error.exit_code in (130, 143) else 'error: '}{error}"), file=sys.stderr)
        return
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        where = f" to {error.filename}" if error.filename else ""
        print(printable(f"error: nothing more can be written{where}: {error.strerror}"), file=sys.stderr)
        return
    print(printable(f"error: {type(error).__name__}: {error}"), file=sys.stderr)
    print("  This is a fault of Fogwalk. Run the same command with --debug to see where.", file=sys.stderr)


def _run(words: list[str], began: float) -> int:
    if not words or words[0] in ("--help", "-h", "help"):
        print(usage())
        return 0
    if words[0] in ("--version", "-V"):
        from fogwalk import __version__

        print(f"fogwalk {__version__}")
        return 0
    name, rest = words[0], words[1:]
    if name not in COMMANDS:
        from fogwalk.errors import UsageError
        from fogwalk.registry import did_you_mean

        raise UsageError(f"fogwalk has no command '{name}'", remedy=did_you_mean(name, COMMANDS))
    module = importlib.import_module(f"fogwalk.cli.{name}")
    parser = module.parser(COMMANDS[name])
    found = parser.read(rest)
    found.began = began
    code: int = module.run(found)
    return code


def usage() -> str:
    """The commands, a line each."""
    lines = ["Fogwalk trains neural networks and transformers on your own data.", "", "fogwalk COMMAND [--help]", ""]
    lines += [f"  {name:<12}{summary}" for name, summary in COMMANDS.items()]
    return "\n".join([*lines, "", "Begin with: fogwalk demo, or fogwalk train book.txt"])
