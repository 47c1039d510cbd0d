"""One step for people: five stations and the same batch again, each number with what it is made of.

Before this   ../one_step.py.
After this    cli/explain.py prints it; a notebook shows it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fogwalk.insight.accounts.protocol import largest_at, number, signed
from fogwalk.insight.accounts.updates import UPDATES, Moved, at_work, by_optimizer
from fogwalk.insight.one_step import Step
from fogwalk.insight.seen import account_of
from fogwalk.insight.telling.entry import change_of, lines_of
from fogwalk.insight.telling.layout import LABEL, capped, on_one_line, paragraph, table
from fogwalk.insight.telling.picture import picture
from fogwalk.insight.telling.way import followed, stations, stream, traced
from fogwalk.models.attention import EXACT_CONTEXT
from fogwalk.settings.fields import counted

SHOWN_ANSWERS = 8
MOST_FOLLOWED = 16  # layers whose numbers are written out
GREEK = {"decay": "λ", "beta1": "β₁", "beta2": "β₂", "epsilon": "ε", "momentum": "μ"}
LONGEST = 37  # letters of a parameter's name in a table, of longer ones the last
FEW = 8  # numbers of a layer that are all shown


def overview(step: Step, row: int = 0) -> list[str]:
    """The whole step; of the batch's records one is shown."""
    lines: list[str] = []
    for told in told_by_station(step, row).values():
        lines += ["", *told] if lines and told else told
    return lines


def told_by_station(step: Step, row: int = 0) -> dict[str, list[str]]:
    """What is told of the step as a whole, and at each of its stations, in their order."""
    title = f"{step.run}, step {step.step:,} of {step.steps:,}: what one update did"
    return {
        "step": [*paragraph("", title), *_made_again(step)],
        "batch": _batch(step, row),
        "forward": _forward(step, row),
        "loss": _loss(step, row),
        "blame": _blame(step, row),
        "update": _update(step),
        "again": _again(step),
    }


def _made_again(step: Step) -> list[str]:
    away = step.step - 1 - step.began_at
    kind = "the waypoint of step" if step.waypoint else "checkpoint"
    how = f"made again from {kind} {step.began_at:,}" + (f" over {counted(away, 'step')}" if away else "")
    lines = [line for words in step.damage for line in paragraph("", f"passed over a damaged checkpoint: {words}")]
    if step.logged is None:
        return lines + paragraph("", f"{how}; the run ended here, because a number was not finite.")
    again = "not finite" if step.replayed is None else f"{step.replayed:.6g}"
    same = (
        "the same to the bit"
        if step.replayed == step.logged
        else "which is not the same: another processor, another torch or other threads than the run had may be why"
    )
    lines += paragraph("", f"{how}: loss {again}; in events.jsonl {step.logged:.6g}, {same}.")
    training, model = step.settings.training, step.settings.model
    own = training.precision != "float32" or training.compile == "on"
    in_what = "compiled " * (training.compile == "on") + training.precision
    if own or abs(step.loss - step.logged) > 1e-6 * abs(step.logged):
        lines += paragraph(
            "", f"The run: {step.logged:.6g} in {in_what}. Below, recomputed in float32: {step.loss:.6g}."
        )
    dropped = getattr(model, "dropout", 0.0) > 0
    if dropped and step.captured.rows < step.settings.training.batch:
        lines += paragraph(
            "", "The batch is worked through in parts below, so other values are dropped than in the run."
        )
    fused = getattr(model, "context", 0) > EXACT_CONTEXT
    if getattr(model, "dropout", 0.0) and (training.compile == "on" or fused):
        lines += paragraph(
            "",
            "Generated code and fused attention draw what dropout takes out by themselves: below, other values are dropped.",
        )
    return lines


def _batch(step: Step, row: int) -> list[str]:
    sizes, batch = step.task.sizes, step.batch
    asked, right = step.task.asked(batch, row)
    words = sizes.words(step.settings)
    kept = (
        f" (the first {step.captured.rows} are looked into)"
        if step.captured.rows < step.settings.training.batch
        else ""
    )
    lines = paragraph("1 batch", f"{words} out of {sizes.training:,} to learn from{kept}")
    if sizes.unit == "token":
        lines += paragraph("", f"row {row}: {on_one_line(asked, 200)}", indent=LABEL)
        return lines + paragraph("", "At each place the token that comes next is asked for.", indent=LABEL)
    lines += paragraph("", f"row {row}: {on_one_line(asked, 400)}", indent=LABEL)
    if batch.inputs.dim() == 4:
        lines += picture(batch.inputs[row], LABEL)
    if step.task.input_names:
        lines += paragraph("", "In brackets what the network reads: numbers centred and scaled.", indent=LABEL)
    return lines + paragraph("", f"right is {right}", indent=LABEL)


