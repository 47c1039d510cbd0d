"""What Answer says of the model that answers, of what changes nothing, and of what cannot be read; and every explanation of it in
plain words, maths and code."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page, expect

from fogwalk import load
from fogwalk.insight.accounts.protocol import number
from tests.browser.conftest import BLANK, Window
from tests.browser.test_answer import PROMPT, cells
from tests.browser.test_equality import signed

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


# -- in plain words, maths and code --------------------------------------------------------------------------------------


PLACES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "book": (
        {"prompt": PROMPT, "at": "layers.1.feed_forward"},
        {
            "What comes next": "torch.multinomial",
            "By layer": "model.head(model.norm(stream[:, -1]))",
            "What each layer added": "d * model.norm.weight * scale",
            "layers.1.feed_forward at place 6, 't'": "torch.nn.Linear",
            "What each token does": "register_forward_hook",
            "Whom the last token listens to": "argsort(descending=True, stable=True)[:3]",
        },
    ),
    "people": (
        {"held": 3},
        {
            "The answer": "softmax",
            "What each column did": "rows[at, where] = 0",
            "Who is taken for whom": "torch.bincount(right * 2 + p.argmax(1), minlength=4)",
            "What it gets most wrong": "clamp(min=1e-15).log()",
        },
    ),
    "digits": (
        {"held": 3, "at": "layers.0", "unit": 2},
        {
            "The answer": "softmax",
            "What the first layer looks for": 'model.get_parameter("layers.0.weight")',
            "What each layer sees": "register_forward_hook",
            "layers.0, channel 2: its number farthest from 0": "F.conv2d",
            "Who is taken for whom": "torch.bincount(right * 10",
            "What it gets most wrong": "p = model(images)",
        },
    ),
}
# What is told at each place, and under which heading it stands.
TELLINGS = """() => [...document.querySelectorAll('#screen .telling')].map((one) => [
  [...document.querySelectorAll('#screen h2, #screen h3')]
    .filter((title) => title.compareDocumentPosition(one) & Node.DOCUMENT_POSITION_FOLLOWING).at(-1).textContent,
  one.textContent])"""


def told_in(page: Page, way: str) -> list[tuple[str, str]]:
    """The heading and the words of every explanation, in one of the three ways."""
    page.locator(".say").get_by_role("button", name=way).click()
    expect(page.locator(f"#screen .said.{way}")).to_have_count(page.locator("#screen .telling").count())
    return [(title, words) for title, words in page.evaluate(TELLINGS)]


def put(value: float) -> str:
    """In brackets where it is below 0."""
    return f"({number(value)})" if value < 0 else number(value)


def maths_of(page: Page) -> str:
    """All formulas of the screen, a line each."""
    return "\n".join(page.locator("#screen .said.maths .formula").all_inner_texts())


@pytest.mark.parametrize("run", PLACES)
def test_every_explanation_follows_the_switch(run: str, window: Window) -> None:
    picks, places = PLACES[run]
    page = window.open("answer", run, **picks)
    page.locator("#screen .entry .account, #screen #worst").first.wait_for()
    found = {way: told_in(page, way) for way in ("plain", "maths", "code")}
    assert set(places) <= {title for title, _ in found["plain"]}
    assert page.locator("#screen .telling").count() >= len(places)
    for plain, maths, code in zip(*found.values(), strict=True):
        assert len({plain, maths, code}) == 3, plain
        assert "=" in maths[1], plain
        assert not [one for one in (plain, maths, code) if "is known for this" in one[1]]
    for title, words in places.items():
        assert any(words in code for at, code in found["code"] if at == title), title


def test_the_maths_of_what_made_a_text_are_the_servers_numbers(window: Window, observed: Path) -> None:
    told = load(observed / "book").explain_answer(PROMPT)
    structure, tensors = told.structure, told.tensors
    maths = maths_of(window.open("answer", "book", prompt=PROMPT, say="maths"))
    p, by = float(tensors["probabilities"][structure["best"]]), structure["by_layer"]
    assert f"after layers.1, the last: p({structure['best_name'].translate(BLANK)}) = {number(by['layers.1'])}" in maths
    assert number(by["layers.1"]) == number(p)
    names, chances = list(by), list(by.values())
    most = max(range(1, len(chances)), key=lambda at: abs(chances[at] - chances[at - 1]))
    before, after = chances[most - 1], chances[most]
    assert f"most changes with {names[most]}: {number(after)} - {number(before)} = {signed(after - before)}" in maths
    logits = tensors["logits"].double()
    score, mean = structure["score"], float(logits.mean())
    assert (
        f"mean of s = {number(float(logits[structure['best']]))} - {put(mean)} = {number(score)}, s the logits" in maths
    )
    part = max(structure["parts"], key=lambda name: abs(structure["parts"][name]))
    assert f"most, {part}: v·d = {signed(structure['parts'][part])}" in maths
    terms = " + ".join(f"{put(value)} ({name})" for name, value in structure["parts"].items())
    assert f"{terms} = {number(score)}" in maths
    without = tensors["without"].tolist()
    top = max(range(len(without)), key=lambda at: abs(p - without[at]))
    token = structure["tokens"][top].translate(BLANK)
    assert f"does({top}) = {number(p)} - {number(without[top])} = {signed(p - without[top])}, of {token}" in maths
    shares = {
        f"{name[8:]}, head {head}": rows[-1].sort(descending=True, stable=True)
        for name, heads in tensors.items()
        if name.startswith("weights/")
        for head, rows in enumerate(heads)
    }
    head, (values, order) = max(shares.items(), key=lambda one: float(one[1].values[0]))
    three = " + ".join(
        f"{number(float(share))} (place {place}, {structure['tokens'][place].translate(BLANK)})"
        for share, place in zip(values[:3], order[:3].tolist(), strict=True)
    )
    assert f"{head}: {three} + " in maths
    rest = 1 - float(values[:3].double().sum())
    assert f"{number(rest)} (the other {len(values) - 3}) = 1" in maths


def test_the_maths_of_columns_squares_and_mistakes_are_the_servers_numbers(window: Window, observed: Path) -> None:
    for run in ("people", "digits"):
        model = load(observed / run)
        told = model.explain_answer(model.held_back(), row=3).structure
        page = window.open("answer", run, held=3, say="maths")
        page.locator("#worst").wait_for()
        maths, now = maths_of(page), told["now"]
        changes = told["changes"] or {
            f"{row}, {column}": change for row, line in enumerate(told["covered"]) for column, change in enumerate(line)
        }
        top = max(changes, key=lambda name: abs(changes[name]))
        change = changes[top]
        assert f"does({top}) = {number(now)} - {put(now + change)} = {signed(-change)}" in maths
        assessed = model.evaluate()
        table, scores = assessed.confusion, assessed.scores["this model"]  # type: ignore[union-attr]
        assert table is not None
        hits, each = table.diagonal().tolist(), table.sum(1).tolist()
        assert f"= {sum(hits)} / {sum(each)} = {number(scores['accuracy'])}" in maths
        least = min(range(len(hits)), key=lambda at: hits[at] / each[at])
        share = number(hits[least] / each[least])
        assert f"recall({model.classes[least]}) = {hits[least]} / {each[least]} = {share}" in maths
        for score in ("balanced accuracy", "F1", "cross-entropy"):
            assert re.search(rf"^{score} = .* = {re.escape(number(scores[score]))}$", maths, re.MULTILINE), score
        place = (page.locator("#worst a").first.get_attribute("href") or "").split("held=")[1].split("&")[0]
        worst = model.explain_answer(model.held_back(), row=int(place)).structure["probabilities"]
        loss = re.search(rf"(?:row|image) {place}: -ln (\S+) = (\S+)", maths)
        assert loss
        assert loss[1] in [number(p) for p in worst.values()]
        assert float(loss[2]) == pytest.approx(-math.log(float(loss[1])), abs=2e-3)


def test_the_maths_of_an_images_filters_and_maps_are_the_servers_numbers(window: Window, observed: Path) -> None:
    run = load(observed / "digits")
    made = run.explain_answer(run.held_back(), row=3).seen.values["layers.0.output"].value[0]
    weight = run.model.get_parameter("layers.0.weight").detach().abs()
    maths = maths_of(window.open("answer", "digits", held=3, say="maths"))
    at = ", ".join(str(int(one)) for one in torch.unravel_index(weight.argmax(), weight.shape))
    assert f"full colour = max |W| = |W[{at}]| = {number(float(weight.max()))}" in maths
    assert f"layers.0: h from {number(float(made.min()))} to {number(float(made.max()))}" in maths


def test_a_switch_that_is_turned_while_it_is_answered_turns_every_explanation(window: Window) -> None:
    def late(route: Any) -> None:
        if "value%2Flayers" in route.request.url:
            window.page.locator(".say").get_by_role("button", name="code").click()
        route.continue_()

    window.page.route(re.compile("/api/runs/digits/answer/tensor"), late)
    page = window.open("answer", "digits", held=3)
    page.locator("#worst").wait_for()
    assert page.locator("#screen .telling").count() == page.locator("#screen .said.code").count() > 0
