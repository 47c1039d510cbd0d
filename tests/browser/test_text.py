"""Text of a person's data that would be markup is shown as it is written, on every screen: names, tokens, columns, classes."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.conftest import HARM, Window

NAMED = HARM  # a run of that name
PLACES = {
    "start": ("start", None, {}, NAMED),
    "live": ("live", NAMED, {}, ""),
    "live of a book": ("live", "harmful", {}, "<img"),
    "live of a table": ("live", "harm", {}, "onerror"),
    "step of a book": ("step", "harmful", {"step": 7, "station": "batch"}, ""),
    "step of a table": ("step", "harm", {"step": 7, "station": "loss", "at": "loss"}, ""),
    "step of something named so": ("step", "moons", {"step": 7, "at": HARM}, HARM),
    "network": ("network", "harm", {"step": 7}, ""),
    "blame": ("blame", "harm", {}, ""),
    "round": ("round", "harmful", {"prompt": HARM[:8]}, "<"),
    "answer of a book": ("answer", "harmful", {"prompt": HARM[:8]}, "<"),
    "answer of a table": ("answer", "harm", {"prompt": "size=3"}, "onerror"),
    "a run that is not there": ("live", f"x{HARM}", {}, HARM[:20]),
}


@pytest.mark.parametrize(("view", "run", "picks", "shown"), PLACES.values(), ids=PLACES)
def test_markup_in_the_data_is_text(
    view: str, run: str | None, picks: dict[str, object], shown: str, window: Window
) -> None:
    window.allowed = ("status of 404", "status of 409")
    page = window.open(view, run, **picks)
    assert page.title() != "struck"
    assert page.locator("img[src=x], [onerror]").count() == 0, "no markup came of it"
    fields = page.locator("main input").evaluate_all("all => all.map((one) => one.value).join(' ')")
    assert shown in page.locator("body").inner_text() + fields


LONG = [
    ("the cat sat on the mat", "the prompt is 22 tokens long, and the model looks back over 8"),
    ("a" * 20_001, "The text is 20,001 letters long, and of such letters at most 20,000 are asked about."),
    ("ж" * 15_000, "The text is 15,000 letters long, and of such letters at most 9,999 are asked about."),
]


@pytest.mark.parametrize(
    ("view", "field", "ask"), [("answer", "#prompt", "What comes next?"), ("round", "main textarea", "Read")]
)
def test_a_text_that_is_too_long_is_told_alike_on_every_screen(view: str, field: str, ask: str, window: Window) -> None:
    window.allowed = ("status of 404",)
    page = window.open(view, "book", prompt="the cat")
    for text, words in LONG:
        page.locator(field).fill(text)
        page.get_by_role("button", name=ask).click()
        page.get_by_role("alert").get_by_text(words).wait_for()
        assert len(page.url) < 13_000
    held = parse_qs(urlsplit(page.url).query)["prompt"][0]
    assert len(held) <= 2_000
    if view == "answer":
        assert held == "ж" * 2_000
        page.get_by_text("The address of this page holds the last 2,000 of its 15,000 letters").wait_for()
