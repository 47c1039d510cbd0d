"""Re-plans: recorded before they take effect, followed by a resumed run, and never made twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fogwalk import trainer
from fogwalk.errors import SettingError
from fogwalk.events import Event, StepDone
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import loss_trace, read_all, read_story
from fogwalk.settings import Source, load_settings, resolve
from fogwalk.training.course import UNTIL_CONVERGED
from fogwalk.training.saving import Saver
from fogwalk.training.state import State
from fogwalk.verify import verify

TINY = {
    "model.layers": "1",
    "model.width": "32",
    "model.heads": "2",
    "model.context": "32",
    "training.batch": "4",
    "training.compile": "off",
    "training.sample_every": "0",
    "training.save_every": "10",
    "threads": "1",
}


class Crash(BaseException):
    """The process dies."""


def train(book: Path, out: Path, crash_at: int | None = None, **changes: str) -> RunFolder:
    values = {**TINY, "data.path": str(book), "out": str(out), **{k.replace("__", "."): v for k, v in changes.items()}}
    return trainer.train(resolve(Source("command line", values)), listeners=[crashing(crash_at)])


def crashing(at: int | None) -> Callable[[Event], None]:
    def crash(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == at:
            raise Crash

    return crash


def replans(folder: RunFolder) -> list[tuple[int, str, int]]:
    return [(r["step"], r["reason"], r["steps"]) for r in read_story(folder.events) if r["event"] == "replanned"]


def weights(folder: RunFolder) -> bytes:
    return (folder.checkpoint(folder.steps_saved()[-1]) / "model.safetensors").read_bytes()


# Nothing is dropped: it is to learn by heart, and soon.
QUICK = {"minutes": "0", "model__dropout": "0", "optimizer__learning_rate": "0.05", "training__evaluate_every": "5"}
QUICK |= {"training__convergence_noise": "0.1"}


@pytest.fixture(scope="module")
def converged(tmp_path_factory: pytest.TempPathFactory, small_text: str) -> tuple[Path, RunFolder]:
    """A run without a last step, which ended because nothing more was learned."""
    place = tmp_path_factory.mktemp("converged")
    book = place / "book.txt"
    book.write_text(small_text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        return book, train(book, place / "run", **QUICK)


def test_a_run_without_a_last_step_ends_once_it_has_converged(converged: tuple[Path, RunFolder]) -> None:
    _, folder = converged
    ((step, reason, last),) = replans(folder)
    assert reason == "converged"
    assert last == step + -(-step // 5)  # a fifth more, over which the rate falls
    records = list(read_all(folder.events))
    assert records[-1]["reason"] == "converged"
    rates = {record["step"]: record["learning_rate"] for record in records if record["event"] == "step"}
    assert rates[step] == 0.05
    assert rates[last] < 0.05 / 5
    assert folder.status()["state"] == "finished"
    assert load_settings(folder.settings).training.steps == last
    assert load_settings(folder.checkpoint(0) / "settings.toml").training.steps == UNTIL_CONVERGED
    assert [check for check in verify(folder, replay=True) if not check.passed] == []


@pytest.mark.parametrize("before", [12, 1, -3])
def test_a_crash_around_a_replan_changes_nothing(
    before: int, converged: tuple[Path, RunFolder], tmp_path: Path
) -> None:
    book, whole = converged
    ((step, _, last),) = replans(whole)
    with pytest.raises(Crash):
        train(book, tmp_path / "run", crash_at=step - before, **QUICK)
    folder = trainer.resume(str(tmp_path / "run"))
    assert replans(folder)[-1] == (step, "converged", last)
    assert loss_trace(folder.events) == loss_trace(whole.events)
    assert weights(folder) == weights(whole)


def test_a_converged_run_is_finished_and_can_be_extended(converged: tuple[Path, RunFolder], tmp_path: Path) -> None:
    book, whole = converged
    last = whole.steps_saved()[-1]
    folder = train(book, tmp_path / "run", **QUICK)
    trainer.resume(str(folder.path))
    assert folder.steps_saved()[-1] == last
    trainer.resume(str(folder.path), [Source("command line", {"training.steps": str(last + 20)})])
    assert max(loss_trace(folder.events)) == last + 20


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which, from step 20 on, a step takes three times as long: 0.1 s, then 0.3 s."""
    monkeypatch.setattr(State, "age", lambda state: 0.1 * min(state.step, 20) + 0.3 * max(state.step - 20, 0))


