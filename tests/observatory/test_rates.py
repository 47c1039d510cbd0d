"""The learning rate of the update before each look inside a run."""

from __future__ import annotations

import json
from pathlib import Path

from fogwalk.observatory.work.looks import measures
from fogwalk.observatory.work.rates import rates
from fogwalk.runs.folder import RunFolder


def test_the_rate_before_each_look_is_that_of_the_events(shelf: Path) -> None:
    folder = RunFolder(shelf / "moons")
    events = [json.loads(line) for line in folder.events.read_text().splitlines()]
    logged = {one["step"]: one["learning_rate"] for one in events if one["event"] == "step"}
    assert rates(folder, [0, 1, 20, 21]) == [None, logged[1], logged[20], None]
    told = measures(str(shelf / "moons"))
    told = json.loads(told) if isinstance(told, str) else told
    assert told["rates"] == [logged.get(step) for step in told["form"]["steps"]]


def test_a_run_without_events_has_no_rates(tmp_path: Path) -> None:
    assert rates(RunFolder(tmp_path), [1]) == [None]
