"""What holds on every screen: nothing from elsewhere, no error, fit for assistive technology, narrow and wide, still where asked,
and the same again at its address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

import fogwalk
from fogwalk.observatory.safety import POLICY
from tests.browser.conftest import Window, when
from tests.browser.serving import Server

# Each screen with a run that it draws, and something picked on it.
SCREENS = {
    "start": ("start", None, {}),
    "live": ("live", "book", {}),
    "live of a table": ("live", "people", {}),
    "step of a book": ("step", "book", {"step": 7, "station": "loss", "at": "layers.1.attention"}),
    "step of a table": ("step", "moons", {"step": 7, "station": "update", "at": "head.weight"}),
    "step of images": ("step", "digits", {"step": 7, "station": "blame"}),
    "network": ("network", "moons", {"step": 9}),
    "network as matrices": ("network", "wide", {"step": 9}),
    "blame": ("blame", "book", {}),
    "round": ("round", "book", {"prompt": "the cat"}),
    "answer of a book": ("answer", "book", {"prompt": "the cat"}),
    "answer of a table": ("answer", "iris", {"prompt": "sepal length=5, petal width=1"}),
}
every_screen = pytest.mark.parametrize("screen", SCREENS)
# A window of a desk, light; and of a hand, dark, of somebody who wants no motion.
KINDS = {
    "wide": {"width": 1280, "color_scheme": "light"},
    "narrow": {"width": 360, "color_scheme": "dark", "reduced_motion": "reduce"},
}
PAGE = Path(fogwalk.__file__).parent / "observatory" / "page"


@pytest.fixture(scope="package")
def seen(browser: Browser, server: Server) -> Iterator[Callable[[str, str], Window]]:
    """A screen in a kind of window, opened once and only looked at."""
    opened: dict[tuple[str, str], Window] = {}

    def seen(screen: str, kind: str) -> Window:
        if (screen, kind) not in opened:
            view, run, picks = SCREENS[screen]
            window = opened[screen, kind] = Window.of(browser, server, **KINDS[kind])
            window.open(view, run, **picks)
        return opened[screen, kind]

    yield seen
    for window in opened.values():
        window.context.close()


@every_screen
def test_nothing_comes_from_elsewhere_and_nothing_goes_wrong(screen: str, seen: Callable[..., Window]) -> None:
    window = seen(screen, "wide")
    assert window.page.locator("main h1").count() == 1
    assert window.page.locator("main .trouble[role=alert]").count() == 0, window.page.locator("main").inner_text()
    assert len(window.requests) > 10
    assert not window.elsewhere()
    assert not window.faults
    assert set(window.policies) == {POLICY}


@every_screen
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_serious_stands_in_the_way_of_assistive_technology(
    kind: str, screen: str, seen: Callable[..., Window]
) -> None:
    found = Axe().run(seen(screen, kind).page).response["violations"]
    told = [
        f"{one['id']} ({one['impact']}): {one['help']}: {[node['html'][:200] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert not told, "\n".join(told)


@every_screen
@pytest.mark.parametrize("kind", KINDS)
def test_no_screen_is_wider_than_the_window(kind: str, screen: str, seen: Callable[..., Window]) -> None:
    page = seen(screen, kind).page
    wide, width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    beyond = page.evaluate(
        """(width) => [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > width + 1
        && !one.closest(".scroll, pre, svg, .skip")).map((one) => one.outerHTML.slice(0, 120)).slice(0, 5)""",
        width,
    )
    assert wide <= width, f"{wide} pixels; beyond them {beyond}"


@every_screen
def test_nothing_that_can_be_pressed_is_smaller_than_a_fingertip(screen: str, seen: Callable[..., Window]) -> None:
    """24 pixels each way. A link within a sentence may be as high as its line, and the lines of a drawing lie close: what they
    open is reached otherwise too."""
    small = seen(screen, "narrow").page.evaluate(
        """() => [...document.querySelectorAll("button, select, input, summary, a, [role=button], [role=tab], [role=slider]")]
        .filter((one) => one.checkVisibility() && !one.matches(".skip, p a, svg .reach"))
        .map((one) => [one.outerHTML.slice(0, 120), one.getBoundingClientRect()])
        .filter(([, { width, height }]) => Math.min(width, height) < 23.9)
        .map(([told, { width, height }]) => `${width} x ${height}: ${told}`)"""
    )
    assert not small, "\n".join(small)


@every_screen
def test_whoever_wants_no_motion_sees_none(screen: str, seen: Callable[..., Window]) -> None:
    page = seen(screen, "narrow").page
    assert page.evaluate("document.getAnimations().length") == 0
    moving = page.evaluate(
        """() => [...document.querySelectorAll("*")].filter((one) => {
          const style = getComputedStyle(one);
          return style.animationName !== "none" || style.transitionDuration.split(", ").some((each) => parseFloat(each) > 0.01)
            || style.scrollBehavior === "smooth";
        }).map((one) => one.outerHTML.slice(0, 120))"""
    )
    assert not moving


@every_screen
def test_any_address_opens_the_same_again(screen: str, windows: Callable[..., Window], server: Server) -> None:
    """What is seen and what is picked in every field; in the same window, and in one that was never there."""
    seen = """() => [document.title, document.querySelector("main").innerText,
      ...[...document.querySelectorAll("main input, main select, header select")].map((one) => one.value),
      ...[...document.querySelectorAll("main [aria-selected], main [aria-pressed], main [aria-current]")]
        .map((one) => one.outerHTML)]"""
    first = windows(server)
    view, run, picks = SCREENS[screen]
    page = first.open(view, run, **picks)
    told, address = page.evaluate(seen), page.url
    page.reload()
    assert first.drawn().evaluate(seen) == told
    other = windows(server)
    other.page.goto(address)
    assert other.drawn().evaluate(seen) == told


def test_back_and_forward_lead_through_the_screens(window: Window) -> None:
    page = window.open("live", "moons")
    page.get_by_role("navigation").get_by_text("Blame map").click()
    window.drawn().get_by_role("navigation").get_by_text("Network").click()
    assert "view=network" in window.drawn().url
    page.go_back()
    window.until("document.querySelector('nav [aria-current]')?.textContent === 'Blame map'")
    page.go_back()
    window.until("document.querySelector('nav [aria-current]')?.textContent === 'Live'")
    page.go_forward()
    window.until("document.querySelector('nav [aria-current]')?.textContent === 'Blame map'")
    assert "run=moons" in window.drawn().url


def test_another_run_can_be_picked_in_the_frame(window: Window) -> None:
    page = window.open("live", "moons")
    page.get_by_label("run", exact=True).select_option("digits")
    window.until("document.title.includes('digits')")
    assert "run=digits" in window.drawn().url
    assert "view=live" in page.url


def test_our_own_scripts_are_small() -> None:
    scripts = [file for file in PAGE.rglob("*") if file.suffix in (".js", ".html", ".css")]
    assert len(scripts) > 10
    assert sum(file.stat().st_size for file in scripts) < 500_000


def test_numbers_are_written_as_explain_writes_them(window: Window) -> None:
    import random
    import struct

    from fogwalk.insight.accounts.protocol import number

    chance = random.Random(0)
    edges = [
        0.0,
        1.0,
        0.1,
        9.9995,
        9.9994999,
        99.995,
        99999.5,
        99999.4,
        100000.0,
        1e-4,
        0.99e-4,
        9.9995e-5,
        1e5,
        123456.0,
    ]
    ties = [1234.5, 1235.5, 12344.5, 12.125, 12.375, 1.0625, 1.1875, 123.25, 100050.0, 100150.0, 0.5, 2.5, 1e22, 5e-324]
    powers = [
        float(f"{digit}e{power}") for power in range(-12, 13) for digit in ("1", "9.9995", "1.0005", "2.00049999")
    ]
    drawn = [chance.uniform(-1, 1) * 10 ** chance.uniform(-9, 9) for _ in range(4000)]
    bits = [struct.unpack("<d", struct.pack("<Q", chance.getrandbits(64)))[0] for _ in range(2000)]
    single = [struct.unpack("<f", struct.pack("<I", chance.getrandbits(32)))[0] for _ in range(2000)]
    halves = [chance.randrange(-(2**20), 2**20) / 2 ** chance.randrange(12) for _ in range(4000)]
    values = [one for one in edges + ties + powers + drawn + bits + single + halves if abs(one) < 1e300]
    values += [-one for one in edges + ties]
    page = window.open("start")
    told = page.evaluate(
        "async (values) => { const { number } = await import('/page/words.js'); return values.map((one) => number(one)); }",
        values,
    )
    wrong = [(one, theirs, number(one)) for one, theirs in zip(values, told, strict=True) if theirs != number(one)]
    assert not wrong, f"{len(wrong)} of {len(values)}: {wrong[:10]}"
    assert page.evaluate("async () => (await import('/page/words.js')).number(Infinity)") == number(float("inf"))
    assert page.evaluate("async () => (await import('/page/words.js')).number(-Infinity)") == number(float("-inf"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_narrow_window_the_head_is_short_and_opens_whole(
    scheme: str, windows: Callable[..., Window], server: Server
) -> None:
    window = windows(server, 360, color_scheme=scheme)
    for view, run in (("start", None), ("live", "book"), ("step", "book"), ("network", "moons")):
        page = window.open(view, run)
        high, whole = page.evaluate("[document.querySelector('header').offsetHeight, innerHeight]")
        assert high <= whole / 6, view
    here = page.evaluate("document.querySelector('nav [aria-current]').getBoundingClientRect().toJSON()")
    assert here["left"] >= 0, "which screen this is can be seen"
    assert here["right"] <= 360
    last = page.locator("nav a").last
    last.focus()
    assert last.evaluate("one => one.getBoundingClientRect().right <= 361"), "each screen is reached by keyboard"
    speed, more = page.get_by_label("speed"), page.locator("#fold")
    assert not speed.is_visible()
    more.focus()
    page.keyboard.press("Enter")
    assert more.get_attribute("aria-expanded") == "true"
    assert speed.is_visible()
    assert page.get_by_label("to the first step").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.keyboard.press("Enter")
    assert more.get_attribute("aria-expanded") == "false"
    assert not windows(server).open("step", "book").locator("#fold").is_visible(), "a wide window has it whole"


@pytest.mark.parametrize("width", [360, 1280])
def test_the_form_of_a_training_stands_in_line(width: int, windows: Callable[..., Window], server: Server) -> None:
    page = windows(server, width).open("start")
    page.get_by_text("More to choose").click()
    seen = "all => all.filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect().toJSON())"
    boxes = page.locator(".fields input, .fields select, .fields button").evaluate_all(seen)
    assert len(boxes) >= 4
    assert len({round(box["height"]) for box in boxes}) == 1
    along = "bottom" if width == 1280 else "left"
    assert len({round(box[along]) for box in boxes}) == 1
    if width == 360:
        assert len({round(box["width"]) for box in boxes}) == 1
    choices = page.locator(".choices input").evaluate_all(
        "all => all.map((one) => [one.offsetWidth, one.offsetHeight].join())"
    )
    assert len(choices) > 3
    assert len(set(choices)) == 1


def test_with_no_mouse_one_comes_to_the_last_stations_and_back(window: Window) -> None:
    """From the first key after loading to station 5 of a step, to a weight's entry, and back with Esc."""
    page = window.open("start")
    focused = "document.activeElement.textContent.trim()"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "To the screen"
    seen = page.evaluate(
        "(() => { const box = document.activeElement.getBoundingClientRect(); return box.left >= 0 && box.top >= 0; })()"
    )
    assert seen, "the way past the frame shows itself"

    def tab_to(condition: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement !== document.body"), f"no way leads to {condition}"
            if page.evaluate(f"((one) => {condition})(document.activeElement)"):
                shown = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert shown != "none", "where one is can be seen"
                return
        raise AssertionError(f"no way leads to {condition}")

    tab_to("one.matches('a') && one.textContent.includes('moons')")
    page.keyboard.press("Enter")
    window.drawn()
    tab_to("one.matches('main [role=slider], main svg')")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    window.until("location.search.includes('view=step')")
    window.drawn()
    tab_to("one.matches('[role=tab]')")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-selected')") == "true"
    assert "5" in page.evaluate(focused)
    assert when(lambda: "station=update" in page.url)


def test_what_a_screen_waits_for_is_given_up_with_it(window: Window) -> None:
    page, failed = window.open("start"), []
    page.context.on("requestfailed", lambda asked: failed.append(asked.url))
    page.route("**/api/runs/book/measures*", lambda route: None)  # never answered
    page.evaluate(
        "() => { history.pushState(null, '', '/?view=blame&run=book'); dispatchEvent(new PopStateEvent('popstate')); }"
    )
    with page.expect_event("requestfailed", lambda asked: "measures" in asked.url):
        page.wait_for_timeout(1500)
        assert not failed
        page.get_by_role("link", name="Live", exact=True).click()
    window.drawn()
    assert page.locator("#screen [role=alert]").count() == 0
