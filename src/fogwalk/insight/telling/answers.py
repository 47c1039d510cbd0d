"""One answer for people: what it is, how sure, and what drove it.

Before this   ../answer.py.
After this    cli/explain.py prints it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from fogwalk.insight.accounts.protocol import number
from fogwalk.insight.answer import RecordAnswer, TextAnswer
from fogwalk.insight.telling.layout import LABEL, paragraph, shortened, table

MOST = 8
BAR = 24
Named = Callable[[int], str]


def text_answer(answer: TextAnswer, named: Named, heading: str) -> list[str]:
    """The next token, its rivals, and where its score came from."""
    best = named(answer.best)
    p = answer.probabilities
    top = p.argsort(descending=True, stable=True)[:MOST].tolist()
    rest = 1 - sum(float(p[token]) for token in top)
    lines = [*paragraph("", heading), ""]
    count = len(answer.ids)
    shown = " ".join(named(token) for token in answer.ids[-24:])
    lines += paragraph("1 tokens", f"{count}: {'… ' if count > 24 else ''}{shown}")
    lines += ["", *paragraph("2 answer", "the probability of every token that could come next (they add up to 1)")]
    rows = [(named(token), f"{float(p[token]):.4f}", "▇" * round(BAR * float(p[token]))) for token in top]
    if len(p) > len(top):
        rows.append((f"the other {len(p) - len(top):,}", f"{max(rest, 0.0):.4f}", "▇" * round(BAR * max(rest, 0.0))))
    lines += table(("token", "p", ""), rows, right=(1,))
    unsure = f"entropy {number(answer.entropy)} nats: as unsure as between {math.exp(answer.entropy):,.1f} equally likely tokens"
    lines += paragraph("", f"{unsure} (guessing among all {len(p):,}: {number(math.log(len(p)))})", indent=2)
    if answer.parts:
        lines += ["", *_added(answer, best)]
    if answer.by_layer and len(answer.by_layer) > 1:
        lines += ["", *_through(answer, best, named)]
    lines += ["", *_tokens(answer, best, named)]
    return lines + _listens(answer, named)


def _added(answer: TextAnswer, best: str) -> list[str]:
    lines = paragraph(
        "3 drove it",
        f"what each layer added to the score of {best}, above the mean of all tokens; the parts add up to it",
    )
    rows = [
        (name, number(value), _signed_bar(value, list(answer.parts.values()))) for name, value in answer.parts.items()
    ]
    total = sum(answer.parts.values())
    rows.append(("together", number(total), f"the score is {number(answer.score)}"))
    return lines + table(("layer", "added", ""), rows, right=(1,))


def _through(answer: TextAnswer, best: str, named: Named) -> list[str]:
    told = (
        f"how likely {best} would be if the stream ended after a layer, and what would then be likeliest (normalised first, so "
        "even a small one may be sure)"
    )
    lines = paragraph("", told, indent=LABEL)
    rows = []
    for name, p in answer.by_layer.items():
        token, sure = answer.says[name]
        rows.append((name, f"{p:.4f}", f"{named(token)} {sure:.4f}", "▇" * round(BAR * p)))
    return lines + table(("layer", "p", "would say", ""), rows, right=(1,))


def _tokens(answer: TextAnswer, best: str, named: Named) -> list[str]:
    p = float(answer.probabilities[answer.best])
    order = sorted(range(len(answer.ids)), key=lambda place: -abs(p - answer.without[place]))[:MOST]
    lines = paragraph(
        "4 tokens", f"how likely {best} ({p:.4f}) would be without a token of the prompt (the mean of all in its place)"
    )
    rows = [
        (str(place), named(answer.ids[place]), f"{answer.without[place]:.4f}", f"{answer.without[place] - p:+.4f}")
        for place in sorted(order)
    ]
    lines += table(("place", "token", "p without it", "change"), rows, right=(0, 2, 3))
    left = len(answer.ids) - len(rows)
    return lines + ([f"  … and {left:,} that change it less"] if left else [])


def _listens(answer: TextAnswer, named: Named) -> list[str]:
    """Whom the last token listens to, in every head."""
    rows = []
    for name, value in answer.captured.values.items():
        if not name.endswith(".attention.weights"):
            continue
        path = name.removesuffix(".weights")
        for head, shares in enumerate(value.value[0, :, -1]):
            top = shares.argsort(descending=True, stable=True)[:3].tolist()
            told = ",  ".join(f"{named(answer.ids[place])} ({place}) {float(shares[place]):.2f}" for place in top)
            rows.append((path, str(head), told))
    if not rows:
        return []
    last = f"{named(answer.ids[-1])} ({len(answer.ids) - 1})"
    shown, left = rows[:24], len(rows) - 24
    lines = ["", *paragraph("5 listens", f"whom the last token, {last}, listens to: token (place) share")]
    lines += table(("layer", "head", "the three it hears most"), shown, right=(1,))
    return lines + ([f"  … and {left:,} heads more"] if left > 0 else [])


def record_answer(
    answer: RecordAnswer,
    heading: str,
    classes: Sequence[str],
    cells: dict[str, str],
) -> list[str]:
    """The answer for a row or an image, its rivals, and what it hangs on; `cells` holds what stands in each column."""
    lines = [*paragraph("", heading), ""]
    if classes:
        p = answer.outputs.softmax(0)
        best = int(p.argmax())
        lines += paragraph("1 answer", f"{classes[best]}, with probability {float(p[best]):.4f}")
        top = p.argsort(descending=True, stable=True)[:MOST].tolist()
        rows = [(classes[at], f"{float(p[at]):.4f}", "▇" * round(BAR * float(p[at]))) for at in top]
        lines += table(("class", "p", ""), rows, right=(1,))
        if left := len(classes) - len(top):
            lines.append(f"  … and {left:,} more, together {float(1 - p[top].sum()):.4f}")
        return [*lines, "", *_columns(answer, classes[best], cells)]
    lines += paragraph("1 answer", f"{answer.now:.5g}")
    return [*lines, "", *_columns(answer, "the answer", cells)]


def _columns(answer: RecordAnswer, what: str, cells: dict[str, str]) -> list[str]:
    if answer.squares is not None:
        return _squares(answer, what)
    now, changes = answer.now, answer.changes
    order = sorted(changes, key=lambda name: -abs(changes[name]))
    lines = paragraph(
        "2 drove it",
        f"how {what} ({number(now)}) changes when a column is put to what is usual (the median, or no word); in brackets what is "
        "read of a number",
    )
    rows = [
        (
            shortened(name, 28),
            shortened(cells.get(name, ""), 24),
            f"{now + changes[name]:.4g}",
            f"{changes[name]:+.4g}",
            _signed_bar(changes[name], list(changes.values())),
        )
        for name in order[: MOST * 2]
    ]
    lines += table(("column", "holds", "if usual", "change", ""), rows, right=(2, 3))
    left = len(order) - len(rows)
    return lines + ([f"  … and {left:,} that change it less"] if left else [])


def _squares(answer: RecordAnswer, what: str) -> list[str]:
    lines = paragraph(
        "2 drove it",
        f"how {what} ({number(answer.now)}) changes when a square of the image is covered; rows from above",
    )
    rows = [tuple(map(_plainly, row)) for row in answer.covered]
    return lines + table([""] * len(rows[0]), rows, right=range(len(rows[0])))


def _plainly(change: float) -> str:
    """With its sign, in two digits that count."""
    return "0" if not change else f"{change:+.2f}" if abs(change) >= 0.1 else f"{change:+.1g}"


def _signed_bar(value: float, all_of_them: Sequence[float]) -> str:
    largest = max((abs(one) for one in all_of_them), default=0.0)
    long = round(12 * abs(value) / largest) if largest else 0
    return ("+" if value >= 0 else "-") * max(long, 1) if value else ""
