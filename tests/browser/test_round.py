"""The round table in the browser: what is drawn is what the server sent, circle and matrix share what is picked, and an address
opens the same again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Server, Window, when

PICKS = {"prompt": "the cat", "layer": "layers.1.attention", "head": 1, "listener": 5}
CAP = 60
VIRIDIS = np.array(
    [
        (68, 1, 84),
        (71, 44, 122),
        (59, 81, 139),
        (44, 113, 142),
        (33, 144, 141),
        (39, 173, 129),
        (92, 200, 99),
        (170, 220, 50),
        (253, 231, 37),
    ]
)
SIGNED = np.array([(230, 159, 0), (246, 224, 178), (247, 247, 247), (166, 206, 229), (0, 114, 178)])


def opened(window: Window, **picks: Any) -> Page:
    """The screen, once the numbers of the listener stand."""
    page = window.open("round", "book", **(PICKS | picks))
    page.wait_for_selector(".worked")
    return page


def sent(page: Page, **asked: Any) -> np.ndarray:
    """A head's numbers as the server has them."""
    query = {"prompt": PICKS["prompt"], "at": PICKS["layer"], "head": PICKS["head"]} | asked
    got = page.request.get(f"{page.url.split('/?')[0]}/api/runs/book/round/head", params=query)
    shape = [int(size) for size in got.headers["x-shape"].split(",")]
    return np.frombuffer(got.body(), "<f4").reshape(shape)


def pixels(page: Page, canvas: str = ".squares canvas") -> np.ndarray:
    """[row, column, red green blue alpha] of a canvas."""
    side, flat = page.locator(canvas).first.evaluate(
        "(canvas) => [canvas.height, [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]]"
    )
    return np.array(flat).reshape(side, -1, 4)


def coloured(scale: np.ndarray, share: float) -> np.ndarray:
    """The colour of a share from 0 to 1."""
    place = min(1.0, max(0.0, share)) * (len(scale) - 1)
    low = min(len(scale) - 2, math.floor(place))
    return scale[low] + (place - low) * (scale[low + 1] - scale[low])


def picked(page: Page) -> dict[str, str]:
    """What the address says."""
    address = page.evaluate("location.href")  # page.url is as old as the last word of the browser
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def arcs(page: Page, kind: str = "") -> list[tuple[int, int]]:
    """From whom to whom arcs go."""
    found = page.locator(f".table .arc{kind}").evaluate_all(
        "(paths) => paths.map((path) => [Number(path.dataset.listener), Number(path.dataset.speaker)])"
    )
    return [(listener, speaker) for listener, speaker in found]


@pytest.mark.parametrize("measure", ["weight", "value", "effect"])
def test_arcs_and_squares_are_the_numbers(measure: str, window: Window) -> None:
    page = opened(window, measure=measure)
    values = sent(page, measure=measure)
    most = 1.0 if measure == "weight" else float(np.abs(values).max())
    allowed = {(row, column) for row, column in np.argwhere(np.abs(values) >= 0.02 * most) if column <= row}
    drawn = arcs(page)
    assert len(drawn) == len(set(drawn)) == min(CAP, len(allowed))
    assert set(drawn) <= allowed
    assert all(speaker <= listener for listener, speaker in drawn), "nobody hears the future"
    told = page.locator(".circle .quiet").first.inner_text()
    assert told.startswith(f"At most {CAP} arcs")
    assert f"{len(drawn)} arcs are drawn" in told
    squares = pixels(page)
    for row in range(len(values)):
        for column in range(len(values)):
            if column > row:
                assert tuple(squares[row, column]) == (128, 128, 128, 64) or squares[row, column, 3] == 64
                continue
            value = float(values[row, column]) / most
            right = coloured(SIGNED, (value + 1) / 2) if measure == "effect" else coloured(VIRIDIS, math.sqrt(value))
            assert np.abs(squares[row, column, :3] - right).max() <= 1, (row, column)


MANY_ARCS = """async (side) => {
  const { circle } = await import("/page/round/circle.js");
  const values = new Float32Array(side * side), drawn = circle(() => {});
  for (let from = 0; from < side; from += 1) values.fill(1 / (from + 1), from * side, from * side + from + 1);
  document.getElementById("screen").append(drawn.place);
  const names = Array.from({ length: side }, (_, one) => `'${one}'`);
  drawn.show({ names, side, block: 1, values, listener: 12, speaker: null, most: 1, signed: false, measure: { is: "share" } });
  return [".arc", ".arc.mine", ".seat", ".seat.closed"].map((kind) => drawn.place.querySelectorAll(kind).length)
    .concat(drawn.place.querySelector(".quiet").textContent);
}"""


