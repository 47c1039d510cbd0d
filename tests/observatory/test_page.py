"""How the page's JavaScript reads: nothing is exported that nobody imports, and no line is wider than a window."""

from __future__ import annotations

import re
from pathlib import Path

import fogwalk.observatory

PAGE = Path(fogwalk.observatory.__file__).parent / "page"
EXPORT = re.compile(r"^export (?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)
WIDEST = 140  # letters
IMPORT = re.compile(r"import \{([^}]*)\} from")


def scripts() -> dict[str, str]:
    """The page's modules by their path."""
    return {file.relative_to(PAGE).as_posix(): file.read_text("utf-8") for file in sorted(PAGE.rglob("*.js"))}


def test_what_a_module_exports_another_imports() -> None:
    known = scripts()
    imported = {
        name.split(" as ")[0].strip()
        for text in known.values()
        for names in IMPORT.findall(text)
        for name in names.split(",")
    }
    unused = [(path, name) for path, text in known.items() for name in EXPORT.findall(text) if name not in imported]
    assert len(known) > 40
    assert not unused


def test_no_line_is_wider_than_a_window() -> None:
    lines = [(path, line) for path, text in scripts().items() for line in text.splitlines()]
    assert not [(path, line) for path, line in lines if len(line) > WIDEST]
