"""Every number that a screen shows is the one `explain` gives, to the digits that are shown: read from the tables, bars and
facts of the page one by one, for a text, a table and an image net.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Locator, Page, expect

from fogwalk import load
from fogwalk.insight.accounts.protocol import number
from fogwalk.insight.form import of_measures
from fogwalk.insight.listening import habits, heard, shares, tables
from fogwalk.insight.nudge import require_parameter
from fogwalk.insight.telling.overview import ratio, size
from fogwalk.runs.folder import RunFolder
from tests.browser.conftest import BLANK, Window
from tests.browser.test_step import opened as opened_step

RUNS = ["book", "moons", "digits"]
STEP = 7
PROMPT = "the cat"
ROWS = "(table) => [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell) => cell.textContent.trim()))"
BARS = "(all) => all.map((one) => one.querySelector(':scope > .number').lastChild.textContent)"


def signed(value: float) -> str:
    """With + before what is above 0, as the stations of a step write it."""
    return f"+{number(value)}" if value > 0 else number(value)


def apart(value: float) -> str:
    """With a sign that is as wide as a digit, as the answers write it."""
    return f"+{number(value)}" if value > 0 else f"-{number(-value)}" if value < 0 else "0"


def known(value: float) -> str:
    """- where it was not measured."""
    return "-" if math.isnan(value) else number(value)


def rows(table: Locator) -> list[list[str]]:
    """What stands in a table's rows."""
    found: list[list[str]] = table.evaluate(ROWS)
    return found


def bars(page: Page, kind: str) -> list[str]:
    """What is written at each bar."""
    found: list[str] = page.locator(f"{kind} > li").evaluate_all(BARS)
    return found


def twin(page: Page, words: str | re.Pattern[str], within: str = "#screen", which: int = 0) -> list[list[str]]:
    """The table that opens under these words."""
    details = page.locator(f"{within} details > summary").filter(has_text=words).nth(which).locator("..")
    details.evaluate("(one) => { one.open = true; }")
    details.locator("table").first.wait_for()
    return rows(details.locator("table").first)


# -- one step ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", RUNS)
def test_forward_and_blame_show_the_layers_of_explain(run: str, window: Window, observed: Path) -> None:
    explained = load(observed / run).explain(STEP)
    page = opened_step(window, run, station="forward")
    assert bars(page, "#station .bars:not(.signed)") == [number(one.size) for one in explained.layers]
    of_layers(page, explained, "forward")
    page = opened_step(window, run, station="blame")
    assert bars(page, ".bars.blame") == [number(one.blame) for one in reversed(explained.layers)]
    of_layers(page, explained, "blame")
    whole = twin(page, "The same as a table", "#station")
    paths = [one[0] for one in whole]
    for path, *shown in whole:
        gradient = explained.step.values[f"{path}.output"].gradient
        assert gradient is not None
        alone = gradient[0] if run == "book" else gradient
        assert shown == [number(one) for one in alone.flatten(1).norm(dim=1).tolist()], path
    assert set(paths) <= {one.path for one in explained.layers}
    if run == "digits":
        pixels = twin(page, "The same as a table", "#station", which=1)
        gradient = explained.step.values["input"].gradient
        assert gradient is not None
        assert [one[1:] for one in pixels] == [[number(one) for one in row] for row in gradient[0].norm(dim=0).tolist()]


def of_layers(page: Page, explained: Any, station: str) -> None:
    """Every layer opened: its text is that of `explain --at`, and each of its results stands in it."""
    buttons = page.locator("#station .bars:not(.signed) > li > button")
    for each in range(buttons.count()):
        path = buttons.nth(each).inner_text()
        buttons.nth(each).click()
        expect(page.locator(".opened h2").first).to_contain_text(f"{path} (")
        text = str(explained.at(path, row=0))
        assert page.locator(".opened pre").last.text_content() == text, (station, path)
        words = re.sub(r"\s+", " ", text)
        for result in page.locator(".opened .account > li > .formula strong").all_text_contents():
            assert result in words, (station, path, result)


