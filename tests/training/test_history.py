"""A run's memory of its own losses: when it warns, and that a resumed run remembers what the whole one would."""

from __future__ import annotations

from typing import Any

import pytest

from fogwalk.training.history import History

FALLING = [3.0 - 0.02 * step for step in range(1, 61)]
RISES_AFTER_20 = {step: 2.0 + abs(step - 20) * 0.01 for step in range(5, 61, 5)}


def story(training: list[float], validations: dict[int, float]) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for step, loss in enumerate(training, start=1):
        records.append({"event": "step", "step": step, "loss": loss})
        if step in validations:
            records.append({"event": "evaluated", "step": step, "validation_loss": validations[step]})
    return records


def warned_at(history: History, records: list[dict[str, Any]]) -> list[int]:
    """At which steps a run that goes on with these records is told that it memorises."""
    steps = []
    for record in records:
        if record["event"] == "step":
            history.learned(record["loss"])
        else:
            history.validated(record["step"], record["validation_loss"])
            history.recovers()
            steps += [record["step"]] * bool(history.memorises())
    return steps


def test_it_warns_once_at_the_third_validation_without_a_new_best() -> None:
    assert warned_at(History(), story(FALLING, RISES_AFTER_20)) == [35]


@pytest.mark.parametrize(("epoch", "expected"), [(5, [25]), (12.5, [25]), (13, [30]), (100, [35])])
def test_it_warns_at_the_first_rise_once_the_text_was_gone_through_twice(epoch: float, expected: list[int]) -> None:
    rises = {step: loss + 0.004 * max(step - 20, 0) for step, loss in RISES_AFTER_20.items()}
    falling = [3.0 - 0.03 * step for step in range(1, 61)]
    assert warned_at(History(epoch), story(falling, rises)) == expected


def test_it_warns_before_a_rise_where_validation_follows_training_no_more() -> None:
    flat = {step: 2.0 - 0.002 * step for step in range(5, 61, 5)}
    falling = [3.0 - 0.03 * step for step in range(1, 61)]
    assert warned_at(History(5), story(falling, flat)) == [20]
    follows = {step: 2.0 - 0.005 * step for step in range(5, 61, 5)}
    assert warned_at(History(5), story(falling, follows)) == []


def test_noise_about_a_plateau_is_no_rise() -> None:
    noisy = {step: 2.0 + 0.03 * (step % 10 == 0) - 0.0001 * step for step in range(5, 61, 5)}
    falling = [3.0 - 0.001 * step for step in range(1, 61)]
    assert warned_at(History(5), story(falling, noisy)) == []


def test_it_does_not_warn_while_training_gets_no_better_either() -> None:
    assert warned_at(History(), story([3.0 + 0.01 * step for step in range(60)], RISES_AFTER_20)) == []


def test_it_does_not_warn_while_validation_improves() -> None:
    better = {step: 3.0 - 0.01 * step for step in range(5, 61, 5)}
    assert warned_at(History(), story(FALLING, better)) == []


@pytest.mark.parametrize("step", [3, 20, 30, 33, 35, 50])
def test_a_resumed_run_warns_where_the_whole_one_does(step: int) -> None:
    records = story(FALLING, RISES_AFTER_20)
    history = History.of(records, step, again=True)
    # A validation of the very step that a run goes on from is made again.
    ahead = [r for r in records if r["step"] > step or (r["step"] == step and r["event"] == "evaluated")]
    assert warned_at(history, ahead) == [s for s in (35,) if s >= step]
    assert history.steps == list(RISES_AFTER_20)


def test_a_run_that_is_better_than_ever_again_is_told_so_and_after_that_only_a_rise_is() -> None:
    history = History(epoch=1)
    told = []
    validations = [2.0, 1.9, 1.91, 1.91, 1.905, 1.8, 1.81, 1.81, 1.81, 1.85]
    for number, loss in enumerate(validations):
        for _ in range(50):
            history.learned(2.0 - 0.1 * number)
        history.validated(number + 1, loss)
        told.append(history.recovers() or history.memorises())
    assert "memorising" in told[3]
    assert [bool(words) for words in told].count(True) == 3
    assert told[5].startswith("validation is better than ever again, 1.8000")
    assert "above its best" in told[7]


def test_a_plateau_is_not_called_memorising() -> None:
    history = History(epoch=1)
    for number in range(40):
        history.learned(1.0 - 0.0001 * number)
        history.validated(number + 1, 1.0 + 0.003 * (number % 5) + 1e-6 * number)
        assert not history.memorises()
