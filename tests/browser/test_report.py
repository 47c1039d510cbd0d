"""A report in a real browser: opened as a file, without a network, every screen draws, with the numbers of the server's page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from playwright.sync_api import Browser, Page, expect

from fogwalk.observatory.report import MOST_BYTES

PATIENCE = 20_000  # milliseconds for which a screen is waited for
WAITS = "[...document.querySelectorAll('#screen p')].some((one) => one.textContent.trim().endsWith(' …'))"
DRAWN = f"() => document.querySelector('#screen [role=alert]') || (document.querySelector('#screen h1') && !{WAITS})"
RUNS = {
    "book": ("live", "step", "blame", "round", "answer"),
    "moons": ("live", "step", "network", "blame", "answer"),
    "digits": ("live", "step", "blame", "answer"),
}
# What a file's screen has beside the server's: a word on what it holds. A training is begun nowhere in it.
TOLD = """() => {
  const copy = document.querySelector('#screen').cloneNode(true);
  for (const one of copy.querySelectorAll('.recording, .workbench, form.train, .steering, select, datalist')) one.remove();
  return copy.textContent;
}"""


@dataclass
class Opened:
    """A file in a window without a network; what it asked for, and what went wrong."""

    page: Page
    place: Path
    asked: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def open(self, **picks: Any) -> Page:
        """A screen, once it is drawn."""
        words = "&".join(f"{name}={value}" for name, value in picks.items())
        self.page.goto(f"{self.place.as_uri()}?{words}")
        return self.drawn()

    def drawn(self) -> Page:
        """Once what was asked for is drawn."""
        self.page.wait_for_function(DRAWN)
        return self.page


@pytest.fixture(scope="module")
def files(observed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report of a run of each sort, written as a person would."""
    place = tmp_path_factory.mktemp("reports")
    environment = os.environ | {"XDG_CACHE_HOME": str(place / "cache"), "OMP_NUM_THREADS": "1"}
    for name in (*RUNS, "harmful"):
        command = [sys.executable, "-m", "fogwalk", "report", name, "--out", str(place / f"{name}.html")]
        done = subprocess.run(command, cwd=observed.parent, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    return {name: place / f"{name}.html" for name in (*RUNS, "harmful")}


@pytest.fixture
def opens(browser: Browser, files: dict[str, Path]) -> Iterator[Any]:
    """Opens a file, of a width, in light or dark; at the end nothing may have been asked for, and nothing gone wrong."""
    opened: list[Opened] = []

    def opens(name: str, width: int = 1280, **how: Any) -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **how)
        context.set_default_timeout(PATIENCE)
        one = Opened(context.new_page(), files[name])
        context.on("request", lambda asked: one.asked.append(asked.url))
        context.on("weberror", lambda error: one.faults.append(str(error.error)))
        context.on("console", lambda said: one.faults.append(said.text) if said.type in ("error", "warning") else None)
        opened.append(one)
        return one

    yield opens
    for one in opened:
        one.page.context.close()
        assert not [url for url in one.asked if not url.startswith(("file:", "data:", "blob:"))]
        assert not one.faults


def numbers(page: Page) -> list[str]:
    """Every number that a screen tells, in order."""
    return re.findall(r"-?\d[\d,.]*(?:e[+-]\d+)?", page.evaluate(TOLD))


@pytest.mark.parametrize(("name", "view"), [(name, view) for name, views in RUNS.items() for view in views])
def test_every_screen_of_a_file_tells_the_numbers_of_the_server(name: str, view: str, opens: Any, window: Any) -> None:
    file = opens(name)
    page, asked = file.open(view=view), {}
    if view in ("round", "answer"):  # the first that the file holds an answer to
        link = page.locator(".recording a").first.get_attribute("href", timeout=PATIENCE)
        asked = {what: value for what, value in parse_qsl((link or "").partition("?")[2]) if what in ("prompt", "held")}
        page = file.open(view=view, **{what: quote(value) for what, value in asked.items()})
    assert not page.locator("#screen [role=alert]").all_inner_texts()
    assert "This file holds" not in page.locator("#screen").inner_text()
    other, until = window.open(view, name, **asked), time.monotonic() + PATIENCE / 1000
    least = 0 if view == "answer" and not asked else 6  # an image may have to be asked for first
    while (mine := numbers(page)) != (served := numbers(other)) or len(mine) < least:
        if time.monotonic() > until:  # some of a screen comes after its title
            assert mine == served
            pytest.fail(f"only {len(mine)} numbers are told")
        page.wait_for_timeout(200)
    assert file.place.stat().st_size < MOST_BYTES


