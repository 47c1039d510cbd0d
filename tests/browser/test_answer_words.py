"""What Answer says of the model that answers, of what changes nothing, and of what cannot be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from fogwalk import load
from tests.browser.conftest import Window
from tests.browser.test_answer import PROMPT, cells

SORTS = [("book", {"prompt": PROMPT}), ("iris", {}), ("digits", {})]


def changed(page: Page, address: str, change: Callable[[Any], Any]) -> None:
    """What the server says at an address comes changed."""

    def answer(route: Any) -> None:
        told = route.fetch().json()
        change(told)
        route.fulfill(json=told)

    page.route(re.compile(address), answer)


@pytest.mark.parametrize(("run", "picks"), SORTS)
def test_the_bar_shows_the_step_of_the_model_that_answers(
    run: str, picks: dict[str, Any], window: Window, observed: Path
) -> None:
    best = load(observed / run).step
    changed(window.page, rf"/api/runs/{run}$", lambda told: told.update(step=37, made=37))
    page = window.open("answer", run, **picks)
    assert f"after step {best} of 37, its best checkpoint" in page.locator("#answer-sentence").inner_text()
    assert page.get_by_label("number of the step").input_value() == str(best)


@pytest.mark.parametrize(("run", "picks"), SORTS)
def test_where_nothing_changes_the_answer_it_is_said(run: str, picks: dict[str, Any], window: Window) -> None:
    def still(told: Any) -> None:
        if run == "book":
            told["without"] = [told["probability"] for _ in told["without"]]
        else:
            structure = told["structure"]
            structure["changes"] = dict.fromkeys(structure["changes"], 0.0)
            structure["covered"] = [[0.0 for _ in row] for row in structure["covered"]]

    changed(window.page, rf"/api/runs/{run}/answer(/next)?\?", still)
    text = window.open("answer", run, **picks).locator("main").inner_text()
    what = {"book": "token", "iris": "column", "digits": "square"}[run]
    assert f"No {what} changes it." in text
    assert "does most" not in text


def test_a_number_that_cannot_be_read_is_told(window: Window) -> None:
    page = window.open("answer", "moons", prompt="x=1e400, y=0.2")
    expect(page.locator("#screen .trouble")).to_have_text("'1e400' is no number that can be read: x counts as missing.")
    page.get_by_label("x", exact=True).fill("0.5")
    page.get_by_role("button", name="What does it say?").click()
    expect(page.locator("#screen .trouble")).to_have_count(0)


@pytest.mark.parametrize("run", ["iris", "digits"])
def test_a_row_that_there_is_not_is_told_by_either_name(run: str, window: Window) -> None:
    window.allowed = ("404",)
    for name in ("row", "held"):
        page = window.open("answer", run, **{name: 5000})
        assert "there is no record 5000" in page.get_by_role("alert").inner_text()
    page = window.open("answer", run, row=3)
    assert "held=3" in page.url
    assert "row=" not in page.url


def test_what_a_wrong_row_holds_is_told_with_four_digits(window: Window) -> None:
    page = window.open("answer", "moons")
    page.locator("#worst").wait_for()
    held = [row[-1] for row in cells(page, "worst")]
    assert held
    assert not [one for one in held if re.search(r"\d{7}", one)]
    assert all(re.fullmatch(r"x=\S+, y=\S+", one) for one in held)