@pytest.mark.parametrize("run", RUNS)
def test_the_losses_are_those_of_explain(run: str, window: Window, observed: Path) -> None:
    step = load(observed / run).explain(STEP).step
    outputs, targets = step.captured.outputs, step.batch.targets
    each = step.lost.each(outputs, targets)
    page = opened_step(window, run, station="loss")
    of_row = each[0] if run == "book" else each
    assert bars(page, ".bars.answers") == [number(one) for one in of_row.tolist()]
    if run == "book":
        assert bars(page, ".bars.means") == [number(one) for one in each.mean(1).tolist()]
    p = (outputs[0] if run == "book" else outputs).softmax(-1)
    right = targets[0] if run == "book" else targets
    notes = page.locator(".bars.answers > li small").all_text_contents()
    for note, chances, answer in zip(notes, p, right.tolist(), strict=True):
        assert note.startswith(f"p {number(float(chances[answer]))}")
        if "guessed" in note:
            assert note.strip().endswith(number(float(chances.max())))
    assert page.locator(".mean strong").inner_text() == f"{step.loss:.6g}"


@pytest.mark.parametrize("run", RUNS)
def test_the_update_is_that_of_explain(run: str, window: Window, observed: Path) -> None:
    step = load(observed / run).explain(STEP).step
    page = opened_step(window, run, station="update")
    shown = rows(page.get_by_role("region", name="parameters", exact=True).locator("table"))
    assert [one[0] for one in shown] == list(step.moved)
    for (name, moved), row in zip(step.moved.items(), shown, strict=True):
        assert row[2] == moved.optimizer, name
        assert row[3:6] == [number(size(one)) for one in (moved.old, moved.gradient, moved.change)], name
        assert float(row[6].removesuffix(" %")) == pytest.approx(100 * ratio(moved), rel=1e-3)
    for name, moved in step.moved.items():
        require_parameter(step, name)
        page.get_by_role("button", name=name, exact=True).first.click()
        table = page.get_by_role("region", name=f"weights of {name}", exact=True).locator("table")
        table.wait_for()
        for entry, *numbers in rows(table):
            at = tuple(int(one) for one in entry.removeprefix("[").removesuffix("]").split(","))
            old, gradient, change, new = (
                float(getattr(moved, what)[at]) for what in ("old", "gradient", "change", "new")
            )
            assert numbers == [number(old), signed(gradient), signed(change), number(new)], entry


@pytest.mark.parametrize("run", RUNS)
def test_what_came_and_what_was_promised_are_those_of_explain(run: str, window: Window, observed: Path) -> None:
    explained = load(observed / run).explain(STEP)
    step = explained.step
    page = opened_step(window, run, station="again")
    assert step.after is not None
    assert bars(page, "#station .bars:not(.signed)") == [number(step.loss), number(step.after)]
    parts = {name: float((moved.gradient.double() * moved.change.double()).sum()) for name, moved in step.moved.items()}
    promised, came, *shown = bars(page, "#station .bars.signed")
    assert [promised, came] == [signed(sum(parts.values())), signed(step.after - step.loss)]
    assert shown == [signed(one) for one in sorted(parts.values(), key=abs, reverse=True)][:24]
    came = number(abs(step.after - step.loss))
    assert came in "\n".join(explained.stations["again"])


