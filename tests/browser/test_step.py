"""One step as a person sees it: what is shown adds up, agrees with `explain`, and is reached and kept by keyboard alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from fogwalk import load
from fogwalk.insight.accounts.protocol import number
from fogwalk.insight.dial import dial
from fogwalk.insight.telling.overview import ratio, size
from tests.browser.conftest import Window

NAMES = ["book", "moons", "digits", "people"]
STATIONS = ["batch", "forward", "loss", "blame", "update", "again"]
PICKED = """() => {
  const box = document.querySelector("[aria-label=parameters]").getBoundingClientRect();
  const picked = document.querySelector("[aria-label=parameters] [aria-pressed=true]").getBoundingClientRect();
  return picked.top >= box.top && picked.bottom <= box.bottom;
}"""
IDLE = "() => { const panel = document.getElementById('station'); return panel && !panel.hasAttribute('aria-busy'); }"


def opened(window: Window, run: str, **picks: Any) -> Page:
    """A station, once it is drawn."""
    page = window.open("step", run, step=7, **picks)
    page.wait_for_function(IDLE)
    return page


def to(page: Page, station: str) -> None:
    """Go to another station."""
    page.locator(f"#tab-{station}").click()
    expect(page.locator(f"#tab-{station}")).to_have_attribute("aria-selected", "true")
    page.wait_for_function(IDLE)


def values(page: Page, bars: str) -> list[float]:
    """What stands behind each bar."""
    found: list[float] = page.locator(f"{bars} > li").evaluate_all("all => all.map((one) => Number(one.dataset.value))")
    return found


def numbers(page: Page, bars: str) -> list[float]:
    """What is written at each bar."""
    written = page.locator(f"{bars} > li > .number").evaluate_all("all => all.map((one) => one.lastChild.textContent)")
    return [float(one) for one in written]


def fact(page: Page, name: str) -> float:
    """A number of the weight that is opened."""
    return float(page.locator(f"[data-fact='{name}'] dd").inner_text())


@pytest.mark.parametrize("run", NAMES)
def test_the_losses_shown_have_the_loss_as_their_mean(run: str, window: Window, observed: Path) -> None:
    page = opened(window, run, station="loss", row=1)
    bars = ".bars.means" if run == "book" else ".bars.answers"
    shown = float(page.locator(".mean strong").inner_text())
    assert sum(values(page, bars)) / len(values(page, bars)) == pytest.approx(shown, abs=1e-4)
    assert numbers(page, bars) == pytest.approx(values(page, bars), rel=1e-3), "the bars are their numbers"
    assert shown == pytest.approx(load(observed / run).explain(7).step.loss, abs=1e-5)


@pytest.mark.parametrize("run", NAMES)
def test_the_blame_shown_is_that_of_a_replay(run: str, window: Window, observed: Path) -> None:
    page = opened(window, run, station="blame")
    layers = load(observed / run).explain(7).layers
    assert values(page, ".bars.blame") == pytest.approx([one.blame or 0 for one in reversed(layers)], rel=1e-5)
    assert "powers of ten" in page.locator("#station").inner_text()


@pytest.mark.parametrize("run", ["people", "adam", "book", "digits"])
def test_a_weight_moves_as_shown_and_its_slope_is_its_gradient(run: str, window: Window, observed: Path) -> None:
    page = opened(window, run, station="update", weight="head.weight[1,2]")
    moved = load(observed / run).explain(7).step.moved["head.weight"]
    assert fact(page, "change") == pytest.approx(float(moved.change[1, 2]), rel=1e-3)
    assert fact(page, "new") - fact(page, "old") == pytest.approx(fact(page, "change"), rel=0.05)
    assert fact(page, "gradient") == pytest.approx(float(moved.gradient[1, 2]), rel=1e-3)
    page.locator("#nudge").click()
    slope = float(page.locator("[data-slope]").get_attribute("data-slope") or "nan")
    assert slope == pytest.approx(float(moved.gradient[1, 2]), rel=1e-2)
    expect(page.get_by_text("backpropagation is right")).to_be_visible()
    page.locator("#tried").fill("0.7")
    page.get_by_role("button", name="Try").click()
    expect(page.get_by_text("instead of")).to_contain_text("the loss of this batch would be")


@pytest.mark.parametrize("run", NAMES)
def test_a_pinned_weight_says_at_every_station_what_it_did(run: str, window: Window, observed: Path) -> None:
    page = opened(window, run, pin="head.weight[1,2]", row=1)
    told = load(observed / run).explain(7, row=1).step.moved["head.weight"]
    strip, said = page.locator(".pinned"), set()
    for station in STATIONS:
        to(page, station)
        expect(strip).to_contain_text("head.weight[1,2]")
        said.add(strip.inner_text())
    assert len(said) == len(STATIONS), "at each station something of its own"
    to(page, "blame")
    shares = values(page, "[aria-label^='what each row says']")
    assert sum(shares[:-1]) == pytest.approx(shares[-1], rel=1e-4)
    assert shares[-1] == float(told.gradient[1, 2])
    page.get_by_role("button", name="one step on").click()
    expect(page).to_have_url(re.compile("step=8"))
    page.wait_for_function(IDLE)
    expect(strip).to_contain_text("head.weight[1,2]")


def test_from_loading_to_a_pinned_weight_by_keyboard_alone(window: Window) -> None:
    page = window.open("live", "adam")

    def tab_to(what: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("(what) => document.activeElement.matches(what)", what):
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline == "solid", "where one is can be seen"
                return
        raise AssertionError(f"{what} is not reached")

    tab_to("nav a[href*='view=step']")
    page.keyboard.press("Enter")
    window.drawn()
    page.wait_for_function(IDLE)
    tab_to("[role=tab]")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.wait_for_function(IDLE)
    expect(page.locator("#tab-update")).to_be_focused()
    tab_to("#pin")
    page.keyboard.press("Enter")
    expect(page.locator(".pinned")).to_be_visible()
    expect(page.locator("#pin")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".pinned")).to_have_count(0)
    expect(page.locator("#pin")).to_be_focused()
    assert "pin=" not in page.url


@pytest.mark.parametrize("run", NAMES)
def test_a_newcomer_follows_one_weight_through_all_stations(run: str, window: Window, observed: Path) -> None:
    page = opened(window, run)
    page.get_by_role("button", name="Follow one weight").click()
    strip = page.locator(".pinned")
    expect(strip).to_be_visible()
    name = strip.locator("strong").inner_text()
    for station in STATIONS[1:]:
        page.get_by_role("button", name="go on with it").click()
        expect(page.locator(f"#tab-{station}")).to_have_attribute("aria-selected", "true")
        page.wait_for_function(IDLE)
        expect(strip).to_contain_text(name)
    expect(page.get_by_role("button", name="go on with it")).to_have_text("go on with it: step 8 →")
    to(page, "update")
    page.get_by_text("every number, from gradient to new weight").click()
    matrix, _, place = name.rstrip("]").partition("[")
    at = tuple(map(int, place.split(",")))
    moved = load(observed / run).explain(7).step.moved[matrix]
    assert abs(float(moved.gradient[at])) == float(moved.gradient.abs().max())
    assert fact(page, "change") == pytest.approx(float(moved.change[at]), rel=1e-3)


def test_where_no_step_was_picked_a_weight_is_followed_at_an_early_one_by_enter_alone(window: Window) -> None:
    page = window.open("step", "two-moons")
    page.wait_for_function(IDLE)
    follow = page.get_by_role("button", name="Follow one weight")
    expect(follow.locator("..")).to_contain_text("step 20")
    follow.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".pinned")).to_be_visible()
    assert "step=20" in page.url
    expect(page.get_by_label("number of the step")).to_have_value("20")
    expect(page.locator(".purpose")).to_contain_text("step 20.")
    for station in STATIONS[1:]:
        expect(page.get_by_role("button", name="go on with it")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator(f"#tab-{station}")).to_have_attribute("aria-selected", "true")
        page.wait_for_function(IDLE)
    to(page, "update")
    page.get_by_text("every number, from gradient to new weight").click()
    change, rate, gradient = (fact(page, name) for name in ("change", "rate", "gradient"))
    assert change == pytest.approx(-rate * gradient, rel=1e-3), "what the run that comes along is to teach"
    expect(page.locator(".pinned")).to_contain_text(f"= -{rate:g}·")
    assert "ball" not in page.locator("#station").inner_text(), "without momentum nothing rolls"


def test_what_stands_below_a_pinned_weight_is_told_where_it_was_at_work(window: Window, observed: Path) -> None:
    page = opened(window, "book", station="forward", pin="head.weight[1,2]", at="head", unit=1)
    place = re.search(r"at place (\d+)", page.locator(".pinned").inner_text())
    assert place
    assert page.locator(".opened input[name=place]").input_value() == place[1]
    expect(page.locator(".opened")).to_contain_text("The whole unit that the pinned weight belongs to")
    to(page, "blame")
    bars = page.locator("[aria-label='blame times what it met'] > li")
    told = dial(load(observed / "book").explain(7).step, "head.weight", (1, 2))
    assert told.used == len(told.blamed) == bars.count(), "in eight places nothing is left out"


def test_every_optimizer_is_told_with_its_own_rate(window: Window, observed: Path) -> None:
    page = opened(window, "book", station="update", weight="head.weight[1,2]")
    step = load(observed / "book").explain(7).step
    moved = step.moved
    rates = {one.optimizer: number(one.rate) for one in moved.values()}
    assert len(set(rates.values())) == 2
    text = page.locator("#station").inner_text()
    for name, rate in rates.items():
        assert f"{rate} ({name})" in text
    made = {line.formula[:2]: number(line.result) for line in dial(step, "head.weight", (1, 2)).lines}
    assert page.locator("[data-fact='mean, made up for its start at 0'] dd").inner_text() == made["m\u0302"]
    assert page.locator("[data-fact='mean of squares, made up too'] dd").inner_text() == made["v\u0302"]


@pytest.mark.parametrize("run", NAMES)
def test_a_newcomer_reads_first_what_the_screen_does(run: str, window: Window) -> None:
    page = opened(window, run)
    words = page.locator(".purpose").inner_text()
    assert words.startswith("One real step of this run, done again exactly: step 7.")
    assert not any(word in words for word in ("checkpoint", "bit", "float", "events.jsonl")), "that is for whoever asks"
    how = page.locator(".how")
    expect(how.locator(".told")).to_be_hidden()
    how.locator("summary").click()
    expect(how.locator(".told")).to_contain_text("the same to the bit")


@pytest.mark.parametrize("run", NAMES)
def test_the_weight_to_follow_moves_by_a_rule_of_its_own(run: str, window: Window, observed: Path) -> None:
    page = opened(window, run)
    page.get_by_role("button", name="Follow one weight").click()
    name = page.locator(".pinned strong").inner_text().partition("[")[0]
    moved = load(observed / run).explain(7).step.moved
    assert moved[name].optimizer != "Muon", "one that Muon turns with its whole matrix is hard to follow"
    if run in ("book", "digits"):
        assert name == "head.weight"
        expect(page.locator(".pinned")).to_contain_text("the score of")


def test_a_pinned_weight_shows_its_part_and_says_why_bars_are_alike(window: Window, observed: Path) -> None:
    page = opened(window, "book", station="forward", pin="head.weight[1,2]")
    part, others, made = values(page, "[aria-label='its part of what is made']")
    assert part + others == pytest.approx(made, abs=1e-6)
    output = load(observed / "book").explain(7).step.values["head.output"].value[0, :, 1]
    assert min(abs(float(one) - made) for one in output) < 1e-5
    page = opened(window, "moons", station="forward", pin="head.bias[0]")
    assert page.locator("[aria-label='its part of what is made']").count() == 1
    page = opened(window, "digits", station="forward", pin="layers.0.bias[0]")
    assert page.locator("[aria-label='weight times what it met']").count() == 0, "bars that are alike teach nothing"
    expect(page.locator("#station")).to_contain_text("A bias is added as it is, whatever comes in")
    expect(page.locator(".pinned")).to_contain_text("it was added as it is, at all 64 places alike")


@pytest.mark.parametrize("run", ["book", "moons", "digits"])
def test_the_parameters_stand_whole_on_a_desk_and_scroll_in_a_hand(run: str, windows: Any, server: Any) -> None:
    page = opened(windows(server), run, station="update")
    hidden = "boxes => boxes.map((box) => [box.getAttribute('aria-label'), box.scrollWidth - box.clientWidth])"
    boxes = dict(page.locator("#station .scroll").evaluate_all(hidden))
    assert len(boxes) == 2
    assert not any(boxes.values()), "at 1280 pixels no column is cut off"
    assert page.locator("#station .wide > .small:visible").count() == 0
    page.wait_for_function(PICKED)  # the one whose weights are listed is in sight
    page = opened(windows(server, 360), run, station="update")
    boxes = dict(page.locator("#station .scroll").evaluate_all(hidden))
    assert boxes["parameters"] > 0
    expect(page.locator(".wide", has=page.get_by_role("region", name="parameters")).locator(".small")).to_be_visible()
    box = page.get_by_role("region", name="parameters")
    box.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('[aria-label=parameters]').scrollLeft > 0")


@pytest.mark.parametrize("run", NAMES)
def test_what_moved_most_is_told_in_itself_and_beside_its_size(run: str, window: Window, observed: Path) -> None:
    page = opened(window, run, station="update")
    moved = load(observed / run).explain(7).step.moved
    far = max(moved, key=lambda name: size(moved[name].change))
    much = max(moved, key=lambda name: ratio(moved[name]))
    words = page.locator("#station .said").first.inner_text()
    for name in (far, much):
        assert f"{number(size(moved[name].change))}, which is {number(100 * ratio(moved[name]))} % of its size" in words
        assert name in words
    assert ("in itself and beside its size" in words) == (far == much)


def test_esc_at_another_station_gives_the_focus_to_its_tab(window: Window) -> None:
    page = opened(window, "adam", station="forward", pin="head.weight[0,1]")
    page.get_by_role("button", name="unpin").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#tab-forward")).to_be_focused()


@pytest.mark.parametrize("run", NAMES)
def test_each_station_is_explained_in_three_ways_which_is_remembered(run: str, window: Window) -> None:
    page = opened(window, run)
    for way in ("plain", "maths", "code"):
        page.get_by_role("button", name=way, exact=True).click()
        page.wait_for_function(IDLE)
        for station in STATIONS:
            to(page, station)
            for box in page.locator("#station .said").all():
                assert way in (box.get_attribute("class") or "").split()
                words = box.inner_text()
                assert len(words) > 3
                assert not any(
                    word in words for word in ("undefined", "NaN", "[object", "No words", "is known for this")
                )
    assert "say=code" in page.url
    window.open("step", run, step=8)
    expect(page.locator("#station .said").first).to_have_class("said code")


@pytest.mark.parametrize("run", NAMES)
def test_any_address_opens_the_same_again(run: str, window: Window) -> None:
    page = opened(
        window,
        run,
        station="update",
        row=2,
        say="maths",
        weight="head.weight[1,1]",
        pin="head.bias[0]" if run != "book" else "head.weight[0,1]",
    )
    before = page.locator("main").inner_text()
    page.reload()
    window.drawn()
    page.wait_for_function(IDLE)
    assert page.locator("main").inner_text() == before
    to(page, "forward")
    layer = page.locator(".bars button").last
    name = layer.inner_text()
    layer.click()
    expect(page.locator(".opened h2").first).to_have_text(re.compile(rf"^{re.escape(name)} \("))
    unit = page.locator(".opened input[name=unit]")
    unit.fill("1")
    unit.press("Enter")
    expect(page).to_have_url(re.compile("unit=1"))
    expect(page.locator(".opened .what").first).to_have_text("unit 1")
    before = page.locator(".opened").inner_text()
    page.reload()
    window.drawn()
    expect(page.locator(".opened")).to_have_text(before, use_inner_text=True)


def test_a_row_is_picked_at_the_batch_and_followed(window: Window) -> None:
    page = opened(window, "book", station="batch")
    page.locator(".records .record").nth(2).click()
    page.wait_for_function(IDLE)
    expect(page.locator(".records .record").nth(2)).to_be_focused()
    expect(page.locator(".records .record").nth(2)).to_have_attribute("aria-pressed", "true")
    to(page, "loss")
    expect(page.get_by_role("heading", name="Row 2, place by place")).to_be_visible()
    page = opened(window, "digits", station="batch")
    assert page.locator(".pictures canvas").first.evaluate(
        "(canvas) => new Set(canvas.getContext('2d').getImageData(0, 0, 8, 8).data).size > 4"
    ), "a picture has its pixels"


def test_what_is_not_there_is_said_and_hides_no_station(window: Window) -> None:
    window.allowed = ("404", "409")
    page = opened(window, "moons", station="loss", pin="head.wait[0,0]")
    expect(page.get_by_text("The pinned weight is not here")).to_contain_text("Did you mean")
    assert values(page, ".bars.answers")
    page.keyboard.press("Escape")
    expect(page.get_by_text("The pinned weight is not here")).to_have_count(0)
    page = opened(window, "moons", station="forward", at="layers.0", unit=99)
    expect(page.locator(".opened .trouble")).to_contain_text("99 is outside")


@pytest.mark.parametrize("run", ["book", "digits"])
@pytest.mark.parametrize("width", [360, 1280])
def test_no_station_is_wider_than_the_window(run: str, width: int, windows: Any, server: Any) -> None:
    window = windows(server, width)
    page = opened(window, run, pin="head.weight[1,1]")
    for way in ("plain", "maths", "code"):
        page.get_by_role("button", name=way, exact=True).click()
        for station in STATIONS:
            to(page, station)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (station, way)
