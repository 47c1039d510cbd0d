"""What the page asks of one answer of a run's model, done at the desk.

Before this   run.py lets the model answer with every probe open; records.py beside this file has what was held back.
After this    addresses/answers.py sends it.
What is asked for is a prompt: how a text begins, a row as `age=39, sex=male`, or an image's path; or the number of a record of
the validation split. A run that goes on may answer otherwise a moment later: answers are remembered by their checkpoint.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

from fogwalk.errors import UsageError
from fogwalk.events import finite
from fogwalk.observatory.work.kept import Kept, opened, remembered
from fogwalk.observatory.work.layers import layer_told
from fogwalk.observatory.work.records import held_back
from fogwalk.observatory.work.wire import wired

LIKELIEST = 100  # tokens that are named
HEADS = 48  # of which is told whom the last token listens to
_ANSWERS: Kept = OrderedDict()


def answered(path: str, prompt: str, row: int | None, at: int | None, held: int | None = None) -> Any:
    """An answer, made or remembered."""
    key, run = opened(path, at)
    key = (*key, key[1] if at is None else at)
    if held is not None:
        return remembered(_ANSWERS, (*key, held), lambda: run.explain_answer(held_back(path), row=held, step=at))
    if run.settings.task != "language":
        _require_near(prompt, run.settings.data.path)
    return remembered(_ANSWERS, (*key, prompt, row), lambda: run.explain_answer(prompt, row=row, step=at))


def _require_near(prompt: str, data: tuple[str, ...]) -> None:
    """Raise UsageError for a file that is neither under the folder the page was started in nor where the run's data are."""
    if "=" in prompt or not prompt.strip() or prompt.startswith("sample:"):
        return
    place = Path(prompt).expanduser().resolve()
    known = [Path(one).expanduser().resolve() for one in data if not one.startswith("sample:")]
    if not any(place.is_relative_to(folder) for folder in (Path.cwd(), *known)):
        raise UsageError(
            f"'{prompt[:80]}' is outside of what the page reads",
            expected=f"It reads what lies under {Path.cwd()}, and the data of the run.",
            remedy="Move it there, or ask in a terminal: fogwalk explain --prompt PATH.",
        )


def entry(
    path: str, prompt: str, at: int | None, name: str, where: dict[str, int], held: int | None = None
) -> dict[str, Any]:
    """Any entry of how an answer was made, as `explain --prompt TEXT --at NAME` prints it; of a layer also each formula with its
    numbers, in words and in code."""
    told = answered(path, prompt, None, at, held)
    text = str(told.at(name, **where))
    layer = layer_told(told.seen, name, where) if name in told.seen.modules() and name else None
    return finite({"text": text, "layer": layer})  # type: ignore[no-any-return]  # a dict stays one


def answer(path: str, prompt: str, row: int | None, at: int | None, held: int | None = None) -> dict[str, Any]:
    """An answer and what drove it: its structure, its tensors as lists, what is to be known of what was asked, and its text as
    `explain --prompt` prints it. What is long travels by itself (`tensor`): logits and pixels."""
    told = answered(path, prompt, row, at, held)
    tensors = {name: value.tolist() for name, value in told.tensors.items() if name not in ("logits", "pixels")}
    notes = list(told.notes)
    return finite(  # type: ignore[no-any-return]
        {"structure": told.structure, "tensors": tensors, "text": repr(told), "notes": notes}
    )


