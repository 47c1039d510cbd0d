"""Runs that are stopped, damaged, extended or interrupted, through the one function and real processes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from fogwalk import trainer
from fogwalk.errors import CheckpointDamaged, DataError, Diverged, Interrupted, RunError, SettingError
from fogwalk.events import Evaluated, Event, Resumed, StepDone, Stopped
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import loss_trace, read_all, read_story
from fogwalk.settings import Source, load_settings, resolve
from fogwalk.training import checkpoint
from fogwalk.training.history import History
from fogwalk.training.session import Told
from fogwalk.training.stopping import Stop
from fogwalk.verify import verify

TINY = {
    "model.layers": "1",
    "model.width": "32",
    "model.heads": "2",
    "model.context": "32",
    "model.dropout": "0.1",
    "training.batch": "4",
    "training.steps": "12",
    "training.save_every": "4",
    "training.evaluate_every": "6",
    "training.sample_every": "0",
}

# The same with the choice of when to save, validate and sample left open, and as quick as it can be beside other work.
OPEN = {key: value for key, value in TINY.items() if not key.endswith("_every")} | {
    "training.compile": "off",
    "threads": "1",
}


def validations(folder: RunFolder) -> dict[int, float]:
    records = read_all(folder.events)
    return {record["step"]: record["validation_loss"] for record in records if record["event"] == "evaluated"}


class Crash(BaseException):
    """The process dies."""


def train(book: Path, out: Path, crash_at: int | None = None, base: dict[str, str] = TINY, **changes: str) -> RunFolder:
    values = {**base, "data.path": str(book), "out": str(out), **{k.replace("__", "."): v for k, v in changes.items()}}

    def crash(event: Event) -> None:
        if crash_at is not None and isinstance(event, StepDone) and event.step == crash_at:
            raise Crash

    return trainer.train(resolve(Source("test", values)), listeners=[crash])


def weights(folder: RunFolder, step: int) -> bytes:
    return (folder.checkpoint(step) / "model.safetensors").read_bytes()


def test_checkpoint_zero_is_saved_before_the_first_step(book: Path, tmp_path: Path) -> None:
    with pytest.raises(Crash):
        train(book, tmp_path / "run", crash_at=1)
    assert RunFolder(tmp_path / "run").steps_saved() == [0]


@pytest.mark.parametrize("crash_at", [1, 5, 6, 8, 11])
def test_a_crashed_run_goes_on_as_if_nothing_had_happened(crash_at: int, book: Path, tmp_path: Path) -> None:
    whole = train(book, tmp_path / "whole")
    with pytest.raises(Crash):
        train(book, tmp_path / "crashed", crash_at=crash_at)
    resumed = trainer.resume(str(tmp_path / "crashed"))
    assert loss_trace(resumed.events) == loss_trace(whole.events)
    assert weights(resumed, 12) == weights(whole, 12)
    assert validations(resumed) == validations(whole)


def test_a_resume_says_from_where_and_what_it_promises(book: Path, tmp_path: Path) -> None:
    with pytest.raises(Crash):
        train(book, tmp_path / "run", crash_at=7)
    folder = trainer.resume(str(tmp_path / "run"))
    (record,) = [record for record in read_all(folder.events) if record["event"] == "resumed"]
    assert record["step"] == 6  # saved before the validation of step 6
    assert record["exact"] is True


def test_saves_come_before_validations(book: Path, tmp_path: Path) -> None:
    class DuringValidation(BaseException):
        pass

    def crash(event: Event) -> None:
        if isinstance(event, Evaluated):
            raise DuringValidation

    values = {**TINY, "data.path": str(book), "out": str(tmp_path / "run")}
    with pytest.raises(DuringValidation):
        trainer.train(resolve(Source("test", values)), listeners=[crash])
    assert max(RunFolder(tmp_path / "run").steps_saved()) == 6


def test_a_finished_run_is_left_as_it_is(book: Path, tmp_path: Path) -> None:
    folder = train(book, tmp_path / "run")
    before = folder.events.read_bytes()
    told: list[str] = []
    trainer.resume(str(folder.path), tell=lambda words: told.append(words.words))
    assert folder.events.read_bytes() == before
    assert "finished" in told[0]


def test_a_finished_run_can_be_extended_even_across_a_crash(book: Path, tmp_path: Path) -> None:
    folder = train(book, tmp_path / "run")

    def crash(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 14:
            raise Crash

    more = Source("command line", {"training.steps": "20"})
    with pytest.raises(Crash):
        trainer.resume(str(folder.path), [more], listeners=[crash])
    trainer.resume(str(folder.path))  # the extension is remembered though no checkpoint has it yet
    assert max(loss_trace(folder.events)) == 20
    assert load_settings(folder.settings).training.steps == 20
    again = train(book, tmp_path / "other")
    trainer.resume(str(again.path), [more])
    assert weights(again, 20) == weights(folder, 20)


def intervals(folder: RunFolder) -> tuple[int | None, ...]:
    training = load_settings(folder.settings).training
    return training.evaluate_every, training.save_every, training.sample_every


def test_an_extension_chooses_its_intervals_anew_but_those_a_person_chose(book: Path, tmp_path: Path) -> None:
    folder = train(book, tmp_path / "run", base=OPEN, training__sample_every="9")
    short = intervals(folder)
    trainer.resume(str(folder.path), [Source("command line", {"training.steps": "40"})])
    long = train(book, tmp_path / "long", base=OPEN, training__sample_every="9", training__steps="40")
    assert intervals(folder) == intervals(long)
    assert [before == after for before, after in zip(short, intervals(long), strict=True)] == [False, False, True]


def test_an_extension_that_dies_as_it_begins_remembers_the_intervals_it_chose(book: Path, tmp_path: Path) -> None:
    whole = train(book, tmp_path / "whole", base=OPEN)
    folder = RunFolder(tmp_path / "run")
    shutil.copytree(whole.path, folder.path)
    more = Source("command line", {"training.steps": "40"})
    trainer.resume(str(whole.path), [more])

    def crash(event: Event) -> None:
        if isinstance(event, Resumed):
            raise Crash

    with pytest.raises(Crash):
        trainer.resume(str(folder.path), [more], listeners=[crash])
    trainer.resume(str(folder.path))
    assert intervals(folder) == intervals(whole)
    assert validations(folder) == validations(whole)
    assert loss_trace(folder.events) == loss_trace(whole.events)
    assert weights(folder, 40) == weights(whole, 40)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("\nlearning-rate = ", "\nlearning-rate = 1", "was changed (optimizer.learning-rate)"),
        ("seed = ", "seed = = ", "settings.toml is not valid TOML"),
    ],
    ids=["edited", "broken"],
)
def test_settings_that_were_changed_beside_the_checkpoints_are_told_once_and_change_nothing(
    old: str, new: str, words: str, book: Path, tmp_path: Path
) -> None:
    with pytest.raises(Crash):
        train(book, tmp_path / "run", crash_at=7, base=OPEN)
    folder = RunFolder(tmp_path / "run")
    before = folder.settings.read_text(encoding="utf-8")
    assert before.count(old) == 1
    folder.settings.write_text(before.replace(old, new), encoding="utf-8")
    told: list[Told] = []
    trainer.resume(str(folder.path), tell=told.append)
    (note,) = [heard.words for heard in told if heard.kind == "note"]
    assert words in note
    assert max(loss_trace(folder.events)) == 12
    assert folder.settings.read_text(encoding="utf-8") == before


def test_an_extension_remembers_the_last_validation_as_the_best(book: Path, tmp_path: Path) -> None:
    folder = train(book, tmp_path / "run", training__evaluate_every="9", optimizer__schedule="constant")
    (last,) = [loss for step, loss in validations(folder).items() if step == 12]
    # A rate of thirty times as much, from a schedule that begins anew: what comes now is worse.
    more = Source("command line", {"training.steps": "40", "training.keep": "2"})
    told: list[Event] = []
    trainer.resume(str(folder.path), [more], listeners=[told.append])
    losses = validations(folder)
    best = min(losses, key=losses.__getitem__)
    assert losses[12] == last
    stopped = told[-1]
    assert isinstance(stopped, Stopped)
    assert (stopped.best_step, stopped.best_validation_loss) == (best, losses[best])


def test_an_extension_that_is_worse_keeps_the_checkpoint_that_was_best(book: Path, tmp_path: Path) -> None:
    folder = train(book, tmp_path / "run", training__evaluate_every="9", training__keep="2")
    losses: list[float] = []

    def worse(event: Event) -> None:
        if isinstance(event, StepDone) and event.step > 12:
            raise Crash  # before anything was validated

    with pytest.raises(Crash):
        trainer.resume(str(folder.path), [Source("x", {"training.steps": "40"})], listeners=[worse])
    losses += validations(folder).values()
    assert validations(folder)[12] == min(losses)
    progress = checkpoint.read_progress(folder, 12)
    assert progress["best_step"] != 12  # saved before its own validation
    story = read_story(folder.events)
    assert History.of(story, 12, again=False).best_step == 12


def test_what_a_finished_run_is_asked_for_changes_nothing_and_it_still_verifies(book: Path, tmp_path: Path) -> None:
    folder = train(book, tmp_path / "run")
    before = folder.settings.read_bytes()
    trainer.resume(str(folder.path), [Source("command line", {"training.save_every": "3", "training.keep": "5"})])
    assert folder.settings.read_bytes() == before
    assert all(check.passed for check in verify(folder))


def test_an_extension_killed_before_its_next_checkpoint_still_verifies(book: Path, tmp_path: Path) -> None:
    folder = train(book, tmp_path / "run")

    def crash(event: Event) -> None:
        if isinstance(event, StepDone):
            raise Crash

    with pytest.raises(Crash):
        trainer.resume(str(folder.path), [Source("command line", {"training.steps": "40"})], listeners=[crash])
    assert load_settings(folder.settings).training.steps == 40
    assert [check for check in verify(folder) if not check.passed] == []


def test_a_text_that_was_renamed_is_the_same_text(book: Path, tmp_path: Path) -> None:
    with pytest.raises(Crash):
        train(book, tmp_path / "run", crash_at=5)
    other = book.rename(book.with_name("renamed.txt"))
    folder = trainer.resume(str(tmp_path / "run"), [Source("command line", {"data.path": [str(other)]})])
    assert max(loss_trace(folder.events)) == 12


def test_another_compiler_is_no_promise_of_equal_bits() -> None:
    import torch

    from fogwalk import hardware

    eager = hardware.fingerprint(torch.device("cpu"), 1)
    compiled = hardware.fingerprint(torch.device("cpu"), 1, compiled=True)
    assert compiled.keys() - eager.keys() == {"compiler"}
    assert any(letter.isdigit() for letter in compiled["compiler"])


def test_ctrl_c_after_the_goal_was_reached_is_the_first_and_not_the_second() -> None:
    stop = Stop()
    with stop.listening():
        stop.ask("stop-below")
        signal.raise_signal(signal.SIGINT)
        assert stop.reason == "stop-below"
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(book: Path, tmp_path: Path) -> None:
    folder = train(book, tmp_path / "run")
    expected = weights(folder, 12)
    newest = folder.checkpoint(12) / "optimizer.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    trainer.resume(str(folder.path))
    warned = [record["message"] for record in read_all(folder.events) if record["event"] == "warned"]
    assert "optimizer.safetensors" in warned[0]
    assert weights(folder, 12) == expected
    assert checkpoint.newest_intact(folder) == (12, [])


def test_with_no_intact_checkpoint_left_every_damaged_file_is_named(book: Path, tmp_path: Path) -> None:
    folder = train(book, tmp_path / "run")
    for step in folder.steps_saved():
        (folder.checkpoint(step) / "model.safetensors").unlink()
    with pytest.raises(CheckpointDamaged) as raised:
        trainer.resume(str(folder.path))
    assert all(f"{step:06d}" in str(raised.value) for step in folder.steps_saved())
    assert raised.value.exit_code == 1


def test_changed_data_is_refused(book: Path, tmp_path: Path) -> None:
    with pytest.raises(Crash):
        train(book, tmp_path / "run", crash_at=6)
    book.write_text(book.read_text(encoding="utf-8") + "one more line\n", encoding="utf-8")
    with pytest.raises(DataError, match="has changed"):
        trainer.resume(str(tmp_path / "run"))


def test_another_text_is_not_said_to_be_the_runs_own(book: Path, tmp_path: Path) -> None:
    folder = train(book, tmp_path / "run")
    other = tmp_path / "other.txt"
    other.write_text("another text altogether. " * 200, encoding="utf-8")
    with pytest.raises(DataError, match=r"this run learns from .*, and .*other.txt is another text"):
        trainer.resume(str(folder.path), [Source("command line", {"data.path": str(other)})])


def test_a_contradiction_to_the_run_is_refused_with_both_values(book: Path, tmp_path: Path) -> None:
    folder = train(book, tmp_path / "run")
    with pytest.raises(SettingError) as raised:
        trainer.resume(str(folder.path), [Source("command line", {"model.layers": "3"})])
    assert "model.layers 1" in str(raised.value)
    assert "3 was asked for" in str(raised.value)
    assert "--model.layers" in str(raised.value)
    trainer.resume(
        str(folder.path), [Source("command line", {"model.layers": "1"})]
    )  # the same value is no contradiction


def test_a_divergence_is_told_and_the_last_checkpoint_stays_good(book: Path, tmp_path: Path) -> None:
    with pytest.raises(Diverged) as raised:
        train(book, tmp_path / "run", optimizer__name="sgd", optimizer__learning_rate="1000", optimizer__clip="0")
    assert "--optimizer.learning-rate" in str(raised.value)
    folder = RunFolder(tmp_path / "run")
    assert checkpoint.newest_intact(folder)[0] is not None
    assert folder.status()["state"] == "diverged"
    assert list(read_all(folder.events))[-1]["reason"] == "diverged"


def test_a_goal_ends_the_run_and_stays_reached(book: Path, tmp_path: Path) -> None:
    folder = train(book, tmp_path / "run", training__stop_below="100")
    assert max(loss_trace(folder.events)) == 6
    before = folder.events.read_bytes()
    trainer.resume(str(folder.path))
    assert folder.events.read_bytes() == before


def test_old_checkpoints_go_but_first_best_and_newest_stay(book: Path, tmp_path: Path) -> None:
    folder = train(
        book,
        tmp_path / "run",
        training__steps="30",
        training__save_every="1",
        training__evaluate_every="10",
        training__keep="2",
    )
    records = [record for record in read_all(folder.events) if record["event"] == "evaluated"]
    best = min(records, key=lambda record: record["validation_loss"])["step"]
    assert folder.steps_saved() == sorted({0, best, 29, 30})


def test_a_full_disk_stops_with_words_and_keeps_what_was_saved(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "free_bytes", free := Counter([10**9] * 2))
    with pytest.raises(RunError) as raised:
        train(book, tmp_path / "run")
    assert "disk is full" in str(raised.value)
    assert "bytes" in str(raised.value)
    folder = RunFolder(tmp_path / "run")
    monkeypatch.undo()
    assert checkpoint.newest_intact(folder) == (4, [])
    assert free.asked == 3


class Counter:
    """Free bytes as listed, then none."""

    def __init__(self, free: list[int]) -> None:
        self.free = free
        self.asked = 0

    def __call__(self, path: Path) -> int:
        self.asked += 1
        return self.free.pop() if self.free else 0


def test_a_run_that_died_before_its_first_checkpoint_begins_again(book: Path, tmp_path: Path) -> None:
    whole = train(book, tmp_path / "whole")
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    text = whole.settings.read_text(encoding="utf-8")
    folder.settings.write_text(text, encoding="utf-8")
    folder.write_status(state="planning", step=0)
    trainer.resume(str(folder.path))
    assert weights(folder, 12) == weights(whole, 12)


def long_run(book: Path, out: Path, hangup: signal.Handlers = signal.SIG_DFL) -> subprocess.Popen[str]:
    """A real process in the middle of a training that would take minutes; under nohup it inherits SIG_IGN for `hangup`."""
    words = [sys.executable, "-m", "fogwalk", "train", str(book), "--out", str(out), "--training.steps", "100000"]
    words += [
        "--preset",
        "tiny",
        "--training.save-every",
        "50000",
        "--training.evaluate-every",
        "90000",
        "--training.compile",
        "off",
    ]
    own = signal.signal(signal.SIGHUP, hangup)
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGHUP, own)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if any(record["event"] == "step" for record in read_all(out / "events.jsonl")):
            return process
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"no step within two minutes: {process.communicate()}")


@pytest.mark.parametrize(
    ("number", "code", "state"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 143, "terminated"),
    ],
)
def test_one_signal_finishes_the_step_saves_and_tells_how_to_go_on(
    number: signal.Signals, code: int, state: str, book: Path, tmp_path: Path
) -> None:
    process = long_run(book, tmp_path / "run")
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "--resume" in errors
    assert "Traceback" not in errors
    folder = RunFolder(tmp_path / "run")
    last = list(read_all(folder.events))[-1]
    assert last["reason"] == state
    assert checkpoint.newest_intact(folder)[0] == last["step"] > 0
    assert folder.status()["state"] == "interrupted"


def test_a_terminal_that_is_closed_does_not_end_what_was_started_under_nohup(book: Path, tmp_path: Path) -> None:
    process = long_run(book, tmp_path / "run", hangup=signal.SIG_IGN)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "asked to end" not in errors
    assert process.returncode == 130, errors
    folder = RunFolder(tmp_path / "run")
    assert checkpoint.newest_intact(folder)[0] == list(read_all(folder.events))[-1]["step"] > 0


def test_a_second_interrupt_within_a_step_stops_without_saving_it(book: Path, tmp_path: Path) -> None:
    def twice(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 3:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    whole = train(book, tmp_path / "whole")
    folder = RunFolder(tmp_path / "run")
    values = {**TINY, "data.path": str(book), "out": str(folder.path)}
    with pytest.raises(Interrupted, match=r"stopped at step 3 of \d+, without saving it") as caught:
        trainer.train(resolve(Source("test", values)), listeners=[twice])
    assert caught.value.exit_code == 130
    assert "checkpoint is of step 0" in str(caught.value)
    assert f"--resume {folder.path}" in str(caught.value)
    assert folder.steps_saved() == [0]
    assert list(read_all(folder.events))[-1]["reason"] == "interrupted"
    trainer.resume(str(folder.path))
    assert weights(folder, 12) == weights(whole, 12)


def test_a_second_interrupt_ends_the_process(book: Path, tmp_path: Path) -> None:
    process = long_run(book, tmp_path / "run")
    process.send_signal(signal.SIGSTOP)  # both signals wait for it, and are then delivered within one step
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert checkpoint.newest_intact(RunFolder(tmp_path / "run"))[0] is not None


def test_a_second_writer_is_refused_while_a_run_is_written(book: Path, tmp_path: Path) -> None:
    process = long_run(book, tmp_path / "run")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "fogwalk", "train", "--resume", str(tmp_path / "run")],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        process.kill()
        process.communicate()
    assert done.returncode == 1
    assert f"process {process.pid}" in done.stderr


def test_settings_fed_back_repeat_the_run(book: Path, tmp_path: Path) -> None:
    first = train(book, tmp_path / "first")
    from fogwalk.settings import file

    second = trainer.train(resolve(file(first.settings), Source("command line", {"out": str(tmp_path / "second")})))
    assert weights(first, 12) == weights(second, 12)
    assert loss_trace(first.events) == loss_trace(second.events)


def test_event_lines_have_the_promised_names(book: Path, tmp_path: Path) -> None:
    records: list[dict[str, Any]] = list(read_all(train(book, tmp_path / "run", training__sample_every="6").events))
    names = {record["event"] for record in records}
    assert names == {"planned", "step", "evaluated", "sampled", "saved", "stopped"}
    for record in records:
        assert {"event", "step", "seconds"} <= record.keys()
        assert ("loss" in record) == (record["event"] == "step")
        assert ("validation_loss" in record) == (record["event"] == "evaluated")
    assert json.dumps(records)
