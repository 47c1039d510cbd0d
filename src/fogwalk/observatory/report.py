"""A run's page as one file: the page's own modules and styles, and a recording in the place of its server. It opens without a
network, and asks for nothing.

Before this   recording.py has the answers; page/ is what a server would send.
After this    cli/report.py writes it.
Modules become data: addresses under names of an import map, so that nothing is built and nothing is rewritten but the names under
which they import each other. All that comes from the run's data stands packed, as letters and digits: it can be no markup.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Callable
from pathlib import Path

from fogwalk.observatory.asking import Recording
from fogwalk.observatory.server import PAGE

MOST_BYTES = 8_000_000  # of a file to send
IMPORT = re.compile(r"""(\bfrom\s*|\bimport\s*\(?\s*)(["'])(\.{1,2}/[^"']+)\2""")


def whole(recording: Recording) -> str:
    """The file's text."""
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    modules = {
        path.relative_to(PAGE).as_posix(): path.read_text(encoding="utf-8") for path in sorted(PAGE.rglob("*.js"))
    }
    names = {f"fogwalk/{name}": _address(_by_name(name, text)) for name, text in modules.items()}
    table = json.dumps({"imports": names})
    begin = 'import "fogwalk/app.js";'
    scripts = f'<script type="importmap">{table}</script>\n<script type="module">{begin}</script>'
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_policy(table, begin)}">'
    packed = base64.b64encode(recording.content()).decode()
    page = _put(page, r"<meta charset=[^>]*>", lambda found: f"{found}\n{policy}")
    page = _put(page, r"<title>[^<]*</title>", lambda found: f"<title>{html.escape(recording.name)} · Fogwalk</title>")
    page = _put(page, r'<link rel="stylesheet"[^>]*>', lambda found: f"<style>\n{style}</style>")
    page = _put(page, r'<script type="module"[^>]*></script>', lambda found: scripts)
    return _put(page, r"</body>", lambda found: f'<script type="text/plain" id="recording">{packed}</script>\n{found}')


def _put(page: str, what: str, instead: Callable[[str], str]) -> str:
    """The page with the one place that fits `what` changed."""
    found = re.findall(what, page)
    assert len(found) == 1, f"index.html has {len(found)} times {what}"
    return page.replace(found[0], instead(found[0]))


def _by_name(name: str, text: str) -> str:
    """A module that imports others by the names they have in the import map."""

    def named(found: re.Match[str]) -> str:
        parts = [*Path(name).parent.parts]
        for part in found[3].split("/"):
            if part == "..":
                parts.pop()
            elif part != ".":
                parts.append(part)
        return f"{found[1]}{found[2]}fogwalk/{'/'.join(parts)}{found[2]}"

    return IMPORT.sub(named, text)


def _address(module: str) -> str:
    return f"data:text/javascript;base64,{base64.b64encode(module.encode()).decode()}"


def _policy(*scripts: str) -> str:
    """Nothing may be asked for anywhere, and nothing runs but the page's own scripts."""
    own = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in scripts)
    return (
        f"default-src 'none'; script-src {own} data:; style-src 'unsafe-inline'; img-src data: blob:; form-action 'none'; "
        "base-uri 'none'"
    )
