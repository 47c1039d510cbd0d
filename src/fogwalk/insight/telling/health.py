"""What a run's numbers say about its health, for people.

Before this   ../verdicts.py.
After this    cli/explain.py prints it.
"""

from __future__ import annotations

from collections.abc import Sequence

from fogwalk.insight.telling.layout import paragraph
from fogwalk.insight.verdicts import ILLNESSES, Evidence, Verdict


def health(run: str, evidence: Evidence, found: Sequence[Verdict]) -> list[str]:
    """Each verdict with its numbers and what to do; and what was looked for in vain."""
    lines = [
        f"{run}: {evidence.made:,} steps, {len(evidence.validations):,} validations and {len(evidence.looks):,} looks inside"
    ]
    for verdict in found:
        mark = "✓" if verdict.healthy else "!"
        lines += ["", *paragraph("", f"{mark} {verdict.name}: {verdict.seen}.", indent=2)]
        lines += paragraph("", verdict.advice, indent=4)
    named = {verdict.name for verdict in found}
    ills = [illness.name for illness in ILLNESSES if not illness.healthy]
    if not named & set(ills):
        lines += [
            "",
            *paragraph("", "Nothing is wrong by these numbers." if evidence.made else "No step is made yet.", indent=2),
        ]
    if not evidence.looks:
        lines += paragraph(
            "", "It was not looked into while it trained (--insight.every 0), so that only losses speak.", indent=2
        )
    lines += ["", *paragraph("looked for", ", ".join(ills))]
    return lines
