"""The Answer screen: its bars are torch's softmax, its settings those of `generate`, its pictures the numbers themselves; and
what a person can do there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from fogwalk import load, trainer
from fogwalk.data.recognise import settled
from fogwalk.explaining import Answered
from fogwalk.generation.sampling import Sampling, probabilities
from fogwalk.insight.accounts.protocol import number
from fogwalk.insight.telling.entry import Place, module_told
from fogwalk.run import Run
from fogwalk.settings import Source
from tests.browser.conftest import BLANK, HARM, Window, when
from tests.browser.serving import Server, serving

PROMPT = "the cat"
CELLS = """(id) => [...document.querySelectorAll(`#${id} tbody tr`)]
  .map((row) => [...row.children].map((cell) => cell.textContent))"""
PIXELS = """(canvas) => [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data]"""


def cells(page: Page, table: str) -> list[list[str]]:
    """What stands in a table's rows."""
    found: list[list[str]] = page.evaluate(CELLS, table)
    return found


def asked(page: Page, code: str, given: Any = None) -> Any:
    """What code makes with the page's own modules at hand."""
    return page.evaluate(f"async (given) => {{ {code} }}", given)


def opened(page: Page) -> str:
    """The text of `explain` of the layer that is looked at, which opens on a click."""
    page.locator(".entry summary").click()
    text = page.locator(".entry details pre")
    text.wait_for()
    return text.inner_text()


def accounted(page: Page) -> list[str]:
    """What comes out of each formula of the layer that is looked at."""
    found: list[str] = page.locator(".entry .account > li > .formula strong").all_inner_texts()
    return found


def results(explained: Answered, path: str, place: Place) -> list[str]:
    """The same by its account."""
    lines = module_told(explained.seen, path, place)[1].forward
    assert lines
    return [number(line.result) for line in lines]


@pytest.fixture
def book(observed: Path) -> Run:
    return load(observed / "book")