@pytest.mark.parametrize(
    ("side", "right", "words"),
    [
        (20, [60, 13, 20, 7], "the strongest 60 of 210 arcs are drawn, those of place 12 first."),
        (
            60,
            [60, 13, 60, 47],
            # a share of 1/50 is just below 0.02 in float32
            "the strongest 60 of 1,225 arcs are drawn, those of place 12 first; 605 below 0.02 are not.",
        ),
        (300, [60, 13, 256, 243], "256 of 300 chairs are drawn."),
    ],
)
def test_of_many_arcs_the_strongest_are_drawn_and_it_is_said(
    side: int, right: list[int], words: str, window: Window
) -> None:
    *counted, told = window.open("start").evaluate(MANY_ARCS, side)
    assert counted == right
    assert words in told


MANY_HEADS = """async () => {
  const { heads } = await import("/page/round/heads.js");
  const many = Array.from({ length: 144 }, (_, one) => ({ table: `layers.${Math.floor(one / 12)}.attention`, head: one % 12,
    said: "listens to all places alike", short: "all alike", numbers: {} }));
  const drawn = heads(() => {}), side = 4;
  document.getElementById("screen").append(drawn.place);
  const small = { shape: [144, side, side], values: new Float32Array(144 * side * side) };
  drawn.show({ heads: many, all_heads: 144, block: 1 }, small, 0, -1);
  return [document.querySelectorAll(".thumbnail").length, document.documentElement.scrollWidth];
}"""


def test_twelve_times_twelve_heads_scroll_in_their_box(windows: Callable[..., Window], server: Server) -> None:
    assert windows(server, 360).open("start").evaluate(MANY_HEADS) == [144, 360]


def test_circle_matrix_and_table_share_what_is_picked(window: Window) -> None:
    page = opened(window)
    values = sent(page)
    assert {listener for listener, _ in arcs(page, ".mine")} == {5}
    assert page.locator(".seat.closed").count() == 1, "of seven places the last is closed for place 5"
    assert page.locator(".seat.picked").get_attribute("data-place") == "5"

    def marked(kind: str) -> list[float]:
        """In squares of the matrix: left, top, width, height."""
        box, whole = (page.locator(one).bounding_box() for one in (f".squares .mark.{kind}", ".squares canvas"))
        assert box
        assert whole
        each = whole["width"] / 7
        sizes = box["x"] - whole["x"], box["y"] - whole["y"], box["width"], box["height"]
        return [round(size / each, 2) for size in sizes]

    assert marked("row") == [0, 5, 6, 1]
    page.locator('.seat[data-place="3"]').click()
    when(lambda: picked(page).get("listener") == "3")
    assert marked("row") == [0, 3, 4, 1]
    assert {listener for listener, _ in arcs(page, ".mine")} == {3}
    assert page.locator(".seat.closed").count() == 3
    speaker = int(values[4, :5].argmax())
    box = page.locator(".squares canvas").bounding_box()
    assert box
    each = box["width"] / 7
    page.mouse.click(box["x"] + (speaker + 0.5) * each, box["y"] + 4.5 * each)
    when(lambda: picked(page).get("speaker") == str(speaker))
    assert picked(page)["listener"] == "4"
    assert marked("cell") == [speaker, 4, 1, 1]
    assert arcs(page, ".picked") == [(4, speaker)]
    when(lambda: page.locator("tr.picked th").inner_text().split()[0] == str(speaker))
    page.locator(".speakers button").first.click()
    when(lambda: picked(page).get("speaker") == "0")
    assert marked("cell") == [0, 4, 1, 1]


def test_the_numbers_of_a_listener_are_those_explain_prints(window: Window) -> None:
    page = opened(window)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    text = page.locator("pre").last.inner_text()
    command, printed = text.split("\n\n", 1)
    assert command.startswith('fogwalk explain book --step 20 --prompt "the cat" --at layers.1.attention --place 5')
    rows = [row.split("\t") for row in page.locator(".speakers tbody tr").all_inner_texts()]
    shown = {int(row[0].split()[0]): row for row in rows}
    lines = [re.match(r"\s+(\d+)  '.'  +(.*)$", line) for line in printed.splitlines()]
    told = {int(found[1]): found[2].split() for found in lines if found}
    assert set(told) == set(range(6))
    for place, (score, share, size, heard) in told.items():
        _, _, scaled, mask, *others = shown[place]
        assert [scaled, mask, *others[:3]] == [score, "open", share, size, heard]
    assert shown[6][3] == "closed"
    assert shown[6][4] == "0"
    flat = " ".join(printed.split())
    for what, filled in zip(
        page.locator(".worked dt").all_inner_texts(), page.locator(".worked dd").all_inner_texts(), strict=True
    ):
        assert f"{what} {filled}" in flat


