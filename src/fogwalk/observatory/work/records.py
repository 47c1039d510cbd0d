"""What the page asks of a run's rows or images beside their answers, done at the desk: what a row is made of, a record of the
validation split to begin with, and which of them the model gets wrong.

Before this   run.py knows what was held back; predicting.py judges.
After this    addresses/answers.py sends it; answers.py beside this file lets the model answer for one of them.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Any

from fogwalk.errors import FogwalkError, UsageError
from fogwalk.events import finite
from fogwalk.observatory.work.kept import Kept, opened, remembered
from fogwalk.observatory.work.opening import begun
from fogwalk.observatory.work.wire import wired

WORST = 24  # records told of those that it gets most wrong
JUDGED = 50_000  # records that are answered for at most
LONG = 8  # letters, beyond which a number in a wrong row is told with four digits
TOLD = 12  # columns of a wrong row that are told
CLASSES = 40  # of the confusion that are told at most, those that are mistaken most
WORDS = 200  # of a column that are offered
SIDE = 48  # pixels of a small picture's longer side
_HELD: Kept = OrderedDict()
_MISTAKES: Kept = OrderedDict()


def held_back(path: str) -> Any:
    """The records that a run validated on, read once. Raises DataError where they are gone or changed."""
    key, run = opened(path)
    return remembered(_HELD, (path, *key[2:3]), run.held_back)


def form(path: str, prompt: str, held: int | None) -> dict[str, Any]:
    """What a person is asked: of a text how it begins; of a row its columns, with what a record of the validation split, or what
    was written, holds; of an image which one. Where the data are gone that is said, and a row is of what is usual."""
    _, run = opened(path)
    if run.settings.task == "language":
        return {"kind": "text", "prompt": begun(run)}
    gone, records = "", None
    try:
        records = held_back(path)
    except FogwalkError as error:
        gone = str(error)
    if held is None and not prompt and records is not None:
        held = 0  # so that there is an answer to look at
    if held is not None and records is not None and not held < len(records.inputs):
        raise UsageError(
            f"there is no record {held} in the validation split",
            expected=f"It has {len(records.inputs):,}, counted from 0.",
        )
    target = run.recogniser.target
    told = {
        "target": target.name,
        "classes": list(target.classes),
        "center": target.center,
        "scale": target.scale,
        "held": held,
        "count": 0 if records is None else len(records.inputs),
        "gone": gone,
        "right": None if held is None or records is None else _right(run, records, held),
    }
    return finite(told | _asked(run, records, prompt, held))  # type: ignore[no-any-return]


def _asked(run: Any, records: Any, prompt: str, held: int | None) -> dict[str, Any]:
    from fogwalk.encoding.columns import Columns
    from fogwalk.explaining import as_prompt, cells_of

    encoder = run.recogniser.encoder
    if not isinstance(encoder, Columns):
        return {"kind": "image", "prompt": prompt, "size": [encoder.width, encoder.height, encoder.channels]}
    if prompt and held is None:
        cells = cells_of(prompt, encoder) if "=" in prompt else {}
    elif records is not None and held is not None:
        cells = _cells(records.table, encoder.names, held)
    else:
        cells = {column.name: _usual(column) for column in encoder.read}
    columns = [_column(column) | {"value": cells.get(column.name, "")} for column in encoder.read]
    return {"kind": "row", "prompt": as_prompt(cells) if cells else prompt, "columns": columns}


def _column(column: Any) -> dict[str, Any]:
    from fogwalk.encoding.columns import Number

    if isinstance(column, Number):
        return {"name": column.name, "kind": "number", "usual": column.center}
    words = [word for word in column.words if word.strip() and word != "\nmissing"]
    return {"name": column.name, "kind": "words", "words": words[:WORDS], "of": len(words)}


def _usual(column: Any) -> str:
    """The median, or the commonest word."""
    told = _column(column)
    return f"{told['usual']:.6g}" if told["kind"] == "number" else next(iter(told["words"]), "")


def _cells(table: Any, names: list[str], row: int) -> dict[str, str]:
    """What stands in a row's cells, as text that is read as they are."""
    from fogwalk.data.tables import cells

    found = ((name, cells.texts(table.columns[name].slice(row, 1))[0].as_py()) for name in names)
    return {name: "" if value is None else value for name, value in found}