@pytest.mark.usefixtures("slow")
def test_a_pace_that_drifts_is_planned_anew_and_the_record_is_followed(
    book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fogwalk.training import plan
    from fogwalk.training.pace import Pace

    given = Pace(step=0.1, validation=0.0, sample=0.0, first=0.1)
    monkeypatch.setattr(plan, "measure", lambda settings, task, *, compiled, most=None: given)
    more = {"minutes": "0.5", "training__convergence": "off"}
    whole = train(book, tmp_path / "whole", **more)
    made = replans(whole)
    assert {reason for _, reason, _ in made} == {"pace"}
    last = max(loss_trace(whole.events))
    assert last == made[-1][2]
    age = 2 + 0.3 * (last - 20)
    assert 0.9 * 30 < age < 30

    # The same run, dead beyond its first re-plan: it goes on as recorded, though the machine is fast again.
    with pytest.raises(Crash):
        train(book, tmp_path / "run", crash_at=made[0][0] + 3, **more)
    monkeypatch.setattr(State, "age", lambda state: 0.3 * state.step)
    folder = trainer.resume(str(tmp_path / "run"))
    assert replans(folder)[0] == made[0]
    traces = loss_trace(folder.events), loss_trace(whole.events)
    assert all(traces[0][step] == traces[1][step] for step in range(1, made[0][0] + 4))


def test_a_recorded_plan_trained_from_the_beginning_gives_the_same_bits(
    converged: tuple[Path, RunFolder], tmp_path: Path
) -> None:
    import shutil

    _, whole = converged
    copy = RunFolder(tmp_path / "copy")
    shutil.copytree(whole.path, copy.path)
    for step in copy.steps_saved()[1:]:
        shutil.rmtree(copy.checkpoint(step))
    trainer.resume(str(copy.path))
    assert weights(copy) == weights(whole)
    assert loss_trace(copy.events) == loss_trace(whole.events)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"optimizer__schedule": "cosine"}, "falls towards a last step"),
        ({"training__convergence": "off"}, "would have no end"),
    ],
)
def test_a_run_that_could_never_end_is_refused(changes: dict[str, str], words: str, book: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=words):
        train(book, tmp_path / "run", minutes="0", **changes)
    assert not (tmp_path / "run").exists()


def test_a_run_that_dies_before_its_first_checkpoint_begins_again_with_its_budget(
    small_text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = tmp_path / "book.txt"
    book.write_text(small_text, encoding="utf-8")

    def die(*of: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(Saver, "save", die)
        patch.setattr(RunFolder, "discard", lambda folder, **of: None)  # a kill leaves everything
        with pytest.raises(Crash):
            train(book, tmp_path / "run", minutes="0.2")
    folder = trainer.resume(str(tmp_path / "run"))
    planned = [record for record in read_story(folder.events) if record["event"] == "planned"]
    assert planned[-1]["budget"]["fill"] is True
    assert load_settings(folder.settings).training.steps == folder.steps_saved()[-1]


def test_a_constant_rate_does_not_fall_and_the_run_ends_where_it_has_converged(small_text: str, tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text(small_text, encoding="utf-8")
    folder = train(book, tmp_path / "run", **QUICK, optimizer__schedule="constant")
    ((step, reason, last),) = replans(folder)
    assert (reason, last) == ("converged", step + 1)
    (record,) = (record for record in read_story(folder.events) if record["event"] == "replanned")
    assert "the run ends here" in record["why"]


def test_while_the_rate_rises_a_run_is_not_said_to_have_converged(book: Path, tmp_path: Path) -> None:
    changes = {"training__steps": "60", "training__evaluate_every": "2", "training__convergence": "on"}
    changes |= {"training__convergence_noise": "50", "optimizer__warmup": "0.5", "optimizer__decay": "0.1"}
    ((step, reason, _),) = replans(train(book, tmp_path / "run", **changes))
    assert (step, reason) == (30, "converged")
