"""The form of a training: a sample is picked until a person picks something else, and a path can be written."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import Window


def test_nothing_of_a_persons_own_is_picked_unasked(window: Window) -> None:
    page = window.open("start")
    data = page.get_by_label("data", exact=True)
    assert data.input_value().startswith("sample:")
    headings = data.locator("optgroup").evaluate_all("(groups) => groups.map((one) => one.label)")
    assert headings == ["samples", "tables and texts here"]
    assert "people.csv" in data.locator("optgroup").nth(1).inner_text()


def test_what_is_not_in_the_list_can_be_written(window: Window) -> None:
    window.allowed = ("status of 404",)
    page = window.open("start")
    path = page.get_by_label("its path", exact=True)
    expect(path).to_be_hidden()
    page.get_by_label("data", exact=True).select_option(label="another file or folder …")
    path.fill("poeple.csv")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.locator("form.train [role=status]")).to_contain_text("Did you mean people.csv?")