def _short(cell: str) -> str:
    """A cell; one that is a number of many digits as `explain` writes numbers."""
    from fogwalk.insight.accounts.protocol import number

    if len(cell) <= LONG:
        return cell
    try:
        return number(float(cell))
    except ValueError:
        return cell


def _right(run: Any, records: Any, place: int) -> Any:
    """The right answer of a record: its class, or its number."""
    target, answer = run.recogniser.target, records.answers.slice(place, 1)
    if target.classes:
        code = int(target.codes(answer)[0])
        return target.classes[code] if code >= 0 else None
    return float(target.numbers(answer)[0])


def mistakes(path: str, at: int | None) -> dict[str, Any]:
    """What a run's model gets wrong of its validation split: its scores, who is taken for whom, and the records that it gets most
    wrong. Remembered for each checkpoint."""
    key, run = opened(path, at)
    if run.settings.task == "language":
        raise UsageError("a text has no classes to take for one another", remedy="Ask what comes after a prompt.")
    return remembered(_MISTAKES, key, lambda: _mistakes(path, run))  # type: ignore[no-any-return]


def _mistakes(path: str, run: Any) -> dict[str, Any]:
    from fogwalk import hardware
    from fogwalk.explaining import as_prompt

    notes: list[str] = []
    with hardware.exactly(run.settings.threads or hardware.cores()):
        judged = run.recogniser.judged(_first(held_back(path), notes), "the run's validation split", notes)
    classes, answers = run.recogniser.target.classes, judged.answers
    worst = []
    for row in (-judged.wrong).argsort(kind="stable")[:WORST].tolist():
        told: dict[str, Any] = {"place": int(judged.places[row]), "wrong": float(judged.wrong[row])}
        if classes:
            chances, right = answers.chances[row], int(judged.right[row])
            said = int(chances.argmax())
            told |= {"right": classes[right], "answer": classes[said]}
            told |= {"p_right": float(chances[right]), "p_answer": float(chances[said])}
        else:
            told |= {"right": float(judged.right[row]), "answer": float(answers.numbers[row])}
        if names := getattr(run.recogniser.encoder, "names", None):
            more = f" and {len(names) - TOLD:,} columns more" if len(names) > TOLD else ""
            held = _cells(judged.asked.table, names[:TOLD], row)
            told["holds"] = as_prompt({name: _short(cell) for name, cell in held.items()}) + more
        worst.append(told)
    return finite(  # type: ignore[no-any-return]
        {
            "step": run.step,
            "target": run.recogniser.target.name,
            "rows": len(judged.right),
            "unit": "row" if hasattr(run.recogniser.encoder, "names") else "image",
            "scores": judged.scores,
            "notes": notes,
            "worst": worst,
            **(_confusion(judged.confusion, classes) if classes else {}),
        }
    )


def _first(records: Any, notes: list[str]) -> Any:
    """As many of the records as are answered for."""
    import numpy as np

    if len(records.inputs) <= JUDGED:
        return records
    notes.append(f"the first {JUDGED:,} of {len(records.inputs):,} were judged")
    some = np.arange(JUDGED)
    return replace(
        records, table=records.table.take(some), inputs=records.inputs[some], answers=records.answers.take(some)
    )


def _confusion(whole: Any, classes: tuple[str, ...]) -> dict[str, Any]:
    """Counts [right, answered]; of many classes those that are mistaken most."""
    import numpy as np

    off = whole.sum(0) + whole.sum(1) - 2 * np.diag(whole)
    shown = np.sort((-off).argsort(kind="stable")[:CLASSES])
    return {
        "classes": [classes[at] for at in shown],
        "of": len(classes),
        "confusion": whole[np.ix_(shown, shown)].tolist(),
    }


def pictures(path: str, places: list[int]) -> tuple[list[int], bytes]:
    """Images of the validation split, made small, [places, channels, rows, columns] from 0 to 1, little-endian float32."""
    import torch
    import torch.nn.functional as F

    inputs = held_back(path).inputs
    if inputs.ndim != 4:
        raise UsageError("rows have no pictures")
    if not places or len(places) > WORST or max(places) >= len(inputs):
        raise UsageError(f"at most {WORST} pictures are sent at once, of {len(inputs):,} there are")
    images = torch.from_numpy(inputs[places]).float() / 255
    longer = max(images.shape[2:])
    if longer > SIDE:
        high, wide = (max(1, side * SIDE // longer) for side in images.shape[2:])
        images = F.adaptive_avg_pool2d(images, (high, wide))
    return wired(images)
