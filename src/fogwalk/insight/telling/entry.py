"""Any entry of a step, on demand: what a module made there, a value, or a dial, with the numbers put into its formula.

Before this   ../one_step.py; accounts/ compute it.
After this    cli/explain.py prints it; the overview shows a dial with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fogwalk.errors import UsageError
from fogwalk.insight.accounts.protocol import Line, Table, Told, given, number
from fogwalk.insight.accounts.updates import UPDATES, Moved
from fogwalk.insight.capture import Value
from fogwalk.insight.one_step import Step
from fogwalk.insight.seen import Seen, account_of, require_name
from fogwalk.insight.telling.layout import LABEL, on_one_line, paragraph, shortened, table

MOST = 8  # numbers of a row shown


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where to look: record `row`, `place` in a text or patch of an image, `unit` of what comes out, in head `head`; what is
    left open is the first, of a unit the one that counts most."""

    row: int = 0
    place: int | None = None
    unit: int | None = None
    head: int | None = None


def entry(seen: Seen, name: str, where: Place) -> list[str]:
    """What stands under a name: the path of a module, the name of a value, or of a step a parameter, or the loss.

    Raises UsageError for a name there is not, with the nearest ones, and for a place outside.
    """
    tied = dict(seen.model.named_parameters(remove_duplicate=False))
    if name == "loss" or name in tied:
        if not isinstance(seen, Step):
            raise UsageError(
                f"an answer moves no dial and has no loss: {name} is of a step", remedy="Leave --prompt out."
            )
        if name == "loss":
            return _loss(seen, where)
        if name not in seen.moved:  # one matrix under two names is kept under the first
            name = next(one for one, parameter in seen.model.named_parameters() if parameter is tied[name])
        if name in seen.moved:
            return _parameter(seen, name, where)
    if name and name in seen.modules():
        return _module(seen, name, where)
    if name in seen.values:
        return _value(seen, seen.values[name], where)
    require_name(name, seen.model, seen.values)
    raise UsageError(f"{name} did nothing here", remedy="Look at the layers that `fogwalk explain` names.")


def module_told(seen: Seen, path: str, where: Place) -> tuple[tuple[int, ...], Told]:
    """The entry of what a module makes that is meant, and what its account tells of it; of one without an account nothing.
    Raises UsageError for a place outside."""
    work = seen.work(path)
    account = account_of(work.module)
    at = _at(seen.values[f"{path}.output" if path else "output"], where, seen)
    return at, Told() if account is None else _of_head(account.told(work, at), where.head)


def _module(seen: Seen, path: str, where: Place) -> list[str]:
    work = seen.work(path)
    output = seen.values[f"{path}.output" if path else "output"]
    account = account_of(work.module)
    at, told = module_told(seen, path, where)
    said = seen.said(output.name, at)
    of = f", which stands for {said}" if said else ""
    head = paragraph("", f"{path or 'the model'}, {seen.title}: {_places(output, at)}{of}")
    head += _tied(seen, path)
    if account is None:
        return [
            *head,
            *paragraph(
                "",
                f"No formula is known for {type(work.module).__name__}: what goes in, what comes out, and their blame.",
            ),
            *_plain(seen, path, at),
        ]
    lines = [*head, *paragraph("forward", account.formula_of(work.module)), *paragraph("backward", account.chain)]
    if told.forward or told.tables:
        lines += ["", "forward", *lines_of(told.forward)]
        for one in told.tables:
            lines += ["", *_table(seen, one, at[0])]
    if told.backward:
        lines += ["", "backward", *lines_of(told.backward)]
    if not told.forward and not told.tables:
        lines += ["", *_plain(seen, path, at)]
    return lines


def _tied(seen: Seen, path: str) -> list[str]:
    """Of a matrix that another module has too: what is told here is its own share of the blame."""
    every = list(seen.model.named_parameters(remove_duplicate=False))
    mine = {id(parameter) for name, parameter in every if name.rpartition(".")[0] == path}
    others = [name for name, parameter in every if id(parameter) in mine and name.rpartition(".")[0] != path]
    if not others:
        return []
    return paragraph(
        "", f"Its matrix is {others[0]} too: the blame of both uses is added up, and here is this one's share."
    )


def _of_head(told: Told, head: int | None) -> Told:
    """Of what is told of several heads, that of one."""
    if head is None:
        return told

    def of_it(title: str) -> bool:
        return not title.startswith("head ") or title.startswith(f"head {head}:")

    forward, backward = ([line for line in lines if of_it(line.what)] for lines in (told.forward, told.backward))
    return Told(forward, backward, [one for one in told.tables if of_it(one.title)])


def _plain(seen: Seen, path: str, at: tuple[int, ...]) -> list[str]:
    lines = []
    for short in ("input", "output"):
        name = f"{path}.{short}" if path else short
        if name in seen.values:
            lines += _numbers(seen, seen.values[name], at[:-1] if len(at) > 1 else at)
    return lines


