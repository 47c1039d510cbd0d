"""What a run's numbers say about its health, for people.

Before this   ../verdicts.py.
After this    cli/explain.py prints it.
"""

from __future__ import annotations

from collections.abc import Sequence

from fogwalk.insight.telling.layout import paragraph
from fogwalk.insight.verdicts import ILLNESSES, LEAST_STEPS, LEAST_VALIDATIONS, Evidence, Verdict
from fogwalk.settings.fields import counted

NEED_LOOKS = ("unscaled inputs", "dead", "saturated", "vanishing", "glacial")
NEED_VALIDATIONS = ("stuck at chance", "memorising")


def health(run: str, evidence: Evidence, found: Sequence[Verdict]) -> list[str]:
    """Each verdict with its numbers and what to do; and what was looked for in vain."""
    counts = (
        counted(evidence.made, "step"),
        counted(len(evidence.validations), "validation"),
        counted(len(evidence.looks), "look") + " inside",
    )
    lines = paragraph("", f"{run}: {', '.join(counts[:2])} and {counts[2]}")
    for verdict in found:
        mark = "✓" if verdict.healthy else "!"
        lines += ["", *paragraph("", f"{mark} {verdict.name}: {verdict.seen}.", indent=2)]
        lines += paragraph("", verdict.advice, indent=4)
    ills = [illness.name for illness in ILLNESSES if not illness.healthy]
    if not {verdict.name for verdict in found} & set(ills):
        told = "Nothing is wrong by these numbers." if evidence.made else "No step is made yet."
        lines += ["", *paragraph("", told, indent=2)]
    early = evidence.made < LEAST_STEPS and evidence.stopped != "diverged"
    unsaid = set(ills) - {"corrupt data"} if early else set()
    if early:
        few = f"Of {evidence.made} steps only corrupt data can be told; the rest needs {LEAST_STEPS}."
        lines += ["", *paragraph("", few, indent=2)]
    elif len(evidence.validations) < LEAST_VALIDATIONS:
        unsaid |= set(NEED_VALIDATIONS)
        needs = f"that needs {LEAST_VALIDATIONS} validations (--training.evaluate-every)"
        lines += ["", *paragraph("", f"Of {' and '.join(NEED_VALIDATIONS)} nothing can be said: {needs}.", indent=2)]
    unsaid |= set() if evidence.looks else set(NEED_LOOKS)
    sought = [name for name in ills if name not in unsaid]
    if evidence.unread:
        blind = "" if evidence.looks else f"; so {', '.join(NEED_LOOKS)} could not be looked for"
        lines += ["", *paragraph("", f"{evidence.unread}{blind}.", indent=2)]
    lines += ["", *paragraph("looked for", ", ".join(sought))]
    return lines
