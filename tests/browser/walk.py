"""From the first page to one update of one weight, as somebody goes who has never seen it: what stands there to be read.

Before this   serving.py serves a folder of runs.
After this    test_walk.py holds it to three minutes, and benchmarks/page.py tells it.
"""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Page

WORDS = 200 / 60  # read in a second, slowly
PRESS = 3.0  # seconds that it takes to find a button and to press it
STATIONS = ("batch", "forward", "loss", "blame", "update")
SENTENCES = "main :is(p, h1, h2, h3, figcaption)"  # what is read; bars, tables and facts are looked at
READ = f"""() => [...document.querySelectorAll("{SENTENCES}")]
  .filter((one) => one.checkVisibility() && !one.closest("table, .bars")).map((one) => one.innerText.trim()).filter(Boolean)"""
INVITED = (
    """() => [document.querySelector("main h1"), document.querySelector(".invited")].map((one) => one.innerText)"""
)
DRAWN = """(station) => document.getElementById(`tab-${station}`)?.getAttribute("aria-selected") === "true"
  && !document.getElementById("station").hasAttribute("aria-busy") && document.querySelector(".pinned")"""


@dataclass
class Stop:
    """A page on the way: how many words of it were not read before, and how many presses led to it."""

    name: str
    words: int
    presses: int

    @property
    def seconds(self) -> float:
        return self.words / WORDS + self.presses * PRESS


def walk(page: Page, address: str, link: str = "Follow one weight") -> list[Stop]:
    """Every sentence that is in sight is read, and nothing is unfolded; of the first page all that stands before its invitation
    and this itself, of which `link` is pressed. Press by press to the station that tells the update."""
    page.goto(address)
    page.locator(".invited").wait_for()
    begun: list[str] = page.evaluate(INVITED)
    stops, known = [Stop("opened", len(" ".join(begun).split()), 0)], set(begun)
    page.get_by_role("link", name=link, exact=True).click()
    for station in STATIONS:
        if station != STATIONS[0]:
            page.get_by_role("button", name="go on with it").click()
        page.wait_for_function(DRAWN, arg=station)
        fresh = [words for words in page.evaluate(READ) if words not in known]
        known.update(fresh)
        stops.append(Stop(station, len(" ".join(fresh).split()), 1))
    return stops
