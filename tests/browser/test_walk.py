"""A newcomer needs no more than three minutes to see one update of one weight, and sees what it is made of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fogwalk import load
from fogwalk.insight.accounts.protocol import number
from fogwalk.insight.dial import Dial, dial
from fogwalk.observatory.carried import PLACE
from tests.browser.conftest import Window
from tests.browser.walk import DRAWN, PRESS, STATIONS, WORDS, Stop, walk

NAMES = ["book", "moons", "digits", "people"]


def followed(window: Window, run: str, step: int) -> Page:
    """The first station, with a weight that the page has chosen."""
    page = window.open("step", run, step=step, walk=1)
    page.wait_for_function(DRAWN, arg="batch")
    return page


def to(page: Page, station: str) -> None:
    page.locator(f"#tab-{station}").click()
    page.wait_for_function(DRAWN, arg=station)


def told(page: Page, runs: Path, run: str, step: int) -> Dial:
    """The weight that is pinned, as Python tells it in the row that is picked."""
    name, _, place = page.locator(".pinned strong").inner_text().rstrip("]").partition("[")
    row = int(page.locator("input[name=row]").input_value())
    return dial(load(runs / run).explain(step).step, name, tuple(map(int, place.split(","))), row)


def holds(window: Window, stops: list[Stop]) -> None:
    """Each station told something, all of it in less than three minutes, and at its end how the weight moved."""
    words = ", ".join(f"{stop.name} {stop.words} words" for stop in stops)
    assert [stop.name for stop in stops] == ["opened", *STATIONS]
    assert all(stop.words > 20 for stop in stops), f"each station tells something: {words}"
    assert sum(stop.seconds for stop in stops) < 180, words
    strip = window.page.locator(".pinned")
    expect(strip).to_contain_text(" moved the weight by ")
    expect(strip).to_contain_text(" became ")


@pytest.mark.parametrize("view", ["start", "live"])
def test_from_the_first_page_to_one_update_takes_less_than_three_minutes(view: str, window: Window) -> None:
    holds(window, walk(window.page, f"{window.server.address}/?view={view}"))


@pytest.mark.parametrize("run", ["book", "adam", "digits"])
def test_through_ones_own_run_it_takes_less_than_three_minutes_too(run: str, window: Window) -> None:
    stops = walk(window.page, f"{window.server.address}/?view=live&run={run}", "of this run")
    assert f"run={run}" in window.page.url
    holds(window, stops)


def test_what_a_page_takes_is_its_words_and_the_presses_to_it() -> None:
    assert Stop("batch", 100, 2).seconds == pytest.approx(100 / WORDS + 2 * PRESS) == pytest.approx(36.0)


@pytest.mark.parametrize("run", NAMES)
def test_the_row_that_is_followed_says_most_of_what_all_say_of_the_weight(
    run: str, window: Window, observed: Path
) -> None:
    page = followed(window, run, 7)
    one = told(page, observed, run, 7)
    assert one.row == next(row for row, share in one.shares if share * one.gradient > 0)
    expect(page.locator("#station h2").first).to_have_text(f"Row {one.row}, which is followed with the weight")


@pytest.mark.parametrize("run", ["book", "people"])
def test_while_a_weight_is_followed_the_rest_of_a_station_is_folded_and_not_lost(run: str, window: Window) -> None:
    page = followed(window, run, 7)
    for station in (*STATIONS, "again"):
        to(page, station)
        fold = page.locator("details.whole")
        assert fold.evaluate("(one) => !one.open && one.children.length > 1")
        assert "walk=1" in page.url
    fold.locator("summary").first.click()
    page.locator("#station button").last.click()
    expect(page.locator("#tab-update")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Escape")
    expect(page.locator(".pinned")).to_have_count(0)
    expect(page.locator("details.whole")).to_have_count(0)
    assert "walk" not in page.url


def test_another_row_is_picked_in_an_open_fold_and_it_stays_open(window: Window) -> None:
    page = followed(window, "moons", 7)
    page.locator("details.whole > summary").click()
    page.get_by_role("button", name="row 3", exact=True).click()
    page.wait_for_function(DRAWN, arg="batch")
    expect(page.locator("input[name=row]")).to_have_value("3")
    assert page.locator("details.whole").evaluate("(one) => one.open")
    page.reload()
    page.wait_for_function(DRAWN, arg="batch")
    expect(page.locator("input[name=row]")).to_have_value("3")
    expect(page.locator("details.whole")).to_have_count(1)


def test_how_blame_comes_about_is_the_blame_after_it_times_the_slope(window: Window) -> None:
    page = followed(window, "two-moons", 20)
    to(page, "blame")
    one = told(page, PLACE, "two-moons", 20)
    page.get_by_text("how δ comes about").click()
    words = page.locator(".whence").inner_text()
    found = re.search(r"pass (\S+) back to .* slope of its tanh is (\S+) here: .* = (\S+)\. That is δ", words)
    assert found
    passed, slope, blame = map(float, found.groups())
    [use] = one.blamed
    assert found[3] == number(use.blame)
    assert passed * slope == pytest.approx(blame, rel=1e-3)
    tanh = 1 - load(PLACE / "two-moons").explain(20).step.values["activations.0.output"].value[one.row, one.at[0]] ** 2
    assert slope == pytest.approx(float(tanh), rel=1e-3)
    page.get_by_role("button", name="maths").click()
    page.wait_for_function(DRAWN, arg="blame")
    expect(page.locator(".whence")).to_contain_text("σ′(z)")


def last_blame(page: Page) -> re.Match[str]:
    """What is told of a score's blame: the factor, its part in the mean, and δ."""
    page.get_by_text("how δ comes about").click()
    words = page.locator(".whence").inner_text()
    assert "δ is the slope of the loss itself" in words
    found = re.search(r"δ = (\S+|\(\S+ - 1\))·c = .* · (\S+) = (\S+),", words)
    assert found, words
    return found