# -- network ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", ["moons", "iris", "adam"])
def test_the_networks_weights_blame_and_changes_are_those_of_explain(run: str, window: Window, observed: Path) -> None:
    model = load(observed / run)
    explained, after = model.explain(STEP).step, model.explain(STEP + 1).step
    page = window.open("network", run, step=STEP)
    shown = twin(page, "as a table")
    wanted = []
    for name, moved in explained.moved.items():
        if name.endswith("weight"):
            new = after.moved[
                name
            ].old  # as the run has it: a step is told in float32, and Muon may make it in bfloat16
            assert moved.optimizer == "Muon" or torch.equal(new, moved.new)
            for unit in range(moved.new.shape[0]):
                for came in range(moved.new.shape[1]):
                    at = (unit, came)
                    numbers = [number(float(one[at])) for one in (new, moved.gradient, new - moved.old)]
                    wanted.append([f"{name}[{unit}, {came}]", *numbers])
    assert [one[:4] for one in shown] == wanted
    muon = any(moved.optimizer == "Muon" for moved in explained.moved.values())
    expect(page.get_by_text("One step takes it in float32")).to_have_count(int(muon))
    names, values = page.locator(".facts dt").all_inner_texts(), page.locator(".facts dd").all_inner_texts()
    facts = dict(zip(names, values, strict=True))
    assert facts["loss of the update's batch"] == number(explained.loss)
    page.get_by_label("links", exact=True).select_option("gradient")
    window.drawn()
    links = page.locator("svg.net .reach").evaluate_all("all => all.map((one) => one.getAttribute('aria-label'))")
    sizes = [f"{name} gradient {'−' if text[0] == '-' else '+'}{text.lstrip('-')}" for name, _, text, _ in wanted]
    assert links == sizes


def test_a_wide_nets_matrices_are_those_of_explain(window: Window, observed: Path) -> None:
    step = load(observed / "wide").explain(STEP + 1).step  # a frame is the network after its update
    page = window.open("network", "wide", step=STEP)
    page.get_by_role("heading", name="layers.0.weight: 17 units from 2 inputs").wait_for()
    for each, name in enumerate(("layers.0.weight", "head.weight")):
        shown = twin(page, "The same as a table", which=each)
        old = step.moved[name].old
        lying = old.T if old.shape[0] > old.shape[1] else old  # the longer side lies
        assert [one[1:] for one in shown] == [[number(one) for one in row] for row in lying.tolist()]


# -- blame map -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("run", RUNS)
def test_the_blame_map_is_what_the_looks_measured(run: str, window: Window, observed: Path) -> None:
    form, told = of_measures(RunFolder(observed / run))
    for what in ("gradient", "change"):
        page = window.open("blame", run, what=what)
        page.locator("#picked .histogram").first.wait_for()
        table = twin(page, "The same as a table")
        assert len(table) == sum(name.startswith(f"{what}/") for name in told)
        for name, *shown in table:
            assert shown == [known(one) for one in told[f"{what}/{name}"].tolist()], (what, name)
    for row in rows(page.locator("table.tree")):
        if len(row) < 2 or row[0] not in told:
            continue
        last = [known(float(told[f"{what}/{row[0]}"][-1])) for what in ("weight", "gradient", "change")]
        assert [one.split()[0] for one in row[1:4]] == last
    name = page.locator("#picked h2").inner_text()
    history = twin(page, "The same as a table", "#picked")
    assert [one[1] for one in history] == [known(one) for one in told[f"change/{name}"].tolist()]
    assert [int(one[0]) for one in history] == form["steps"]
    gradient = load(observed / run).explain(form["steps"][-1]).step.moved[name].gradient.flatten()
    counts = [int(one[2]) for one in twin(page, "The same as a table", "#picked", which=1)]
    low, high = float(gradient.min()), float(gradient.max())
    assert counts == torch.histogram(gradient, len(counts), range=(low, high))[0].int().tolist()


# -- round table -----------------------------------------------------------------------------------------------------------


