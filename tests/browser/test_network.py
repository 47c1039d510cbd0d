"""The Network screen and the frame's player: neurons by their pixels, steps played, trained and waited for, a weight tried."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

import pytest
import torch
from playwright.sync_api import Page, expect

from fogwalk.insight.accounts.protocol import number
from fogwalk.runs.control import Wish, wish, wished
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import loss_trace
from tests.browser.conftest import Server, Window, serving, when
from tests.conftest import train_short

SIGNED = ((230, 159, 0), (246, 224, 178), (247, 247, 247), (166, 206, 229), (0, 114, 178))
VIRIDIS = ((68, 1, 84), (253, 231, 37))  # the ends of the scale
CELL = """(canvas, [row, column, high, wide]) => {
  const [x, y] = [(column + 0.5) * canvas.width / wide, (row + 0.5) * canvas.height / high];
  return [...canvas.getContext('2d').getImageData(Math.floor(x), Math.floor(y), 1, 1).data].slice(0, 3);
}"""
PIXELS = """(image) => new Promise((done) => {
  const read = new Image();
  read.onload = () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [read.width, read.height];
    const ink = canvas.getContext("2d");
    ink.drawImage(read, 0, 0);
    done([...ink.getImageData(0, 0, read.width, read.height).data]);
  };
  read.src = image.getAttribute("href");
})"""


def signed(share: float) -> list[int]:
    """The colour of a share from -1 to 1: orange below, pale, blue above."""
    place = (share + 1) / 2 * (len(SIGNED) - 1)
    at = min(len(SIGNED) - 2, int(place))
    pairs = zip(SIGNED[at], SIGNED[at + 1], strict=True)
    return [int(low + (place - at) * (high - low) + 0.5) for low, high in pairs]


def frame(server: Server, run: str, step: int, edit: str = "") -> Any:
    with urlopen(f"{server.address}/api/runs/{run}/frames/{step}?edit={edit}") as answer:
        return json.load(answer)


def shown(page: Page) -> dict[str, str]:
    """The facts on the screen by name."""
    names, values = page.locator(".facts dt").all_inner_texts(), page.locator(".facts dd").all_inner_texts()
    return dict(zip(names, values, strict=True))


def step_of(page: Page) -> int:
    return int(parse_qs(urlsplit(page.url).query).get("step", ["-1"])[0])


@pytest.mark.parametrize("step", [0, 13])
def test_each_neuron_has_the_colours_of_what_it_makes_of_the_plane(step: int, window: Window, server: Server) -> None:
    page = window.open("network", "moons", step=step)
    told = frame(server, "moons", step)
    images = page.locator("svg.net image")
    expect(images).to_have_count(2 + 4 + 2)
    units = [None, None, *told["plane"]["units"]["layers.0"], *told["plane"]["units"]["head"]]
    for each, values in enumerate(units):
        if values is None:
            continue
        pixels = images.nth(each).evaluate(PIXELS)
        largest = max(map(abs, values))
        for at in range(0, len(values), 37):
            wanted = [*signed(values[at] / largest), 255]
            assert pixels[at * 4 : at * 4 + 4] == pytest.approx(wanted, abs=1), (each, at)


def test_the_answer_over_the_plane_is_that_of_the_likelier_class(window: Window, server: Server) -> None:
    window.allowed = ("willReadFrequently",)  # advice to this test's own reading
    page = window.open("network", "moons", step=20)
    plane = frame(server, "moons", 20)["plane"]
    pixel = "(canvas, [x, y]) => [...canvas.getContext('2d').getImageData(x, y, 1, 1).data]"
    size = int(page.locator("canvas.answer-plane").get_attribute("width") or 0)
    side = plane["side"]
    for column, row in ((0, 0), (side - 1, 0), (0, side - 1), (side - 1, side - 1)):  # no point lies in a corner
        blue, orange = (unit[row * side + column] for unit in plane["units"]["head"])
        at = [int((column + 0.5) * size / side), int((row + 0.5) * size / side)]
        red, _, last, _ = page.locator("canvas.answer-plane").evaluate(pixel, at)
        assert (last > red) == (blue > orange)


def test_the_frame_goes_through_the_steps_and_says_each_ones_numbers(window: Window, server: Server) -> None:
    page = window.open("network", "moons", step=3)
    losses = loss_trace(server.runs / "moons" / "events.jsonl")
    page.get_by_label("one step on").click()
    expect(page.locator(".facts dd").first).to_have_text("4 of 20")
    assert float(shown(page)["loss of the update's batch"]) == pytest.approx(losses[4], rel=1e-3)
    page.get_by_label("one step back").click()
    expect(page.locator(".facts dd").first).to_have_text("3 of 20")
    page.get_by_label("to the first step").click()
    expect(page.locator(".facts dd").first).to_have_text("0 of 20")
    assert step_of(page) == 0
    expect(page.get_by_label("one step back")).to_be_disabled()
    page.get_by_role("button", name="play the steps").click()
    expect(page.locator(".facts dd").first).to_have_text("20 of 20")
    expect(page.get_by_role("button", name="play the steps")).to_be_disabled()
    expect(page.get_by_label("one step on")).to_be_disabled()
    assert step_of(page) == 20
    page.reload()
    window.drawn()
    expect(page.locator(".facts dd").first).to_have_text("20 of 20")


def test_every_screen_with_steps_keeps_the_step(window: Window, server: Server) -> None:
    page = window.open("network", "moons", step=7)
    expect(page.get_by_label("number of the step")).to_have_value("7")
    page.get_by_label("number of the step").fill("5")
    page.get_by_label("number of the step").press("Enter")
    expect(page.locator(".facts dd").first).to_have_text("5 of 20")
    window.open("step", "moons", step=5)
    expect(page.get_by_label("number of the step")).to_have_value("5")
    page.get_by_label("one step on").click()
    window.drawn()
    loss = loss_trace(server.runs / "moons" / "events.jsonl")[6]
    expect(page.locator("#screen")).to_contain_text(f"in events.jsonl {loss:.6g}")
    window.open("start")
    expect(page.get_by_role("group", name="steps")).to_be_hidden()


def test_another_weight_is_tried_in_a_copy_by_keyboard_alone(window: Window, server: Server) -> None:
    page = window.open("network", "moons", step=20)
    link = page.get_by_role("button", name=re.compile(r"^head\.weight\[1, 2\] weight"))
    link.focus()
    link.press("Enter")
    box = page.get_by_role("region", name=re.compile("try another")).or_(page.locator(".sandbox"))
    expect(box).to_contain_text("head.weight[1, 2]")
    field = page.get_by_label("its value as a number")
    field.fill("4.5")
    field.press("Enter")
    told = frame(server, "moons", 20, "head.weight:1,2:4.5")["validation"]["loss"]
    expect(box).to_contain_text(f"With 4.500: loss of the held-back rows {told:#.4g}")
    page.reload()
    window.drawn()
    expect(page.locator(".sandbox")).to_contain_text(f"With 4.500: loss of the held-back rows {told:#.4g}")
    page.get_by_label("its value as a number").press("Escape")
    expect(page.locator(".sandbox")).to_have_count(0)
    assert "pick=" not in page.url


def test_a_network_too_wide_for_links_shows_its_strongest_units_matrices_and_links(
    window: Window, server: Server
) -> None:
    page = window.open("network", "wide", step=4)
    heading = "layers.0: 16 of 17 neurons, those with the strongest weights"
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    expect(page.locator(".unit img")).to_have_count(16 + 2)
    expect(page.get_by_role("heading", name="layers.0.weight: 17 units from 2 inputs")).to_be_visible()
    told = frame(server, "wide", 4)
    rows = page.locator("table tbody tr", has=page.get_by_role("button", name="try another"))
    expect(rows).to_have_count(2 * 17 + 17 * 2)
    page.get_by_role("button", name="change", exact=True).click()
    changes = [link[5] for link in told["links"]["weight"]]
    expect(rows.first.locator("td").last).to_have_text(re.compile(f"^{max(changes):#.3g}"[:5]))
    page.reload()
    window.drawn()
    expect(page.locator("th[aria-sort=descending]")).to_have_text("change")


def test_a_link_and_a_unit_of_a_wide_network_are_tried_in_a_copy(window: Window, server: Server) -> None:
    page = window.open("network", "wide", step=4)
    name, unit, came, weight, *_ = frame(server, "wide", 4)["links"]["weight"][0]
    page.get_by_role("button", name=f"try another {name}[{unit}, {came}]", exact=True).click()
    box = page.locator(".sandbox")
    expect(box).to_contain_text(f"It is {weight:#.4g}")
    field = page.get_by_label("its value as a number")
    field.fill("4.5")
    field.press("Enter")
    told = frame(server, "wide", 4, f"{name}:{unit},{came}:4.5")["validation"]["loss"]
    expect(box).to_contain_text(f"With 4.500: loss of the held-back rows {told:#.4g}")
    page.locator(".unit").first.click()
    expect(box).to_be_in_viewport()
    expect(box).to_contain_text("layers.0.bias[")
    expect(page.locator(".unit").first).to_have_attribute("aria-pressed", "true")
    assert page.url.count("pick=layers.0.bias") == 1


MANY = {
    "deep": {"model.hidden": (8,) * 40},
    "square": {"model.hidden": (400, 400)},
}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two networks of moons with more links than are drawn: forty layers of eight, and one of 400 by 400."""
    place = tmp_path_factory.mktemp("many")
    train_short(place, {name: {"data.path": ("sample:moons",)} | one for name, one in MANY.items()})
    with serving(place / "runs", place / "cache") as server:
        yield server


