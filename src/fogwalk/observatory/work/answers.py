"""What the page asks of one answer of a run's model, done at the desk.

Before this   run.py lets the model answer with every probe open.
After this    addresses/answers.py sends it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from fogwalk.events import finite

REMEMBERED = 2  # answers, each with all its numbers
_ANSWERS: OrderedDict[tuple[str, str, int | None, int | None], Any] = OrderedDict()


def answered(path: str, prompt: str, row: int | None, at: int | None) -> Any:
    """An answer, made or remembered. A run that goes on may answer otherwise a moment later: only what has a step is kept."""
    from fogwalk.run import load

    key = (path, prompt, row, at)
    if key not in _ANSWERS or at is None:
        while len(_ANSWERS) >= REMEMBERED:
            _ANSWERS.popitem(last=False)
        _ANSWERS[key] = load(path).explain_answer(prompt, row=row, step=at)
    _ANSWERS.move_to_end(key)
    return _ANSWERS[key]


def entry(path: str, prompt: str, at: int | None, name: str, where: dict[str, int]) -> str:
    """Any entry of how a text's answer was made, as `explain --prompt TEXT --at NAME` prints it."""
    return str(answered(path, prompt, None, at).at(name, **where))


def answer(path: str, prompt: str, row: int | None, at: int | None) -> dict[str, Any]:
    """An answer and what drove it: its structure, its tensors as lists, and its text as `explain --prompt` prints it."""
    told = answered(path, prompt, row, at)
    tensors = {name: value.tolist() for name, value in told.tensors.items()}
    return finite({"structure": told.structure, "tensors": tensors, "text": repr(told)})  # type: ignore[no-any-return]
