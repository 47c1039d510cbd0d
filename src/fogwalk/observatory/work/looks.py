"""What the page asks of a whole run, done at the desk: its health, and every look inside while it trained.

Before this   insight/ judges and measures.
After this    addresses/runs.py sends it.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fogwalk.events import finite


def verdicts(path: str) -> list[dict[str, Any]]:
    """What the run's numbers say about its health."""
    from fogwalk.run import load

    return [asdict(verdict) for verdict in load(path).verdicts()]


def measures(path: str) -> dict[str, Any]:
    """Every look laid side by side: its form, and each number as nested lists."""
    from fogwalk.insight.form import of_measures
    from fogwalk.runs.folder import RunFolder

    form, tensors = of_measures(RunFolder(Path(path)))
    return finite({"form": form, "numbers": {name: value.tolist() for name, value in tensors.items()}})  # type: ignore[no-any-return]