def next_token(path: str, prompt: str, at: int | None) -> dict[str, Any]:
    """What comes after a text, without what is long: the structure, the likeliest tokens by name, and what each would be written
    as; what the answer would be without each token; whom the last one listens to; what is left of a text that has grown too
    long. Raises UsageError where no text is told by the run."""
    _, run = opened(path, at)
    tokenizer = run.tokenizer
    told = answered(path, prompt, None, at)
    logits, ids = told.tensors["logits"], told.tensors["ids"].tolist()
    context = run.settings.context
    best = logits.argsort(descending=True, stable=True)[:LIKELIEST].tolist()
    return finite(  # type: ignore[no-any-return]
        {
            "structure": told.structure,
            "text": repr(told),
            "vocabulary": len(logits),
            "context": context,
            "unsaid": tokenizer.unsaid,
            "likeliest": [
                _written(run, tokenizer, token) | {"p": float(told.tensors["probabilities"][token])} for token in best
            ],
            "without": told.tensors["without"].tolist(),
            "probability": float(told.tensors["probabilities"][told.structure["best"]]),
            "listens": _listens(told.tensors),
            "tail": tokenizer.decode(ids[-max(1, context * 3 // 4) :]) if len(ids) >= context else prompt,
        }
    )


def _written(run: Any, tokenizer: Any, token: int) -> dict[str, Any]:
    """A token, its name, and what stands in a text for it; nothing where it is no text of its own."""
    from fogwalk.encoding.tokenizers import spelled

    text = tokenizer.decode([token])
    whole = token not in (tokenizer.end, tokenizer.unsaid) and text and "\ufffd" not in text
    return {
        "id": token,
        "name": repr(spelled(tokenizer, token)),
        "text": text if whole else None,
        "end": token == tokenizer.end,
    }


def _listens(tensors: dict[str, Any]) -> dict[str, Any]:
    """Whom the last token hears most in each head: [place, share], three each."""
    rows = []
    for name, shares in tensors.items():
        if name.startswith("weights/"):
            for head, row in enumerate(shares[:, -1]):
                top = row.argsort(descending=True, stable=True)[:3].tolist()
                rows.append({"layer": name[8:], "head": head, "heard": [[place, float(row[place])] for place in top]})
    return {"heads": rows[:HEADS], "of": len(rows)}


def tensor(
    path: str, prompt: str, at: int | None, name: str, held: int | None = None, most: int | None = None
) -> tuple[list[int], bytes]:
    """A tensor of an answer by its name in the form that docs/insight.md tells; or, for pictures, `value/NAME`, what was made
    under that name on the way, and `weight/NAME`, a parameter. Little-endian float32; of a value the first `most` channels."""
    told = answered(path, prompt, None, at, held)
    kind, _, of = name.partition("/")
    if name in told.tensors:
        value = told.tensors[name]
    elif kind == "value" and of in told.seen.values:
        value = told.seen.values[of].value[0][:most]
    elif kind == "weight" and of in told.seen.parameters:
        value = told.seen.parameters[of][:most]
    else:
        raise UsageError(f"this answer has no tensor '{name[:80]}'")
    return wired(value)


def inside(path: str, prompt: str, at: int | None, held: int | None = None) -> dict[str, Any]:
    """What can be drawn of how an image's answer was made: the weights that read its pixels as pictures, every convolution
    in order, every layer of attention, and how many pixels wide its patches are."""
    told = answered(path, prompt, None, at, held)
    seen, (channels, high, wide) = told.seen, told.tensors["pixels"].shape
    found: dict[str, list[dict[str, Any]]] = {"Conv2d": [], "Attention": []}
    sees = {"Conv2d": "output", "Attention": "weights"}
    for name in seen.modules():
        sort = type(seen.model.get_submodule(name)).__name__
        value = seen.values.get(f"{name}.{sees.get(sort, '')}")
        if sort in sees and value is not None:
            found[sort].append({"path": name, "shape": list(value.value.shape[1:])})
    patch = getattr(seen.model, "patch", None)
    name, weight = next(item for item in seen.parameters.items() if item[1].dim() > 1)
    shape = list(weight.shape)
    if len(shape) == 2:  # a plain network reads the whole image, a vision transformer a patch of it
        shape = [shape[0], channels, *((patch, patch) if patch else (high, wide))]
    filters = {"name": name, "shape": shape} if shape[1] == channels else None
    return {"filters": filters, "convolutions": found["Conv2d"], "attention": found["Attention"], "patch": patch}
