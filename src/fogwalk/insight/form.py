"""What was seen, as data for the page and for programs: JSON for structure, safetensors for tensors, under a version.

Before this   one_step.py, answer.py, recorder.py.
After this    `fogwalk explain --out FOLDER` writes it; the page draws it. docs/insight.md tells the form.
Tensors are float32 or int64, little-endian. A value that is the same tensor under two names is stored once: `same_as` names it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fogwalk.errors import RunError
from fogwalk.events import finite
from fogwalk.insight.answer import RecordAnswer, TextAnswer
from fogwalk.insight.one_step import Step
from fogwalk.insight.recorder import Numbers, axes, looks
from fogwalk.insight.seen import account_of
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.publish import open_to_readers, write_atomically

FORMAT = 1


class ModuleForm(TypedDict):
    """A module in the order in which it finished: its path, its class, its formula and the chain rule through it, if known."""

    path: str
    type: str
    formula: str
    chain: str


class ValueForm(TypedDict):
    """A value: tensors `value/NAME`, and `blame/NAME` where the loss hangs on it; or those of `same_as`."""

    name: str
    axes: list[str]
    shape: list[int]
    blame: bool
    same_as: str


class ParameterForm(TypedDict):
    """A parameter: tensors `old/`, `gradient/`, `clipped/`, `new/NAME`, and of each memory `memory/NAME/WHAT` before and
    `remembered/NAME/WHAT` after the update."""

    name: str
    shape: list[int]
    optimizer: str
    rate: float
    numbers: dict[str, float]
    memory: list[str]


class StepForm(TypedDict):
    """One step: tensors `inputs`, `targets`, `outputs`, `each` (the loss of every answer) and `counted` (by how much it counts in
    the mean) beside those of its values and parameters. Losses: `logged` in events.jsonl, `replayed` in the run's own arithmetic,
    `recomputed` in float32, `after` the update."""

    format: int
    kind: str
    run: str
    step: int
    steps: int
    began_at: int
    unit: str
    loss: dict[str, float | None]
    loss_name: str
    gradient: dict[str, float]
    rate: float
    made: bool
    rows: int
    batch: int
    input_names: list[str]
    names: dict[str, str]
    modules: list[ModuleForm]
    values: list[ValueForm]
    parameters: list[ParameterForm]
    settings: dict[str, Any]


class SaysForm(TypedDict):
    """What a layer's stream would say, and its probability."""

    name: str
    p: float


class AnswerForm(TypedDict):
    """One answer to a prompt: tensors `ids`, `logits`, `probabilities`, `without` and `weights/PATH` of every round table."""

    format: int
    kind: str
    run: str
    step: int
    tokens: list[str]
    best: int
    best_name: str
    score: float
    entropy: float
    parts: dict[str, float]
    by_layer: dict[str, float]
    says: dict[str, SaysForm]


class RecordForm(TypedDict):
    """The answer for a row or an image: tensors `outputs`, and `without/COLUMN` of a row, `squares` [rows, columns, outputs] of
    an image: the outputs when that is put to what is usual. `now` is the likeliest class's probability, or the number, `changes`
    and `covered` by how much it changes without a column or a square; `holds` what stands in a column."""

    format: int
    kind: str
    run: str
    step: int
    target: str
    answer: str
    now: float
    probabilities: dict[str, float]
    columns: list[str]
    holds: dict[str, str]
    changes: dict[str, float]
    covered: list[list[float]]


class MeasuresForm(TypedDict):
    """Measures over time: the steps at which was looked, and of each number its axes after the first, which is the look. A tensor
    each, `NAME` [looks, ...], NaN where a look did not have it."""

    format: int
    kind: str
    run: str
    steps: list[int]
    axes: dict[str, list[str]]


def of_step(step: Step) -> tuple[StepForm, dict[str, Tensor]]:
    """A step's structure and tensors."""
    batch, outputs = step.batch, step.captured.outputs
    tensors: dict[str, Tensor] = {
        "inputs": batch.inputs,
        "targets": batch.targets,
        "outputs": outputs,
        "each": step.lost.each(outputs, batch.targets),
        "counted": step.counted,
    }
    first: dict[int, str] = {}
    values: list[ValueForm] = []
    for name, value in step.values.items():
        same = first.setdefault(id(value.value), name)
        if same == name:
            tensors[f"value/{name}"] = value.value
            if value.gradient is not None:
                tensors[f"blame/{name}"] = value.gradient
        values.append(
            ValueForm(
                name=name,
                axes=list(value.axes),
                shape=list(value.value.shape),
                blame=value.gradient is not None,
                same_as="" if same == name else same,
            )
        )
    parameters: list[ParameterForm] = []
    for name, moved in step.moved.items():
        tensors |= {
            f"old/{name}": moved.old,
            f"gradient/{name}": moved.gradient,
            f"clipped/{name}": moved.clipped,
            f"new/{name}": moved.new,
            **{f"memory/{name}/{what}": tensor for what, tensor in moved.memory.items()},
            **{f"remembered/{name}/{what}": tensor for what, tensor in moved.remembered.items()},
        }
        parameters.append(
            ParameterForm(
                name=name,
                shape=list(moved.old.shape),
                optimizer=moved.optimizer,
                rate=moved.rate,
                numbers=dict(moved.numbers),
                memory=sorted(moved.remembered),
            )
        )
    return _structure(step, values, parameters), tensors