@pytest.fixture(scope="module")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of a small vision transformer."""
    place = tmp_path_factory.mktemp("patches")
    small = {"model_kind": "vision", "model.width": 16, "model.heads": 2, "model.patch": 4, "model.layers": 2}
    short = {"training.steps": 5, "training.compile": "off", "training.precision": "float32", "threads": 1}
    own = {"data.path": ("sample:digits",), "out": str(place / "runs" / "patches")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / ".cache"))
        trainer.train(settled(Source("test", own | small | short)))
    with serving(place / "runs", place / ".cache") as server:
        yield server


# -- from logits to chances ------------------------------------------------------------------------------------------------


def test_the_browser_draws_with_what_generate_draws_with(window: Window) -> None:
    page = window.open("start")
    code = """const { drawn } = await import("/page/sampling.js"), logits = new Float32Array(given.logits);
      return given.ways.map((how) => { const { chances, cut } = drawn(logits, how); return [[...chances], [...cut]]; });"""
    ways = [
        {"temperature": temperature, "top_k": top_k, "top_p": top_p}
        for temperature in (0, 0.3, 1, 1.7, 100)
        for top_k in (None, 1, 7, 500)
        for top_p in (None, 0.2, 0.9, 1)
    ]
    for seed, unsaid in ((0, -1), (1, 17), (2, -2)):
        logits = 3 * torch.randn(300, generator=torch.Generator().manual_seed(seed))
        never = int(logits.argmax()) if unsaid == -2 else unsaid
        scores = logits[None].clone()
        if never >= 0:
            scores[:, never] = -torch.inf
        found = asked(page, code, {"logits": logits.tolist(), "ways": [way | {"unsaid": never} for way in ways]})
        for way, (told, cut) in zip(ways, found, strict=True):
            right = probabilities(scores, Sampling(**way))[0]  # type: ignore[arg-type]  # each of its own sort
            assert told == pytest.approx(right.tolist(), abs=1e-5), way
            assert sum(told) == pytest.approx(1, abs=1e-9)
            kept = [not why for why in cut]
            assert all(one or not float(p) for one, p in zip(kept, right, strict=True)), way
            assert all(p > 0 for one, p in zip(kept, told, strict=True) if one), way


def test_the_browsers_softmax_and_entropy_are_torchs(window: Window) -> None:
    page = window.open("start")
    for size in (1, 2, 50_000):
        logits = 20 * torch.randn(size, generator=torch.Generator().manual_seed(size))
        code = """const { softmax, entropy } = await import("/page/sampling.js"), p = softmax(new Float32Array(given));
          return [[...p], entropy(p)];"""
        told, unsure = asked(page, code, logits.tolist())
        right = logits.double().softmax(0)
        assert told == pytest.approx(right.tolist(), abs=1e-5)
        assert unsure == pytest.approx(float(torch.special.entr(right).sum()), rel=1e-6, abs=1e-12)


def test_bars_and_the_rest_are_the_whole_softmax(book: Run, window: Window) -> None:
    page = window.open("answer", "book", prompt=PROMPT)
    with torch.no_grad():
        logits = book.model(torch.tensor([book.tokenizer.encode(PROMPT).tolist()]))[0, -1]
    p = logits.softmax(0)
    code = """const { ask, floats } = await import("/page/server.js"), { softmax } = await import("/page/sampling.js");
      return [...softmax((await floats("runs/book/answer/tensor", { prompt: given, name: "logits" })).values)];"""
    assert asked(page, code, PROMPT) == pytest.approx(p.tolist(), abs=1e-5)
    *shown, rest = cells(page, "chances")
    order = p.argsort(descending=True, stable=True).tolist()
    assert len(shown) == 12
    for row, token in zip(shown, order, strict=False):
        assert row[0] == repr(book.tokenizer.decode([token])).translate(BLANK)
        assert float(row[2]) == pytest.approx(float(p[token]), abs=1e-5, rel=1e-3)
    assert rest[0] == f"the other {len(p) - 12}"
    assert sum(float(row[2]) for row in [*shown, rest]) == pytest.approx(1, abs=12e-5)
    explained = book.explain_answer(PROMPT).structure
    told = page.locator("#answer-sentence").inner_text()
    assert told.startswith(
        f"{explained['best_name'].translate(BLANK)} is likeliest, with probability {number(float(p.max()))}."
    )
    assert f"Entropy {number(explained['entropy'])} nats" in told


def test_top_k_of_one_leaves_what_generate_says_with_it(book: Run, window: Window) -> None:
    page = window.open("answer", "book", prompt=PROMPT, top_k=1)
    first, *others = cells(page, "chances")
    assert first[0] == repr(book.generate(PROMPT, tokens=1, top_k=1, temperature=1.0).text).translate(BLANK)
    assert first[3] == "1.000"
    assert all(row[3] == "0" for row in others)
    assert others[0][4] == "cut by top-k"
    assert page.locator("#chances .cut").count() == len(others)


def test_settings_act_at_once_and_stand_in_the_address(book: Run, window: Window) -> None:
    page = window.open("answer", "book", prompt=PROMPT)
    before = len(window.requests)
    page.get_by_label("temperature, exactly").fill("0.5")
    page.get_by_label("top-k").fill("30")
    page.get_by_label("top-p").fill("0.8")
    code = """const { floats } = await import("/page/server.js");
      return [...(await floats("runs/book/answer/tensor", { prompt: given, name: "logits" })).values];"""
    rows = cells(page, "chances")
    assert len(window.requests) == before, "nothing is asked of the server"
    scores = torch.tensor([asked(page, code, PROMPT)])
    scores[:, book.tokenizer.unsaid] = -torch.inf
    right = probabilities(scores, Sampling(temperature=0.5, top_k=30, top_p=0.8))[0]
    order = scores[0].argsort(descending=True, stable=True).tolist()
    for row, token in zip(rows[:12], order, strict=False):
        assert float(row[3]) == pytest.approx(float(right[token]), abs=1e-5, rel=1e-3)
        assert (row[4] == "cut by top-p") == (float(right[token]) == 0)
    kept = int((right > 0).sum())
    assert f"{kept} token" in page.locator("main").inner_text()
    assert "temperature=0.5&top_k=30&top_p=0.8" in page.url
    page.reload()
    assert cells(window.drawn(), "chances") == rows
    page.get_by_label("top-p").fill("1.5")
    assert page.get_by_text("top-p cannot be 1.5").is_visible()


def test_a_token_is_taken_with_a_click_or_enter_and_back_undoes_it(window: Window) -> None:
    page = window.open("answer", "book", prompt="the c")
    value = "document.getElementById('prompt')?.value"
    page.locator("#chances .token").nth(1).click()
    drawn = "document.querySelectorAll('.prompt-tokens li').length === {} && document.activeElement.matches('.token')"
    window.until(drawn.format(6))
    first = page.evaluate(value)
    assert parse_qs(urlsplit(page.url).query, keep_blank_values=True)["prompt"] == [first]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    window.until(drawn.format(7))
    assert page.evaluate(value).startswith(first)
    page.go_back()
    window.until(f"{value} === {json.dumps(first)}")
    window.drawn()


def test_a_full_context_forgets_its_beginning(window: Window) -> None:
    page = window.open("answer", "book", prompt="the cat ")
    page.locator("#chances .token").first.click()
    window.until(
        "document.getElementById('prompt').value.startsWith('e cat ') && document.getElementById('prompt').value.length === 7"
    )


def test_line_ends_are_seen_and_what_made_the_answer_adds_up(observed: Path, window: Window) -> None:
    page = window.open("answer", "harmful", prompt="a cat\n")
    explained = load(observed / "harmful").explain_answer("a cat\n")
    chips = page.locator(".prompt-tokens li").all_inner_texts()
    assert [chip.splitlines()[0] for chip in chips] == [
        token.translate(BLANK) for token in explained.structure["tokens"]
    ]
    assert chips[-1].startswith("'\\n'")
    for (name, p), row in zip(explained.structure["by_layer"].items(), cells(page, "by-layer"), strict=True):
        says = explained.structure["says"][name]
        assert row == [name, "", number(p), f"{says['name'].translate(BLANK)} {number(says['p'])}"]
    shown = page.locator("table.signed tr").all_inner_texts()
    for name, part in explained.structure["parts"].items():
        assert any(row.split() == [name, ("+" if part > 0 else "-") + number(abs(part))] for row in shown)
    assert f"together\t\t+{number(explained.structure['score'])}" in [re.sub(r"\s*\n\s*", "", row) for row in shown]
    page.get_by_role("button", name="layers.1.feed_forward").click()
    assert opened(page) == str(explained.at("layers.1.feed_forward", place=5))
    assert accounted(page) == results(explained, "layers.1.feed_forward", Place(place=5))
    page.reload()
    window.drawn()
    assert opened(page) == str(explained.at("layers.1.feed_forward", place=5))
    page.get_by_role("link", name="layers.1.attention, head 1").click()
    window.until("document.title.includes('Round table')")
    assert "prompt=a+cat%0A" in window.drawn().url


def test_a_prompt_that_cannot_be_answered_is_told(window: Window) -> None:
    page = window.open("answer", "book", prompt=PROMPT)
    window.allowed = ("404",)
    for prompt, words in (
        ("", "write how a text begins"),
        ("the cat sat on the mat", "looks back over 8"),
        ("Ω", "never did"),
    ):
        page.locator("#prompt").fill(prompt)
        page.get_by_role("button", name="What comes next?").click()
        page.get_by_role("alert").get_by_text(words).wait_for()


def test_a_screen_that_is_asked_nothing_answers_all_the_same(window: Window) -> None:
    for run in ("book", "moons", "digits", "iris"):
        page = window.open("answer", run)
        assert page.locator("#answer-sentence").is_visible(), run
        assert page.locator("main [role=alert]").count() == 0


def test_the_player_shows_an_answer_form(book: Run, window: Window) -> None:
    page = window.open("answer", "book", prompt=PROMPT, step=3)
    assert "This is the model after step 3 of 20." in page.locator("main").inner_text()
    first = cells(page, "chances")[0]
    assert first[2] == number(float(book.explain_answer(PROMPT, step=3).tensors["probabilities"].max()))
    page.get_by_role("button", name="one step on").click()
    page.get_by_text("This is the model after step 4 of 20.").wait_for()
    page.get_by_role("button", name="The best checkpoint").click()
    page.get_by_text("its best checkpoint").wait_for()
    assert "step=" not in page.url


# -- rows ------------------------------------------------------------------------------------------------------------------


def test_a_row_is_changed_in_its_form_and_answered(observed: Path, window: Window) -> None:
    run = load(observed / "people")
    page = window.open("answer", "people", held=4)
    assert page.get_by_label("row of the validation split").input_value() == "4"
    page.get_by_label("town").select_option("Lima")
    page.get_by_label("age").fill("33")
    page.get_by_label("age").press("Enter")
    when(lambda: "prompt=age%3D33" in page.url and "held" not in page.url)
    page.get_by_label("the row as text")
    told = run.explain_answer("age=33, town=Lima").structure
    sentence = f"moves: {told['answer']}, with probability {number(told['now'])}."
    page.get_by_text(sentence).wait_for()
    rows = cells(page, "classes")
    assert sum(float(row[2]) for row in rows) == pytest.approx(1, abs=2e-4)
    assert [row[0] for row in rows] == sorted(told["probabilities"], key=lambda name: -told["probabilities"][name])
    for name, change in told["changes"].items():
        does = "0" if not change else ("-" if change > 0 else "+") + number(abs(change))
        assert page.locator("table.signed tr", has_text=name).locator("td").last.inner_text() == does
    page.reload()
    assert window.drawn().get_by_text(sentence).is_visible()
    assert page.get_by_label("town").input_value() == "Lima"
    page.get_by_role("button", name="Another row").click()
    when(lambda: "held=" in page.url and "prompt" not in page.url)


def test_what_it_gets_wrong_is_what_evaluate_says_and_opens_above(observed: Path, window: Window) -> None:
    run = load(observed / "iris")
    assessed = run.evaluate()
    page = window.open("answer", "iris")
    table = cells(page, "confusion")
    assert [row[0] for row in table] == list(run.classes)
    assert [[int(count) for count in row[1:]] for row in table] == assessed.confusion.tolist()  # type: ignore[union-attr]
    for measure, value in assessed.scores["this model"].items():  # type: ignore[union-attr]
        assert f"{measure} {number(value)}" in page.locator("#mistakes-part").inner_text()
    worst = cells(page, "worst")[0]
    page.get_by_role("link", name=worst[0], exact=True).first.click()
    when(lambda: f"held={worst[0].removeprefix('row ')}" in page.url)
    window.drawn()
    assert page.get_by_label("row of the validation split").input_value() == worst[0].removeprefix("row ")
    given = page.locator("#answer-sentence").inner_text()
    assert ("That is right." in given) == (worst[1] == worst[2])


def test_text_of_a_table_is_never_markup(window: Window) -> None:
    page = window.open("answer", "harm")
    assert page.get_by_label(HARM).count() == 1
    assert page.evaluate("document.querySelectorAll('main img').length") == 0
    assert page.title() != "struck"
    assert any(HARM in "".join(row) for row in cells(page, "classes"))


# -- images ----------------------------------------------------------------------------------------------------------------


def grey(pixels: list[int]) -> list[int]:
    """The first of each pixel's four numbers, which must be those of a grey that hides nothing."""
    red, green, blue, whole = (pixels[at::4] for at in range(4))
    assert red == green == blue
    assert set(whole) == {255}
    return red


