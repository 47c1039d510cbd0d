"""Closing what was left open: limits, budgets, whether to compile; no clock is read here, paces are given."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest

from fogwalk import hardware, trainer
from fogwalk.errors import SettingError
from fogwalk.runs.log import read_all
from fogwalk.settings import Settings, Source, load_settings, resolve
from fogwalk.tasks.language import Language
from fogwalk.training import pace, plan
from fogwalk.training.course import UNTIL_CONVERGED
from fogwalk.training.pace import Pace

FAST = Pace(step=0.01, validation=0.2, sample=0.1, first=0.02)


@pytest.fixture
def task(book: Path) -> Language:
    return Language(closed(book))


def closed(book: Path, **changes: str) -> Settings:
    values = {"data.path": str(book), "model.context": "32", "training.batch": "8"}
    values |= {key.replace("__", "."): value for key, value in changes.items()}
    return plan.close_before_data(resolve(Source("command line", values)))


@pytest.fixture(autouse=True)
def _given_paces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "measure", lambda settings, task, *, compiled, most=None: FAST)
    monkeypatch.setattr(pace, "measure", lambda settings, task, *, compiled, most=None: FAST)


def closed_for(settings: Settings, task: Language, spent: float = 0) -> tuple[Settings, list[str]]:
    """The settings that the plan closes, and its words."""
    closed = plan.close(settings, task, spent)
    return closed.course.settings, closed.words


def test_the_smallest_of_several_limits_is_taken_and_named(book: Path, task: Language) -> None:
    settings, _ = closed_for(closed(book, training__steps="50", training__tokens="2560", training__epochs="9"), task, 0)
    assert settings.training.steps == 10  # 2560 tokens / (8 x 32)
    assert settings.origin("training.steps").startswith("2560 tokens")
    assert settings.training.tokens is None
    assert settings.training.epochs is None


def test_an_epoch_is_every_window_once(book: Path, task: Language) -> None:
    settings, _ = closed_for(closed(book, training__epochs="2"), task, 0)
    assert settings.training.steps == math.ceil(2 * task.training().per_epoch / 8)


def test_without_a_limit_it_is_five_minutes_and_said(book: Path, task: Language) -> None:
    settings, words = closed_for(closed(book), task, 0)
    assert any("5 minutes" in line for line in words)
    assert settings.minutes is None
    assert settings.training.steps is not None


@pytest.mark.parametrize("minutes", [0.2, 1.0, 7.0])
@pytest.mark.parametrize("validation", [0.01, 2.0])
def test_a_budget_is_filled_and_not_overrun(
    minutes: float, validation: float, book: Path, task: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = Pace(step=0.05, validation=validation, sample=0.3, first=0.1)
    monkeypatch.setattr(plan, "measure", lambda settings, task, *, compiled, most=None: given)
    settings, _ = closed_for(closed(book, minutes=str(minutes), training__compile="off"), task, spent=4.0)
    steps, habits = settings.training.steps, settings.training
    assert steps is not None
    assert habits.evaluate_every is not None
    assert habits.sample_every is not None
    needed = (
        steps * 0.05
        + math.ceil(steps / habits.evaluate_every) * validation
        + math.ceil(steps / habits.sample_every) * 0.3
    )
    left = minutes * 60 - 4.0
    assert needed <= left
    assert needed >= 0.6 * (left - plan.FINISHING_SECONDS)


def test_a_finder_that_does_not_fit_its_share_of_the_time_is_left_out_and_said(
    book: Path, task: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        plan, "measure", lambda *of, compiled, most=None: Pace(step=0.5, validation=0.1, sample=0.1, first=0.5)
    )
    chosen = closed(book, minutes="0.5", optimizer__learning_rate="find")
    settings, words = closed_for(chosen, task, 0)
    assert settings.optimizer.find_rate is False
    assert settings.optimizer.learning_rate == chosen.optimizer.learning_rate
    assert any("trying rates would take" in line for line in words)


@pytest.mark.parametrize(
    ("choice", "named"),
    [("training__epochs", "training.epochs"), ("training__tokens", "training.tokens")],
)
def test_more_steps_than_a_run_can_make_are_refused_by_the_name_that_was_given(
    choice: str, named: str, book: Path, task: Language
) -> None:
    with pytest.raises(SettingError, match="1e\\+300") as caught:
        plan.close(closed(book, **{choice: "1e300"}), task, 0)
    assert caught.value.keys == (named,)
    assert len(str(caught.value)) < 300


def test_a_long_budget_has_no_more_steps_than_a_run_can_make(
    book: Path, task: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        plan, "measure", lambda *of, compiled, most=None: Pace(step=1e-5, validation=0.0, sample=0.0, first=0.1)
    )
    settings, _ = closed_for(closed(book, minutes="500000", training__compile="off"), task, 0)
    assert settings.training.steps == UNTIL_CONVERGED - 1


def test_a_budget_that_is_spent_already_is_refused_in_words(book: Path, task: Language) -> None:
    with pytest.raises(SettingError, match="no time for a single step"):
        plan.close(closed(book, minutes="0.1"), task, spent=6.0)


def test_without_a_compiler_steps_are_eager_and_it_is_said_once(
    book: Path, task: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "compiler", lambda: False)
    settings, words = closed_for(closed(book, training__steps="1000000"), task, 0)
    assert settings.training.compile == "off"
    assert sum("no C++ compiler" in line for line in words) == 1
    with pytest.raises(SettingError, match=r"no C\+\+ compiler"):
        closed(book, training__compile="on")


def test_with_a_goal_alone_it_is_until_the_goal_or_convergence_and_said(book: Path, task: Language) -> None:
    settings, words = closed_for(closed(book, training__stop_below="1.5"), task, 0)
    assert settings.training.steps == UNTIL_CONVERGED
    assert settings.training.convergence == "on"
    assert settings.origin("training.steps") == "until validation is below 1.5 or improves no more"
    assert any("goal" in line for line in words)


def test_with_a_goal_and_a_time_the_time_sets_the_last_step(book: Path, task: Language) -> None:
    goal, without = (
        closed_for(closed(book, **more), task, 0)[0]
        for more in ({"training__stop_below": "1.5", "minutes": "1"}, {"minutes": "1"})
    )
    assert goal.training.steps == pytest.approx(without.training.steps, rel=0.05)


@pytest.mark.parametrize(
    ("steps", "compiled_step", "expected"), [(100, 0.001, "off"), (10**6, 0.005, "on"), (10**6, 0.02, "off")]
)
def test_compiling_must_pay_within_the_run(
    steps: int, compiled_step: float, expected: str, book: Path, task: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(settings: Settings, task: Language, *, compiled: str, most: float | None = None) -> Pace:
        return Pace(step=compiled_step, validation=0.2, sample=0.1, first=20) if compiled == "on" else FAST

    monkeypatch.setattr(plan, "measure", measured)
    monkeypatch.setattr(pace, "measure", measured)
    monkeypatch.setattr(hardware, "compiler", lambda: True)
    settings, words = closed_for(closed(book, training__steps=str(steps)), task, 0)
    assert settings.training.compile == expected
    assert "compiled" in words[-1]


def test_how_often_to_look_is_a_function_of_the_steps_alone(book: Path, task: Language) -> None:
    twice = [closed_for(closed(book, training__steps="700"), task, spent)[0] for spent in (0.0, 100.0)]
    assert twice[0].flat() == twice[1].flat()
    assert twice[0].training.save_every == 70


def test_what_was_chosen_by_the_person_is_kept(book: Path, task: Language) -> None:
    chosen = {"training__save_every": "7", "training__evaluate_every": "9", "training__sample_every": "0"}
    settings, _ = closed_for(closed(book, training__steps="30", **chosen), task, 0)
    training = settings.training
    assert (training.save_every, training.evaluate_every, training.sample_every) == (7, 9, 0)


def test_steps_that_take_longer_than_the_time_are_told_with_the_least_there_is(
    book: Path, task: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float | None] = []

    def slow(settings: Settings, task: Language, *, compiled: str, most: float | None = None) -> Pace:
        asked.append(most)
        return Pace(step=100.0, validation=20.0, sample=10.0, first=100.0)

    monkeypatch.setattr(plan, "measure", slow)
    with pytest.raises(SettingError, match="no time for a single step") as caught:
        plan.close(closed(book, minutes="1"), task, 0)
    assert "Give at least 2.4 minutes" in str(caught.value)  # a step, a validation, a sample, and to finish
    assert all(most is not None and 8 < most < 9 for most in asked)
    enough = closed(book, minutes="3", training__steps="1")
    assert closed_for(enough, task)[0].training.steps == 1


def test_a_trial_stops_when_its_time_is_over(book: Path, task: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    made: list[int] = []
    monkeypatch.setattr(task, "show", lambda *of: made.append(0))
    found = pace.measure(closed(book), task, compiled="off", most=0.0)
    assert found.step == found.first == found.sample > 0
    assert not made, "a sample takes its time too"
    pace.measure(closed(book), task, compiled="off", most=60.0)
    assert made


def test_a_slow_first_step_alone_tells_no_pace(book: Path, task: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    clock = iter([0.0, 8.0, *(8.0 + 0.1 * step for step in range(1, 10_000))])
    monkeypatch.setattr(pace, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    found = pace.measure(closed(book), task, compiled="off", most=3.0)
    assert (found.first, found.step) == (8.0, pytest.approx(0.1))


def test_the_minutes_a_run_may_take_before_anything_is_read(book: Path) -> None:
    assert plan.minutes_for(closed(book)) == plan.DEFAULT_MINUTES
    assert plan.minutes_for(closed(book, minutes="0")) == 0
    assert plan.minutes_for(closed(book, minutes="3", training__steps="7")) == 3
    assert plan.minutes_for(closed(book, training__steps="7")) is None
    assert plan.minutes_for(closed(book, training__stop_below="1.5")) is None


@pytest.mark.parametrize("name", ["cosine", "linear"])
def test_a_rate_that_falls_all_along_leaves_no_place_for_the_rule(name: str, book: Path, task: Language) -> None:
    settings, _ = closed_for(closed(book, minutes="1", optimizer__schedule=name), task)
    assert settings.training.convergence == "off"
    with pytest.raises(SettingError, match="falls all along"):
        plan.close(closed(book, minutes="1", optimizer__schedule=name, training__convergence="on"), task, 0)
    on = {"training__steps": "9", "training__convergence": "on"}
    with pytest.raises(SettingError, match="falls all along"):
        plan.close(closed(book, minutes="0", optimizer__schedule=name, **on), task, 0)


def test_what_was_asked_for_and_does_not_fit_is_said_and_so_is_a_goal(book: Path, task: Language) -> None:
    _, words = closed_for(closed(book, minutes="0.2", training__steps="100000"), task)
    assert "100,000 steps were asked for: no more fit into 0.2 minutes" in words
    _, words = closed_for(closed(book, minutes="0.2", training__steps="5", training__stop_below="1.5"), task)
    assert "it ends earlier once validation is below 1.5" in words
    assert not any("asked for" in line for line in words)


@pytest.mark.parametrize("more", [{}, {"training__stop_below": "1.5"}, {"training__steps": "100000"}])
def test_whether_to_compile_has_its_own_reason(more: dict[str, str], book: Path, task: Language) -> None:
    settings, _ = closed_for(closed(book, minutes="1", **more), task)
    assert settings.origin("training.compile").startswith("not compiled: ")


def test_what_the_planned_steps_see_is_told_from_the_plan_that_was_closed(book: Path, task: Language) -> None:
    settings, words = closed_for(closed(book, minutes="1", model__layers="1"), task)
    tokens = (settings.training.steps or 0) * 8 * 32
    (line,) = (line for line in words if "go through the text" in line)
    times = float(line.split()[-2].replace(",", ""))
    assert times == pytest.approx(tokens / len(task.tokens.training), rel=0.06)


@pytest.mark.parametrize("habits", [{}, {"training.save_every": "4", "training.evaluate_every": "6"}])
def test_as_many_checkpoints_are_planned_as_a_run_writes(book: Path, tmp_path: Path, habits: dict[str, str]) -> None:
    values = {"data.path": str(book), "training.steps": "25", "out": str(tmp_path / "run"), "model.layers": "1"}
    folder = trainer.train(resolve(Source("command line", values | habits)))
    story = read_all(folder.events)
    written = [record for record in story if record["event"] == "saved"]
    assert plan.saves(load_settings(folder.settings).training) == len(written)
