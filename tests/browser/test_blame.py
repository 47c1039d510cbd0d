"""The blame map as a person sees it: a cell opens its history and its numbers, and the tree can be sorted."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from fogwalk import load
from fogwalk.insight.form import of_measures
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.lock import holding
from tests.browser.conftest import Window, serving


def ready(page: Page) -> None:
    """Once what is picked is drawn."""
    expect(page.locator("#picked .histogram").first).to_be_visible()
    expect(page.get_by_text("is made again …")).to_have_count(0)


@pytest.mark.parametrize("run", ["book", "moons", "digits"])
def test_a_cell_opens_its_history_and_its_numbers(run: str, window: Window, observed: Path) -> None:
    page = window.open("blame", run)
    ready(page)
    canvas = page.locator(".heat canvas")
    canvas.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    name = page.locator("#picked h2").inner_text()
    expect(page).to_have_url(re.compile(f"at={re.escape(name)}&look=10"))
    ready(page)
    form, tensors = of_measures(RunFolder(observed / run))
    column = form["steps"].index(10)
    shown = page.locator("#picked p").first.inner_text()
    assert shown.startswith("After step 10:")
    value = float(tensors[f"gradient/{name}"][column])
    assert float(shown.rstrip(".").split()[-1]) == pytest.approx(value, rel=1e-3)
    moved = load(observed / run).explain(10).step.moved[name]
    caption = page.locator("#picked .three figcaption").first.inner_text()
    assert f"{moved.gradient.numel():,} numbers" in caption
    page.locator("#picked .three summary").first.click()
    expect(page.locator("#picked .three table").first).to_be_visible()
    counts = page.locator("#picked .three table").first.locator("tbody td:last-child").all_inner_texts()
    assert sum(map(int, counts)) == moved.gradient.numel()
    page.get_by_role("link", name="Open step 10").click()
    window.drawn()
    expect(page.locator("#tab-update")).to_have_attribute("aria-selected", "true")
    expect(page.locator("td button[aria-pressed=true]").first).to_have_text(name)


def test_the_same_is_there_after_a_reload(window: Window) -> None:
    page = window.open("blame", "moons", what="change", at="head.weight", look=15, sort="gradient-")
    ready(page)
    before = page.locator("main").inner_text()
    page.reload()
    window.drawn()
    ready(page)
    assert page.locator("main").inner_text() == before
    assert "After step 15" in before


def test_the_map_is_drawn_in_more_than_one_colour(window: Window) -> None:
    page = window.open("blame", "book")
    colours = page.locator(".heat canvas").evaluate(
        """(canvas) => { const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const found = new Set(); for (let at = 0; at < data.length; at += 4) found.add(data.slice(at, at + 3).join());
        return found.size; }"""
    )
    assert colours > 20


CELL = """(canvas, [row, column, high, wide]) => {
  const [x, y] = [(column + 0.5) * canvas.width / wide, (row + 0.5) * canvas.height / high];
  return [...canvas.getContext('2d').getImageData(Math.floor(x), Math.floor(y), 1, 1).data].slice(0, 3);
}"""
DARK, LIGHT = [68, 1, 84], [253, 231, 37]  # the ends of the scale


def ends_of(rows: list[list[float | None]]) -> list[tuple[int, int]]:
    """Where the least and the largest stand."""
    known = {
        (y, x): value for y, row in enumerate(rows) for x, value in enumerate(row) if value is not None and value > 0
    }
    assert len(set(known.values())) > 2
    return [min(known, key=known.__getitem__), max(known, key=known.__getitem__)]


@pytest.mark.parametrize("run", ["book", "moons"])
def test_the_largest_of_the_map_is_light_the_least_dark_each_in_its_cell(
    run: str, window: Window, observed: Path
) -> None:
    window.allowed = ("willReadFrequently",)  # advice to this test's own reading
    page = window.open("blame", run)
    ready(page)
    form, tensors = of_measures(RunFolder(observed / run))
    names = page.locator(".heat .row-names span").all_inner_texts()
    rows = [tensors[f"gradient/{name}"].tolist() for name in names]
    canvas = page.locator(".heat canvas")
    cells = [canvas.evaluate(CELL, [*at, len(rows), len(form["steps"])]) for at in ends_of(rows)]
    assert cells == [DARK, LIGHT]


def test_the_loudest_place_of_a_steps_blame_is_light_the_least_dark(window: Window, observed: Path) -> None:
    window.allowed = ("willReadFrequently",)
    page = window.open("step", "moons", step=5, station="blame")
    with urlopen(f"{window.server.address}/api/runs/moons/steps/5/stations/blame") as answer:
        told = json.load(answer)
    names = page.locator(".heat .row-names span").all_inner_texts()
    assert names == list(reversed(told["paths"]))
    rows = list(reversed(told["places"]))
    canvas = page.locator(".heat canvas")
    cells = [canvas.evaluate(CELL, [*at, len(rows), len(rows[0])]) for at in ends_of(rows)]
    assert cells == [DARK, LIGHT]


def test_the_tree_is_sorted_by_the_column_that_is_clicked(window: Window, observed: Path) -> None:
    page = window.open("blame", "moons")
    ready(page)
    head = page.locator(".tree th", has_text="gradient")
    head.locator("button").focus()
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "descending")
    column = [float(one) for one in page.locator(".tree tbody td:nth-child(3)").all_inner_texts()]
    assert column == sorted(column, reverse=True)
    _, tensors = of_measures(RunFolder(observed / "moons"))
    assert column[0] == pytest.approx(
        max(float(value[-1]) for name, value in tensors.items() if name.startswith("gradient/")), rel=1e-3
    )
    page.keyboard.press("Enter")
    expect(head).to_have_attribute("aria-sort", "ascending")
    page.locator(".tree th", has_text="parameter").locator("button").click()
    expect(page.locator(".tree .group").first).to_be_visible()
    page.locator(".tree tbody button").first.click()
    expect(page.locator(".tree tbody button").first).to_be_focused()


def test_a_run_that_was_not_looked_into_says_so(windows: Any, observed: Path, tmp_path: Path) -> None:
    shutil.copytree(observed / "moons", tmp_path / "runs" / "blind")
    shutil.rmtree(tmp_path / "runs" / "blind" / "probes")
    shutil.copytree(observed / "moons", tmp_path / "runs" / "once")
    looks = sorted((tmp_path / "runs" / "once" / "probes").iterdir())
    for look in looks[1:]:
        look.unlink()
    with serving(tmp_path / "runs", tmp_path / "cache") as server:
        window = windows(server)
        page = window.open("blame", "blind")
        expect(page.locator(".trouble")).to_contain_text("looked inside")
        page.get_by_role("button", name="look again").click()
        expect(page.get_by_text("Nothing new")).to_be_visible()
        page = window.open("blame", "once")
        expect(page.get_by_text("One look inside was taken")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1280])
def test_it_is_never_wider_than_the_window(width: int, windows: Any, server: Any) -> None:
    window = windows(server, width)
    for run in ("book", "digits"):
        for what in ("gradient", "change", "size", "blame"):
            page = window.open("blame", run, what=what)
            ready(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (run, what)


DARKEST = """(canvas) => { const { width, height } = canvas, { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
  const found = new Set();
  for (let at = 0; at < data.length; at += 4) if (data[at] === 68 && data[at + 1] === 1 && data[at + 2] === 84)
    found.add((at / 4) % width);
  return [Math.min(...found), Math.max(...found), width]; }"""


@pytest.mark.parametrize("run", ["book", "digits"])
def test_the_look_before_any_update_is_no_alarm(run: str, window: Window, observed: Path) -> None:
    page = window.open("blame", run, what="gradient")
    ready(page)
    expect(
        page.get_by_text("The first column is a look before any update, and no fault where it is dark or grey")
    ).to_be_visible()
    first, last, width = page.locator(".heat canvas").evaluate(DARKEST)
    looks = len(of_measures(RunFolder(observed / run))[0]["steps"])
    assert last >= width / looks, "the colours are those of the looks after it"
    assert run != "book" or first >= width / looks, "what is 0 there is grey"
    page = window.open("blame", run, what="gradient", look=0)
    ready(page)
    expect(page.get_by_role("heading", name="Every parameter before any update")).to_be_visible()
    expect(page.get_by_text("no blame arrives")).to_have_count(0)


def test_a_run_that_goes_on_is_looked_at_again_until_it_ends_and_many_looks_are_drawn_in_part(
    windows: Any, observed: Path, tmp_path: Path
) -> None:
    shutil.copytree(observed / "moons", tmp_path / "runs" / "going")
    folder = RunFolder(tmp_path / "runs" / "going")
    last = folder.probes / "000020.safetensors"
    for step in range(21, 321):
        shutil.copy(last, folder.probes / f"{step:06}.safetensors")
    with serving(tmp_path / "runs", tmp_path / "cache") as server:
        window = windows(server)
        window.page.clock.install()
        with holding(folder):
            folder.write_status(**folder.status() | {"state": "paused"})
            page = window.open("blame", "going", look=10)
            ready(page)
            expect(page.get_by_text("305 looks inside were taken, from step 0 to 320")).to_contain_text(
                "of them are drawn"
            )
            shutil.copy(last, folder.probes / "000321.safetensors")
            page.clock.fast_forward(31_000)
            expect(page.get_by_text("1 new.")).to_be_visible()
            ready(page)
        folder.write_status(**folder.status() | {"state": "finished"})
        asked = lambda: sum("going/measures" in url for url in window.requests)  # noqa: E731
        with page.expect_response("**/measures*") as answered:
            page.clock.fast_forward(31_000)
        assert answered.value.json()["same"], "nothing is sent twice"
        page.wait_for_timeout(200)
        before = asked()
        page.clock.fast_forward(95_000)
        page.wait_for_timeout(500)
        assert asked() == before == 3, "it has ended"
        window.close()


def test_updates_are_judged_where_the_rate_had_not_fallen_yet(window: Window) -> None:
    def fallen(route: Any) -> None:
        told = route.fetch().json()
        steps = told["form"]["steps"]
        told["rates"] = [None if not step else 1e-6 if step == steps[-1] else 0.002 for step in steps]
        for name, row in told["numbers"].items():
            if name.startswith("change/"):
                told["numbers"][name] = [*[value and 0.001 for value in row[:-1]], 2e-6]
        route.fulfill(json=told)

    window.page.route(re.compile(r"/measures(\?|$)"), fallen)
    page = window.open("blame", "moons", what="change")
    ready(page)
    text = page.locator("main").inner_text()
    assert re.search(r"After step 1\d, at the rate 0\.002000, the most was in \S+ 0\.001000 \(usual\)", text)
    assert "for by the last look, after step 20, the rate had fallen to 1.000e-06" in text
    assert "hardly moves" not in text
    assert "the rate is low" in page.locator(".tree").inner_text()
