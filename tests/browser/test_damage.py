"""What was lost of a run is said on every screen, and a page begins anew where another file took the place of a run's events."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Window
from tests.browser.serving import Server, serving


@pytest.fixture
def cut(shelf: Path, tmp_path: Path) -> Iterator[Server]:
    """Two runs, the second of them with half of its events."""
    for name in ("moons", "half"):
        shutil.copytree(shelf / "moons", tmp_path / "runs" / name)
    events = tmp_path / "runs" / "half" / "events.jsonl"
    lines = events.read_bytes().splitlines(keepends=True)
    end = next(place for place, line in enumerate(lines) if b'"event": "step"' in line and b'"step": 12,' in line)
    events.write_bytes(b"".join(lines[:end]))
    with serving(tmp_path / "runs", tmp_path / "cache") as server:
        yield server


def test_what_was_lost_is_said_and_nothing_is_left_to_wait_for(windows: Callable[..., Window], cut: Server) -> None:
    window = windows(cut)
    window.allowed = ("status of 404",)  # the blame map has looks at steps whose lines are gone
    words = "events.jsonl ends with step 11, and the run has made 20"
    page = window.open("start")
    expect(page.locator(".card", has_text="half").first).to_contain_text(words)
    for view in ("live", "network", "blame"):
        page = window.open(view, "half")
        expect(page.locator("#screen .remark")).to_contain_text(words)
        expect(page.locator("#screen .remark")).to_contain_text("Copy the file again")
    page = window.open("live", "half")
    expect(page.locator("#state")).to_have_text("finished, step 11")
    expect(page.locator(".facts dt", has_text="trained for")).to_be_visible()
    expect(page.locator(".facts dt", has_text="left")).to_have_count(0)
    assert window.open("live", "moons").locator("#screen .remark").count() == 0
    window.close()


def test_another_file_in_the_place_of_the_events_is_shown_from_its_beginning(
    windows: Callable[..., Window], cut: Server
) -> None:
    window = windows(cut)
    page = window.open("live", "half")
    step = page.locator(".facts div", has_text="step").first.locator("dd")
    expect(step).to_have_text("11 of 20")
    other = cut.runs / "other.jsonl"
    shutil.copy(cut.runs / "moons" / "events.jsonl", other)
    other.replace(cut.runs / "half" / "events.jsonl")
    expect(step).to_have_text("20 of 20")
    expect(page.locator("#screen .remark")).to_have_count(0)
    window.close()


def test_what_no_file_of_a_run_should_hold_is_said_and_every_screen_stands(
    windows: Callable[..., Window], shelf: Path, tmp_path: Path
) -> None:
    shutil.copytree(shelf / "moons", tmp_path / "runs" / "bad")
    shutil.copytree(shelf / "moons", tmp_path / "runs" / "well")
    with (tmp_path / "runs" / "bad" / "events.jsonl").open("a") as file:
        file.write('{"event": "evaluated", "step": 20}\n{"event": "warned", "step": 20, "message": "\\ud800"}\n')
    (tmp_path / "runs" / "bad" / "status.json").write_text("[" * 100_000)
    with serving(tmp_path / "runs", tmp_path / "cache") as server:
        window = windows(server)
        page = window.open("start")
        card = page.locator(".card", has_text="bad").first
        expect(card).to_contain_text("2 lines that cannot be read")
        expect(card).to_contain_text("without its validation_loss")
        expect(card).to_contain_text("status.json cannot be used")
        expect(card).to_contain_text("finished, step 20 of 20")
        expect(page.locator(".card", has_text="well").first).to_contain_text("finished, step 20 of 20")
        for view in ("live", "network", "blame", "step", "answer"):
            page = window.open(view, "bad")
            expect(page.locator("#screen .remark", has_text="events.jsonl")).to_contain_text("Copy the file again")
            expect(page.locator("#state")).to_have_text("finished, step 20")
        window.close()


def test_runs_that_the_list_leaves_out_are_counted_and_can_be_opened(
    windows: Callable[..., Window], shelf: Path, tmp_path: Path
) -> None:
    for number in range(205):
        run = tmp_path / "runs" / f"run-{number:03}"
        run.mkdir(parents=True)
        shutil.copy(shelf / "moons" / "settings.toml", run)
        (run / "status.json").write_text(f'{{"state": "finished", "step": 0, "steps": 20, "started": {number}}}')
    with serving(tmp_path / "runs", tmp_path / "cache") as server:
        window = windows(server)
        page = window.open("start")
        expect(page.get_by_text("5 older runs are in")).to_be_visible()
        expect(page.locator("#run option").last).to_have_text("and 5 older")
        page = window.open("live", "run-002")
        expect(page.locator("#run")).to_have_value("run-002")
        expect(page.locator("#screen h1")).to_be_visible()
        window.close()
