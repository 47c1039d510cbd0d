"""What is wished of a run while it is trained: it waits, goes on, slows down, ends; and no number is another for it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fogwalk import trainer
from fogwalk.data.recognise import settled
from fogwalk.errors import Interrupted, UsageError
from fogwalk.events import Event, StepDone
from fogwalk.runs.catalogue import state_of
from fogwalk.runs.control import Wish, keep, kept, mark, place, wish, wished
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import loss_trace, read_all
from fogwalk.settings import Source
from fogwalk.training import obeying

SMALL = {
    "data.path": ("sample:xor",),
    "model.hidden": (4,),
    "training.steps": 30,
    "training.compile": "off",
    "threads": 1,
    "training.batch": 8,
}


def trained(out: Path, wished: Wish | None = None, **how: Any) -> RunFolder:
    return trainer.train(settled(Source("test", SMALL | {"out": str(out)})), wish=wished, **how)


def when(condition: Callable[[], bool]) -> None:
    """Come back once it holds; a test that waits for nothing fails."""
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> dict[int, float]:
    """The losses of the run that nobody steers."""
    return loss_trace(trained(tmp_path_factory.mktemp("plain") / "run").events)


def test_a_wish_comes_back_as_it_was_put(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert wished(folder) == Wish()
    assert mark(folder) is None
    marks = set()
    for one in (Wish(until=3), Wish(pace=0.5), Wish(stop=True), Wish(until=0, pace=20)):
        wish(folder, one)
        assert wished(folder) == one
        marks.add(mark(folder))
    assert len(marks) == 4, "each is seen"


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"until": -1}', '{"pace": "fast"}', '{"more": 1}', "\xff"])
def test_a_wish_that_cannot_be_read_is_none(content: str, tmp_path: Path) -> None:
    wish(RunFolder(tmp_path), Wish(until=3))
    place(RunFolder(tmp_path)).write_text(content, encoding="latin-1")
    assert wished(RunFolder(tmp_path)) == Wish()


@pytest.mark.parametrize(
    "wrong",
    [
        {"until": -1},
        {"until": 1.5},
        {"until": True},
        {"pace": 0},
        {"pace": -1},
        {"pace": float("nan")},
        {"pace": 10**400},
        {"stop": 1},
    ],
)
def test_what_cannot_be_wished_is_said(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Wish(**wrong)
    with pytest.raises(UsageError):
        Wish(pace=10**400)


def test_it_waits_goes_on_by_single_steps_and_ends_with_the_same_numbers(
    tmp_path: Path, plain: dict[int, float]
) -> None:
    folder = RunFolder(tmp_path / "run")
    told: list[str] = []
    work = threading.Thread(target=lambda: trained(folder.path, Wish(until=0), tell=lambda one: told.append(one.words)))
    work.start()
    when(lambda: folder.status().get("state") == "paused")
    assert state_of(folder) == "paused"
    assert loss_trace(folder.events) == {}, "it waits before the first step"
    for until in (1, 2, 12):
        wish(folder, Wish(until=until))
        when(lambda: folder.status().get("state") == "paused" and folder.status().get("step") == until)  # noqa: B023
        assert max(loss_trace(folder.events)) == until, "what was done stands in the file"
    time.sleep(1.1)  # it is waited for so long that a person is told, and the run's own time stands still
    wish(folder, Wish())
    work.join(60)
    assert state_of(folder) == "finished"
    assert loss_trace(folder.events) == plain
    assert any("waiting after step 12" in words for words in told)
    seconds = {record["step"]: record["seconds"] for record in read_all(folder.events) if record["event"] == "step"}
    assert seconds[13] - seconds[12] < 1, "waiting is not part of the run's life"


def test_it_makes_no_more_steps_a_second_than_wished(tmp_path: Path, plain: dict[int, float]) -> None:
    times: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, StepDone):
            times.append(time.monotonic())

    folder = trained(tmp_path / "run", Wish(pace=50), listeners=[listen])
    assert times[-1] - times[0] >= (len(times) - 1) / 50 - 1e-3
    assert loss_trace(folder.events) == plain


@pytest.mark.parametrize("first", [Wish(until=5), Wish(until=0), Wish(pace=5)])
def test_it_ends_as_ctrl_c_ends_it_even_while_it_waits(first: Wish, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    ended: list[BaseException] = []

    def work() -> None:
        try:
            trained(folder.path, first)
        except Interrupted as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    when(lambda: folder.status().get("state") in ("paused", "training"))
    wish(folder, Wish(stop=True))
    thread.join(60)
    assert len(ended) == 1
    assert state_of(folder) == "interrupted"
    assert folder.steps_saved()[-1] == folder.status()["step"], "it is saved"


def test_what_is_wished_while_it_is_planned_holds(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")

    def plan(told: Any) -> None:  # it is a run from before its first words on
        wish(folder, Wish(stop=True))

    with pytest.raises(Interrupted):
        trained(folder.path, Wish(pace=100), tell=plan)
    assert loss_trace(folder.events) == {}


def test_a_wish_of_an_earlier_session_holds_no_longer(tmp_path: Path, plain: dict[int, float]) -> None:
    folder = RunFolder(tmp_path / "run")

    def until_ten(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == 10:
            wish(folder, Wish(stop=True))

    with pytest.raises(Interrupted):
        trained(folder.path, listeners=[until_ten])
    assert json.loads(place(folder).read_text())["stop"] is True
    trainer.resume(str(folder.path))
    assert loss_trace(folder.events) == plain


def test_what_waits_for_a_page_that_is_gone_is_saved_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(obeying, "PATIENCE", 1.5)
    folder = RunFolder(tmp_path / "run")
    ended: list[BaseException] = []

    def work() -> None:
        try:
            trained(folder.path, Wish(until=3))
        except Interrupted as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    when(lambda: "heartbeat" in folder.status())
    assert kept(folder) is None, "no page began it"
    there = keep(folder)
    assert there is not None
    assert keep(folder) is None, "one is there for it, and no other"
    when(lambda: folder.status().get("state") == "paused")
    thread.join(3)
    assert thread.is_alive(), "while the server is there it waits"
    there.release()
    when(lambda: kept(folder) is False)
    another = keep(folder)
    assert another is not None
    thread.join(3)
    assert thread.is_alive(), "and another may be there in its place"
    another.release()
    thread.join(60)
    assert len(ended) == 1
    assert (state_of(folder), folder.steps_saved()[-1]) == ("interrupted", 3)


def test_where_the_page_is_gone_before_it_waits_it_goes_on(
    tmp_path: Path, plain: dict[int, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(obeying, "PATIENCE", 1.0)

    def plan(told: Any) -> None:
        if (there := keep(RunFolder(tmp_path / "run"))) is not None:
            there.release()

    folder = trained(tmp_path / "run", Wish(until=3), tell=plan)
    assert state_of(folder) == "finished"
    assert loss_trace(folder.events) == plain
    assert wished(folder) == Wish()