def _structure(step: Step, values: list[ValueForm], parameters: list[ParameterForm]) -> StepForm:
    targets = step.batch.targets
    named: list[int] = []
    if step.task.loss_name == "cross-entropy":
        asked = [targets] if step.batch.inputs.is_floating_point() else [targets, step.batch.inputs]
        named = torch.cat([one.flatten() for one in asked]).unique().tolist()
    return StepForm(
        format=FORMAT,
        kind="step",
        run=step.run,
        step=step.step,
        steps=step.steps,
        began_at=step.began_at,
        unit=step.task.sizes.unit,
        loss={"logged": step.logged, "replayed": step.replayed, "recomputed": step.loss, "after": step.after},
        loss_name=step.task.loss_name,
        gradient={"norm": step.norm, "scale": step.scale},
        rate=step.rate,
        made=step.made,
        rows=step.captured.rows,
        batch=step.settings.training.batch,
        input_names=list(step.task.input_names),
        names={str(output): step.task.named(output) for output in named},
        modules=[_module(step, path) for path in step.modules()],
        values=values,
        parameters=parameters,
        settings={
            key: list(value) if isinstance(value, tuple) else value for key, value in step.settings.flat().items()
        },
    )


def _module(step: Step, path: str) -> ModuleForm:
    module = step.model.get_submodule(path)
    account = account_of(module)
    formula, chain = (account.formula_of(module), account.chain) if account else ("", "")
    return ModuleForm(path=path, type=type(module).__name__, formula=formula, chain=chain)


def of_answer(
    run: str, step: int, answer: TextAnswer, named: Callable[[int], str]
) -> tuple[AnswerForm, dict[str, Tensor]]:
    """An answer's structure and tensors."""
    tensors = {
        "ids": torch.tensor(answer.ids),
        "logits": answer.logits,
        "probabilities": answer.probabilities,
        "without": torch.tensor(answer.without),
    }
    for name, value in answer.captured.values.items():
        if name.endswith(".weights"):
            tensors[f"weights/{name.removesuffix('.weights')}"] = value.value[0]
    form = AnswerForm(
        format=FORMAT,
        kind="answer",
        run=run,
        step=step,
        tokens=[named(token) for token in answer.ids],
        best=answer.best,
        best_name=named(answer.best),
        score=answer.score,
        entropy=answer.entropy,
        parts=answer.parts,
        by_layer=answer.by_layer,
        says={name: SaysForm(name=named(token), p=p) for name, (token, p) in answer.says.items()},
    )
    return form, tensors


def of_record_answer(
    run: str, step: int, answer: RecordAnswer, target: str, classes: Sequence[str], holds: dict[str, str]
) -> tuple[RecordForm, dict[str, Tensor]]:
    """A row's or image's answer: its structure and tensors."""
    tensors = {"outputs": answer.outputs}
    tensors |= {f"without/{name}": outputs for name, outputs in answer.without.items()}
    if answer.squares is not None:
        tensors["squares"] = answer.squares
    chances = answer.outputs.softmax(0).tolist() if classes else []
    form = RecordForm(
        format=FORMAT,
        kind="answer",
        run=run,
        step=step,
        target=target,
        answer=classes[int(answer.outputs.argmax())] if classes else f"{answer.now:.6g}",
        now=answer.now,
        probabilities=dict(zip(classes, chances, strict=True)),
        columns=list(answer.without),
        holds=holds,
        changes=answer.changes,
        covered=answer.covered,
    )
    return form, tensors


def of_measures(
    folder: RunFolder, seen: Sequence[tuple[int, Numbers]] | None = None
) -> tuple[MeasuresForm, dict[str, Tensor]]:
    """Every look of a run laid side by side, or those that are given."""
    seen = list(looks(folder)) if seen is None else seen
    shapes: dict[str, Tensor] = {}
    for _, numbers in seen:
        for name, value in numbers.items():
            shapes.setdefault(name, value)
    tensors = {
        name: torch.stack([_fitting(numbers, name, like) for _, numbers in seen]) for name, like in shapes.items()
    }
    known = axes()
    form = MeasuresForm(
        format=FORMAT,
        kind="measures",
        run=folder.name,
        steps=[step for step, _ in seen],
        axes={name: list(known.get(name.partition("/")[0], ())) for name in shapes},
    )
    return form, tensors


def _fitting(numbers: Numbers, name: str, like: Tensor) -> Tensor:
    found = numbers.get(name)
    return found if found is not None and found.shape == like.shape else torch.full_like(like, float("nan"))


def write(folder: Path, structure: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> list[Path]:
    """KIND.json and KIND.safetensors in a folder, which is made where it is not there; gives back their paths. Raises RunError
    where the disk says no."""
    kind = structure["kind"]
    files = [folder / f"{kind}.json", folder / f"{kind}.safetensors"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        plain = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
        save_file(plain, files[1], metadata={"format": str(FORMAT), "kind": kind})
        told = json.dumps(finite(structure), indent=1, ensure_ascii=False, allow_nan=False)
        open_to_readers(files[1])
        write_atomically(files[0], told + "\n", durable=False)
    except (OSError, SafetensorError) as error:
        why = getattr(error, "strerror", None) or error
        raise RunError(
            f"{folder} cannot be written: {why}", remedy="Name another folder, or free some space."
        ) from None
    return files


def read(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What `write` wrote. Raises RunError for what is not there, damaged, or of another version."""
    try:
        structure: dict[str, Any] = json.loads((folder / f"{kind}.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / f"{kind}.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise RunError(f"{folder} holds no {kind} that can be read: {error}") from None
    if structure.get("format") != FORMAT:
        raise RunError(
            f"{folder / f'{kind}.json'} is of format {structure.get('format')!r}; this Fogwalk reads format {FORMAT}",
            remedy="Write it again with this version: fogwalk explain --out FOLDER.",
        )
    return structure, tensors