@pytest.mark.parametrize("run", ["book", "digits"])
def test_how_blame_comes_about_at_the_last_layer_is_the_slope_of_the_loss(
    run: str, window: Window, observed: Path
) -> None:
    page = followed(window, run, 7)
    to(page, "blame")
    one = told(page, observed, run, 7)
    assert one.path == "head"
    most = max(one.blamed, key=lambda use: abs(use.blame * use.read))
    assert last_blame(page)[3] == number(most.blame)


def test_the_right_score_is_asked_to_rise_and_the_other_to_fall(window: Window) -> None:
    seen = load(PLACE / "two-moons").explain(20).step
    scores = seen.values["head.output"].value[0].softmax(0)
    right = int(seen.captured.targets[0])
    for unit, share in enumerate(scores.tolist()):
        window.open("step", "two-moons", step=20, row=0, pin=f"head.weight[{unit},1]", walk=1, station="blame")
        window.page.wait_for_function(DRAWN, arg="blame")
        found = last_blame(window.page)
        factor = share - 1 if unit == right else share
        assert found[1] == (f"({number(share)} - 1)" if unit == right else number(share))
        assert float(found[3]) == pytest.approx(factor * float(found[2]), rel=1e-3)
        assert float(found[2]) == 1 / 32


def test_another_weight_that_is_opened_in_a_walk_has_its_name(window: Window) -> None:
    page = followed(window, "moons", 7)
    to(page, "update")
    expect(page.get_by_role("heading", name="One weight")).to_have_count(0)
    page.locator("details.whole > summary").click()
    other = page.locator("details.whole td button[aria-label]").last
    name = other.get_attribute("aria-label")
    assert name != page.locator(".pinned strong").inner_text()
    other.click()
    expect(page.get_by_role("heading", name=f"One weight: {name}")).to_be_visible()
    expect(page.locator("#pin")).to_have_text("Pin this weight")


def test_a_weight_that_is_not_there_is_said_on_every_station(window: Window) -> None:
    window.allowed = ("404",)
    for run in ("book", "moons", "digits"):
        for station in (*STATIONS, "again"):
            page = window.open("step", run, step=7, walk=1, pin="nothing[0]", station=station)
            window.until(
                "document.getElementById('station') && !document.getElementById('station').hasAttribute('aria-busy')"
            )
            expect(page.locator(".trouble").first).to_contain_text("The pinned weight is not here")
            assert "undefined" not in page.locator("main").inner_text()
            assert "null" not in page.locator("main").inner_text()


def test_a_row_that_the_server_cannot_tell_is_said_and_the_next_one_told(window: Window) -> None:
    page = followed(window, "moons", 7)
    window.allowed = ("500", "ERR_FAILED")
    page.route("**/steps/7?row=3", lambda route: route.abort())
    page.locator("details.whole > summary").click()
    page.get_by_role("button", name="row 3", exact=True).click()
    expect(page.locator("#station .trouble")).to_be_visible()
    assert not page.locator("#station").get_attribute("aria-busy")
    page.unroute("**/steps/7?row=3")
    page.locator("#tab-forward").click()
    page.wait_for_function(DRAWN, arg="forward")
    expect(page.locator("#station .trouble")).to_have_count(0)