def test_only_the_strongest_links_of_a_deep_network_are_in_the_page(
    many: Server, windows: Callable[..., Window]
) -> None:
    window = windows(many)
    page = window.open("network", "deep", step=4)
    links = frame(many, "deep", 4)["links"]["weight"]
    assert len(links) == 400
    values = [abs(one[3]) for one in links]
    assert values == sorted(values, reverse=True)
    layers = ["layers." + str(at) + ".weight" for at in range(23)]
    here = {f"{name}[{unit}, {came}]" for name, unit, came, *_ in links if name in layers}
    labels = page.locator("svg.net .reach").evaluate_all("all => all.map((one) => one.getAttribute('aria-label'))")
    assert {label.split(" weight ")[0] for label in labels} == here
    expect(page.locator("#screen")).to_contain_text(
        f"The strongest 400 of the network's {2 * 8 + 39 * 64 + 16:,} links"
    )
    expect(page.locator("#screen")).to_contain_text("24 of 42 columns: at most 24 are drawn at once")
    expect(page.locator("svg.net .neuron")).to_have_count(2 + 23 * 8)
    page.get_by_label("layers drawn").select_option(label="layers.22 to head")
    window.drawn()
    expect(page.locator("svg.net .neuron")).to_have_count(18 * 8 + 2)
    page.reload()
    window.drawn()
    expect(page.locator("svg.net .neuron")).to_have_count(18 * 8 + 2)
    page.get_by_text("The strongest links as a table").click()
    expect(page.locator("#screen table tbody tr")).to_have_count(400)