def test_the_round_table_is_what_explain_hears(window: Window, observed: Path) -> None:
    run = load(observed / "book")
    seen = run.seen(PROMPT)
    path, head, place = "layers.1.attention", 1, 5
    page = window.open("round", "book", prompt=PROMPT, layer=path, head=head, listener=place)
    page.wait_for_selector(".worked")
    found = [numbers for table in tables(seen) for numbers, _ in habits(seen, table)]
    names = [
        one for one in ("itself", "previous", "first", "same", "induction", "entropy", "distance") if one in found[0]
    ]
    for row, numbers in zip(twin(page, "All heads as a table"), found, strict=True):
        assert row[1:-1] == [number(numbers[name]) for name in names], row[0]
    weights = shares(seen, path)[head]
    for row, listens in zip(twin(page, "The matrix as a table"), weights.tolist(), strict=True):
        listener = int(row[0].split()[0])
        wanted = [number(one) if speaker <= listener else "closed" for speaker, one in enumerate(listens)]
        assert row[1:] == wanted
    for row in twin(page, "The arcs as a table"):
        assert row[4] == number(float(weights[int(row[0]), int(row[2])]))
    told = heard(seen, path, head, place)
    one, effects = told.one, told.effects
    assert effects is not None
    for at, row in enumerate(rows(page.locator("table.speakers"))):
        numbers = [float(every[at]) for every in (one.dots, one.scaled, one.shares, one.sizes)]
        left = float(one.left[at] * one.sizes[at])
        dot, scaled, share, length = map(number, numbers)
        mask = "open" if at <= place else "closed"
        assert row[1:] == [dot, scaled, mask, share, length, number(left), signed(float(effects[at]))]
    lines = told.account.lines(one, one.strongest)
    results = [text.rsplit(" = ", 1)[1] for text in page.locator(".worked dd").all_text_contents()]
    assert results == [number(line.result) for line in lines]
    key, value = one.keys[one.strongest], one.values[one.strongest]
    for row, numbers in zip(
        twin(page, "Query, key, value"), zip(one.query, key, value, one.heard, strict=True), strict=True
    ):
        assert row[1:] == [number(float(each)) for each in numbers]
    fused = told.fused
    numbers_of = page.locator("#screen section").filter(has=page.get_by_role("heading", name="The heads fused"))
    shown = rows(numbers_of.locator("h3:has-text('The heads fused') ~ .scroll table").first)
    for row in shown:
        unit = int(row[0].removeprefix("y "))
        parts = [*fused.parts[unit].tolist(), *([] if fused.bias is None else [float(fused.bias[unit])])]
        assert row[1:] == [*map(signed, parts), number(float(fused.output[unit]))]
    assert told.by_head is not None
    by_head = [row[1] for row in twin(page, "Head by head")]
    assert by_head[: len(told.by_head)] == [signed(each) for each in told.by_head.tolist()]
    assert by_head[-1] == signed(told.layer or 0)
    text = page.locator("#screen pre").last.text_content() or ""
    explained = str(run.explain_answer(PROMPT).at(path, place=place, head=head))
    assert text.split("\n\n", 1)[1] == explained
    for result in results:
        assert result in explained


# -- answer ----------------------------------------------------------------------------------------------------------------


