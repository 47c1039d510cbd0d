"""The switch between plain words, formula and code: on every screen that explains, true of this run's own numbers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Page, expect

from fogwalk import load
from fogwalk.insight.accounts.protocol import number
from fogwalk.insight.listening import heard, shares
from tests.browser.conftest import Window, when
from tests.browser.test_equality import signed

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


def test_the_maths_of_a_listener_are_its_formulas_and_its_numbers_stand_once(window: Window, observed: Path) -> None:
    page = window.open("round", "book", prompt="the cat")
    when(lambda: page.locator(".worked dt").count())
    page.locator(".say").get_by_role("button", name="maths").click()
    when(lambda: "s = q·k/√w" in said(page))
    seen = load(observed / "book").seen("the cat")
    told = heard(seen, "layers.0.attention", 0, 6)
    page.locator(".thumbnail").first.click()
    expect(page.get_by_role("heading", name="What place 6, 't', hears in layer 0, head 0")).to_be_visible()
    lines = page.locator(".worked dd").all_inner_texts()
    assert lines == [
        f"{line.formula} = {line.filled} = {number(line.result)}"
        for line in told.account.lines(told.one, told.one.strongest)
    ]
    formulas = page.locator(".heard .said").first.locator(".formula").all_inner_texts()
    assert formulas == ["s = q·k/√w", "p = softmax(s)", "m = Σ p·v", "w = 8, the numbers of a head"]
    page.locator("pre").last.locator("..").evaluate("(one) => one.remove()")  # explain's own words
    whole = page.locator("#screen").inner_text()
    assert all(whole.count(line) == 1 for line in [*lines, *formulas])


@pytest.mark.parametrize("measure", ["weight", "value", "effect"])
def test_each_measure_is_told_in_three_ways(measure: str, window: Window) -> None:
    page = window.open("round", "book", prompt="the cat", measure=measure)
    found = []
    for way in ("plain", "maths", "code"):
        page.locator(".say").get_by_role("button", name=way).click()
        page.wait_for_selector(f".said.{way}")
        found.append(page.locator("#screen .said").first.inner_text())
    plain, maths, code = found
    words, formula, line = {
        "weight": ("How much of its attention", "p = softmax(q·k/√w + mask), w = 8", ".softmax(-1)"),
        "value": ("The share times the length", "p·|v|, |v| = √(Σ v²)", "v.norm(dim=-1)"),
        "effect": ("adds to the score", "d = r·g·(U[answer] - mean of U)", "head.weight[answer] - head.weight.mean(0)"),
    }[measure]
    assert words in plain
    assert formula in maths
    assert line in code
    assert "explain --prompt" not in plain


def test_what_a_head_adds_to_the_score_is_told_in_three_ways(window: Window, observed: Path) -> None:
    picks = {"prompt": "the cat", "layer": "layers.1.attention", "head": 1, "listener": 6}
    page = window.open("round", "book", **picks)
    told = heard(load(observed / "book").seen("the cat"), "layers.1.attention", 1, 6)
    assert told.effects is not None
    assert told.by_head is not None
    place, adds = page.locator("h3:has-text('The effect on the answer') + .telling"), signed(float(told.by_head[1]))
    plain = place.inner_text()
    assert f"this head adds {adds}, and the layer {signed(told.layer or 0)}" in plain
    assert "which is what the Answer screen tells of layer 1" in plain
    page.locator(".say").get_by_role("button", name="maths").click()
    terms = " ".join(f"{signed(one)} (place {at})" for at, one in enumerate(told.effects.tolist()))
    when(lambda: f"Σ p·(O·v)·d = {terms} = {adds}" in place.inner_text())
    assert "effect = (O·m)·d" in place.inner_text()
    assert "d = r·g·(U[answer] - mean of U)" in place.inner_text()
    page.locator(".say").get_by_role("button", name="code").click()
    when(lambda: "(m @ O.T) @ d" in place.inner_text())
    assert "norm.weight * torch.rsqrt(x.square().mean() + norm.epsilon)" in place.inner_text()


def test_the_code_of_the_effect_gives_its_numbers(window: Window, observed: Path) -> None:
    """The lines that stand on the page, run on this very pass."""
    page = window.open(
        "round", "book", prompt="the cat", layer="layers.1.attention", head=1, measure="effect", say="code"
    )
    codes = [
        page.locator("#screen .said pre").first,
        page.locator("h3:has-text('The effect on the answer') + .telling pre"),
    ]
    seen = load(observed / "book").seen("the cat")
    told = heard(seen, "layers.1.attention", 1, 6)
    assert told.effects is not None
    model: Any = seen.model
    names = {
        "torch": torch,
        "head": model.head,
        "norm": model.norm,
        "x": seen.values["norm.input"].value[0, 6],
        "logits": seen.captured.outputs[0, 6],
        "answer": seen.captured.outputs[0, 6].argmax(),
        "O": model.layers[1].attention.output.weight[:, 8:],
        "p": told.one.shares,
        "v": told.one.values,
        "m": told.one.heard,
    }
    results = []
    for code in codes:
        *lines, last = code.inner_text().splitlines()
        inside = dict(names)
        exec("\n".join(lines), inside)
        results.append(eval(last, inside).detach())
    assert torch.allclose(results[0], told.effects, atol=1e-6)
    assert float(results[1]) == pytest.approx(float(told.effects.sum()), abs=1e-6)


def test_what_two_heads_differ_by_is_told_in_three_ways(window: Window, observed: Path) -> None:
    page = window.open(
        "round", "book", prompt="the cat", layer="layers.1.attention", head=1, locked="layers.0.attention:0:20"
    )
    seen = load(observed / "book").seen("the cat")
    first, second = shares(seen, "layers.0.attention")[0], shares(seen, "layers.1.attention")[1]
    place = page.locator("h3:has-text('The second less the first') + .telling")
    listener, speaker = divmod(int((second - first).abs().argmax()), 7)
    one, other = float(second[listener, speaker]), float(first[listener, speaker])
    told = signed(float((second - first)[listener, speaker]))
    assert f"by {told}." in place.inner_text()
    page.locator(".say").get_by_role("button", name="maths").click()
    when(lambda: f"{number(one)} - {number(other)} = {told}" in place.inner_text())
    assert "Δ = p of the second - p of the first" in place.inner_text()
    page.locator(".say").get_by_role("button", name="code").click()
    when(lambda: "second - first" in place.inner_text())
    page.get_by_role("button", name="Unlock").click()
    when(lambda: page.locator(".side").count() == 1)
    page.locator(".say").get_by_role("button", name="plain").click()  # what is not drawn is not told anew
    when(lambda: "How much of its attention" in said(page))


def test_a_neuron_of_a_wide_network_is_told_once_it_is_held(window: Window, observed: Path) -> None:
    page = window.open("network", "wide", say="maths")
    general = said(page)
    assert general == "h = σ(z), σ(z) = z / (1 + e^-z), z = W·x + b"
    page.locator(".say").get_by_role("button", name="plain").click()
    when(lambda: said(page).startswith("Each neuron multiplies each number it reads"))
    page.locator(".say").get_by_role("button", name="code").click()
    when(lambda: "each layer, a torch.nn.Linear" in said(page))
    page = window.open("network", "wide", say="maths", pick="head.bias:1")
    when(lambda: "y = " in said(page))
    parameters = {name: one.detach() for name, one in load(observed / "wide").model.named_parameters()}
    weights, bias = parameters["head.weight"][1], float(parameters["head.bias"][1])
    largest = sorted(weights.abs().argsort(descending=True)[:12].tolist())
    terms = " + ".join(f"{number(float(weights[at]))}·h{at}" for at in largest) + " + …"
    terms = (terms + f" + {number(bias)}").replace("+ -", "- ")
    rest = float(weights.abs().sum() - weights[largest].abs().sum())
    assert f"y = {terms}" in said(page)
    assert f"… and 5 more, their weights together Σ|w| = {number(rest)}" in said(page)
    page.locator(".say").get_by_role("button", name="plain").click()
    when(lambda: said(page).startswith("Output 1 multiplies"))
    assert "It reads 17 numbers; the maths writes out the 12 with the largest weights." in said(page)
    page = window.open("network", "wide", say="maths", pick="layers.0.bias:16", value=2.5)
    when(lambda: "z = " in said(page))
    row = parameters["layers.0.weight"][16].tolist()
    assert all(number(abs(one)) in said(page) for one in row)
    when(lambda: said(page).endswith(" + 2.500"))
    page.get_by_role("button", name="let go (Esc)").click()
    when(lambda: said(page) == general)


def test_a_neuron_is_told_with_its_weights(window: Window, observed: Path) -> None:
    said_ = said(window.open("network", "moons", say="maths"))
    parameters = {name: one.detach() for name, one in load(observed / "moons").model.named_parameters()}
    weights, bias = parameters["layers.0.weight"][0].tolist(), float(parameters["layers.0.bias"][0])
    assert all(number(abs(one)) in said_ for one in [*weights, bias])
