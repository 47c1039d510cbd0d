"""At another host than this machine's own the page is for whoever has its token, and no longer shows it once it is known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Window
from tests.browser.serving import serving


def test_whoever_has_the_token_goes_on_without_it(
    windows: Callable[..., Window], observed: Path, tmp_path: Path
) -> None:
    with serving(observed, tmp_path / "cache", host="127.0.0.2") as server:
        assert server.token
        window = windows(server)
        page = window.page
        page.goto(f"{server.address}/?run=moons&view=live&token={server.token}")
        window.drawn()
        assert "token" not in page.url, "what is sent to somebody else tells nothing"
        page.get_by_role("link", name="Network", exact=True).click()
        window.until("document.querySelector('#screen h1')?.textContent.includes('neuron')")
        window.drawn()
        expect(page.locator("main [role=alert]")).to_have_count(0)
        page.get_by_role("link", name="One step", exact=True).click()
        window.until("document.querySelector('#screen h1')?.textContent.includes('one step')")
        window.drawn()
        expect(page.locator("main [role=alert]")).to_have_count(0)
        title = page.locator("main h1").inner_text()
        page.reload()
        window.drawn()
        assert page.locator("main h1").inner_text() == title
        assert "token" not in page.url
        window.close()


def test_whoever_has_none_is_told_so(windows: Callable[..., Window], observed: Path, tmp_path: Path) -> None:
    with serving(observed, tmp_path / "cache", host="127.0.0.2") as server:
        window = windows(server)
        window.allowed = ("status of 401",)
        window.page.goto(f"{server.address}/?run=moons&view=live")
        expect(window.page.locator("body")).to_contain_text("Open the address with its token")
        window.close()