def test_a_space_has_one_form_and_the_text_stays_true(window: Window) -> None:
    page = opened(window, listener=3, speaker=3, locked="layers.0.attention:0:20", measure="effect")
    assert picked(page)["prompt"] == "the cat"
    assert page.locator("textarea").input_value() == "the cat"
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    explained = page.locator("pre").last
    assert "' '" in explained.inner_text(), "explain's own words stay as they are"
    explained.evaluate("(one) => one.remove()")
    whole = page.locator("#screen").inner_text()
    labels = page.locator("#screen [aria-label]").evaluate_all(
        "(all) => all.map((one) => one.getAttribute('aria-label'))"
    )
    titles = page.locator("#screen title").all_text_contents()
    assert "' '" not in "\n".join([whole, *labels, *titles])
    assert "What place 3, '␣', hears" in whole
    assert page.locator(".speakers tr.picked th").inner_text() == "3 ␣"
    assert page.locator("select[aria-label='the listener'] option").nth(3).inner_text() == "3 ␣"
    assert page.locator('.seat[data-place="3"] .token').first.text_content() == "␣"


NARROW = """async () => {
  const { unbroken } = await import("/page/round/names.js"), place = document.createElement("p");
  place.className = "formula";
  place.style.width = "12ch";
  place.append(...unbroken("= (-3.690e-05)·1.5 + 2.1e+07"));
  document.getElementById("screen").append(place);
  const lines = (one) => `${one.textContent} ${one.getClientRects().length}`;
  return [place.textContent, ...[...place.querySelectorAll("span")].map(lines)];
}"""


def test_a_number_with_a_power_stays_in_one_line(window: Window) -> None:
    page = window.open("start")
    assert page.evaluate(NARROW) == ["= (-3.690e-05)·1.5 + 2.1e+07", "3.690e-05 1", "2.1e+07 1"]
    page = opened(window)
    cells = page.locator(".heard td.number")
    assert {one.evaluate("(cell) => getComputedStyle(cell).whiteSpace") for one in cells.all()[:3]} == {"nowrap"}


def test_every_head_is_there_at_once_and_can_be_reached_by_keyboard(window: Window) -> None:
    page = opened(window)
    heads = page.locator(".thumbnail")
    assert heads.count() == 4
    for name in heads.evaluate_all("(all) => all.map((one) => one.getAttribute('aria-label'))"):
        assert re.match(r"layer [01], head [01]: \w+", name)
    values = sent(page, at="layers.0.attention", head=0)
    small = pixels(page, ".thumbnail canvas")
    assert np.abs(small[3, 1, :3] - coloured(VIRIDIS, math.sqrt(values[3, 1]))).max() <= 1
    assert small[1, 3, 3] == 0, "closed chairs are clear"
    page.locator(".thumbnail[aria-pressed=true]").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    when(lambda: picked(page)["layer"] == "layers.0.attention")
    when(
        lambda: page.locator(".thumbnail[aria-pressed=true]").get_attribute("aria-label").startswith("layer 0, head 1")
    )
    assert page.evaluate("document.activeElement.className") == "thumbnail"
    page.locator(".seat.picked").focus()
    page.keyboard.press("ArrowLeft")
    assert "from place 5 it gets share" in page.locator(".circle .sentence").inner_text()
    page.keyboard.press("Enter")
    when(lambda: picked(page)["listener"] == "4")
    assert page.evaluate("document.activeElement.dataset.place") == "4", "the focus stays where it was"
    page.locator(".squares canvas").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    when(lambda: picked(page).get("speaker") == "0")
    assert picked(page)["listener"] == "3"


