"""The browser that the page is tried in: the Chromium of this machine, found in one place for tests, benchmarks and pictures.

Before this   nothing. `python -m tests.browser.chromium` (make test does it) installs Debian's where there is none.
After this    conftest.py opens the page with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
HOW = (
    "The page's tests need Chromium, and none is on PATH: install it (as root on Debian or Ubuntu: apt-get install chromium), "
    "or say where it is: make test CHROMIUM=/path/to/chromium."
)


class NoBrowser(Exception):
    """There is none; the words say how to come by one."""


def executable() -> str:
    """Where the browser is: what $CHROMIUM names, or the first of NAMES on PATH. Raises NoBrowser, which says how to get it."""
    named = os.environ.get("CHROMIUM", "")
    if named:
        found = shutil.which(named)
        if not found:
            raise NoBrowser(f"CHROMIUM names '{named}', which is no program.")
        return found
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise NoBrowser(HOW)


def root() -> bool:
    """Whether everything may be done on this machine: then Chromium's sandbox cannot be, and packages can be installed."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, without a window."""
    place = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=place, args=["--no-sandbox"] if root() else [])
        try:
            yield browser
        finally:
            browser.close()


def main() -> int:
    """Say which browser there is; where there is none and it may be, install it."""
    try:
        print(f"browser {executable()}")
        return 0
    except NoBrowser as error:
        if os.environ.get("CHROMIUM") or not (root() and shutil.which("apt-get")):
            print(error, file=sys.stderr)
            return 1
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
        done = subprocess.run(["apt-get", "-q", *words], env=environment, check=False)
        if done.returncode:
            print(f"{HOW} Here apt-get {' '.join(words)} failed.", file=sys.stderr)
            return 1
    try:
        print(f"browser {executable()}, installed now")
    except NoBrowser as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
