"""The switch between plain words, formula and code: on every screen that explains, true of this run's own numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from fogwalk import load
from fogwalk.insight.accounts.protocol import number
from tests.browser.conftest import Window, when

SCREENS: dict[str, tuple[str, dict[str, Any], str]] = {
    "round": ("book", {"prompt": "the cat"}, "scaled_dot_product_attention"),
    "text": ("book", {"prompt": "the cat"}, "torch.multinomial"),
    "classes": ("iris", {}, "softmax"),
    "picture": ("digits", {}, "softmax"),
    "neuron": ("moons", {}, "F.silu(z)"),
}
VIEWS = {"round": "round", "neuron": "network"}


def said(page: Page) -> str:
    """All that is explained on the screen."""
    return "\n".join(page.locator("#screen .said").all_inner_texts())


@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_that_explains_does_so_in_three_ways(screen: str, window: Window) -> None:
    run, picks, code = SCREENS[screen]
    page = window.open(VIEWS.get(screen, "answer"), run, **picks)
    found = {}
    for way in ("plain", "maths", "code"):
        page.locator(".say").get_by_role("button", name=way).click()
        expect(page).to_have_url(re.compile(f"say={way}"))
        found[way] = when(lambda: said(page))
    assert len(set(found.values())) == 3
    assert code in found["code"]
    assert "=" in found["maths"]
    page.reload()
    window.drawn()
    when(lambda: said(page))
    assert page.locator("#screen .said pre").count()
    assert said(page) == found["code"]


def test_the_maths_of_a_text_has_its_own_numbers_and_follows_the_settings(window: Window, observed: Path) -> None:
    page = window.open("answer", "book", prompt="the cat", say="maths")
    told = load(observed / "book").explain_answer("the cat")
    best = told.structure["best"]
    logit, p = number(float(told.tensors["logits"][best])), number(float(told.tensors["probabilities"][best]))
    assert f"e^({logit}/1)" in said(page)
    assert f"= {p}" in said(page)
    assert f"H = -Σ p·ln p = {number(told.structure['entropy'])}" in said(page)
    page.get_by_label("top-k").fill("1")
    when(lambda: "= 1.000" in said(page))
    page.locator(".say").get_by_role("button", name="code").click()
    assert "scores.topk(1)" in said(page)


def test_the_maths_of_classes_and_numbers_is_made_of_what_the_network_gave(window: Window, observed: Path) -> None:
    run = load(observed / "iris")
    told = run.explain_answer(run.held_back(), row=0)
    outputs, now = told.tensors["outputs"].tolist(), told.structure["now"]
    said_ = said(window.open("answer", "iris", held=0, say="maths"))
    for output in outputs:
        assert f"e^({number(output)})" in said_
    assert f"= {number(now)}" in said_


def test_the_maths_of_a_listener_are_its_lines(window: Window) -> None:
    page = window.open("round", "book", prompt="the cat")
    when(lambda: page.locator(".worked dt").count())
    lines = page.locator(".worked dd").all_inner_texts()
    page.locator(".say").get_by_role("button", name="maths").click()
    when(lambda: lines[0] in said(page))
    assert all(line in said(page) for line in lines)


def test_a_neuron_is_told_with_its_weights(window: Window, observed: Path) -> None:
    said_ = said(window.open("network", "moons", say="maths"))
    parameters = {name: one.detach() for name, one in load(observed / "moons").model.named_parameters()}
    weights, bias = parameters["layers.0.weight"][0].tolist(), float(parameters["layers.0.bias"][0])
    assert all(number(abs(one)) in said_ for one in [*weights, bias])
