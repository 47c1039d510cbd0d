"""The command line's own view: one living line on a terminal, plain lines elsewhere, JSON for machines."""

from __future__ import annotations

import io
import json
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import pytest

from fogwalk.cli.progress import LABEL, Progress, _fitting, quoted
from fogwalk.cli.progress import clock as told_time
from fogwalk.events import Evaluated, Event, Planned, Resumed, Sampled, Saved, StepDone, Stopped, Warned, to_record
from fogwalk.training.session import Told

ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class Unread(io.StringIO):
    """A file whose reader goes away after some writes, counting how often it was tried."""

    def __init__(self, reads: int = 0, terminal: bool = False) -> None:
        super().__init__()
        self.reads = reads
        self.terminal = terminal
        self.tried = 0

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.tried += 1
        if self.tried > self.reads:
            raise BrokenPipeError(32, "Broken pipe")
        return super().write(text)


class Clock:
    """A clock that stands still until it is moved."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


class Waiting:
    """A number that is still on its device."""

    def __float__(self) -> float:
        return 2.5


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A terminal of 120 columns, whatever the one that the tests run in, and a clock to move by hand."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "COLORTERM", "LINES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def planned(steps: int, every: int | None = None) -> Planned:
    """A run of so many steps begins, validated every so many."""
    settings = {"training.evaluate_every": every} if every else {}
    return Planned(step=0, seconds=0.0, steps=steps, settings=settings, data={}, model={})


def done(step: int, loss: float = 2.0, seconds: float | None = None) -> StepDone:
    """One step of a thousand tokens, a second after the one before."""
    return StepDone(
        step=step,
        seconds=float(step) if seconds is None else seconds,
        loss=loss,
        gradient_norm=0.5,
        learning_rate=0.001,
        examples=1000,
    )


def validated(step: int, loss: float = 1.5, context: int = 64, seconds: float | None = None) -> Evaluated:
    """The validation split was scored."""
    seconds = float(step) if seconds is None else seconds
    return Evaluated(step=step, seconds=seconds, validation_loss=loss, context=context, examples=900)


def sampled(text: str, prompt: str = "", step: int = 3, seconds: float = 3.0) -> Sampled:
    """The model was asked to go on."""
    return Sampled(step=step, seconds=seconds, prompt=prompt, text=text)


def stopped(reason: str, step: int = 10, best: float | None = 1.25) -> Stopped:
    """Training ended, the best validation two steps before."""
    best_step = None if best is None else step - 2
    return Stopped(step=step, seconds=61.0, reason=reason, best_step=best_step, best_validation_loss=best)


def a_short_run() -> list[Event]:
    """One of every event."""
    return [
        planned(4),
        *map(done, (1, 2)),
        Saved(step=2, seconds=2.0, path="runs/first/checkpoints/000002", bytes=1000),
        validated(2),
        sampled("cat sat\non the mat", prompt="the "),
        Warned(step=2, seconds=2.0, message="memorising"),
        Resumed(step=2, seconds=2.0, steps=4, settings={"training.steps": 4}, exact=True, why="equal to the bit"),
        *map(done, (3, 4)),
        stopped("steps", 4),
    ]


def printed(events: Iterable[Event], **how: Any) -> str:
    """What is printed of the events where there is no terminal."""
    file = io.StringIO()
    with Progress(file=file, **how) as progress:
        for event in events:
            progress(event)
    return file.getvalue()


def told(events: Iterable[Event]) -> list[str]:
    """The plain lines of the events."""
    return printed(events).splitlines()


def shown(events: Iterable[Event], clock: Clock) -> str:
    """What a terminal is sent, with the living line redrawn at every step."""
    file = Terminal()
    with Progress(file=file) as progress:
        for event in events:
            clock.now += 1
            progress(event)
    return file.getvalue()


def rows(sent: str) -> list[str]:
    """Every row that was drawn on a terminal, the living line's among them, without escapes."""
    return [row for row in re.split(r"[\r\n]+", ESCAPE.sub("", sent)) if row]


def living(sent: str) -> list[str]:
    """The living line, as often as it was redrawn."""
    return [row for row in rows(sent) if row.startswith("step")]


# -- when --------------------------------------------------------------------------------------------------------------