def test_the_picture_is_the_image_pixel_by_pixel(observed: Path, window: Window) -> None:
    held = load(observed / "digits").held_back()
    page = window.open("answer", "digits", held=5)
    drawn = page.get_by_label("the image as it is read").evaluate(PIXELS)
    assert grey(drawn) == held.inputs[5, 0].flatten().tolist()
    small = page.locator("#worst canvas").first.evaluate(PIXELS)
    first = int(page.locator("#worst a").first.get_attribute("href").split("held=")[1])  # type: ignore[union-attr]
    assert grey(small) == held.inputs[first, 0].flatten().tolist()


def test_squares_filters_and_maps_are_the_networks_numbers(observed: Path, window: Window) -> None:
    run = load(observed / "digits")
    answered = run.explain_answer(run.held_back(), row=5)
    page = window.open("answer", "digits", held=5)
    told = page.locator("#squares title").all_text_contents()
    for row, changes in enumerate(answered.structure["covered"]):
        for column, change in enumerate(changes):
            does = "0" if not change else ("-" if change > 0 else "+") + number(abs(change))
            assert told[row * 7 + column] == f"row {row}, column {column}: {does}"
    weight = run.model.get_parameter("layers.0.weight").detach()
    drawn = page.locator("#filters canvas").nth(2).evaluate(PIXELS)
    for value, (red, blue) in zip(weight[2].flatten().tolist(), zip(drawn[::4], drawn[2::4], strict=True), strict=True):
        share = value / float(weight.abs().max())
        assert (blue > red) == (share > 0) or abs(share) < 0.02
    value = answered.seen.values["layers.0.output"].value[0]
    drawn = page.locator("[data-layer='layers.0'] canvas").nth(1).evaluate(PIXELS)
    low, top = float(value.min()), float(value.max())
    code = "const { viridis } = await import('/page/colour.js'); return given.map((one) => viridis(one));"
    colours = asked(page, code, ((value[1] - low) / (top - low)).flatten().tolist())
    for at, colour in enumerate(colours):
        assert drawn[4 * at : 4 * at + 3] == pytest.approx([int(part) for part in re.findall(r"\d+", colour)], abs=1)