def test_of_a_deep_network_a_neuron_that_is_drawn_is_told(many: Server, windows: Callable[..., Window]) -> None:
    parameters = frame(many, "deep", 4)["parameters"]
    for layer, unit, pick in (
        ("layers.22", 0, ""),
        ("layers.30", 5, "layers.30.weight:5,2"),
        ("head", 1, "head.bias:1"),
    ):
        page = windows(many).open("network", "deep", step=4, say="maths", layers=22, pick=pick)
        said = page.locator("#screen .said")
        weights, bias = (parameters[f"{layer}.{kind}"]["weight"][unit] for kind in ("weight", "bias"))
        terms = " + ".join(f"{number(one)}·h{at}" for at, one in enumerate(weights)) + f" + {number(bias)}"
        name = f"Output {unit}: y" if layer == "head" else f"Neuron {unit} of {layer}: z"
        expect(said).to_contain_text(f"{name} = {terms.replace('+ -', '- ')}")
        expect(said).not_to_contain_text("more")
        page.locator(".say").get_by_role("button", name="plain").click()
        expect(said).to_contain_text(f"Output {unit} " if layer == "head" else f"Neuron {unit} of {layer} multiplies")
    expect(windows(many).open("network", "deep", layers=41).locator("#screen .said")).to_contain_text("Output 0")