def test_a_plain_line_comes_every_five_percent() -> None:
    lines = told([planned(1000), *map(done, range(1, 1001))])
    steps = [int(line.split()[1].split("/")[0]) for line in lines]
    gaps = [later - earlier for earlier, later in zip([0, *steps], steps, strict=False)]
    assert all(50 <= gap <= 51 for gap in gaps[:-1])
    assert steps[-1] == 1000
    assert len(steps) in (19, 20, 21)


def test_a_plain_line_comes_every_ten_seconds(clock: Clock) -> None:
    file = io.StringIO()
    progress = Progress(file=file)
    progress(planned(1_000_000))
    for step in range(1, 36):
        clock.now += 1
        progress(done(step))
    assert [line.split()[1] for line in file.getvalue().splitlines()] == [f"{n}/1000000" for n in (10, 20, 30)]


def test_the_last_step_is_always_told() -> None:
    assert [line.split()[1] for line in told([planned(100), done(99), done(100)])] == ["99/100", "100/100"]
    assert [line.split()[1] for line in told([planned(100), *map(done, range(6, 9))])] == ["6/100"]
    assert told([planned(8), *map(done, range(1, 9))])[-1].startswith("step    8/8  100%  loss 2.000")


def test_a_resumed_run_counts_to_its_new_end() -> None:
    resumed = Resumed(step=4, seconds=4.0, steps=8, settings={}, exact=True, why="equal to the bit: same machine")
    lines = told([resumed, done(5)])
    assert lines[0] == "resume  from step 4 of 8; equal to the bit: same machine"
    assert lines[1].startswith("step    5/8  62%")


def test_the_living_line_is_redrawn_at_most_ten_times_a_second(clock: Clock) -> None:
    file = Terminal()
    with Progress(file=file) as progress:
        progress(planned(1000))
        for step in range(1, 101):
            clock.now += 0.01
            progress(done(step))
    assert 8 <= len(living(file.getvalue())) <= 11


# -- what --------------------------------------------------------------------------------------------------------------


def test_smooth_is_the_debiased_exponential_mean() -> None:
    lines = told([planned(3), done(1, 4.0), done(2, 2.0), done(3, 3.0)])
    # 0.4 / 0.1, then (0.9 * 0.4 + 0.2) / 0.19, then (0.9 * 0.56 + 0.3) / 0.271.
    assert [re.findall(r"loss (\S+)  smooth (\S+)", line)[0] for line in lines] == [
        ("4.000", "4.000"),
        ("2.000", "2.947"),
        ("3.000", "2.967"),
    ]


def test_smooth_does_not_drift_on_a_constant_loss() -> None:
    assert all("smooth 1.234 " in line for line in told([planned(40), *(done(step, 1.234) for step in range(1, 41))]))


def test_the_eta_is_the_median_pace_times_the_steps_left() -> None:
    seconds = (1.0, 3.0, 5.0, 7.0, 50.0, 52.0)  # one step was slow
    lines = told([planned(10), *(done(step, seconds=at) for step, at in enumerate(seconds, 1))])
    assert "eta" not in lines[0], "a single step tells no pace: it also waited for the start"
    assert [line.rpartition("  ")[2] for line in lines[1:]] == [f"eta 0:{left:02}" for left in (16, 14, 12, 10, 8)]
    assert "  500 tok/s  " in lines[-1]


@pytest.mark.parametrize(
    "pause", [validated(2, seconds=60.0), sampled("a sample", step=2, seconds=60.0)], ids=["validation", "sample"]
)
def test_the_eta_is_unaffected_by_a_step_that_waited(pause: Event) -> None:
    lines = told([planned(10), done(1), done(2), pause, done(3, seconds=61.0), done(4, seconds=62.0)])
    steps = [line for line in lines if line.startswith("step")]
    assert [line.rpartition("  ")[2] for line in steps[1:]] == ["eta 0:08", "eta 0:07", "eta 0:06"]
    assert all("1.0k tok/s" in line for line in steps[1:])


def test_the_eta_counts_the_validations_that_are_still_to_come() -> None:
    events = [planned(10, every=4), *map(done, range(1, 5)), validated(4, seconds=7.0), done(5, seconds=8.0)]
    lines = [line for line in told(events) if line.startswith("step")]
    assert lines[3].endswith("  eta 0:06"), "none has been timed yet"
    assert lines[4].endswith("  eta 0:11"), "five steps, and three seconds after step 8 and after step 10"


