"""One record on its way through a model and back, with the numbers put in; of a transformer one number of one token's stream.

Before this   ../accounts/ put numbers into formulas.
After this    overview.py shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

from fogwalk.insight.accounts.protocol import Account, Line, Work, largest_at, number, signed
from fogwalk.insight.one_step import Step
from fogwalk.insight.seen import account_of
from fogwalk.insight.telling.entry import lines_of
from fogwalk.insight.telling.layout import capped, paragraph, table
from fogwalk.models.transformer import Layer

Way = list[tuple[Work, Account, tuple[int, ...]]]


def stations(step: Step) -> list[str]:
    """The modules that sum a model up: of a transformer's layers the round table, the station and the layer itself; of anything
    else every module that does something by itself."""
    known = dict(step.model.named_modules())
    layers = [path for path, module in known.items() if isinstance(module, Layer)]
    inner = {f"{path}.{name}" for path in layers for name in ("attention", "feed_forward")}

    def sums_up(path: str) -> bool:
        if any(path.startswith(f"{layer}.") for layer in layers):
            return path in inner
        return path in layers or not list(known[path].children())

    return [path for path in step.modules() if path and sums_up(path)]


def most_wrong(step: Step, row: int) -> tuple[int, ...]:
    """A record's answer; of several the one with the largest loss."""
    each = step.lost.each(step.captured.outputs, step.batch.targets)[row]
    return (row, *largest_at(each)) if each.dim() else (row,)


def one_way(step: Step, row: int) -> Way:
    """One record's way through a model whose modules follow one another, as an entry of what comes out of each, the first first.
    It is found from its end: the right answer, then of what goes into each module the number with the largest product, and
    where that came from. Empty for a model whose parts do not stand in a row."""
    whole, right, paths = account_of(step.model), most_wrong(step, row), stations(step)
    way: Way = []
    at = (*right, int(step.batch.targets[right]) if step.task.loss_name == "cross-entropy" else 0)
    path = paths[-1] if whole is not None else ""
    while path and (account := account_of(step.work(path).module)) is not None and whole is not None:
        work = step.work(path)
        way.append((work, account, at))
        entered = account.before(work, at)
        path, at = (whole.source(step.work(""), path, entered, paths) if entered else None) or ("", ())
    return way[::-1] if len(way) > 1 else []


def followed(step: Step, row: int) -> list[str]:
    """One record's way with the numbers put in."""
    if not (way := one_way(step, row)):
        return []
    place = f", place {way[-1][2][1]}" if len(way[-1][2]) > 2 else ""
    lines = paragraph(
        "", f"row {row}{place}, one way through: of what each layer reads the number with the largest product", indent=2
    )
    for position, (work, account, at) in enumerate(way):
        lines += paragraph("", _called(step, work, at), indent=2)
        lines += lines_of(account.told(work, at).forward)
        if position + 1 < len(way):
            after, of_it, there = way[position + 1]
            read = float(after.value("input")[of_it.before(after, there)])
            made = float(work.value("output")[at])
            if read != made:  # a residual connection
                filled = f"{signed(made)} + {signed(read - made)}"
                lines += lines_of(
                    [Line(what="and what the layer itself read is added", formula="x", filled=filled, result=read)]
                )
    return lines


def traced(step: Step, row: int) -> list[str]:
    """The blame on the same way back."""
    if not (way := one_way(step, row)):
        return []
    lines = ["", *paragraph("", f"row {row}, the same way back, from the loss to the first layer", indent=2)]
    right = most_wrong(step, row)
    lines += paragraph("", "loss", indent=2)
    named = step.right_name(right)
    lines += lines_of(step.lost.told(step.captured.outputs, step.batch.targets, step.counted, right, named))
    for work, account, at in reversed(way):
        lines += paragraph("", _called(step, work, at), indent=2)
        lines += lines_of(account.told(work, at).backward)
    return lines


def _called(step: Step, work: Work, at: tuple[int, ...]) -> str:
    said = step.said(f"{work.path}.output", at)
    return work.path + (f", of which number {at[-1]} stands for {said}" if said else "")


@dataclass(frozen=True)
class Stream:
    """One number of one token's, or patch's, stream: where it is in what the layers make, what it is before them, and by part
    what it adds to it and what it is then."""

    at: tuple[int, int, int]
    before: float
    parts: tuple[tuple[str, float, float], ...]


def stream_of(step: Step, row: int) -> Stream | None:
    """Of the place where the answer is most wrong (of an image, of any) the number that the loss hangs on most; None for a model
    whose layers do not simply add to what they read."""
    known = dict(step.model.named_modules())
    layers = [path for path in stations(step) if isinstance(known[path], Layer)]
    if not layers or not all(known[path].residual and known[path].before for path in layers):
        return None
    last = step.values[f"{layers[-1]}.output"]
    hangs = last.value[row] if last.gradient is None else last.value[row] * last.gradient[row]
    place = most_wrong(step, row)[1] if step.batch.targets.dim() > 1 else largest_at(hangs)[0]
    at = (row, place, int(hangs[place].abs().argmax()))
    parts = []
    for path in layers:
        for name, after in (("attention", "between"), ("feed_forward", "output")):
            dropped = f"{path}.{name}_drop.output"
            added = step.values[dropped if dropped in step.values else f"{path}.{name}.output"].value[at]
            parts.append((f"{path}.{name}", float(added), float(step.values[f"{path}.{after}"].value[at])))
    return Stream(at, float(step.values[f"{layers[0]}.input"].value[at]), tuple(parts))


def stream(step: Step, row: int) -> list[str]:
    """One number of one token's stream through a transformer, and what each part added to it."""
    if (found := stream_of(step, row)) is None:
        return []
    _, place, unit = found.at
    text = step.batch.targets.dim() > 1
    called = f" after {step.task.named(int(step.batch.inputs[row, place]))}" if text else ""
    lines = paragraph(
        "",
        f"row {row}, {'place' if text else 'patch'} {place}{called}: number {unit} of its stream, the one that the loss hangs on "
        "most, and what each part adds to it",
        indent=2,
    )
    rows = [("before the layers", "", number(found.before))]
    rows += [(name, number(added), number(now)) for name, added, now in found.parts]
    lines += table(("part", "adds", "the stream then"), capped(rows), right=(1, 2))
    path = found.parts[0][0]
    return lines + paragraph(
        "", f"How a part made that: --at {path} --row {row} --place {place} --unit {unit}", indent=2
    )