def test_of_a_neuron_that_reads_400_numbers_the_largest_terms_are_told(
    many: Server, windows: Callable[..., Window]
) -> None:
    page = windows(many).open("network", "square", step=4, say="maths", pick="layers.1.weight:7,300")
    said = page.locator("#screen .said")
    with urlopen(f"{many.address}/api/runs/square/frames/4/matrix?name=layers.1.weight") as answer:
        row = torch.frombuffer(bytearray(answer.read()), dtype=torch.float32).reshape(400, 400)[7]
    largest = sorted([300, *row.abs().argsort(descending=True)[:11].tolist()])
    assert len(set(largest)) == 12
    terms = " + ".join(f"{number(float(row[at]))}·h{at}" for at in largest)
    expect(said).to_contain_text(f"z = {terms.replace('+ -', '- ')} + …")
    rest = float(row.abs().sum() - row[largest].abs().sum())
    expect(said).to_contain_text(f"… and 388 more, their weights together Σ|w| = {number(rest)}")
    page.locator(".say").get_by_role("button", name="plain").click()
    expect(said).to_contain_text("writes out the held link and the 11 with the largest weights.")


def test_a_drawing_wider_than_a_phone_says_that_it_scrolls(windows: Callable[..., Window], server: Server) -> None:
    page = windows(server, 360).open("network", "moons", step=13)
    expect(page.get_by_text("It is wider than there is room for")).to_be_visible()
    page = windows(server).open("network", "moons", step=13)
    expect(page.get_by_text("It is wider than there is room for")).to_be_hidden()


def test_a_matrix_of_400_by_400_is_drawn_by_its_numbers(many: Server, windows: Callable[..., Window]) -> None:
    window = windows(many)
    window.allowed = ("willReadFrequently",)
    page = window.open("network", "square", step=4)
    expect(page.get_by_role("heading", name="layers.1.weight: 400 units from 400 inputs")).to_be_visible()
    canvas = page.locator("section", has=page.get_by_role("heading", name="layers.1.weight")).locator("canvas")
    with urlopen(f"{many.address}/api/runs/square/frames/4/matrix?name=layers.1.weight") as answer:
        values = torch.frombuffer(bytearray(answer.read()), dtype=torch.float32).reshape(400, 400)
    for place, share in ((int(values.abs().argmax()), 1.0), (int(values.abs().argmin()), 0.0)):
        row, column = divmod(place, 400)
        pixel = canvas.evaluate(CELL, [row, column, 400, 400])
        assert pixel == pytest.approx(VIRIDIS[-1] if share else VIRIDIS[0], abs=4)
    page.locator("select[aria-label=links]").select_option("gradient")
    window.drawn()
    expect(page.get_by_text("After step 4: the blame")).to_be_visible()


WRITTEN = "an entry is written as layers.0.weight:3,1"


@pytest.mark.parametrize(
    ("picks", "words", "of_wide"),
    [
        ({"pick": "layers.0.weight:99,99"}, "moons learns no layers.0.weight[99, 99]", "has no entry [99, 99]"),
        ({"pick": "layers.0.weight:0"}, "moons learns no layers.0.weight[0]", "has no entry [0]"),
        ({"pick": "constructor:0"}, "moons learns no constructor[0]", "learns no 'constructor'"),
        ({"pick": "layers.0.weight:a"}, WRITTEN, WRITTEN),
        ({"pick": "nothing"}, WRITTEN, WRITTEN),
        ({"links": "constructor"}, *["they can show weight, gradient, change"] * 2),
        ({"step": "999999"}, *[f"names step 999,999, and {run} has made 20" for run in ("moons", "wide")]),
    ],
)
@pytest.mark.parametrize("run", ["moons", "wide"])
def test_what_the_address_picks_wrongly_is_worded(
    run: str, picks: dict[str, str], words: str, of_wide: str, window: Window
) -> None:
    window.allowed = ("404 (Not Found)",)  # a wide network's entries are the server's to know
    page = window.open("network", run, **picks)
    expect(page.locator(".trouble")).to_contain_text(of_wide if run == "wide" else words)
    expect(page.locator(".facts dd")).not_to_have_count(0)
    assert "undefined" not in page.locator("#screen").inner_text()