def _value(seen: Seen, value: Value, where: Place) -> list[str]:
    at = _at(value, where, seen)
    lines = paragraph("", f"{value.name}, {seen.title}: {_places(value, at)}")
    lines.append(f"  value     {number(float(value.value[at]))}")
    if value.gradient is not None:
        lines.append(f"  blame     {number(float(value.gradient[at]))}   (∂L/∂ of it)")
    return [*lines, *_numbers(seen, value, at[:-1])]


def _numbers(seen: Seen, value: Value, record: tuple[int, ...]) -> list[str]:
    """What stands beside it along the last axis: the largest."""
    row = value.value[record].flatten()
    if value.axes[-1] == "key" and getattr(_module_at(seen, value.name.rpartition(".")[0]), "causal", False):
        row = row[: record[-1] + 1]  # later chairs are closed
    order = row.float().abs().argsort(descending=True, stable=True)[:MOST].sort().values.tolist()
    axis = value.axes[-1]
    lines = paragraph(
        "",
        f"{value.name}: "
        + (f"the {MOST} largest of {len(row):,} along {axis}" if len(row) > MOST else f"along {axis}"),
        indent=2,
    )
    gradient = None if value.gradient is None else value.gradient[record].flatten()
    rows = [
        (str(unit), number(float(row[unit])), "-" if gradient is None else number(float(gradient[unit])))
        for unit in order
    ]
    return lines + table((axis, "value", "blame"), rows, right=(0, 1, 2), indent=4)


def _parameter(step: Step, name: str, where: Place) -> list[str]:
    moved = step.moved[name]
    at = _dial(moved, where)
    why = " (the one that moved most)" if where.unit is None and where.place is None and step.made else ""
    told = UPDATES[moved.optimizer].told(moved, at)
    size = " x ".join(map(str, moved.old.shape))
    dial = f"{name}[{', '.join(map(str, at))}] of {size}, step {step.step:,}"
    if not step.made:
        return [
            *paragraph("", f"{dial}: not moved, for a number was not finite"),
            *lines_of(told.forward[:2]),
        ]
    return [
        *paragraph("", f"{dial}{why}"),
        *paragraph("rule", UPDATES[moved.optimizer].formula(moved.numbers)),
        *lines_of([*told.forward, change_of(moved, at)]),
    ]


def _dial(moved: Moved, where: Place) -> tuple[int, ...]:
    """The entry of a parameter: --unit its row, --place its column, of a kernel counted on through its table; what is left open
    is the one that moved most."""
    if where.head is not None:
        raise UsageError(f"--head {where.head} says nothing here: a parameter has no heads", remedy="Leave it out.")
    wide = moved.change.reshape(len(moved.change), -1).abs()
    if where.place is not None and wide.shape[1] == 1:
        raise UsageError(
            f"--place {where.place} says nothing here: this parameter has no columns", remedy="Leave it out."
        )
    column = None if where.place is None else _inside("--place", where.place, wide.shape[1])
    if where.unit is not None:
        unit = _inside("--unit", where.unit, len(wide))
    else:
        unit = int((wide if column is None else wide[:, [column]]).amax(1).argmax())
    column = int(wide[unit].argmax()) if column is None else column
    return (unit, *(int(at) for at in torch.unravel_index(torch.tensor(column), moved.change.shape[1:])))


def _loss(step: Step, where: Place) -> list[str]:
    targets = step.batch.targets
    row = _inside("--row", where.row, len(targets))
    for flag, asked in (
        ("unit", where.unit),
        ("head", where.head),
        ("place", where.place if targets.dim() == 1 else None),
    ):
        if asked is not None:
            raise UsageError(f"--{flag} {asked} says nothing of the loss", remedy="Leave it out.")
    at = (row,) if targets.dim() == 1 else (row, _inside("--place", where.place or 0, targets.shape[1]))
    named = step.right_name(at)
    lines = paragraph("", f"the loss, step {step.step:,}: row {row}" + (f", place {at[1]}" if len(at) > 1 else ""))
    if step.task.loss_name == "cross-entropy":
        lines += paragraph("", f"right is {named}", indent=2)
    else:
        right, answer = step.task.asked(step.batch, row)[1], step.task.answered(step.captured.outputs[row])
        both = f"right is {right}, the answer {answer}; below both less the mean of all, in deviations, as the network has them"
        lines += paragraph("", both, indent=2)
    lines += [*paragraph("forward", step.lost.formula), *paragraph("backward", step.lost.chain)]
    lines += paragraph("", step.lost.share, indent=LABEL)
    lines += lines_of(step.lost.told(step.captured.outputs, targets, step.counted, at, named))
    if step.task.loss_name == "cross-entropy":
        p = step.captured.outputs[at].softmax(-1)
        order = p.argsort(descending=True, stable=True)[:MOST].tolist()
        blame = step.lost.blame(step.captured.outputs, targets, step.counted)[at]
        rows = [
            (
                step.task.named(k),
                number(float(step.captured.outputs[at][k])),
                f"{float(p[k]):.4f}",
                number(float(blame[k])),
            )
            for k in order
        ]
        lines += table(("answer", "score", "p", "∂L/∂score"), rows, right=(1, 2, 3))
    return lines