@dataclass(frozen=True)
class Station:
    """A module summed up: the size (root of the mean square), shape and formula of what comes out; the length of the loss's
    gradient at that, and at all its own parameters, None where there is none."""

    path: str
    size: float
    shape: str
    formula: str
    blame: float | None
    gradient: float | None


def summed_up(step: Step) -> list[Station]:
    """The modules that sum a model up, the first first."""
    found = []
    for path in stations(step):
        value, module = step.values[f"{path}.output"], step.model.get_submodule(path)
        account = account_of(module)
        own = [moved.gradient for name, moved in step.moved.items() if name.startswith(f"{path}.")]
        found.append(
            Station(
                path,
                size(value.value),
                _shape(value.value),
                account.formula_of(module) if account else "(no formula is known)",
                None if value.gradient is None else float(value.gradient.norm()),
                _norm(own) if own else None,
            )
        )
    return found


def _forward(step: Step, row: int) -> list[str]:
    lines = paragraph(
        "2 forward", "from what is read to the answers; size is the root of the mean square of what comes out"
    )
    paths = stations(step)
    rows = [(one.path, number(one.size), one.shape, one.formula) for one in summed_up(step)]
    titles = ("layer", "size", "what comes out", "what it does")
    lines += table(titles, capped(rows), right=(1,))
    few = len(paths) <= MOST_FOLLOWED
    if few and all(step.values[f"{path}.output"].value[0].numel() <= FEW for path in paths):
        lines += ["", *_whole(step, row)]
    way = (followed(step, row) if few else []) or stream(step, row)
    return lines + (["", *way] if way else [])


def _whole(step: Step, row: int) -> list[str]:
    """Every number of one record on its way, where they are few."""
    lines = paragraph("", f"row {row}, every number", indent=2)
    rows = []
    for path in stations(step):
        value = step.values[f"{path}.output"].value[row]
        rows.append((path, "  ".join(number(one) for one in value.flatten().tolist())))
    return lines + table(("", ""), rows)


def _loss(step: Step, row: int) -> list[str]:
    outputs, targets = step.captured.outputs, step.batch.targets
    lost = step.lost
    each, counted_as = lost.each(outputs, targets), step.counted
    lines = paragraph("3 loss", lost.formula)
    total = float((each * counted_as).sum())
    if targets.dim() > 1:
        order = each[row].argsort(descending=True, stable=True)[:SHOWN_ANSWERS].sort().values.tolist()
        p = outputs[row].softmax(-1)
        rows = [
            (
                str(place),
                step.task.named(int(step.batch.inputs[row, place])),
                step.task.named(int(targets[row, place])),
                f"{float(p[place, targets[row, place]]):.4f}",
                number(float(each[row, place])),
                f"{step.task.named(int(p[place].argmax()))} {float(p[place].max()):.2f}",
            )
            for place in order
        ]
        lines += paragraph("", f"row {row}, where it was most surprised:", indent=LABEL)
        lines += table(("place", "token", "right is", "p[right]", "-ln p", "likeliest"), rows, right=(0, 3, 4))
    else:
        lines += _answers(step, each)
    kept = "" if step.captured.rows >= step.settings.training.batch else f" of the first {step.captured.rows} records"
    lines += paragraph(
        "",
        f"L = Σ c·l = {total:.6g}{kept}, over {each.numel():,} answers, {lost.share}; in float32: {step.loss:.6g}",
        indent=LABEL,
    )
    return lines


def _answers(step: Step, each: Tensor) -> list[str]:
    outputs, targets = step.captured.outputs, step.batch.targets
    rows = []
    for at in each.argsort(descending=True, stable=True)[:SHOWN_ANSWERS].tolist():
        right = step.task.asked(step.batch, at)[1]
        if step.task.loss_name == "cross-entropy":
            p = outputs[at].softmax(-1)
            best = int(p.argmax())
            told = f"{step.task.named(best)} {float(p[best]):.2f}"
            chance = f"{float(p[int(targets[at])]):.4f}"
        else:
            told = step.task.answered(outputs[at])
            chance = f"{number(float(outputs[at, 0]))} - {signed(float(targets[at]))}"
        rows.append((str(at), right, told, chance, number(float(each[at]))))
    titles = ("row", "right is", "likeliest", "p[right]", "l")
    if step.task.loss_name != "cross-entropy":
        titles = ("row", "right is", "answer", "y - right, in deviations", "l")
    lines = table(titles, rows, right=(0, 3, 4))
    left = len(targets) - len(rows)
    return lines + ([f"  … and {left:,} that are less wrong"] if left else [])


