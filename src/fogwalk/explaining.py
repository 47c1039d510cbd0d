"""One answer explained: what a person wrote becomes what the model reads, and the answer is told with what drove it.

Before this   insight/answer.py, predicting.py.
After this    run.py offers it; cli/explain.py prints it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fogwalk.data.tables.cells import numbers
from fogwalk.data.tables.table import Table
from fogwalk.encoding.columns import Columns, Number
from fogwalk.encoding.protocol import Tokenizer
from fogwalk.encoding.tokenizers import spelled
from fogwalk.errors import UsageError
from fogwalk.generation.decode import prompt_ids
from fogwalk.insight.answer import Answering, of_record, of_text, pass_of_text, seen_of_record
from fogwalk.insight.explanation import Entry, opened
from fogwalk.insight.form import of_answer, of_record_answer, write
from fogwalk.insight.seen import Seen
from fogwalk.insight.telling.answers import record_answer, text_answer
from fogwalk.insight.telling.entry import Place
from fogwalk.insight.telling.layout import paragraph
from fogwalk.insight.telling.picture import picture
from fogwalk.models.mlp import PlainLanguageModel
from fogwalk.predicting import Asked, Recogniser, asked_rows
from fogwalk.registry import did_you_mean

WRITTEN = "age=39, sex=male"
_APART = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')  # commas outside quotation marks
_NAMED = re.compile(r'\s*"((?:[^"]|"")*)"\s*=(.*)', re.DOTALL)  # a name in quotation marks, which may hold an =


@dataclass(frozen=True, repr=False)
class Answered:
    """An answer and what drove it: shows itself as text, at a prompt and in a notebook; `structure` and `tensors` hold it as
    data, in the form that docs/insight.md tells. `notes` say what of the question could not be read."""

    lines: tuple[str, ...]
    structure: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    look: Callable[[], Seen]
    notes: tuple[str, ...] = ()  # what a person should know of how the prompt was read

    @cached_property
    def seen(self) -> Seen:
        """The pass that made it, with every value on the way."""
        return self.look()

    def __repr__(self) -> str:
        return "\n".join(self.lines)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def at(self, name: str, *, place: int | None = None, unit: int | None = None, head: int | None = None) -> Entry:
        """Any entry of how the answer was made: a layer, or a value; `place` is a token of the prompt, or a pixel or patch of an
        image. Raises UsageError for what there is not."""
        return opened(self.seen, name, Place(place=place, unit=unit, head=head))

    def save(self, folder: str | Path) -> list[Path]:
        """answer.json and answer.safetensors; gives back their paths."""
        return write(Path(folder), self.structure, self.tensors)


def seen_of_a_prompt(model: nn.Module, tokenizer: Tokenizer, prompt: str) -> Answering:
    """The pass that makes the answer to a prompt, without what else is told of it, which takes longer. Raises what
    `of_a_prompt` does."""
    ids, named, _ = _read(model, tokenizer, prompt)
    return Answering(model, pass_of_text(model, ids), ids, named)


def of_a_prompt(run: str, step: int, model: nn.Module, tokenizer: Tokenizer, prompt: str) -> Answered:
    """The next token after a prompt. Raises UsageError where it is empty, too long, or holds what the model does not know."""
    ids, named, notes = _read(model, tokenizer, prompt)
    answer = of_text(model, ids)
    lines = text_answer(answer, named, f"{run}, step {step:,}: what comes after {prompt[-60:]!r}")
    for note in notes:
        lines += ["", *paragraph("", note, indent=2)]
    structure, tensors = of_answer(run, step, answer, named)
    return Answered(
        tuple(lines), structure, tensors, lambda: Answering(model, answer.captured, ids, named), tuple(notes)
    )


def _read(model: nn.Module, tokenizer: Tokenizer, prompt: str) -> tuple[list[int], Callable[[int], str], list[str]]:
    """A prompt's tokens, how a token is called, and what a person should know of how it was read."""
    if not prompt:
        raise UsageError("--prompt is empty", remedy='Write how a text begins: --prompt "To be or".')
    ids = prompt_ids(tokenizer, prompt)
    context: int = model.context  # type: ignore[assignment]  # models of text have one
    notes: list[str] = []
    if isinstance(model, PlainLanguageModel) and len(ids) > context:
        notes.append(
            f"Of the prompt's {len(ids)} tokens the last {context} are told: what stands further back it never reads."
        )
        ids = ids[-context:]
    if _is_path(prompt):
        notes.append(
            f"A file is called {prompt}, but a prompt is the text itself: what is answered is what comes after that name."
        )
    if len(ids) > context:
        raise UsageError(
            f"the prompt is {len(ids):,} tokens long, and the model looks back over {context}",
            remedy=f"Shorten it: its last {context} tokens are all that it would read.",
        )

    def named(token: int) -> str:
        return repr(spelled(tokenizer, token))

    return ids, named, notes


