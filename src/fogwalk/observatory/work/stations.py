"""What each station of a step draws, as plain values: the batch, every answer's loss, the blame of every place, every
parameter's move, and what the step had promised.

Before this   steps.py makes the step again.
After this    addresses/steps.py sends it. All of it is what `explain` tells; what is capped says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from fogwalk.insight.one_step import Step

ROWS = 64  # records of a batch that are shown
TOKENS = 40  # of each row of text; of the picked one all
PIXELS = 60_000  # numbers of small pictures
COLUMNS = 60  # of a table
ANSWERS = 128  # whose losses stand one by one
PLACES = 256  # of a row, along a heatmap


def batch(step: Step, row: int) -> dict[str, Any]:
    """The records: tokens, cells of a table, or small pictures; and what is right of each."""
    inputs, targets, task = step.batch.inputs, step.batch.targets, step.task
    shown = min(len(inputs), ROWS)
    told: dict[str, Any] = {"unit": task.sizes.unit, "records": step.settings.training.batch, "kept": len(inputs)}
    told |= {"training": task.sizes.training}
    if task.sizes.unit == "token":
        rows = [[task.named(token) for token in inputs[one, :TOKENS].tolist()] for one in range(shown)]
        whole = [task.named(token) for token in inputs[row].tolist()]
        right = [task.named(token) for token in targets[row].tolist()]
        return told | {"rows": rows, "places": inputs.shape[1], "tokens": whole, "right": right}
    told["right"] = [task.asked(step.batch, one)[1] for one in range(shown)]
    if inputs.dim() == 4:
        shown = max(1, min(shown, PIXELS // inputs[0].numel()))
        pictures = inputs[:shown].float()
        low, high = float(pictures.min()), float(pictures.max())
        levels = ((pictures - low) / ((high - low) or 1) * 255).round().int()
        return told | {"shape": list(inputs.shape[1:]), "pictures": levels.flatten(1).tolist()}
    encoder = task.encoder  # type: ignore[attr-defined]  # what reads rows has one
    rows = [encoder.cells(inputs[one].tolist())[:COLUMNS] for one in range(shown)]
    return told | {"columns": encoder.names[:COLUMNS], "left_out": max(0, len(encoder.names) - COLUMNS), "rows": rows}


def loss(step: Step, row: int) -> dict[str, Any]:
    """What each answer cost: of a text every place of the picked row, and each row's mean; of records each one. Their sum, as
    each counts, is the loss."""
    outputs, targets, lost = step.captured.outputs, step.batch.targets, step.lost
    each, counted = lost.each(outputs, targets), step.counted
    texts = targets.dim() > 1
    places = [(row, place) for place in range(targets.shape[1])] if texts else [(one,) for one in range(len(targets))]
    told: dict[str, Any] = {
        "formula": lost.formula,
        "chain": lost.chain,
        "share": lost.share,
        "plain": lost.plain,
        "code": lost.code,
        "name": step.task.loss_name,
        "loss": step.loss,
        "total": float((each * counted).sum()),
        "answers": [_answer(step, each, counted, at) for at in places[:ANSWERS]],
        "of": len(places),
        "many": each.numel(),
        "guessing": _guessing(step),
    }
    if texts:
        told["rows"] = [{"row": one, "loss": float(each[one].mean())} for one in range(len(targets))][:ANSWERS]
    return told


def _answer(step: Step, each: Tensor, counted: Tensor, at: tuple[int, ...]) -> dict[str, Any]:
    outputs, targets, task = step.captured.outputs, step.batch.targets, step.task
    told: dict[str, Any] = {"at": at[-1], "loss": float(each[at]), "counted": float(counted[at])}
    if targets.dim() > 1:
        told["token"] = task.named(int(step.batch.inputs[at]))
    if task.loss_name != "cross-entropy":
        right = task.asked(step.batch, at[0])[1]
        return told | {
            "right": right,
            "best": task.answered(outputs[at]),
            "y": float(outputs[at][0]),
            "target": float(targets[at]),
        }
    p = outputs[at].softmax(-1)
    best = int(p.argmax())
    right_p = float(p[int(targets[at])])
    return told | {"right": step.right_name(at), "p": right_p, "best": task.named(best), "best_p": float(p[best])}


def _guessing(step: Step) -> float | None:
    """What one answer costs where all are taken for equally likely."""
    import math

    return math.log(step.captured.outputs.shape[-1]) if step.task.loss_name == "cross-entropy" else None


def blame(step: Step, row: int) -> dict[str, Any]:
    """How much the loss hangs on what each layer makes: of a text at each place of the picked row, of records in each; as the
    length of ∂L/∂(what came out). Of an image also on each of its pixels."""
    from fogwalk.insight.telling.way import stations

    paths, places = [], []
    texts = step.task.sizes.unit == "token"
    for path in stations(step):
        value = step.values[f"{path}.output"]
        if value.gradient is None or value.axes[0] != "batch" or (texts and value.value.dim() < 3):
            continue
        gradient = value.gradient[row] if texts else value.gradient
        paths.append(path)
        places.append(gradient.flatten(1).norm(dim=1)[:PLACES].tolist())
    told: dict[str, Any] = {"paths": paths, "places": places, "texts": texts}
    if texts:
        told["tokens"] = [step.task.named(token) for token in step.batch.inputs[row, :PLACES].tolist()]
        told["of"] = step.batch.inputs.shape[1]
    else:
        told["right"] = [step.task.asked(step.batch, one)[1] for one in range(min(step.captured.rows, PLACES))]
        told["of"] = step.captured.rows
    read = step.values.get("input")
    if read is not None and read.gradient is not None and read.value.dim() == 4:
        told["pixels"] = read.gradient[row].norm(dim=0).tolist()
    return told | {"norm": step.norm, "scale": step.scale, "clip": step.settings.optimizer.clip}


def update(step: Step, row: int) -> dict[str, Any]:
    """Every parameter and how it was moved; size, gradient and change as roots of mean squares, share as length over length."""
    from fogwalk.insight.accounts.updates import UPDATES, at_work, by_optimizer
    from fogwalk.insight.telling.overview import ratio, size

    parameters = [
        {
            "name": name,
            "shape": list(moved.old.shape),
            "optimizer": moved.optimizer,
            "rate": moved.rate,
            "numbers": at_work(moved.numbers),
            "size": size(moved.old),
            "gradient": size(moved.gradient),
            "change": size(moved.change),
            "share": ratio(moved),
        }
        for name, moved in step.moved.items()
    ]
    rules = {
        kind: {what: getattr(UPDATES[kind], what)(numbers) for what in ("formula", "plain", "code")}
        for kind, numbers in by_optimizer(step.moved.values()).items()
    }
    return {"made": step.made, "rate": step.rate, "parameters": parameters, "rules": rules}


def again(step: Step, row: int) -> dict[str, Any]:
    """The loss before and after, and what the gradient had promised: Σ gradient·change over all weights, and each parameter."""
    promised = {
        name: float((moved.gradient.double() * moved.change.double()).sum()) for name, moved in step.moved.items()
    }
    squared = sum(float(moved.clipped.double().square().sum()) for moved in step.moved.values())
    return {
        "before": step.loss,
        "after": step.after,
        "came": None if step.after is None else step.after - step.loss,
        "promised": sum(promised.values()),
        "parts": promised,
        "rate": step.rate,
        "squared": squared,
        "plain_sgd": all(
            moved.optimizer == "SGD" and not moved.memory and not any(moved.numbers.values())
            for moved in step.moved.values()
        ),
    }


STATIONS = {"batch": batch, "loss": loss, "blame": blame, "update": update, "again": again}
