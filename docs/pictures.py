"""Pictures of the real page for the tutorial, so that they never go stale: small runs are trained, each screen is opened in a
browser, and what is seen is written to docs/pictures/.

Usage: make pictures, or python -m docs.pictures [--runs FOLDER]
FOLDER is where the runs are, or are put: whoever runs it again there trains only what is missing.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Page

from tests.browser.chromium import chromium
from tests.browser.conftest import DRAWN
from tests.browser.serving import serving

PLACE = Path(__file__).parent / "pictures"
WIDE = 1280
COLOURS = 96  # of a picture: nothing of it is a photograph
MOST_BYTES, MOST_OF_ALL = 150_000, 1_500_000

SMALL = "--threads 1 --training.compile off --training.precision float32"
BOOK = "--model.layers 2 --model.heads 2 --model.width 64 --model.context 64"
RUNS = {
    "book": f"sample:python-docs {BOOK} --training.steps 600 --training.sample-every 100",
    "neuron": "sample:xor --model.hidden 0 --training.steps 600",
    "four": "sample:xor --model.hidden 4 --model.activation tanh --training.steps 600",
    "diabetes": "sample:diabetes --training.steps 600",
    "digits": "sample:digits --model.channels 8,16 --training.steps 300",
}


@dataclass(frozen=True)
class Picture:
    """What of the page: a screen of a run, what is picked on it, how many pixels of it, what must be there before, and below what
    it begins (the top of the page)."""

    name: str
    view: str
    run: str
    picks: Mapping[str, str | int]
    high: int
    needs: str
    begins: str = ""


ANSWERED = "main pre, main table, main svg, main canvas"
DRAWING = "main svg, main canvas"
PROMPT = {"prompt": "The first"}
PICTURES = (  # name, screen, run, what is picked, so many pixels of it, what must be there
    Picture("start", "start", "", {}, 800, ".cards"),
    Picture("live", "live", "book", {}, 900, "svg[role=slider] .smooth"),
    Picture("answer", "answer", "book", PROMPT, 900, ANSWERED),
    Picture("round", "round", "book", PROMPT, 800, "main svg .seat", "main h2:has-text('picked head')"),
    Picture("neuron", "network", "neuron", {"step": 600}, 860, DRAWING),
    Picture("four", "network", "four", {"step": 600}, 900, DRAWING),
    Picture("update", "step", "four", {"step": 300, "station": "update"}, 1100, "[role=tabpanel]"),
    Picture("table", "answer", "diabetes", {"prompt": "age=42, bmi=30.6, bp=101"}, 900, ANSWERED),
    Picture("blame", "blame", "digits", {}, 615, "main canvas"),
    Picture("loss", "step", "digits", {"step": 100, "station": "loss"}, 800, "[role=tabpanel]"),
)


def trained(runs: Path) -> None:
    """Train what is not there yet."""
    for name, words in RUNS.items():
        if not (runs / name).exists():
            command = [
                sys.executable,
                "-m",
                "fogwalk",
                "train",
                *words.split(),
                *SMALL.split(),
                "--out",
                str(runs / name),
            ]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


# Whoever looks at the pictures need not know in which folder they were made.
NOWHERE = """(folder) => {
  for (const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); walk.nextNode();)
    walk.currentNode.data = walk.currentNode.data.replaceAll(folder, "~/fogwalk");
}"""


def taken(page: Page, picture: Picture, address: str, folder: Path) -> bytes:
    """A picture as PNG, of few colours."""
    query = {"run": picture.run, "view": picture.view, **picture.picks}
    page.goto(f"{address}/?{urlencode({name: value for name, value in query.items() if value != ''})}")
    page.wait_for_function(f"() => {DRAWN}")
    page.locator(picture.needs).first.wait_for()
    page.mouse.move(0, 0)
    page.evaluate("() => document.activeElement?.blur()")
    page.evaluate(NOWHERE, str(folder))
    begins = (
        page.locator(picture.begins).evaluate("one => one.getBoundingClientRect().top + scrollY - 12")
        if picture.begins
        else 0
    )
    high = min(picture.high, page.evaluate("document.documentElement.scrollHeight") - begins)
    shot = page.screenshot(full_page=True, clip={"x": 0, "y": begins, "width": WIDE, "height": high})
    few = Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    written = io.BytesIO()
    few.save(written, "PNG", optimize=True)
    return written.getvalue()


def main() -> int:
    """Take all; exit 1 when one is too large, or a screen says that something is wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--runs", type=Path, help="where the runs are, or are put (default: trained anew, then removed)"
    )
    found = parser.parse_args()
    PLACE.mkdir(exist_ok=True)
    wrong = []
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        runs: Path = (found.runs or Path(name) / "runs").absolute()
        trained(runs)
        with serving(runs, Path(name) / "cache") as server:
            page = browser.new_page(
                viewport={"width": WIDE, "height": 900}, color_scheme="light", reduced_motion="reduce"
            )
            for picture in PICTURES:
                content = taken(page, picture, server.address, runs.parent)
                (PLACE / f"{picture.name}.png").write_bytes(content)
                troubles = page.locator("main [role=alert]").all_inner_texts()
                wrong += [f"{picture.name}: {words}" for words in troubles]
                wrong += [f"{picture.name} is too large"] * (len(content) > MOST_BYTES)
                print(f"{picture.name:<10}{len(content) / 1000:6.0f} kB", flush=True)
    print("\n".join(wrong), file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