def of_a_record(run: str, step: int, recogniser: Recogniser, prompt: str | Asked, row: int) -> Answered:
    """What goes with a row or an image: a prompt's, or one of records that are given. Raises UsageError where there is none
    such."""
    encoder, target = recogniser.encoder, recogniser.target
    asked = _asked(recogniser, prompt) if isinstance(prompt, str) else prompt
    shown = _shown(prompt) if isinstance(prompt, str) else "the validation split"
    if not 0 <= row < len(asked.inputs):
        raise UsageError(f"--row {row} is outside", expected=f"{shown} has {len(asked.inputs):,}, counted from 0.")
    record = recogniser.normalised(torch.from_numpy(np.array(asked.inputs[row : row + 1])))[0]
    places = encoder.places() if isinstance(encoder, Columns) else {}
    read = encoder.read if isinstance(encoder, Columns) else ()
    numeric = {column.name for column in read if isinstance(column, Number)}
    cells = {
        name: _cell(asked.table, name, row, float(record[place[0]]) if name in numeric else None)
        for name, place in places.items()
    }
    which = f", row {row}" if len(asked.inputs) > 1 else ""

    def value_of(output: float) -> float:
        return output * target.scale + target.center

    classes = target.classes
    answer = of_record(recogniser.model, record, places, None if classes else value_of)
    heading = f"{run}, step {step:,}: what '{target.name}' is for {shown[:48]}{which}"
    lines = record_answer(answer, heading, classes, cells)
    if record.dim() == 3:
        lines[1:1] = ["", *picture(record, indent=2)]
    for note in asked.notes:
        lines += ["", *paragraph("", note, indent=2)]
    structure, tensors = of_record_answer(run, step, answer, target.name, classes, cells)
    if record.dim() == 3:
        tensors["pixels"] = torch.from_numpy(np.array(asked.inputs[row])).float() / 255
    names = encoder.labels() if isinstance(encoder, Columns) else []
    seen = partial(seen_of_record, recogniser.model, record, names, classes)
    return Answered(tuple(lines), structure, tensors, seen, asked.notes)


def _shown(prompt: str) -> str:
    return Path(prompt).name if _is_path(prompt) else prompt


def _cell(table: Table, name: str, row: int, read: float | None) -> str:
    """What stands in a cell, and in brackets the number that is read of it."""
    value = table.columns[name][row].as_py()
    written = "" if value is None else str(value)
    if not written.strip():
        return "(missing)"
    return written if read is None else f"{written} ({read:.4g})"


def _is_path(prompt: str) -> bool:
    try:
        return Path(prompt).exists()
    except (OSError, ValueError):  # too long for a name
        return False


def _asked(recogniser: Recogniser, prompt: str) -> Asked:
    encoder = recogniser.encoder
    rows = isinstance(encoder, Columns)
    if rows and prompt.strip() and "=" not in prompt and Path(prompt).is_dir():
        raise UsageError(f"--prompt {prompt} is a folder", expected=f"A row is written as {WRITTEN}; or name a table.")
    if rows and prompt.strip() and "=" not in prompt and not _is_path(prompt):
        raise UsageError(
            f"--prompt {prompt[:60]!r} is neither a row nor a file",
            expected=f"A row is written as {WRITTEN}; or name a table.",
        )
    if not prompt.strip():
        remedy = f'Write a row, --prompt "{WRITTEN}", or name a table.' if rows else "Name an image."
        raise UsageError("--prompt is empty", remedy=remedy)
    if not isinstance(encoder, Columns) or _is_path(prompt) or "=" not in prompt:
        return recogniser.asked(prompt, "auto")
    return _written(prompt, encoder, recogniser.target.name)


def _unquoted(piece: str) -> str:
    piece = piece.strip()
    return piece[1:-1].replace('""', '"') if len(piece) > 1 and piece[0] == piece[-1] == '"' else piece


def _quoted(piece: str) -> str:
    return (
        '"' + piece.replace('"', '""') + '"'
        if not piece or piece != piece.strip() or set(piece) & set('",=')
        else piece
    )


def as_prompt(cells: Mapping[str, str]) -> str:
    """A row as a person would write it: `cells` by column, those that hold nothing left out.

    >>> as_prompt({"age": "39", "city": "Rome, Italy", "job": ""})
    'age=39, city="Rome, Italy"'
    """
    return ", ".join(f"{_quoted(name)}={_quoted(value)}" for name, value in cells.items() if value.strip())


def cells_of(prompt: str, columns: Columns) -> dict[str, str]:
    """What a row, as a person wrote it, says of each column; raises UsageError for what is no row, and for a column that there is
    not."""
    written: dict[str, str] = {}
    for part in _APART.split(prompt):
        whole = part.strip()
        quoted = len(whole) > 1 and whole[0] == whole[-1] == '"' and whole.count('"') == 2
        if (named := _NAMED.fullmatch(whole)) and not quoted:
            name, equals, value = named[1].replace('""', '"'), "=", _unquoted(named[2])
        else:
            name, equals, value = (_unquoted(piece) for piece in (whole[1:-1] if quoted else whole).partition("="))
        if not equals:
            raise UsageError(
                f"'{name}' in --prompt is no column=value",
                expected=f"A row is written as {WRITTEN}.",
                remedy="What holds a comma stands in quotation marks: --prompt 'city=\"Rome, Italy\", age=39'.",
            )
        if name in written:
            raise UsageError(f"--prompt says twice what {name} is", remedy="Leave one out.")
        if name not in columns.names:
            remedy = did_you_mean(name, columns.names)
            raise UsageError(f"there is no column '{name}' that the model reads", remedy=remedy)
        written[name] = value
    return written


def _written(prompt: str, columns: Columns, target: str) -> Asked:
    """A row as a person wrote it."""
    import pyarrow

    written = cells_of(prompt, columns)
    missing = [name for name in columns.names if name not in written]
    table = Table({name: pyarrow.array([written.get(name)], pyarrow.string()) for name in columns.names})
    shown = ", ".join(missing[:8]) + (", …" if len(missing) > 8 else "")
    notes = [f"nothing is written for {shown}: counted as missing"] if missing else []
    for column in columns.read:
        if isinstance(column, Number) and written.get(column.name):
            found = numbers(table.columns[column.name], column.written)
            if not found.wrong and not np.isfinite(found.values[0]):  # else the encoding says so
                notes.append(f"'{written[column.name]}' is no number that can be read: {column.name} counts as missing")
    return asked_rows(table, columns, target, tuple(notes))