def test_the_eta_follows_a_machine_that_slows_down() -> None:
    seconds = [*range(1, 101), *range(103, 103 + 3 * 60, 3)]
    lines = told([planned(200), *(done(step, seconds=at) for step, at in enumerate(seconds, 1))])
    for line, pace in ((lines[5], 1), (lines[-1], 3)):
        left = 200 - int(line.split()[1].split("/")[0])
        assert line.endswith(f"  eta {told_time(pace * left)}")


def test_steps_too_quick_for_the_clock_have_no_pace() -> None:
    assert all("eta" not in line for line in told([planned(3), *(done(step, seconds=1.0) for step in (1, 2, 3))]))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0:00"), (9.0, "0:09"), (59.6, "1:00"), (754.0, "12:34"), (3599.0, "59:59"), (36_061.0, "10:01:01")],
)
def test_times_are_told_as_a_clock_tells_them(seconds: float, words: str) -> None:
    assert told_time(seconds) == words


def test_rate_and_gradient_stand_in_the_line() -> None:
    assert told([planned(1), done(1)]) == ["step    1/1  100%  loss 2.000  smooth 2.000  lr 1.0e-03  |g| 0.50"]


def test_numbers_still_on_a_device_are_shown_and_written() -> None:
    step = StepDone(step=1, seconds=1.0, loss=Waiting(), gradient_norm=Waiting(), learning_rate=0.001, examples=9)
    assert "loss 2.500  smooth 2.500" in told([planned(1), step])[0]
    assert json.loads(printed([step], as_json=True))["loss"] == 2.5


def test_a_validation_is_told_with_its_context_and_stays_in_the_line() -> None:
    lines = told([planned(4), done(1), validated(1, 1.23456, context=128), done(2)])
    assert lines[1] == "val     1.2346 at step 1, context 128"
    assert "  val 1.235 (step 1, context 128)  " in lines[2]


def test_on_a_terminal_the_validation_stands_in_the_living_line(clock: Clock) -> None:
    lines = rows(shown([planned(4), done(1), validated(1, 1.23456, context=128), done(2), done(3)], clock))
    assert {line.split()[0] for line in lines} == {"step"}
    assert "val" not in lines[0]
    assert "  val 1.235 (step 1, context 128)" in lines[-1]


# -- samples -----------------------------------------------------------------------------------------------------------


def test_a_sample_is_one_line_with_its_line_ends_shown() -> None:
    assert told([sampled(" the beare of\n\n  and my lord,\r\nwhan\n", prompt="KING:")]) == [
        '  ~ sample @3: "KING: the beare of ⏎ and my lord, ⏎ whan"'
    ]


def test_a_long_sample_is_shortened() -> None:
    (line,) = told([sampled("abcdefghij" * 40)])
    assert line == f'  ~ sample @3: "{"abcdefghij" * 16}…"'
    assert told([sampled("x" * 160)]) == [f'  ~ sample @3: "{"x" * 160}"']
    assert quoted("abc\ndef", 5) == '"abc ⏎…"'


