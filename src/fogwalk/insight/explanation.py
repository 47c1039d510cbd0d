"""A step explained: an object that shows itself, as text at a prompt and in a notebook, and opens any entry on demand.

Before this   one_step.py, telling/.
After this    run.py gives it to Python; cli/explain.py prints it.
"""

from __future__ import annotations

import html
from functools import cached_property
from pathlib import Path

from torch import Tensor

from fogwalk.errors import UsageError
from fogwalk.insight.form import StepForm, of_step, write
from fogwalk.insight.one_step import Step
from fogwalk.insight.seen import Seen
from fogwalk.insight.telling.entry import Place, entry
from fogwalk.insight.telling.overview import Station, overview, summed_up, told_by_station


def require_whole(flag: str, value: object) -> None:
    """Raise UsageError for what is no whole number; None is left open."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise UsageError(f"--{flag} cannot be {value!r}", expected="It is a whole number, counted from 0.")


class Entry(str):
    """What stands under a name: text that shows itself, at a prompt and in a notebook."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def opened(seen: Seen, name: str, where: Place) -> Entry:
    """The entry under a name; raises UsageError for what is no name and no number, and for what there is not."""
    if not isinstance(name, str):
        raise UsageError(f"a name cannot be {name!r}", expected='It is a text, such as "layers.0" or "loss".')
    for flag in ("place", "unit", "head"):
        require_whole(flag, getattr(where, flag))
    return Entry("\n".join(entry(seen, name, where)))


class Explanation:
    """`step` holds every number; `print(explanation)` tells it, `explanation.at("layers.0")` opens one entry."""

    def __init__(self, step: Step, row: int = 0) -> None:
        self.step = step
        self.row = row

    def __repr__(self) -> str:
        return "\n".join(overview(self.step, self.row))

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    @property
    def stations(self) -> dict[str, list[str]]:
        """What is told of the step as a whole, and at each station: batch, forward, loss, blame, update, again."""
        return told_by_station(self.step, self.row)

    @property
    def layers(self) -> list[Station]:
        """Every module that sums the model up, with the size of what it makes and the blame it got."""
        return summed_up(self.step)

    @cached_property
    def data(self) -> tuple[StepForm, dict[str, Tensor]]:
        """The step as data, in the form that docs/insight.md tells: its structure, and its tensors by name."""
        return of_step(self.step)

    @property
    def structure(self) -> StepForm:
        """The step as data, without its tensors."""
        return self.data[0]

    def save(self, folder: str | Path) -> list[Path]:
        """Everything as data: step.json and step.safetensors, in the form that docs/insight.md tells; gives back their paths."""
        return write(Path(folder), *self.data)

    def at(
        self,
        name: str,
        *,
        row: int | None = None,
        place: int | None = None,
        unit: int | None = None,
        head: int | None = None,
    ) -> Entry:
        """The entry under a name: a layer (`layers.0.attention`), a value (`layers.0.attention.weights`), a parameter
        (`head.weight`) or `loss`; of record `row`, at `place` of its tokens or patches, `unit` of what comes out, in `head`.
        Raises UsageError for what there is not."""
        require_whole("row", row)
        if row is not None and name in self.step.moved:
            raise UsageError(f"--row {row} says nothing here: a parameter belongs to no record", remedy="Leave it out.")
        where = Place(row=self.row if row is None else row, place=place, unit=unit, head=head)
        return opened(self.step, name, where)
