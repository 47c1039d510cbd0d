"""Live: what it shows is what the file says, as it is written, over a killed server, and at most once a second."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from fogwalk.insight.accounts.protocol import number
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.lock import holding
from fogwalk.runs.log import loss_trace, read_all
from tests.browser.conftest import Window, when
from tests.browser.long import lengthen
from tests.browser.serving import serving

STEPS = 240  # of the training that is watched
PACE = 12  # steps a second
LOST = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")
STEP = """() => Number([...document.querySelectorAll("main dt")].find((one) => one.textContent === "step")
  ?.nextElementSibling.textContent.split(" ")[0].replaceAll(",", ""))"""


def fact(page: Page, name: str) -> str:
    """What stands beside a name."""
    return page.locator("main dl div", has=page.get_by_text(name, exact=True)).locator("dd").inner_text()


def plotted(page: Page) -> tuple[float, float]:
    """The lowest and the highest loss of the drawn band, read off the axis as a person would."""
    told = page.evaluate(
        """() => {
          const svg = document.querySelector("main svg[role=slider]");
          const ticks = [...svg.querySelectorAll("line.axis")]
            .map((one) => [Number(one.getAttribute("y1")), Number(one.nextElementSibling.textContent)]);
          const heights = svg.querySelector("polygon.band").getAttribute("points").split(" ")
            .map((one) => Number(one.split(",")[1]));
          return [ticks, Math.max(...heights), Math.min(...heights)];
        }"""
    )
    (below, low), (above, high) = told[0][0], told[0][-1]
    return tuple(low + (y - below) / (above - below) * (high - low) for y in told[1:])  # type: ignore[return-value]


def table(page: Page) -> list[list[str]]:
    """The rows of the curve's twin."""
    page.locator("main details summary").first.click()
    rows = page.locator("main details table").first.locator("tbody tr")
    rows.first.wait_for()
    return rows.evaluate_all("rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))")


@pytest.mark.parametrize("name", ["book", "moons", "people", "digits"])
def test_what_is_shown_is_what_the_file_says(name: str, window: Window, observed: Path) -> None:
    page = window.open("live", name)
    records = list(read_all(observed / name / "events.jsonl"))
    losses = loss_trace(observed / name / "events.jsonl")
    last = [one for one in records if one["event"] == "step"][-1]
    scored = [one for one in records if one["event"] == "evaluated"]
    best = min(scored, key=lambda one: one["validation_loss"])
    assert fact(page, "step") == "20 of 20"
    assert fact(page, "loss") == number(last["loss"])
    assert fact(page, "|gradient|") == number(last["gradient_norm"])
    assert fact(page, "best validation") == f"{number(best['validation_loss'])} at {best['step']}"
    for metric, value in scored[-1]["metrics"].items():
        assert fact(page, metric) == number(value)
    low, high = plotted(page)
    span = max(losses.values()) - min(losses.values())
    assert low == pytest.approx(min(losses.values()), abs=span / 200), "to the pixel"
    assert high == pytest.approx(max(losses.values()), abs=span / 200)
    assert [row[:3] for row in table(page)] == [
        [str(step), number(loss), number(loss)] for step, loss in losses.items()
    ]


def test_a_run_that_was_ended_early_is_told_so_and_no_time_is_left(
    windows: Callable[..., Window], observed: Path, tmp_path: Path
) -> None:
    """By Ctrl+C, by the system, or by `save and end`: the folder's word for it is a trainer's. A short one says so."""
    (tmp_path / "runs").mkdir()
    for name, ended in (("asked", "interrupted"), ("system", "terminated"), ("whole", "steps")):
        shutil.copytree(observed / "moons", tmp_path / "runs" / name)
        folder = RunFolder(tmp_path / "runs" / name)
        lines = folder.events.read_text(encoding="utf-8").splitlines()
        told = [json.loads(line) for line in lines]
        told = [one | {"reason": ended} if one["event"] == "stopped" else one for one in told]
        folder.events.write_text("".join(json.dumps(one) + "\n" for one in told), encoding="utf-8")
        folder.write_status(**folder.status() | {"state": "finished" if ended == "steps" else "interrupted"})
    with serving(tmp_path / "runs", tmp_path / "cache") as server:
        window = windows(server)
        for name in ("asked", "system"):
            page = window.open("live", name)
            assert page.locator("#state").inner_text() == "ended early, on request, step 20"
            assert "interrupted" not in page.locator("body").inner_text()
        page = window.open("live", "whole")
        assert page.locator("#state").inner_text() == "finished, step 20"
        assert "only 20 steps" in page.locator(".few").inner_text()
        assert "time left" not in page.locator("main dl").inner_text()
        page = window.open("start")
        assert "ended early, on request, step 20 of 20" in page.locator(".cards").first.inner_text()
        assert page.locator(".few").count() == 0
        window.open("live", "two-moons")
        assert page.locator(".few").inner_text() == "", "500 steps are no few"
        window.close()


