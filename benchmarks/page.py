"""What the page costs: the server's own time while it is open, and how soon a person sees something.

Usage: python -m benchmarks.page [--seconds 60] [--pairs 5] [--no-demo]
In a real browser (tests/browser/chromium.py finds it), with Live open, or the blame map of a training of 1,000 looks: the
processor time of the server and of the process that works for it, over so many seconds, for a finished run and for one that is
trained meanwhile (10 steps a second; its own process is not counted); first contentful paint, the median of several first visits;
from the address to the drawn curve of a run of 100,000 steps, the median of several; the size of our own scripts; what a
newcomer reads and presses from Live to one update of one weight (tests/browser/walk.py says how that is counted); and the report
of the whole demo, which trains for about 90 seconds. Goals: under 1 % of one core, 1 s, 2 s, 500 kB, 3 minutes, 8 MB.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser

import fogwalk
from benchmarks.machine import described
from fogwalk.runs.folder import RunFolder
from tests.browser.chromium import chromium
from tests.browser.long import lengthen
from tests.browser.serving import Server, serving
from tests.browser.walk import walk

STEPS = 100_000
PACE = 10  # steps a second of the training that goes on
SCRIPTS = Path(fogwalk.__file__).parent / "observatory" / "page"
SETTLED = 5.0  # seconds after opening that are not counted
CURVE = "() => document.querySelector('main svg[role=slider] polyline.smooth')?.getAttribute('points')"
SEEN = {"live": CURVE, "blame": "() => document.querySelector('main canvas')"}
LOOKS = 1000  # that were taken before of the training whose blame map is open
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"


def own_seconds(process: int) -> float:
    """Processor time so far of a process and of all below it that live."""
    told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    spent = (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8").split()
    return spent + sum(own_seconds(int(child)) for child in children)


def share(server: Server, browser: Browser, run: str, seconds: float, view: str = "live") -> float:
    """Of one core, with a screen open."""
    assert server.process
    page = browser.new_page()
    page.goto(f"{server.address}/?run={run}&view={view}")
    page.wait_for_function(SEEN[view])
    time.sleep(SETTLED)
    began, spent = time.monotonic(), own_seconds(server.process.pid)
    page.wait_for_timeout(1000 * seconds)
    result = (own_seconds(server.process.pid) - spent) / (time.monotonic() - began)
    page.close()
    return result


def median(of: Callable[[], float], times: int) -> float:
    """Of so many, after one that is not counted."""
    of()
    return statistics.median(of() for _ in range(times))


def first_paint(server: Server, browser: Browser, run: str) -> float:
    """Seconds of somebody's first visit, with nothing kept."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.address}/?run={run}&view=live")
    page.wait_for_function(PAINTED)
    seconds: float = page.evaluate(PAINTED) / 1000
    context.close()
    return seconds


def opening(runs: Path, cache: Path, browser: Browser, run: str) -> float:
    """Seconds from the address to the drawn curve, of a server that never read the run."""
    with serving(runs, cache) as server:
        context = browser.new_context()
        page = context.new_page()
        page.goto("about:blank")
        began = time.monotonic()
        page.goto(f"{server.address}/?run={run}&view=live", wait_until="commit")
        page.wait_for_function(CURVE)
        seconds = time.monotonic() - began
        context.close()
    return seconds


def newcomer(server: Server, browser: Browser, run: str) -> float:
    """Seconds from Live to one update of one weight, each sentence on the way read."""
    page = browser.new_page()
    seconds = sum(stop.seconds for stop in walk(page, f"{server.address}/?run={run}&view=live"))
    page.close()
    return seconds


def report_of_the_demo(place: Path) -> float:
    """Bytes of the file that is made of it."""
    run, out = place / "demo", place / "demo.html"
    for words in (["demo", "--out", str(run)], ["report", str(run), "--out", str(out)]):
        subprocess.run([sys.executable, "-m", "fogwalk", *words], cwd=place, stdout=subprocess.DEVNULL, check=True)
    return out.stat().st_size


def trained(place: Path, steps: int, *words: str) -> subprocess.Popen[bytes]:
    """A training of two moons as a process."""
    command = [sys.executable, "-m", "fogwalk", "train", "sample:moons", "--model.hidden", "4", "--threads", "1"]
    return subprocess.Popen(
        [*command, "--training.steps", str(steps), "--out", str(place), *words], stdout=subprocess.DEVNULL
    )


def looked_at(folder: RunFolder) -> None:
    """As if so many looks had been taken of a training; the step that the map shows first is one it has made."""
    first = min(folder.probes.glob("*.safetensors"))
    for number in range(LOOKS):
        place = folder.probes / f"{number:06}.safetensors"
        if not place.exists():
            shutil.copy(first, place)


def main() -> int:
    """Print what is seen beside the goals; exit 1 when one is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--pairs", type=int, default=5, help="times of what is told as a median")
    parser.add_argument("--no-demo", action="store_true", help="leave out the report of the demo")
    found = parser.parse_args()
    print(described())
    rows: list[tuple[str, float, float, str]] = []
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        place = Path(name)
        runs, cache = place / "runs", place / "cache"
        assert trained(runs / "finished", 400).wait() == 0
        with serving(runs, cache) as server:
            rows.append(
                ("server's time, a finished run", share(server, browser, "finished", found.seconds), 0.01, ".2%")
            )
            longer = int(PACE * (2 * found.seconds + 120))
            training = trained(runs / "going", longer, "--pace", str(PACE))
            try:
                folder = RunFolder(runs / "going")
                while folder.status().get("step", 0) < PACE:
                    time.sleep(0.1)
                seen = share(server, browser, "going", found.seconds)
                rows.append(("server's time, a training", seen, 0.01, ".2%"))
                looked_at(folder)
                seen = share(server, browser, "going", found.seconds, "blame")
                rows.append((f"server's time, its blame map, {LOOKS:,} looks", seen, 0.01, ".2%"))
            finally:
                training.kill()
                training.wait()
            seen = median(lambda: first_paint(server, browser, "finished"), found.pairs)
            rows.append(("first contentful paint", seen, 1.0, ".2f"))
            rows.append(
                ("from Live to one update of one weight, read", newcomer(server, browser, "finished"), 180, ".0f")
            )
        lengthen(runs / "finished", place / "long" / "long", STEPS)
        seen = median(lambda: opening(place / "long", cache, browser, "long"), found.pairs)
        rows.append((f"a run of {STEPS:,} steps drawn", seen, 2.0, ".2f"))
        size = sum(file.stat().st_size for file in SCRIPTS.rglob("*.js"))
        rows.append(("our own scripts, kB", size / 1000, 500, ".0f"))
        if not found.no_demo:
            rows.append(("report of the demo, kB", report_of_the_demo(place) / 1000, 8000, ".0f"))
    print("\n| what | seen | goal: under | |\n|---|---|---|---|")
    for what, seen, goal, form in rows:
        unit = "" if "%" in form or "kB" in what else " s"
        print(f"| {what} | {seen:{form}}{unit} | {goal:{form}}{unit} | {'met' if seen < goal else 'missed'} |")
    return int(any(seen >= goal for _, seen, goal, _ in rows))


if __name__ == "__main__":
    sys.exit(main())