def test_two_heads_or_two_steps_stand_side_by_side(window: Window) -> None:
    page = opened(window)
    page.get_by_role("button", name="Lock").click()
    when(lambda: page.locator(".side").count() == 2)
    page.locator(".thumbnail").first.click()
    when(lambda: page.locator(".side h3").last.inner_text().startswith("Second: layer 0, head 0, step 20: listens"))
    assert page.locator(".side h3").first.inner_text().startswith("First: layer 1, head 1, step 20: listens")
    assert page.locator(".seat.picked").evaluate_all("(all) => all.map((one) => one.dataset.place)") == ["5", "5"]
    less = sent(page, at="layers.0.attention", head=0) - sent(page)
    squares = pixels(page, "section > .matrix .squares canvas")
    far = float(np.abs(less).max())
    for row in range(7):
        for column in range(row + 1):
            right = coloured(SIGNED, (float(less[row, column]) / far + 1) / 2)
            assert np.abs(squares[row, column, :3] - right).max() <= 1
    page.get_by_label("the model that reads").select_option("10")
    when(lambda: "layer 0, head 0, step 10" in page.locator(".side h3").last.inner_text())
    assert "step 20" in page.locator(".side h3").first.inner_text()
    assert "layer 0, head 0 at step 10" in page.locator("section:has(> .matrix) > p").first.inner_text()
    assert page.locator(".player input[type=number]").input_value() == "10", "the frame's player is there too"
    page.get_by_role("button", name="one step back").click()
    when(lambda: "layer 0, head 0, step 9" in page.locator(".side h3").last.inner_text())
    page.get_by_role("button", name="Unlock").click()
    when(lambda: page.locator(".side").count() == 1)
    assert "locked" not in picked(page)


def test_a_head_can_be_watched_as_it_forms(window: Window) -> None:
    page = opened(window)
    titles = []
    page.get_by_role("button", name="Watch it form").click()

    def finished() -> bool:
        title = page.locator(".side h3").inner_text()
        if not titles or titles[-1] != title:
            titles.append(title)
        return len(titles) > 1 and page.get_by_role("button", name="Watch it form").count() == 1

    when(finished)
    steps = [int(found[1]) for title in titles if (found := re.search(r"step (\d+):", title))]
    assert steps[0] in (0, 20)
    assert steps[-1] == 20
    assert {5, 10, 15} & set(steps)
    assert picked(page)["step"] == "20"


@pytest.mark.parametrize(
    "picks",
    [
        {"speaker": 2, "measure": "effect"},
        {"step": 10, "locked": "layers.0.attention:1:20"},
    ],
)
def test_an_address_opens_the_same_again(picks: dict[str, Any], window: Window) -> None:
    page = opened(window, **picks)
    before, said, squares = picked(page), page.locator("main").inner_text(), pixels(page)
    page.reload()
    page.wait_for_selector(".worked")
    assert picked(page) == before
    assert page.locator("main").inner_text() == said
    assert np.array_equal(pixels(page), squares)
    for name, value in picks.items():
        assert picked(page)[name] == str(value)


def test_a_text_is_there_at_first_and_what_cannot_be_read_is_said(window: Window) -> None:
    window.allowed = ("404",)
    page = window.open("round", "book")
    page.wait_for_selector(".worked")
    first = page.locator("textarea").input_value()
    assert first
    assert picked(page)["prompt"] == first
    assert "the model looks back over 8" in page.locator("main").inner_text()
    for text, words in (
        ("", "There is no text to read"),
        ("the cat sat on the mat", "looks back over 8"),
        ("~", "which this model's text never did"),
    ):
        page.locator("textarea").fill(text)
        page.get_by_role("button", name="Read").click()
        when(lambda words=words: words in "".join(page.locator(".trouble").all_inner_texts()))
        assert picked(page)["prompt"] == first, "the address holds what is drawn"
    page.locator("textarea").fill("a dog")
    page.keyboard.press("Control+Enter")
    when(lambda: picked(page)["prompt"] == "a dog")
    assert page.locator(".trouble").count() == 0
    assert page.locator(".seat").count() == 5


def test_one_token_alone_hears_itself(window: Window) -> None:
    page = window.open("round", "book", prompt="t")
    page.wait_for_selector(".worked")
    assert arcs(page) == [(0, 0)]
    assert "can hear itself alone: 1.000" in page.locator(".circle .sentence").inner_text()
    assert "alone" in page.locator(".thumbnail").first.inner_text()


@pytest.mark.parametrize("run", ["moons", "digits"])
def test_any_other_run_is_told_what_the_screen_is_for(run: str, window: Window) -> None:
    page = window.open("round", run)
    said = page.locator("main").inner_text()
    assert "which earlier tokens each token listens to" in said
    assert "fogwalk train book.txt" in said