def test_back_leads_through_the_walk_and_another_screen_does_not_end_it(window: Window) -> None:
    page = followed(window, "two-moons", 20)
    pinned = page.locator(".pinned strong").inner_text()
    page.get_by_role("button", name="go on with it").click()
    page.wait_for_function(DRAWN, arg="forward")
    page.get_by_role("button", name="go on with it").click()
    page.wait_for_function(DRAWN, arg="loss")
    page.go_back()
    page.wait_for_function(DRAWN, arg="forward")
    assert page.locator(".pinned strong").inner_text() == pinned
    page.get_by_role("link", name="Network", exact=True).click()
    window.drawn()
    page.get_by_role("link", name="One step", exact=True).click()
    page.wait_for_function(DRAWN, arg="forward")
    assert page.locator(".pinned strong").inner_text() == pinned
    assert "step=20" in page.url


@pytest.mark.parametrize("run", ["adam", "book"])
def test_adams_step_is_told_as_the_quotient_that_it_is(run: str, window: Window, observed: Path) -> None:
    page = window.open("step", run, step=7, walk=1, pin="layers.0.weight[1,0]" if run == "adam" else "head.weight[1,2]")
    page.wait_for_function(DRAWN, arg="batch")
    to(page, "update")
    one, words = told(page, observed, run, 7), page.locator("#station .said").last.inner_text()
    assert one.optimizer == "AdamW"
    found = re.search(
        r"usual size (\S+): -(\S+) · \(?([-\d.e]+)\)? / (\S+) = ([^;\s]+?)(?:; with the pull towards 0 (\S+))?\.$",
        words,
    )
    assert found, words
    size, rate, mean, again, step = map(float, found.groups()[:5])
    assert size == again
    assert step == pytest.approx(-rate * mean / size, rel=2e-3)
    pull = -rate * one.numbers["decay"] * one.old
    assert not (found[6] and not pull)
    assert step + pull == pytest.approx(one.change, rel=2e-3)
    assert ("Scaled, its gradient is" in words) == (one.clipped != one.gradient)
    assert f"moved the weight by {found[6] or found[5]}: " in page.locator(".pinned").inner_text()


def test_what_is_followed_at_a_place_says_what_its_row_says(window: Window, observed: Path) -> None:
    page = followed(window, "book", 7)
    one = told(page, observed, "book", 7)
    assert one.share is not None
    to(page, "forward")
    place = int(re.search(r"at place (\d+), one of", page.locator(".pinned").inner_text())[1])  # type: ignore[index]
    say = {use.place: use.blame * use.read for use in one.blamed}
    assert say[place] * one.share > 0
    assert one.share * one.gradient > 0
    assert abs(say[place]) == max(abs(value) for value in say.values() if value * one.share > 0)


def test_the_walk_goes_on_into_the_next_step_until_there_is_none(window: Window, observed: Path) -> None:
    page = followed(window, "moons", 19)
    pinned, row = page.locator(".pinned strong").inner_text(), page.locator("input[name=row]").input_value()
    to(page, "again")
    page.get_by_role("button", name="go on with it: step 20").click()
    page.wait_for_function(DRAWN, arg="batch")
    expect(page.locator(".purpose")).to_contain_text("step 20.")
    expect(page.get_by_label("number of the step")).to_have_value("20")
    expect(page.locator(".pinned button").first).to_be_focused()
    assert (page.locator(".pinned strong").inner_text(), page.locator("input[name=row]").input_value()) == (pinned, row)
    assert f"It is {number(told(page, observed, 'moons', 20).old)}." in page.locator(".pinned").inner_text()
    to(page, "again")
    expect(page.get_by_role("button", name="go on with it")).to_have_count(0)
    page.go_back()
    page.wait_for_function(DRAWN, arg="batch")
    page.go_back()
    page.wait_for_function(DRAWN, arg="again")
    expect(page.locator(".pinned")).to_contain_text("That was one update of one weight")
    assert "step=19" in page.url


def test_the_gradient_is_checked_from_the_station_that_tells_it(window: Window) -> None:
    page = followed(window, "two-moons", 20)
    to(page, "blame")
    page.get_by_role("button", name="check its gradient by moving it").click()
    expect(page.locator("#tab-update")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#nudge")).to_be_focused()
    slope = float(page.locator("[data-slope]").get_attribute("data-slope") or "nan")
    assert slope == pytest.approx(told(page, PLACE, "two-moons", 20).gradient, rel=1e-2)