def test_the_answer_to_a_text_is_that_of_explain(window: Window, observed: Path) -> None:
    told = load(observed / "book").explain_answer(PROMPT)
    structure, tensors = told.structure, told.tensors
    logits, chances = tensors["logits"], tensors["probabilities"]
    page = window.open("answer", "book", prompt=PROMPT)
    for row in twin(page, re.compile("likeliest .* as a table")):
        token = int(row[2])
        assert row[3:5] == [number(float(logits[token])), number(float(chances[token]))], row[1]
        if token != load(observed / "book").tokenizer.unsaid:
            assert row[5] == pytest.approx(row[4]) or abs(float(row[5]) / float(row[4]) - 1) < 0.1
    order = logits.argsort(descending=True, stable=True).tolist()
    shown = rows(page.locator("#chances"))
    for token, row in zip(order, shown[:-1], strict=False):
        assert row[2] == number(float(chances[token]))
    sentence = page.locator("#answer-sentence").inner_text()
    assert f"with probability {number(float(chances[structure['best']]))}." in sentence
    assert f"Entropy {number(structure['entropy'])} nats" in sentence
    for row, (name, p) in zip(rows(page.locator("#by-layer")), structure["by_layer"].items(), strict=True):
        says = structure["says"][name]
        assert row == [name, "", number(p), f"{says['name'].translate(BLANK)} {number(says['p'])}"]
    added = rows(page.get_by_role("region", name="what each layer added to the score").locator("table"))
    assert added == [
        *([name, "", apart(part)] for name, part in structure["parts"].items()),
        ["together", "", apart(structure["score"])],
    ]
    without, best = tensors["without"].tolist(), float(chances[structure["best"]])
    for row, p in zip(twin(page, "The same as a table"), without, strict=True):
        assert row[2:] == [number(p), apart(best - p)]
    listening = rows(page.get_by_role("region", name="whom the last token listens to").locator("table"))
    for name, heads in listening:
        layer, head = re.fullmatch(r"(\S+), head (\d+)", name).groups()  # type: ignore[union-attr]
        last = tensors[f"weights/{layer}"][int(head), -1]
        for place, share in re.findall(r"\((\d+)\) (\S+?)(?:,|$)", heads):
            assert share == number(float(last[int(place)]))
    for details in ("The same as fogwalk explain tells it",):
        block = page.locator("#screen details").filter(has_text=details).locator("pre")
        assert block.text_content() == repr(told)


@pytest.mark.parametrize("run", ["moons", "people", "digits"])
def test_the_answer_for_a_row_or_an_image_is_that_of_explain(run: str, window: Window, observed: Path) -> None:
    model = load(observed / run)
    told = model.explain_answer(model.held_back(), row=3)
    structure = told.structure
    page = window.open("answer", run, held=3)
    sentence = page.locator("#answer-sentence").inner_text()
    assert f"{structure['answer']}, with probability {number(structure['now'])}." in sentence
    likeliest = sorted(structure["probabilities"].items(), key=lambda one: -one[1])
    shown = rows(page.locator("#classes"))
    assert [row[2] for row in shown] == [number(p) for _, p in likeliest]
    assert [row[0].removesuffix(" right") for row in shown] == [name for name, _ in likeliest]
    block = page.locator("#screen details").filter(has_text="The same as fogwalk explain tells it").locator("pre")
    assert block.text_content() == repr(told)
    if run != "digits":
        did = {
            row[0]: row[-1] for row in rows(page.get_by_role("region", name="what each column did").locator("table"))
        }
        assert did == {name: apart(-change) for name, change in structure["changes"].items()}
        return
    covered = [[apart(-change) for change in row] for row in structure["covered"]]
    assert [row[1:] for row in twin(page, "The same as a table")] == covered
    weight = told.seen.parameters["layers.0.weight"]
    weights = twin(page, "The weights as a table")
    assert [row[1:] for row in weights] == [[number(one) for one in row] for row in weight.flatten(1).tolist()]
    for section in page.locator(".layer-maps").all():
        path = section.locator("h3").inner_text()
        made = told.seen.values[f"{path}.output"].value[0].flatten(1)
        section.locator("details").evaluate("(one) => { one.open = true; }")
        section.locator("table").wait_for()
        for row, channel in zip(rows(section.locator("table")), made, strict=True):
            least, largest = number(float(channel.min())), number(float(channel.max()))
            assert row[1:3] == [least, largest]
            assert float(row[3]) == pytest.approx(float(channel.double().mean()), rel=1e-3, abs=1e-7)
    worst = page.locator("#worst a").first
    place = int((worst.get_attribute("href") or "").split("held=")[1].split("&")[0])
    of_worst = model.explain_answer(model.held_back(), row=place).structure["probabilities"]
    right, p = re.search(r"p of (\S+) (\S+)", worst.inner_text()).groups()  # type: ignore[union-attr]
    assert p == number(of_worst[right])
