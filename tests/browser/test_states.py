"""Folders with nothing, with damage, with half of something, and questions that cannot be answered: a worded state each, with the
frame around it, never a blank page."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import WAITS, Window
from tests.browser.serving import Server, serving

REFUSED = ("status of 404", "status of 409")
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
        ({"view": "nowhere", "run": "book"}, ""),
    ],
)
def test_what_cannot_be_shown_is_said(picks: dict[str, object], words: str, window: Window) -> None:
    window.allowed = REFUSED
    window.open(**picks)  # type: ignore[arg-type]
    expect(window.page.locator("main")).to_contain_text(words)
    worded(window)