def test_a_feature_map_opens_its_numbers_with_the_keyboard(observed: Path, window: Window) -> None:
    run = load(observed / "digits")
    page = window.open("answer", "digits", held=5)
    page.get_by_role("button", name="layers.0, channel 3").focus()
    page.keyboard.press("Enter")
    explained = run.explain_answer(run.held_back(), row=5)
    assert opened(page) == str(explained.at("layers.0", unit=3))
    assert accounted(page) == results(explained, "layers.0", Place(unit=3))
    assert "at=layers.0&unit=3" in page.url
    page.reload()
    window.drawn()
    assert opened(page) == str(explained.at("layers.0", unit=3))


def test_patches_listen_with_shares_that_add_up_and_share_what_is_picked(
    patches: Server, windows: Callable[..., Window]
) -> None:
    run = load(patches.runs / "patches")
    answered = run.explain_answer(run.held_back(), row=2)
    window = windows(patches)
    page = window.open("answer", "patches", held=2, layer="layers.0.attention", head=1, listener=3)
    weights = answered.seen.values["layers.0.attention.weights"].value[0, 1]
    shares = "[...document.querySelectorAll('.patch')].map((one) => Number(one.dataset.share))"
    assert page.evaluate(shares) == pytest.approx(weights[3].tolist(), abs=1e-6)
    assert sum(page.evaluate(shares)) == pytest.approx(1, abs=1e-4)
    page.locator(".patch").nth(3).focus()
    page.keyboard.press("ArrowUp")
    assert page.evaluate(shares) == pytest.approx(weights[1].tolist(), abs=1e-6)
    assert "listener=1" in page.url
    box = page.locator(".heat canvas").bounding_box()
    assert box
    page.locator(".heat canvas").click(position={"x": box["width"] / 8, "y": box["height"] * 5 / 8})
    assert page.evaluate(shares) == pytest.approx(weights[2].tolist(), abs=1e-6)
    page.get_by_role("button", name="All patches").click()
    assert page.evaluate(shares) == pytest.approx(weights.mean(0).tolist(), abs=1e-6)


# -- for everybody ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", ["book", "people", "digits"])
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (360, "dark")])
def test_it_fits_and_is_fit_for_assistive_technology(
    run: str, width: int, scheme: str, server: Server, windows: Callable[..., Window]
) -> None:
    page = windows(server, width, color_scheme=scheme).open("answer", run, top_p=0.5)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for details in page.locator("main details").all():
        details.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found = Axe().run(page).response["violations"]
    serious = [
        (one["id"], [node["html"][:160] for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert not serious