def _at(value: Value, where: Place, seen: Seen) -> tuple[int, ...]:
    """The entry of a value that is meant. What is left open is the first record, place and head, and of the last axis the
    largest; of an image the unit is the channel, and the place counts its pixels row by row."""
    row = _inside("--row", where.row, len(value.value)) if value.axes[0] == "batch" else None
    if value.axes[1:] == ("channel", "row", "column"):
        return (where.row, *_pixel(value.value[where.row], where))
    at: list[int] = []
    heads = seen.values.get(value.name.removesuffix(".output") + ".weights")
    if where.head is not None and "head" not in value.axes:
        if heads is None:
            raise UsageError(
                f"--head {where.head} says nothing here: {value.name} has no heads", remedy="Leave it out."
            )
        _inside("--head", where.head, heads.value.shape[1])
    asked_place = False
    for axis, size in zip(value.axes[:-1], value.value.shape[:-1], strict=True):
        if axis == "batch":
            at.append(row or 0)
        elif axis == "head":
            at.append(_inside("--head", where.head or 0, size))
        else:
            asked_place = True
            at.append(_inside("--place", where.place or 0, size))
    if where.place is not None and not asked_place:
        raise UsageError(f"--place {where.place} says nothing here: {value.name} has no places", remedy="Leave it out.")
    last = value.value[tuple(at)]
    if where.unit is not None:
        return (*at, _inside("--unit", where.unit, len(last)))
    if seen.said(value.name, (*at, 0)):
        return (*at, int(last.argmax()))  # the likeliest
    path = value.name.rpartition(".")[0]
    if value.axes[-1] == "key" and getattr(_module_at(seen, path), "causal", False):
        last = last[: at[-1] + 1]  # later chairs are closed
    return (*at, int(last.float().abs().argmax()))


def _module_at(seen: Seen, path: str) -> object:
    return dict(seen.model.named_modules()).get(path)


def _pixel(image: Tensor, where: Place) -> tuple[int, int, int]:
    """[channels, rows, columns] -> the entry that is meant."""
    channels, high, wide = image.shape
    pixels = image.abs().reshape(channels, -1)
    if where.head is not None:
        raise UsageError(f"--head {where.head} says nothing here: an image has no heads", remedy="Leave it out.")
    place = None if where.place is None else _inside("--place", where.place, high * wide)
    if where.unit is not None:
        unit = _inside("--unit", where.unit, channels)
    else:
        unit = int((pixels if place is None else pixels[:, [place]]).amax(1).argmax())
    place = int(pixels[unit].argmax()) if place is None else place
    return unit, place // wide, place % wide


def _inside(flag: str, asked: int, size: int) -> int:
    if not 0 <= asked < size:
        raise UsageError(f"{flag} {asked} is outside", expected=f"There are {size:,}, counted from 0.")
    return asked


def _places(value: Value, at: tuple[int, ...]) -> str:
    image = value.axes[1:] == ("channel", "row", "column")
    names = {"batch": "row", "time": "place", "width": "unit"} | (
        {"row": "pixel row", "column": "pixel column"} if image else {}
    )
    return ", ".join(f"{names.get(axis, axis)} {here}" for axis, here in zip(value.axes, at, strict=True))


def change_of(moved: Moved, at: tuple[int, ...]) -> Line:
    """By how much one dial was moved."""
    return given("moved by", "W new - W old", float(moved.change[at]))


def lines_of(lines: list[Line]) -> list[str]:
    """Each thing told: what it is, then its formula and the numbers put in."""
    told: list[str] = []
    for line in lines:
        told += paragraph("", line.what, indent=2)
        equation = (
            f"{line.formula} = {line.filled} = {number(line.result)}"
            if line.filled
            else f"{line.formula} = {number(line.result)}"
        )
        told += paragraph("", equation, indent=6)
    return told


def _table(seen: Seen, one: Table, row: int) -> list[str]:
    """Whom a listener attends to, with the speakers' tokens where there are any."""
    tokens = bool(seen.token(row, 0))
    titles = ("place", *(["token"] if tokens else []), *one.columns[1:])
    rows = []
    for first, *others in one.rows:
        place = int(first)
        token = [shortened(on_one_line(seen.token(row, place), 20), 20)] if tokens else []
        rows.append((str(place), *token, *(number(value) for value in others)))
    right = tuple(number for number in range(len(titles)) if not (tokens and number == 1))
    lines = [f"  {one.title}", *table(titles, rows, right=right, indent=4)]
    lines += paragraph("", f"… and {one.left_out:,} more", indent=4) if one.left_out else []
    closed = f"closed: the {one.closed:,} places after it, whose share is 0"
    return lines + (paragraph("", closed, indent=4) if one.closed else [])
