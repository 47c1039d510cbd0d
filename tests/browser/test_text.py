"""Text of a person's data that would be markup is shown as it is written, on every screen: names, tokens, columns, classes."""

from __future__ import annotations

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