def test_a_long_run_keeps_its_spikes(windows: Callable[..., Window], observed: Path, tmp_path: Path) -> None:
    lengthen(observed / "moons", tmp_path / "runs" / "long", 30_000)
    losses = loss_trace(tmp_path / "runs" / "long" / "events.jsonl")
    with serving(tmp_path / "runs", tmp_path / "cache") as server:
        window = windows(server)
        page = window.open("live", "long")
        low, high = plotted(page)
        assert low == pytest.approx(min(losses.values()), abs=0.05)
        assert high == pytest.approx(max(losses.values()), abs=0.05)
        shown = [[row[1], row[2]] for row in table(page)]
        assert 300 <= len(shown) <= 1200
        for spike in (9.5, 8.25, 7.75):
            assert number(spike) in (high for _, high in shown)
        assert number(0.015625) in (low for low, _ in shown)
        window.close()


def test_a_training_is_seen_as_it_goes_and_over_a_killed_server(
    windows: Callable[..., Window], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Every step within three seconds of its line, and after a break none missing and none double."""
    runs, cache = tmp_path / "runs", tmp_path_factory.mktemp("cache")
    words = ["--model.hidden", "4", "--threads", "1", "--training.compile", "off", "--training.batch", "8"]
    command = [sys.executable, "-m", "fogwalk", "train", "sample:moons", *words, "--training.steps", str(STEPS)]
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    training = subprocess.Popen(
        [*command, "--pace", str(PACE), "--out", str(runs / "going")], env=environment, stdout=subprocess.DEVNULL
    )
    events = runs / "going" / "events.jsonl"
    written = lambda: max(loss_trace(events), default=0) if events.exists() else 0  # noqa: E731
    try:
        when(lambda: written() > 3, 60)
        with serving(runs, cache) as server:
            window = windows(server)
            window.allowed = LOST
            page = window.open("live", "going")
            history: list[tuple[float, int]] = []
            while written() < STEPS // 3:
                history.append((time.monotonic(), written()))
                shown = page.evaluate(STEP)
                due = [step for at, step in history if at < history[-1][0] - 3]
                assert shown >= max(due, default=0), "a step is shown within three seconds"
                page.wait_for_timeout(100)
            assert "time left" in page.locator("main dl").inner_text()
            server.kill()
            before = written()
            window.until("document.querySelector('header').innerText.includes('lost contact')")
            assert training.poll() is None, "a training does not need the page"
            assert written() > before
            server.start()
            assert training.wait(60) == 0
            window.page.wait_for_function(f"() => ({STEP})() === {STEPS}")
            window.until("!document.querySelector('header').innerText.includes('lost contact')")
            assert "finished" in page.locator("header").inner_text()
            losses = loss_trace(events)
            assert list(losses) == list(range(1, STEPS + 1))
            assert [row[:3] for row in table(page)] == [
                [str(at), number(one), number(one)] for at, one in losses.items()
            ]
            page.reload()
            assert [row[:3] for row in table(window.drawn())] == [
                [str(at), number(one), number(one)] for at, one in losses.items()
            ]
            window.close()
    finally:
        training.kill()
        training.wait()


COUNTING = """() => {
  Object.defineProperty(document, "hidden", { get: () => window.away ?? false });
  Object.defineProperty(document, "visibilityState", { get: () => (window.away ? "hidden" : "visible") });
  window.redraws = [];
  document.addEventListener("DOMContentLoaded", () => new MutationObserver(() => window.redraws.push(performance.now()))
    .observe(document.body, { childList: true, subtree: true, characterData: true, attributes: true }));
}"""


def appended(folder: RunFolder, steps: range, seconds: float, page: Page) -> None:
    """Steps written one by one over so many seconds, as a trainer does."""
    events = folder.events
    for step in steps:
        if step % 10 == 0:
            folder.write_status(**folder.status() | {"step": step, "steps": 200})
        told: dict[str, Any] = {"event": "step", "step": step, "seconds": step * 0.05, "loss": 1 / step}
        with events.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told | {"gradient_norm": 1.0, "learning_rate": 0.01, "examples": 8}) + "\n")
        page.wait_for_timeout(1000 * seconds / len(steps))


@pytest.mark.parametrize("view", ["live", "network"])
def test_it_is_drawn_once_a_second_at_most_and_never_unseen(
    view: str, windows: Callable[..., Window], observed: Path, tmp_path: Path
) -> None:
    shutil.copytree(observed / "moons", tmp_path / "runs" / "going")
    events = tmp_path / "runs" / "going" / "events.jsonl"
    lines = events.read_text(encoding="utf-8").splitlines(keepends=True)
    events.write_text("".join(line for line in lines if '"stopped"' not in line), encoding="utf-8")
    folder = RunFolder(tmp_path / "runs" / "going")
    folder.write_status(**folder.status() | {"state": "training"})
    with holding(folder), serving(tmp_path / "runs", tmp_path / "cache") as server:
        window = windows(server)
        window.context.add_init_script(f"({COUNTING})()")
        page: Page = window.open(view, "going")
        page.evaluate("window.redraws = []")
        appended(folder, range(21, 101), 4, page)
        # The mutations of one redraw come within a tenth of a second.
        times = page.evaluate("window.redraws")
        began = [now for before, now in itertools.pairwise([-1000.0, *times]) if now - before > 100]
        assert len(began) <= 6
        assert all(now - before > 900 for before, now in itertools.pairwise(began)), began
        if view == "live":
            assert len(began) >= 3
            page.wait_for_function(f"() => ({STEP})() === 100")
        page.evaluate("() => { window.away = true; document.dispatchEvent(new Event('visibilitychange')); }")
        page.wait_for_timeout(1200)  # what was due before
        page.evaluate("window.redraws = []")
        appended(folder, range(101, 151), 2.5, page)
        assert page.evaluate("window.redraws") == []
        page.evaluate("() => { window.away = false; document.dispatchEvent(new Event('visibilitychange')); }")
        if view == "live":
            page.wait_for_function(f"() => ({STEP})() === 150", timeout=2000)
        window.close()


def test_tabs_that_are_not_seen_leave_the_server_to_the_one_that_is(
    windows: Callable[..., Window], observed: Path, tmp_path: Path
) -> None:
    """A browser has six lines to one server: as many tabs that each held one would keep the next from being drawn."""
    shutil.copytree(observed / "moons", tmp_path / "runs" / "going")
    folder = RunFolder(tmp_path / "runs" / "going")
    lines = folder.events.read_text(encoding="utf-8").splitlines(keepends=True)
    folder.events.write_text("".join(line for line in lines if '"stopped"' not in line), encoding="utf-8")
    folder.write_status(**folder.status() | {"state": "training"})
    with holding(folder), serving(tmp_path / "runs", tmp_path / "cache") as server:
        window = windows(server)
        window.context.add_init_script(f"({COUNTING})()")
        tabs = []
        for _ in range(8):
            tabs.append(window.context.new_page())
            tabs[-1].goto(f"{server.address}/?run=going&view=live")
            tabs[-1].wait_for_function(f"() => ({STEP})() === 20")
            tabs[-1].evaluate("() => { window.away = true; document.dispatchEvent(new Event('visibilitychange')); }")
        appended(folder, range(21, 24), 0.1, tabs[0])
        tabs[0].evaluate("() => { window.away = false; document.dispatchEvent(new Event('visibilitychange')); }")
        tabs[0].wait_for_function(f"() => ({STEP})() === 23", timeout=3000)
        window.close()


def told_otherwise(page: Page, address: str, **changes: Any) -> None:
    """What the server says at an address comes with some of it changed; by `settings` those of the plan."""

    def answer(route: Any) -> None:
        found = route.fetch().json()
        found.get("planned", {}).get("settings", {}).update(changes.get("settings", {}))
        route.fulfill(json=found | {name: value for name, value in changes.items() if name != "settings"})

    page.route(re.compile(address), answer)


def test_a_mark_above_the_drawing_is_told(window: Window) -> None:
    told_otherwise(window.page, r"/moons/curves\?", marks={"guessing": 40.17})
    text = window.open("live", "moons").locator(".sentence").first.inner_text()
    assert "guessing, 40.17, is above the drawing." in text


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"model.dropout": 0.2}, "dropout leaves out 20 % of the values"),
        ({"training.label_smoothing": 0.1, "task": "classification"}, "for 10 % of doubt"),
        ({"model.dropout": 0, "data.augment": "move"}, "what was held back may be easier than the rest"),
    ],
)
def test_a_validation_far_below_the_training_loss_is_explained(
    settings: dict[str, Any], words: str, window: Window
) -> None:
    told_otherwise(window.page, r"/api/runs/moons$", settings=settings)
    told_otherwise(window.page, r"/moons/curves\?", validations=[[20, 0.001, {}]])
    text = window.open("live", "moons").locator("main").inner_text()
    assert "Validation is 0.001000 and the training loss" in text
    assert words in text
    assert ("dropout" in text) == bool(settings.get("model.dropout"))


def test_no_validation_beside_the_training_loss_is_explained(window: Window) -> None:
    assert "It lies below" not in window.open("live", "book").locator("main").inner_text()


def test_samples_stand_as_in_a_file(window: Window) -> None:
    page = window.open("live", "book")
    fonts = page.locator(".samples .text").first.evaluate(
        "(one) => { const found = getComputedStyle(one); return [found.fontFamily, found.whiteSpace]; }"
    )
    assert "mono" in fonts[0]
    assert fonts[1] in ("pre-wrap", "preserve")