def test_more_than_two_columns_are_told_by_histograms(window: Window) -> None:
    page = window.open("network", "iris", step=4)
    expect(page.locator("svg.net .neuron")).to_have_count(4 + 5 + 3)
    assert all(page.locator("svg.net .bars-of").evaluate_all("all => all.map((one) => one.getAttribute('d'))"))
    expect(page.locator("canvas.answer-plane")).to_have_count(0)


def test_a_network_is_started_waits_makes_one_real_step_plays_and_waits_again(
    tmp_path: Path, windows: Callable[..., Window]
) -> None:
    with serving(tmp_path / "runs", tmp_path / "cache") as server:
        window = windows(server)
        page = window.open("network")  # of a run that comes along
        page.get_by_text("Try another network").click()
        page.get_by_label("data").select_option("sample:xor")
        page.get_by_label("a neuron less in layer 1").click()
        page.get_by_role("button", name="Start anew").click()
        page.wait_for_url(re.compile(r"run=[a-z]+-[a-z]+"))
        window.drawn()
        folder = RunFolder(server.runs / parse_qs(urlsplit(page.url).query)["run"][0])
        try:
            expect(page.locator("#state")).to_have_text(re.compile("paused, step 0"))
            assert loss_trace(folder.events) == {}
            page.get_by_label("one step on").click()
            expect(page.locator(".facts dd").first).to_have_text(re.compile("^1 of"))
            assert list(loss_trace(folder.events)) == [1], "one real step"
            page.get_by_role("button", name="play the steps").click()
            when(lambda: max(loss_trace(folder.events), default=0) > 20)
            page.get_by_role("button", name="pause").click()
            when(lambda: folder.status()["state"] == "paused")
            made = max(loss_trace(folder.events))
            expect(page.locator(".facts dd").first).to_have_text(re.compile(f"^{made} of"))
            assert wished(folder).until is not None
            page.goto(f"{server.address}/?run={folder.name}&view=live")
            page.get_by_role("button", name="go on").click()
            when(lambda: max(loss_trace(folder.events)) > made)
            page.get_by_role("button", name="save and end").click()
            when(lambda: folder.status()["state"] == "interrupted")
            expect(page.get_by_role("button", name="train on")).to_be_visible()
            page.goto("about:blank")
        finally:
            if folder.status().get("state") in ("training", "paused"):
                wish(folder, Wish(stop=True))
                when(lambda: folder.status()["state"] == "interrupted")


def test_a_training_that_goes_can_be_paused_from_a_page_that_is_opened_meanwhile(
    tmp_path: Path, windows: Callable[..., Window]
) -> None:
    with serving(tmp_path / "runs", tmp_path / "cache") as server:
        window = windows(server)
        page = window.open("network")
        page.get_by_text("Try another network").click()
        page.get_by_role("button", name="Start anew").click()
        page.wait_for_url(re.compile(r"run=[a-z]+-[a-z]+"))
        window.drawn()
        folder = RunFolder(server.runs / parse_qs(urlsplit(page.url).query)["run"][0])
        bar = page.get_by_role("group", name="steps")
        try:
            expect(page.locator("#state")).to_have_text(re.compile("paused, step 0"))
            expect(bar).to_contain_text("of 2,000")
            page.get_by_role("button", name="play the steps").click()
            when(lambda: max(loss_trace(folder.events), default=0) > 20)
            expect(page.locator("#state")).to_have_text("training")
            page.wait_for_function("() => Number(document.querySelector('.player input[type=number]').value) > 5")
            shown = """() => [document.querySelector('.player input[type=number]').value,
              document.querySelector('.facts dd').textContent.split(' ')[0].replace(',', '')]"""
            for _ in range(20):
                bar_says, box_says = map(int, page.evaluate(shown))
                assert abs(bar_says - box_says) <= 2, "one step at a time is told"
            page.goto("about:blank")
            page = window.open("network", folder.name)
            page.get_by_role("button", name="pause", exact=True).click()
            when(lambda: folder.status()["state"] == "paused")
            expect(page.get_by_role("button", name="play the steps")).to_be_visible()
            page.goto("about:blank")
        finally:
            if folder.status().get("state") in ("training", "paused"):
                wish(folder, Wish(stop=True))
                when(lambda: folder.status()["state"] == "interrupted")