def _blame(step: Step, row: int) -> list[str]:
    whole = step.captured.rows >= step.settings.training.batch
    of = "the whole batch" if whole else f"the first {step.captured.rows} records"
    lines = paragraph(
        "4 blame",
        f"backwards: by how much the loss would change with each number (∂L/∂number), as the length over {of}",
    )
    rows = [
        (
            one.path,
            "-" if one.blame is None else number(one.blame),
            "-" if one.gradient is None else number(one.gradient),
        )
        for one in reversed(summed_up(step))
    ]
    titles = ("layer", "|∂L/∂(what came out)|", "|∂L/∂(its parameters)|")
    lines += table(titles, capped(rows), right=(1, 2))
    if len(rows) <= MOST_FOLLOWED:
        lines += traced(step, row)
    limit = step.settings.optimizer.clip
    clipped = (
        f", more than {limit:g}: all are scaled by {step.scale:.4f}"
        if step.scale < 1
        else f", within the limit of {limit:g}"
    )
    return lines + paragraph(
        "", f"All parameters together: |g| = {step.norm:.6g}{clipped if limit else ''}.", indent=LABEL
    )


def _update(step: Step) -> list[str]:
    if not step.made:
        return paragraph("5 update", "none: a number was not finite, so no parameter was changed")
    kinds: dict[tuple[str, float, tuple[tuple[str, float], ...]], list[str]] = {}
    for moved in step.moved.values():
        kinds.setdefault((moved.optimizer, moved.rate, tuple(sorted(moved.numbers.items()))), []).append(moved.name)
    lines = paragraph("5 update", f"each dial moves a little; the rate of this step is η = {step.rate:.4g}")
    for kind, subject in by_optimizer(step.moved.values()).items():
        lines += paragraph("", f"{kind}: {UPDATES[kind].formula(subject)}", indent=LABEL)
        for (name, rate, numbers), moved_so in kinds.items():
            if name == kind:
                told = "".join(f", {GREEK[what]} = {value:g}" for what, value in at_work(dict(numbers)).items())
                named = ", ".join(moved_so[:3]) + (f" and {len(moved_so) - 3} more" if len(moved_so) > 3 else "")
                lines += paragraph("", f"with η = {rate:.4g}{told}: {named}", indent=LABEL + 2)
    rows = [
        (
            moved.name if len(moved.name) <= LONGEST else "…" + moved.name[1 - LONGEST :],
            moved.optimizer,
            _shape(moved.old),
            number(size(moved.old)),
            number(size(moved.gradient)),
            number(size(moved.change)),
            f"{ratio(moved):.1e}",
        )
        for moved in step.moved.values()
    ]
    lines += paragraph(
        "",
        "size, blame and change are roots of mean squares; share is the change's length over the parameter's",
        indent=LABEL,
    )
    titles = ("parameter", "by", "shape", "size", "blame", "change", "share")
    lines += table(titles, capped(rows), right=(3, 4, 5, 6))
    most = max(step.moved.values(), key=lambda moved: float(moved.change.abs().max()))
    at = largest_at(most.change)
    lines += paragraph("", f"the dial that moved most: {most.name}[{', '.join(map(str, at))}]", indent=2)
    lines += lines_of([*UPDATES[most.optimizer].told(most, at).forward, change_of(most, at)])
    if most.optimizer == "Muon":
        hand = "Muon's matrices cannot be checked by hand; a run with --optimizer.name sgd can, dial by dial."
        lines += paragraph("", hand, indent=2)
    return lines


def _again(step: Step) -> list[str]:
    if step.after is None:
        return []
    less = step.after - step.loss
    way = "less" if less < 0 else "more"
    return paragraph(
        "6 again",
        f"the same batch after the update: {step.after:.6g}, {abs(less):.4g} {way} than {step.loss:.6g} before it"
        + ("" if less < 0 else " (a batch may get worse: the optimizer also follows what earlier batches taught)"),
    )


def size(value: Tensor) -> float:
    """Root of the mean square: how large its numbers are."""
    return float(value.double().square().mean().sqrt())


def _norm(values: list[Tensor]) -> float:
    return float(torch.stack([value.norm() for value in values]).norm())


def ratio(moved: Moved) -> float:
    """The change's length over the parameter's."""
    return float(moved.change.norm() / moved.old.norm().clamp(min=1e-30))


def _shape(value: Tensor) -> str:
    return " x ".join(map(str, value.shape))
