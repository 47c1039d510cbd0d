"""The command line's own view of a training run: what was chosen, one living line, samples, and what to type next.

Before this   events tell what happens.
After this    a person. On a terminal the line is redrawn in place; elsewhere a plain line comes every 10 s or 5 %.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from fogwalk.cli.plain import printable
from fogwalk.cli.remaining import Remaining
from fogwalk.events import (
    FINISHED,
    Evaluated,
    Event,
    Planned,
    Replanned,
    Resumed,
    Sampled,
    StepDone,
    Stopped,
    Warned,
    to_record,
)
from fogwalk.runs.smoothing import Smooth
from fogwalk.settings.fields import counted
from fogwalk.training.course import UNTIL_CONVERGED

if TYPE_CHECKING:
    from fogwalk.training.session import Told  # with it comes torch, which tables and `fogwalk runs` do without

LABEL = 8
_MARGIN = " " * LABEL
_PACES = {"token": "tok/s", "row": "rows/s", "image": "img/s"}


class _Console(Console):
    """rich ends the program when its output breaks; here the training goes on."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Progress:
    """A listener that prints. `as_json` prints every event as a JSON line instead, for machines."""

    def __init__(self, *, file: TextIO | None = None, as_json: bool = False) -> None:
        self.file = file or sys.stdout
        self.as_json = as_json
        dumb = os.environ.get("TERM") == "dumb"
        self.console = _Console(file=self.file, highlight=False, markup=False, soft_wrap=True)
        self.live: Live | None = None
        # rich alone would take any file for a terminal where FORCE_COLOR is set, as many CI services do.
        if self.console.is_terminal and self.file.isatty() and not dumb and not as_json:
            self.live = Live(console=self.console, auto_refresh=False, transient=True)
        self._unread = False
        self._smooth = Smooth()
        self._validated = ""
        self._unit = "token"
        self._label = ""
        self._left = Remaining()
        self._printed_at = time.monotonic()
        self._printed_share = 0.0

    def __enter__(self) -> Progress:
        if self.live:
            self._write(self.live.start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            with suppress(OSError):  # nobody may be left to read it
                self.live.stop()

    def tell(self, told: Told) -> None:
        """A line said once, under its label; lines of one label that follow each other share it."""
        if self.as_json:
            return
        label = "" if told.kind == self._label else told.kind
        self._label = told.kind
        self._print(f"{label:<{LABEL}}{' ' * (len(label) >= LABEL)}{told.words}", hang=True)

    def __call__(self, event: Event) -> None:
        self._left(event)
        if self.as_json:
            line = json.dumps(to_record(event))
            self._write(lambda: print(line, file=self.file))
        elif isinstance(event, StepDone):
            self._step(event)
        else:
            self._other(event)

    def _other(self, event: Event) -> None:
        if isinstance(event, Planned | Resumed):
            self._unit = event.unit
        if isinstance(event, Resumed):
            self._print(f"{'resume':<{LABEL}}from step {event.step} of {event.steps}; {event.why}", hang=True)
        elif isinstance(event, Replanned):
            self._print(f"{'replan':<{LABEL}}{event.why}", hang=True)
        elif isinstance(event, Evaluated):
            context = "" if event.context is None else f", context {event.context}"
            beside = "".join(f", {name} {value:.3f}" for name, value in event.metrics.items())
            self._validated = f"val {event.validation_loss:.3f} (step {event.step}{context}{beside})"
            if not self.live:
                self._print(f"{'val':<{LABEL}}{event.validation_loss:.4f} at step {event.step}{context}{beside}")
        elif isinstance(event, Sampled):
            shown = quoted(event.prompt + event.text, 160 if not self.live else max(self.console.width * 2 - 24, 40))
            self._print(f"  ~ sample @{event.step}: {shown}", style="cyan", hang=True)
        elif isinstance(event, Warned):
            self._print(f"  ! {event.message}", style="yellow", hang=True)
        elif isinstance(event, Stopped):
            self._stopped(event)

    def _step(self, event: StepDone) -> None:
        self._smooth.take(float(event.loss))
        share = event.step / max(self._left.steps, 1)
        now = time.monotonic()
        due = now - self._printed_at >= (0.1 if self.live else 10)
        if due or (not self.live and share - self._printed_share >= 0.05 - 1e-9) or event.step == self._left.steps:
            self._printed_at, self._printed_share = now, share
            line = self._line(event)
            if self.live:
                live, shown = self.live, Text(line, no_wrap=True, overflow="ellipsis")
                self._write(lambda: live.update(shown, refresh=True))
            else:
                self._print(line)

    def _line(self, event: StepDone) -> str:
        smooth = self._smooth.value
        assert smooth is not None
        pace = self._left.pace()
        endless = self._left.steps >= UNTIL_CONVERGED
        # Each part with its rank: on a narrow terminal the highest ranks are left out, so that the rest is whole.
        parts = [
            (0, f"{'step':<{LABEL}}{event.step}{'' if endless else f'/{self._left.steps}'}"),
            *([] if endless else [(3, f"{event.step / max(self._left.steps, 1):.0%}")]),
            (5, f"loss {float(event.loss):.3f}"),
            (1, f"smooth {smooth:.3f}"),
            *([(2, self._validated)] if self._validated else []),
            (7, f"lr {event.learning_rate:.1e}"),
            (8, f"|g| {float(event.gradient_norm):.2f}"),
        ]
        if pace:
            parts += [
                (6, f"{_short(event.examples / pace)} {_PACES[self._unit]}"),
                *([] if endless else [(4, f"eta {clock(self._left.seconds(event.step))}")]),
            ]
        return _fitting(parts, self.console.width if self.live else None)

    def _stopped(self, event: Stopped) -> None:
        if self.live:
            live = self.live
            self._write(lambda: live.update(Text(""), refresh=True))
        if event.reason not in FINISHED:
            return  # told by the error that ends the command
        best = ""
        if event.best_validation_loss is not None:
            per = " nats per token" if self._unit == "token" else ""
            best = f" Best validation loss {event.best_validation_loss:.4f}{per} at step {event.best_step}."
        why = {"stop-below": " (the goal of --training.stop-below is reached)", "converged": " (converged)"}.get(
            event.reason, ""
        )
        self._print(f"{'done':<{LABEL}}{counted(event.step, 'step')} in {clock(event.seconds)}{why}.{best}", hang=True)

    def next(self, lines: list[str]) -> None:
        """The sensible next lines to type."""
        if not self.as_json:
            for number, line in enumerate(lines):
                self._print(f"{'' if number else 'next':<{LABEL}}{line}")

    def _print(self, text: str, style: str = "", hang: bool = False) -> None:
        text = printable(text)
        if hang and self.console.is_terminal:
            text = _hang(text, self.console.width)
        self._write(lambda: self.console.print(Text(text, style=style)))

    def _write(self, write: Callable[[], object]) -> None:
        """Training does not stop because nobody reads its progress any more (`fogwalk train book.txt | head`)."""
        if self._unread:
            return
        try:
            write()
            self.file.flush()
        except OSError:  # a reader that went away, a full disk behind a redirection
            self._unread = True


def _fitting(parts: list[tuple[int, str]], width: int | None) -> str:
    """The parts in their order; on a line so wide those for which there is room, the lowest ranks first.

    >>> _fitting([(0, "step 3"), (2, "lr 1e-3"), (1, "loss 2.1")], 17)
    'step 3  loss 2.1'
    """
    kept: list[tuple[int, str]] = []
    for part in sorted(parts):
        if width is None or not kept or len("  ".join(words for _, words in [*kept, part])) < width:
            kept.append(part)
    return "  ".join(part[1] for part in parts if part in kept)


def _hang(text: str, width: int) -> str:
    """Wrap on a terminal with the words standing under each other."""
    import textwrap

    lines = textwrap.wrap(
        text, max(width - 1, 24), subsequent_indent=_MARGIN, break_on_hyphens=False, replace_whitespace=False
    )
    return "\n".join(lines) or text


def quoted(text: str, most: int) -> str:
    """A sample on one line, shortened, line ends shown as ⏎."""
    line = " ⏎ ".join(part.strip() for part in text.strip().splitlines() if part.strip())
    return f'"{line[:most]}{"…" if len(line) > most else ""}"'


def _short(number: float) -> str:
    return f"{number / 1000:.1f}k" if number >= 1000 else f"{number:.0f}"


def clock(seconds: float) -> str:
    """Minutes and seconds for a person: 4:05, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