# -- the drawing by keyboard and finger ------------------------------------------------------------------------------------

FOCUSED = "document.activeElement.getAttribute('aria-label')"
REACHED = """async () => {
  const svg = document.querySelector('svg.net'), seen = new Set();
  const key = (name) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true }));
  const label = () => document.activeElement.getAttribute('aria-label');
  svg.querySelector('[tabindex="0"]').focus();
  for (let columns = 0; columns < 12; columns += 1) {
    key('Home');
    for (let before = null; before !== label(); ) { seen.add(before = label()); key('ArrowDown'); }
    key('Home');
    key('ArrowRight');
  }
  return [...seen];
}"""


@pytest.mark.parametrize("run", ["moons", "iris"])
def test_the_drawing_is_one_tab_stop_and_arrows_reach_all_of_it(run: str, window: Window) -> None:
    page = window.open("network", run, step=13)
    stops = page.locator("svg.net [tabindex='0']")
    expect(stops).to_have_count(1)
    every = page.locator("svg.net [role=button]").evaluate_all(
        "all => all.map((one) => one.getAttribute('aria-label'))"
    )
    assert len(every) > 12
    assert set(page.evaluate(REACHED)) == set(every)
    expect(stops).to_have_count(1)
    expect(page.get_by_text("The drawing is one stop of the Tab key")).to_be_visible()
    stops.focus()
    page.keyboard.press("Tab")
    assert not page.evaluate("document.activeElement.closest('svg.net')"), "the next stop lies behind the drawing"


def test_arrows_go_along_the_network(window: Window) -> None:
    page = window.open("network", "moons", step=13)
    page.get_by_role("button", name=re.compile(r"^layers\.0\.weight\[2, 1\] weight")).focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate(FOCUSED) == "layers.0 2"
    page.keyboard.press("ArrowRight")
    assert page.evaluate(FOCUSED).startswith("head.weight[0, 2] weight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(FOCUSED).startswith("layers.0.weight[2, 0] weight")
    told = page.evaluate(FOCUSED)
    expect(page.locator(".pointed")).to_have_text(told)


def test_escape_lets_go_wherever_the_focus_is(window: Window) -> None:
    page = window.open("network", "moons", step=13)
    link = page.get_by_role("button", name=re.compile(r"^head\.weight\[1, 2\] weight"))
    link.focus()
    link.press("Enter")
    expect(page.locator(".sandbox")).to_have_count(1)
    page.get_by_label("links", exact=True).focus()
    page.keyboard.press("Escape")
    expect(page.locator(".sandbox")).to_have_count(0)
    assert "pick=" not in page.url
    assert page.evaluate(FOCUSED).startswith("head.weight[1, 2] weight"), "it is there where it was picked"


@pytest.mark.parametrize("width", [360, 1280])
def test_a_link_is_reached_within_a_fingertip_and_from_the_table(
    width: int, windows: Callable[..., Window], server: Server
) -> None:
    page = windows(server, width).open("network", "moons", step=13)
    link = page.get_by_role("button", name=re.compile(r"^layers\.0\.weight\[0, 0\] weight"))
    link.scroll_into_view_if_needed()
    middle = link.locator(".link").evaluate(
        """(path) => { const at = path.getPointAtLength(path.getTotalLength() / 2), on = path.getScreenCTM();
        return [at.x * on.a + on.e, at.y * on.d + on.f]; }"""
    )
    page.mouse.click(middle[0], middle[1] - 10)  # no other link is nearer
    expect(page.locator(".sandbox")).to_contain_text("layers.0.weight[0, 0]")
    page.keyboard.press("Escape")
    page.get_by_text("The weights as a table").click()
    button = page.get_by_role("button", name="try another head.weight[1, 2]", exact=True)
    box = button.bounding_box()
    assert box
    assert min(box["width"], box["height"]) >= 24
    button.click()
    expect(page.locator(".sandbox")).to_contain_text("head.weight[1, 2]")
