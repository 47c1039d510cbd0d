"""Folders with nothing, with damage, with half of something, and questions that cannot be answered: a worded state each, with the
frame around it, never a blank page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import WAITS, Window
from tests.browser.serving import Server, serving

REFUSED = ("status of 404", "status of 409")
LOST = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
SCREENS: dict[str, dict[str, object]] = {
    "live": {},
    "step": {"step": 7},
    "network": {},
    "blame": {},
    "round": {"prompt": "the cat"},
    "answer": {"prompt": "the cat"},
}
HARMS = ("no-settings", "half-events", "no-events", "binary-events", "no-checkpoints", "newer", "no-step")


@pytest.fixture(scope="package")
def harmed(observed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A book whole, and again with every harm."""
    place = tmp_path_factory.mktemp("harmed")
    runs = place / "runs"
    for name in ("whole", *HARMS):
        shutil.copytree(observed / "book", runs / name)
    (runs / "no-settings" / "settings.toml").unlink()
    for one in (runs / "no-settings" / "checkpoints").iterdir():
        (one / "settings.toml").unlink()
    events = (runs / "whole" / "events.jsonl").read_bytes()
    (runs / "half-events" / "events.jsonl").write_bytes(events[: len(events) // 2])
    (runs / "no-events" / "events.jsonl").unlink()
    (runs / "binary-events" / "events.jsonl").write_bytes(bytes(range(256)) * 100)
    shutil.rmtree(runs / "no-checkpoints" / "checkpoints")
    shutil.rmtree(runs / "no-checkpoints" / "probes")
    settings = (runs / "newer" / "settings.toml").read_text(encoding="utf-8")
    (runs / "newer" / "settings.toml").write_text(settings + "\n[unheard]\nof = 3\n", encoding="utf-8")
    (runs / "no-step" / "events.jsonl").write_bytes(events.splitlines(keepends=True)[0])
    (runs / "something-else").mkdir()
    (runs / "something-else" / "letter.txt").write_text("Dear aunt,", encoding="utf-8")
    with serving(runs, place / "cache") as server:
        yield server


def worded(window: Window) -> str:
    """What a screen says, which is drawn whole: its frame stands, and no part of it is blank."""
    page = window.page
    told = page.locator("main").inner_text().strip()
    assert len(told) > 20, "it is not blank"
    assert page.locator("header nav a").count() > len(SCREENS)
    assert not page.evaluate(WAITS), "what went wrong is not waited for"
    for never in ("Traceback", "undefined", "NaN", "[object", "TypeError", "Cannot read"):
        assert never not in told, told
    return told


@pytest.mark.parametrize("folder", ["empty", "none"])
def test_a_folder_without_runs_says_how_to_begin(
    folder: str, windows: Callable[..., Window], without: dict[str, Server]
) -> None:
    window = windows(without[folder])
    window.allowed = REFUSED
    page = window.open("start")
    assert "There is none in" in worded(window)
    assert page.locator("main .card").count() >= 2, "runs come along, and ways to begin are told"
    for view in SCREENS:
        window.open(view)
        worded(window)
        expect(page.get_by_label("run", exact=True)).to_have_value("two-moons")


@pytest.fixture(scope="package")
def without(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """A server of an empty folder, and one of none."""
    place = tmp_path_factory.mktemp("without")
    (place / "empty").mkdir()
    with serving(place / "empty", place / "cache") as empty, serving(place / "none", place / "cache") as none:
        yield {"empty": empty, "none": none}


@pytest.mark.parametrize("name", HARMS)
def test_a_damaged_run_is_told_in_words(name: str, windows: Callable[..., Window], harmed: Server) -> None:
    window = windows(harmed)
    window.allowed = REFUSED
    for view, picks in SCREENS.items():
        window.open(view, name, **picks)
        told = worded(window)
        if name in ("no-settings", "newer"):
            assert window.page.locator("main .trouble").count(), told


def test_the_first_screen_shows_damaged_runs_beside_the_whole_one(
    windows: Callable[..., Window], harmed: Server
) -> None:
    window = windows(harmed)
    window.open("start")
    told = worded(window)
    assert "damaged" in told
    assert "whole" in told
    assert "something-else" not in told


@pytest.mark.parametrize(
    ("picks", "words"),
    [
        ({"view": "live", "run": "boook"}, "no run called 'boook'"),
        ({"view": "live", "run": "../../etc"}, "nothing is at"),
        ({"view": "step", "run": "book", "step": 999}, "has no step 999"),
        ({"view": "step", "run": "book", "step": "x"}, ""),
        ({"view": "step", "run": "book", "step": 7, "row": 99}, "outside"),
        ({"view": "step", "run": "book", "step": 7, "at": "hed"}, "Did you mean head"),
        ({"view": "network", "run": "book"}, "plain networks"),
        ({"view": "network", "run": "digits"}, "plain networks"),
        ({"view": "round", "run": "moons"}, "transformer"),
        ({"view": "round", "run": "book", "prompt": "the cat sat on the mat"}, "looks back over 8"),
        ({"view": "answer", "run": "book", "prompt": "the cat sat on the mat"}, "looks back over 8"),
        ({"view": "answer", "run": "iris", "prompt": "colour=red"}, "colour"),
        ({"view": "network", "run": "moons", "step": 999999}, "The address names step 999,999"),
        ({"view": "network", "run": "wide", "step": 999999}, "The address names step 999,999"),
        ({"view": "answer", "run": "iris", "row": 5000}, "there is no record 5000"),
        ({"view": "nowhere", "run": "book"}, "no screen called 'nowhere'"),
        ({"view": "start", "run": "boook"}, "no run called 'boook'"),
    ],
)
def test_what_cannot_be_shown_is_said(picks: dict[str, object], words: str, window: Window) -> None:
    window.allowed = REFUSED
    window.open(**picks)  # type: ignore[arg-type]
    expect(window.page.locator("main")).to_contain_text(words)
    if picks["view"] == "nowhere":
        expect(window.page.locator("main")).to_contain_text("How healthy is it?")  # Live is drawn below the word
    window.until(f"!{WAITS}")  # a word above what is drawn comes before it
    worded(window)


def test_start_lists_the_others_where_a_run_is_gone(window: Window) -> None:
    window.allowed = REFUSED
    page = window.open("start", "boook")
    expect(page.locator(".cards").first).to_contain_text("moons")
    expect(page.get_by_label("run", exact=True)).to_have_value("")
    page.get_by_role("link", name="Start").click()
    expect(page.locator("main .trouble")).to_have_count(0)


def test_a_killed_server_is_told_once_and_what_was_asked_for_comes_by_itself(
    windows: Callable[..., Window], observed: Path, tmp_path: Path
) -> None:
    shutil.copytree(observed / "moons", tmp_path / "runs" / "moons")
    with serving(tmp_path / "runs", tmp_path / "cache") as server:
        window = windows(server)
        window.allowed = (*REFUSED, *LOST)
        page = window.open("step", "moons", step=7)
        expect(page.locator(".purpose")).to_contain_text("step 7.")
        server.kill()
        page.get_by_role("button", name="one step back").click()
        expect(page.get_by_role("alert")).to_have_count(1)
        expect(page.get_by_role("alert")).to_contain_text("does not answer")
        assert page.locator(".purpose").count() == 0, "nothing of another step stays beside what went wrong"
        server.start()
        expect(page.locator(".purpose")).to_contain_text("step 6.", timeout=30_000)
        expect(page.get_by_role("alert")).to_have_count(0)
        window.close()


def test_the_frame_tells_how_a_training_goes_on_every_screen(
    windows: Callable[..., Window], observed: Path, tmp_path: Path
) -> None:
    words = ["--model.hidden", "4", "--threads", "1", "--training.compile", "off", "--training.steps", "5000"]
    command = [sys.executable, "-m", "fogwalk", "train", "sample:moons", *words, "--pace", "20"]
    training = subprocess.Popen(
        [*command, "--out", str(tmp_path / "runs" / "going")],
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")},
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(600):
            if (tmp_path / "runs" / "going" / "checkpoints").exists():
                break
            time.sleep(0.1)
        with serving(tmp_path / "runs", tmp_path / "cache") as server:
            window = windows(server)
            for screen in ("start", "blame", "live"):
                page = window.open(screen, "going")
                state = page.locator("#state")
                expect(state).to_contain_text("training")
                expect(state).not_to_have_text(state.inner_text(), timeout=10_000)
            window.close()
    finally:
        training.kill()
        training.wait()
