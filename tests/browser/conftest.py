"""The real page, from the real server, in a real browser: runs trained once, and every test in a window of its own that fails by
whatever goes wrong unseen: a request to elsewhere, an error on the console, an exception.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.chromium import chromium
from tests.browser.serving import Server, serving
from tests.conftest import SMALL, train_short

HARM = "<img src=x onerror=\"document.title='struck'\">"  # what would be markup, were it not told as text
PATIENCE = 20_000  # milliseconds for which a screen is waited for
BLANK = str.maketrans(" ", "␣")  # how a blank stands in the name of a token
# A screen is drawn when it says what is wrong, or has a title and nothing on it says that it waits still.
WAITS = (
    "(document.querySelector('#screen [aria-busy=true]') !== null || "
    "[...document.querySelectorAll('#screen p')].some((one) => one.textContent.trim().endsWith(' …')))"
)
DRAWN = f"document.querySelector('#screen [role=alert]') || (document.querySelector('#screen h1') && !{WAITS})"


@dataclass
class Window:
    """One window on the page. What is in `allowed` may stand on the console: a test that asks for what is not there says so."""

    context: BrowserContext
    server: Server
    page: Page = field(init=False)
    requests: list[str] = field(default_factory=list)
    policies: list[str | None] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    allowed: tuple[str, ...] = ()
    closed: bool = False

    @classmethod
    def of(cls, browser: Browser, server: Server, width: int = 1280, **how: Any) -> Window:
        """Of so many pixels, light or dark, still or moving."""
        return cls(browser.new_context(viewport={"width": width, "height": 900}, **how), server)

    def __post_init__(self) -> None:
        self.context.set_default_timeout(PATIENCE)
        self.context.on("request", lambda asked: self.requests.append(asked.url))
        self.context.on("response", lambda got: self.policies.append(got.headers.get("content-security-policy")))
        self.context.on("weberror", lambda error: self.faults.append(f"exception: {error.error}"))
        self.context.on("console", self._said)
        self.page = self.context.new_page()

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning") and not any(words in message.text for words in self.allowed):
            self.faults.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def open(self, view: str = "", run: str | None = None, **picks: Any) -> Page:
        """A screen at its address, once it is drawn."""
        picked = {"view": view, "run": run, **picks}
        query = urlencode({name: value for name, value in picked.items() if value not in (None, "")})
        address = f"{self.server.address}/{f'?{query}' if query else ''}"
        if self.page.url.startswith(self.server.address):  # as a link within the page leads there
            self.page.evaluate(
                "(to) => { history.pushState(null, '', to); dispatchEvent(new PopStateEvent('popstate')); }", address
            )
        else:
            self.page.goto(address)
        return self.drawn()

    def drawn(self) -> Page:
        """Once what was asked for is drawn."""
        return self.until(DRAWN)

    def until(self, condition: str) -> Page:
        """Once an expression is true in the page (its policy lets no bare expression be waited for)."""
        self.page.wait_for_function(f"() => {condition}")
        return self.page

    def elsewhere(self) -> list[str]:
        """What was asked of another place than this server."""
        mine = urlsplit(self.server.address).netloc
        return [url for url in self.requests if urlsplit(url).netloc not in (mine, "")]

    def close(self) -> None:
        """Raises for whatever went wrong unseen. To be called before its server ends."""
        self.context.close()
        self.closed = True
        assert not self.elsewhere(), "everything comes from this machine's server"
        assert not self.faults


@pytest.fixture(scope="session")
def observed(shelf: Path, tmp_path_factory: pytest.TempPathFactory, small_text: str) -> Path:
    """The shelf's runs; `people`, a table with a column of words, learned by SGD; `adam`, moons by Adam; and a book, a table and
    a name that would be markup."""
    place = tmp_path_factory.mktemp("browsed")
    shutil.copytree(shelf, place / "runs")
    towns = ("Rome", "Oslo", "Lima", "Bonn")
    rows = [f"{20 + number % 50},{towns[number % 4]},{('no', 'yes')[number % 4 > 1]}" for number in range(200)]
    (place / "people.csv").write_text("\n".join(["age,town,moves", *rows]) + "\n", encoding="utf-8")
    harmful = [
        f"{number % 9},{HARM if number % 2 else 'plain'},{HARM if number % 2 else 'other'}" for number in range(120)
    ]
    heading = f'size,"{HARM.replace(chr(34), chr(34) * 2)}",answer'
    quoted = [re.sub(re.escape(HARM), lambda found: '"' + found[0].replace('"', '""') + '"', row) for row in harmful]
    (place / "harm.csv").write_text("\n".join([heading, *quoted]) + "\n", encoding="utf-8")
    (place / "harm.txt").write_text((HARM + "\n") * 60 + small_text, encoding="utf-8")
    sgd = {"optimizer.name": "sgd", "optimizer.learning_rate": 0.1}
    sorts: dict[str, dict[str, Any]] = {
        "people": {"data.path": (str(place / "people.csv"),), "data.target": "moves", "model.hidden": (6,)} | sgd,
        "adam": {"data.path": ("sample:moons",), "model.hidden": (4,), "optimizer.name": "adamw"},
        "harm": {"data.path": (str(place / "harm.csv"),), "data.target": "answer", "model.hidden": (4,)},
        "harmful": {"data.path": (str(place / "harm.txt"),), "training.sample_prompt": HARM[:8]} | SMALL,
    }
    train_short(place, sorts)
    shutil.copytree(shelf / "moons", place / "runs" / HARM.replace("/", ""))
    return place / "runs"


@pytest.fixture(scope="session")
def server(observed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server of all those runs."""
    with serving(observed, tmp_path_factory.mktemp("server") / "cache") as server:
        yield server


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser. It ends with these tests: while it is there, no other test of this process can have a loop of its own."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def windows(browser: Browser) -> Iterator[Callable[..., Window]]:
    """Opens a window on a server's page: of a width, light or dark, still or moving; looks for faults in each at the end."""
    opened: list[Window] = []

    def window(server: Server, width: int = 1280, **how: Any) -> Window:
        opened.append(Window.of(browser, server, width, **how))
        return opened[-1]

    yield window
    for one in opened:
        if not one.closed:
            one.close()


@pytest.fixture
def window(windows: Callable[..., Window], server: Server) -> Window:
    """A window of 1280 pixels on the page of all the runs."""
    return windows(server)


def when(condition: Callable[[], Any], seconds: float = 30) -> Any:
    """What the condition gives once it gives something."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come to be in time"
        time.sleep(0.05)
    return found