def test_a_file_offers_nothing_that_it_cannot_do(opens: Any, window: Any) -> None:
    served = window.open("live", "moons")
    expect(served.get_by_role("button", name="train on")).to_be_enabled()
    page = opens("moons").open(view="live")
    assert page.locator("#screen .steering button, #screen .steering input").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_file_fits_a_telephone(scheme: str, opens: Any) -> None:
    file = opens("moons", width=360, color_scheme=scheme)
    for view in ("start", *RUNS["moons"]):
        page = file.open(view=view)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, view
    ground = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")


def test_what_a_file_does_not_hold_is_said_with_what_it_does(opens: Any) -> None:
    page = opens("book").open(view="step", step=7)
    told = page.locator("#screen [role=alert]").inner_text()
    assert "This file holds steps 1, 5, 10, 15 and 20 of this, and not step 7" in told
    page.locator("#screen > div > .instead a", has_text="step 10").click()
    page.wait_for_function("() => document.querySelector('#screen [role=tab]')")
    assert "step=10" in page.url
    page = opens("book").open(view="answer", prompt="never asked")
    assert "cannot ask the model anything new" in page.locator("#screen").inner_text()


@pytest.mark.parametrize("name", ["book", "moons", "digits"])
def test_a_weight_is_followed_in_a_file(name: str, opens: Any) -> None:
    page = opens(name).open(view="step")
    page.get_by_role("button", name="Follow one weight").click()
    expect(page.locator(".pinned strong")).to_contain_text("weight[")
    for _ in range(5):
        page.get_by_role("button", name="go on with it").click()
    expect(page.locator("#tab-again")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".pinned")).to_contain_text("That was one update of one weight")
    assert page.locator("#screen .trouble").count() == 0


def test_what_a_layer_added_opens_in_a_file(opens: Any) -> None:
    file = opens("book")
    link = file.open(view="answer").locator(".recording a").first.get_attribute("href", timeout=PATIENCE)
    prompt = dict(parse_qsl((link or "").partition("?")[2]))["prompt"]
    page = file.open(view="answer", prompt=quote(prompt))
    page.get_by_role("button", name="layers.1.feed_forward").click()
    expect(page.locator(".entry .account > li")).not_to_have_count(0)
    assert page.locator("#screen .trouble").count() == 0


def test_the_player_goes_from_one_step_that_is_held_to_the_next(opens: Any) -> None:
    page = opens("book").open(view="step", step=20)
    page.get_by_role("button", name="one step back").click()
    page.wait_for_function("() => location.search.includes('step=15')")
    page.get_by_role("button", name="to the first step").click()
    page.wait_for_function("() => location.search.includes('step=1&') || location.search.endsWith('step=1')")
    assert not page.locator("#screen [role=alert]").count()


def test_a_file_begins_with_what_it_holds(opens: Any) -> None:
    page = opens("moons").open()
    assert page.locator("h1").inner_text() == "What is in this file: moons"
    assert page.locator("#screen").inner_text().count("step 10") >= 1
    page.get_by_role("link", name="Network").first.click()
    page.wait_for_function("() => document.querySelector('#screen svg.net, #screen canvas')")


def test_text_of_data_stays_text_in_a_file(opens: Any) -> None:
    file = opens("harmful")
    for view in ("start", "live", "step", "round", "answer"):
        page = file.open(view=view)
        assert page.title() != "struck"
        assert page.locator("#screen img").count() == 0


def test_the_page_of_an_empty_folder_shows_the_runs_that_come_along(browser: Browser, tmp_path: Path) -> None:
    from tests.browser.conftest import Window, serving

    with serving(tmp_path / "runs", tmp_path / "cache") as server:
        window = Window.of(browser, server)
        page = window.open("start")
        assert page.locator("#screen .card strong a").all_inner_texts() == ["two-moons", "handbook"]
        for run, view in (
            ("two-moons", "network"),
            ("handbook", "round"),
            ("two-moons", "step"),
            ("handbook", "live"),
        ):
            page = window.open(view, run)
            assert not page.locator("#screen [role=alert]").count(), (run, view)
        window.close()