def test_a_sample_takes_at_most_two_rows_and_a_little_of_a_narrow_terminal(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    taken = rows(shown([sampled("some words and " * 40)], clock))
    assert 2 <= len(taken) <= 3
    assert all(len(row) < 60 for row in taken)
    assert all(row.startswith(" " * LABEL) for row in taken[1:])


@pytest.mark.parametrize("terminal", [False, True], ids=["plain", "terminal"])
def test_control_characters_of_a_sample_are_shown_and_not_sent(terminal: bool, clock: Clock) -> None:
    event = sampled("bell\x07 clear\x1b[2J title\x1b]0;owned\x07 back\x08 c1\x9b2J null\x00")
    sent = shown([event], clock) if terminal else printed([event])
    text = ESCAPE.sub("", sent) if terminal else sent
    for letter in "\x00\x07\x08\x1b\x9b":
        assert letter not in text
    for words in (r"bell\x07", r"clear\x1b[2J", r"title\x1b]0;owned\x07", r"back\x08", r"c1\x9b2J", r"null\x00"):
        assert words in text.replace("\n", " ").replace(" " * LABEL, "")
    assert "\x1b[2J" not in sent
    assert "\x1b]" not in sent


def test_markup_of_a_sample_is_text(clock: Clock) -> None:
    event = sampled("[red]not red[/red] [link=file:///]here[/link] :smile:")
    for text in (printed([event]), rows(shown([event], clock))[0]):
        assert "[red]not red[/red] [link=file:///]here[/link] :smile:" in text
    assert "\x1b[31m" not in shown([event], clock)


# -- other lines -------------------------------------------------------------------------------------------------------


def test_a_warning_is_told() -> None:
    warned = Warned(step=3, seconds=3.0, message="validation has not improved for 3 checks: memorising.")
    assert told([warned]) == ["  ! validation has not improved for 3 checks: memorising."]


def test_the_end_is_told_with_the_best_validation_and_its_unit() -> None:
    assert told([stopped("steps", 1200)]) == [
        "done    1,200 steps in 1:01. Best validation loss 1.2500 nats per token at step 1198."
    ]
    assert told([stopped("steps", best=None)]) == ["done    10 steps in 1:01."]


def test_a_goal_that_is_reached_is_named() -> None:
    assert told([stopped("stop-below")]) == [
        "done    10 steps in 1:01 (the goal of --training.stop-below is reached)."
        " Best validation loss 1.2500 nats per token at step 8."
    ]


@pytest.mark.parametrize("reason", ["interrupted", "terminated", "diverged", "failed"])
def test_another_end_is_left_to_the_error_that_tells_it(reason: str, clock: Clock) -> None:
    assert printed([stopped(reason)]) == ""
    assert rows(shown([stopped(reason)], clock)) == []


def test_a_saved_checkpoint_is_no_news() -> None:
    assert printed([Saved(step=3, seconds=3.0, path="runs/first/checkpoints/000003", bytes=10)]) == ""


def test_a_label_is_said_once() -> None:
    file = io.StringIO()
    progress = Progress(file=file)
    for kind, words in (("data", "9,000 characters"), ("data", "last 10% held back"), ("model", "a transformer")):
        progress.tell(Told(kind, words))
    assert file.getvalue().splitlines() == [
        "data    9,000 characters",
        "        last 10% held back",
        "model   a transformer",
    ]


def test_a_line_never_stands_under_the_label_of_another() -> None:
    # As a resume to more steps tells them: what is changed about the plan, the model, the plan.
    file = io.StringIO()
    progress = Progress(file=file)
    for kind, words in (("plan", "8 steps instead of 4"), ("model", "a transformer"), ("plan", "8 steps x 16 x 64")):
        progress.tell(Told(kind, words))
    assert file.getvalue().splitlines() == [
        "plan    8 steps instead of 4",
        "model   a transformer",
        "plan    8 steps x 16 x 64",
    ]


def test_a_label_as_long_as_its_column_keeps_its_distance() -> None:
    file = io.StringIO()
    Progress(file=file).tell(Told("a" * LABEL, "words"))
    assert file.getvalue() == f"{'a' * LABEL} words\n"


def test_what_to_type_next_stands_under_one_label() -> None:
    file = io.StringIO()
    Progress(file=file).next(["fogwalk generate first", "fogwalk evaluate first"])
    assert file.getvalue() == "next    fogwalk generate first\n        fogwalk evaluate first\n"


def test_words_wrap_under_each_other_on_a_terminal_and_not_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    words = "9,000 characters, 27 distinct -> character tokens; the last 10% held back"
    terminal, file = Terminal(), io.StringIO()
    for place in (terminal, file):
        Progress(file=place).tell(Told("data", words))
    taken = rows(terminal.getvalue())
    assert len(taken) > 1
    assert all(len(row) < 40 for row in taken)
    assert all(row.startswith(" " * LABEL) and row[LABEL] != " " for row in taken[1:])
    assert " ".join(row.strip() for row in taken) == f"data    {words}"
    assert file.getvalue() == f"data    {words}\n"


# -- where -------------------------------------------------------------------------------------------------------------


def test_where_there_is_no_terminal_there_are_no_escapes() -> None:
    text = printed(a_short_run())
    assert "\x1b" not in text
    assert "\r" not in text
    assert [line.split()[0] for line in text.splitlines()] == (
        ["step", "step", "val", "~", "!", "resume", "step", "step", "done"]
    )


def test_colours_that_are_forced_make_no_terminal_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    text = COLOUR.sub("", printed(a_short_run()))
    assert "\x1b" not in text
    assert "\r" not in text
    assert "step    1/4" in text


def test_a_dumb_terminal_is_sent_plain_lines(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setenv("TERM", "dumb")
    text = shown(a_short_run(), clock)
    assert "\x1b" not in text
    assert "\r" not in text
    assert "val     1.5000 at step 2, context 64\n" in text


def test_a_terminal_is_sent_colours_and_a_line_redrawn_in_place(clock: Clock) -> None:
    sent = shown(a_short_run(), clock)
    assert "\x1b[36m" in sent
    assert "\x1b[33m" in sent
    assert "\x1b[2Kstep    2/4" in sent
    assert not re.search(r"step    [23]/4[^\r]*\n", sent), "only the last state of the line may be left"


def test_no_color_leaves_a_terminal_without_colour_but_with_its_living_line(
    monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    sent = shown(a_short_run(), clock)
    assert not COLOUR.search(sent)
    assert "\x1b[2Kstep    2/4" in sent


def test_the_living_line_is_gone_when_the_run_is_done(clock: Clock) -> None:
    sent = shown(a_short_run(), clock)
    end = sent[sent.rindex("step ") :]
    assert "\x1b[2K" in end.partition("done")[0], "the line is wiped"
    assert "\x1b[?25h" in end, "the cursor is back"


def test_the_cursor_comes_back_when_the_training_fails() -> None:
    file = Terminal()
    with suppress(RuntimeError), Progress(file=file) as progress:
        progress(planned(4))
        raise RuntimeError("training failed")
    assert file.getvalue().rindex("\x1b[?25h") > file.getvalue().rindex("\x1b[?25l")


# -- narrow ------------------------------------------------------------------------------------------------------------


def a_long_line(columns: int, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> str:
    """The living line with everything in it, on a terminal of so many columns."""
    monkeypatch.setenv("COLUMNS", str(columns))
    events = [planned(600), *map(done, range(298, 301)), validated(300, 2.05, context=128), done(340)]
    lines = living(shown([*events, done(341, seconds=341.0)], clock))
    return lines[-1]


PARTS = (
    ("step", "step    341/600"),
    ("share", "57%"),
    ("loss", "loss 2.000"),
    ("smooth", "smooth 2.000"),
    ("val", "val 2.050 (step 300, context 128)"),
    ("lr", "lr 1.0e-03"),
    ("gradient", "|g| 0.50"),
    ("pace", "1.0k tok/s"),
    ("eta", "eta 4:19"),
)


def test_a_narrow_terminal_is_spared_the_lesser_parts(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    words = dict(PARTS)
    for columns, kept, spared in (
        (45, "step smooth", "loss val lr gradient pace"),
        (80, "step smooth val", "loss lr gradient pace"),
        (140, "step share loss smooth val lr gradient pace eta", ""),
    ):
        line = a_long_line(columns, clock, monkeypatch)
        there = [part for part, _ in PARTS if f"  {words[part]}  " in f"  {line}  "]
        assert set(kept.split()) <= set(there), line
        assert not set(spared.split()) & set(there), line
        assert line == "  ".join(words[part] for part in there), "whole parts, in their order"


@pytest.mark.parametrize(
    "widths",
    [
        range(16, 65),
        range(65, 70),
        range(70, 131),
    ],
    ids=["narrow", "between", "wide"],
)
def test_step_smooth_and_the_validation_with_its_context_are_kept_while_they_fit(
    widths: range, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = dict(PARTS)
    for columns in widths:
        line = a_long_line(columns, clock, monkeypatch)
        for names in (("step",), ("step", "smooth"), ("step", "smooth", "val")):
            if len("  ".join(words[name] for name in names)) < columns:
                assert all(words[name] in line for name in names), f"{names} would fit in {columns}: {line}"


def test_the_living_line_never_exceeds_the_width_of_the_terminal(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    for columns in (10, 20, 45, 80, 120):
        monkeypatch.setenv("COLUMNS", str(columns))
        sent = shown([planned(10**7), done(10**6 + 1), validated(10**6 + 1), done(10**6 + 2, 1e9)], clock)
        assert len(living(sent)) >= 2
        assert rows(sent) == living(sent), "the line is cut, not wrapped: only its own row is redrawn"
        assert all(len(row) <= columns for row in rows(sent))
        assert columns > 10 or living(sent)[0] == "step    1…", "a number cut short is no number"


def test_parts_are_left_out_by_rank_and_keep_their_order() -> None:
    parts = [(0, "step 3"), (2, "lr 1e-3"), (1, "loss 2.1")]
    assert _fitting(parts, None) == "step 3  lr 1e-3  loss 2.1"
    assert _fitting(parts, 26) == "step 3  lr 1e-3  loss 2.1"
    assert _fitting(parts, 25) == "step 3  loss 2.1"
    assert _fitting(parts, 15) == "step 3"
    assert _fitting(parts, 2) == "step 3", "the first is never left out; the terminal cuts it"


# -- for machines ------------------------------------------------------------------------------------------------------


def test_as_json_every_event_is_one_object_with_stable_names() -> None:
    events = a_short_run()
    records = [json.loads(line) for line in printed(events, as_json=True).splitlines()]
    assert records == [to_record(event) for event in events]
    names = {record["event"] for record in records}
    assert names == {"planned", "step", "saved", "evaluated", "sampled", "warned", "resumed", "stopped"}
    assert {record["event"]: list(record) for record in records} == {
        "planned": ["event", "step", "seconds", "steps", "settings", "data", "model", "budget", "unit"],
        "step": ["event", "step", "seconds", "loss", "gradient_norm", "learning_rate", "examples"],
        "saved": ["event", "step", "seconds", "path", "bytes"],
        "evaluated": ["event", "step", "seconds", "validation_loss", "examples", "context", "metrics"],
        "sampled": ["event", "step", "seconds", "prompt", "text"],
        "warned": ["event", "step", "seconds", "message"],
        "resumed": ["event", "step", "seconds", "steps", "settings", "exact", "why", "unit"],
        "stopped": ["event", "step", "seconds", "reason", "best_step", "best_validation_loss"],
    }


def test_as_json_nothing_else_is_printed() -> None:
    for file in (io.StringIO(), Terminal()):
        with Progress(file=file, as_json=True) as progress:
            progress.tell(Told("data", "9,000 characters"))
            progress.next(["fogwalk generate first"])
        assert file.getvalue() == ""


def test_as_json_a_sample_stays_on_its_line_and_whole() -> None:
    text = 'a "quoted"\nline \x1b[2J é ⏎ 🎈 \u2028' + "long " * 99
    sent = printed([sampled(text)], as_json=True)
    assert sent.count("\n") == 1
    assert "\x1b" not in sent
    assert json.loads(sent)["text"] == text


def test_as_json_what_is_no_number_is_null() -> None:
    assert json.loads(printed([done(1, float("nan"))], as_json=True))["loss"] is None


def test_as_json_a_narrow_console_is_sent_json_too() -> None:
    # As cli/__init__.py leaves standard output, in a service or piped on Windows.
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    Progress(file=file, as_json=True)(sampled("é ⏎ 🎈"))
    file.seek(0)
    assert json.loads(file.read())["text"] == "é ⏎ 🎈"


# -- unread ------------------------------------------------------------------------------------------------------------


def follow(file: Unread, clock: Clock, as_json: bool = False) -> None:
    """A run of every event, followed on a file that may break."""
    with Progress(file=file, as_json=as_json) as progress:
        progress.tell(Told("data", "9,000 characters"))
        for event in a_short_run():
            clock.now += 60
            progress(event)
        progress.next(["fogwalk generate first"])


@pytest.mark.parametrize(
    ("terminal", "as_json"),
    [
        (False, False),
        (False, True),
        (True, True),
        (True, False),
    ],
    ids=["text", "json", "json on a terminal", "terminal"],
)
def test_a_reader_that_goes_away_at_whatever_write_stops_no_training(
    terminal: bool, as_json: bool, clock: Clock
) -> None:
    whole = Unread(reads=1000, terminal=terminal)
    follow(whole, clock, as_json)
    assert whole.tried > 5
    for reads in range(whole.tried):
        file = Unread(reads, terminal)
        follow(file, clock, as_json)
        assert whole.getvalue().startswith(file.getvalue())


def test_what_cannot_be_written_is_not_tried_again() -> None:
    file = Unread()
    progress = Progress(file=file)
    progress(validated(1))
    tried = file.tried
    for event in a_short_run():
        progress(event)
    assert file.tried == tried
