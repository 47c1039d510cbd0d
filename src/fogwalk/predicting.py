"""A trained recogniser put to use: answers for new rows, how good they are beside what simpler methods get, and which columns
mattered.

Before this   tasks/recognition.py; training/checkpoint.py has loaded the model.
After this    run.py offers it; cli/predict.py and cli/evaluate.py print it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fogwalk.batches.changes import normalise
from fogwalk.data.images.images import read_images
from fogwalk.data.tables.table import Table, hashes, read_table
from fogwalk.encoding.columns import Columns, Target, Unread, not_met
from fogwalk.encoding.pixels import Pixels
from fogwalk.encoding.records import Rows, label_array
from fogwalk.errors import DataError
from fogwalk.objectives import rivals, scores
from fogwalk.tasks.protocol import SCORED_AT_ONCE
from fogwalk.tasks.recognition import Recognition

PERMUTED = 5  # times each column is shuffled
MOST_PERMUTED = 2000  # rows that are
MANY_COLUMNS = 200  # from so many on each is shuffled once, and fewer rows are
SEEN = 0.05  # of the records: so many that were learned from are said


@dataclass(frozen=True)
class Answers:
    """For each row a class, with the probabilities of all [rows, classes]; or a number."""

    target: Target
    chances: NDArray[np.float64] | None
    numbers: NDArray[np.float64] | None

    @property
    def labels(self) -> list[str]:
        """The likeliest class of each row; none for numbers."""
        if self.chances is None:
            return []
        return [self.target.classes[at] for at in self.chances.argmax(1)]


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """Scores of the model and of its rivals by name; for classes who was taken for whom; how much worse each column makes the
    score when its cells are shuffled among the rows (mean, deviation); what to know about it, in words."""

    source: str
    rows: int
    unit: str
    measure: str
    scores: dict[str, dict[str, float]]
    confusion: NDArray[np.int64] | None
    importance: dict[str, tuple[float, float]]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Asked:
    """Records to answer for: what a person sees of them, their numbers, and the right answers where they are known."""

    table: Table
    inputs: NDArray[Any]
    answers: Any
    notes: tuple[str, ...] = ()
    held_back: bool = False


@dataclass(frozen=True)
class Judged:
    """The records whose answers are known, their `places` among all that were asked for, what is right (a class's number, or a
    number), the answers, and by how much each is wrong: -ln p of the right class, or how far off a number is; for classes who was
    taken for whom."""

    asked: Asked
    places: NDArray[np.int64]
    right: NDArray[Any]
    answers: Answers
    wrong: NDArray[np.float64]
    confusion: NDArray[np.int64] | None
    scores: dict[str, float]


def asked_rows(table: Table, columns: Columns, target: str, notes: tuple[str, ...] = ()) -> Asked:
    """The rows of a table. Raises DataError where a column is missing or is not what was learned."""
    unread: list[Unread] = []
    inputs = columns.encode(table, unread=unread)
    return Asked(table, inputs, table.columns.get(target), (*notes, *not_met(columns, unread)))


def asked_images(path: str, pixels: Pixels, target: str, encoding: str = "auto") -> Asked:
    """Images, with or without their labels; the test part, where there is one. Of a list all columns are shown."""
    import pyarrow

    size, channels = pixels.height, pixels.channels
    found = read_images((path,), size=size, channels=channels, target=target, encoding=encoding, answering=True)
    pixels.require(found.pixels)
    labels = label_array(found.labels)
    names = [name.encode("utf-8", "replace").decode() for name in found.names]
    columns = {"image": pyarrow.array(names, pyarrow.string())}
    known = labels.null_count < len(labels)
    shown = Table(columns | ({target: labels.cast(pyarrow.string())} if known else {}))
    return Asked(found.listed or shown, found.pixels, labels if known else None, found.notes)


def held_back(learned: Recognition) -> Asked:
    """What a run validated on."""
    chosen = np.flatnonzero(learned.held)
    records = learned.records
    answers = records.answers.take(chosen)
    table = records.table.take(chosen) if isinstance(records, Rows) else Table({records.target: answers})
    return Asked(table, learned.inputs[torch.from_numpy(chosen)].numpy(), answers, held_back=True)


class Recogniser:
    """A model with what it learned of records and answers."""

    def __init__(self, model: nn.Module, encoder: Columns | Pixels, target: Target) -> None:
        self.model = model.eval()
        self.encoder = encoder
        self.target = target
        self._normalise = normalise(encoder)

    def asked(self, path: str, encoding: str) -> Asked:
        """What a path holds to be answered for."""
        if isinstance(self.encoder, Pixels):
            return asked_images(path, self.encoder, self.target.name, encoding)
        found = read_table((path,), encoding)
        return asked_rows(found.table, self.encoder, self.target.name, found.notes)

    def normalised(self, records: Tensor) -> Tensor:
        """Encoded records as the model reads them."""
        return self._normalise(records, 0) if self._normalise else records

    @torch.no_grad()
    def answer(self, inputs: NDArray[Any]) -> Answers:
        """What goes with each record, given as numbers."""
        device = next(self.model.parameters()).device
        outputs = []
        for start in range(0, len(inputs), SCORED_AT_ONCE):
            part = self.normalised(torch.from_numpy(np.array(inputs[start : start + SCORED_AT_ONCE])))
            outputs.append(self.model(part.to(device)).float().cpu())
        whole = torch.cat(outputs).double()
        if self.target.classes:
            return Answers(self.target, whole.softmax(1).numpy(), None)
        return Answers(self.target, None, whole[:, 0].numpy() * self.target.scale + self.target.center)

    def assess(self, asked: Asked, source: str, learned: Recognition | None) -> Assessment:
        """Scores on records whose answers are known; beside the rivals where what was `learned` from is still there."""
        notes = list(asked.notes)
        judged = self.judged(asked, source, notes)
        asked, right = judged.asked, judged.right
        notes += _familiar(asked, learned)
        measure = "accuracy" if self.target.classes else "R²"
        told = {"this model": judged.scores}
        if learned is None:
            notes.append("what it learned from is gone, or is another now: simpler methods cannot be tried on it")
        elif not rivals.available():
            notes.append("what simpler methods get is not shown: pip install 'fogwalk[samples]' (scikit-learn)")
        else:
            told |= self._rivals(learned, asked, right, notes)
        best = max((name for name in told if name != "this model"), key=lambda name: told[name][measure], default=None)
        unit = "image" if isinstance(self.encoder, Pixels) else "row"
        if best and told[best][measure] > told["this model"][measure]:
            notes.append(
                f"{best} does better here ({measure} {told[best][measure]:.3f}): on these {len(right):,} {unit}s "
                "the network does not earn its keep"
            )
        elif (dull := rivals.TRIVIAL[bool(self.target.classes)]) in told and (
            told[dull][measure] >= told["this model"][measure]
        ):
            notes.append(
                f"{dull} does as well here: on these {len(right):,} {unit}s the network does not earn its keep"
            )
        return Assessment(
            source=source,
            rows=len(right),
            unit=unit,
            measure=measure,
            scores=told,
            confusion=judged.confusion,
            importance=self._importance(asked.table, right, measure),
            notes=tuple(notes),
        )

    def judged(self, asked: Asked, source: str, notes: list[str]) -> Judged:
        """The answers to records whose answers are known, beside these; of others is told in `notes`. Raises DataError where none
        is known."""
        if asked.answers is None:
            asked.table.require(self.target.name, "data.target")
            raise DataError(f"{source} says of nothing what '{self.target.name}' is: there is nothing to score")
        places, asked = self._known(asked, notes)
        right, answers = self._right(asked), self.answer(asked.inputs)
        if answers.chances is None:
            assert answers.numbers is not None
            return Judged(
                asked, places, right, answers, np.abs(answers.numbers - right), None, self._scores(right, answers)
            )
        return Judged(
            asked,
            places,
            right,
            answers,
            scores.surprise(right, answers.chances),
            scores.confusion(right, answers.chances.argmax(1), len(self.target.classes)),
            self._scores(right, answers),
        )

    def _known(self, asked: Asked, notes: list[str]) -> tuple[NDArray[np.int64], Asked]:
        """The records whose answer is known, and a class that was learned."""
        if self.target.classes:
            known = self.target.codes(asked.answers) >= 0
            what = "a class that was never learned, or none"
        else:
            known = np.isfinite(self.target.numbers(asked.answers))
            what = "no number"
        if not known.any():
            knows = f"It knows: {', '.join(self.target.classes[:8])}{', …' if len(self.target.classes) > 8 else ''}."
            raise DataError(
                f"no answer in '{self.target.name}' is one that the model knows: there is nothing to score",
                expected=knows if self.target.classes else "It says numbers.",
            )
        chosen = np.flatnonzero(known)
        if known.all():
            return chosen, asked
        notes.append(f"{int((~known).sum()):,} of {len(known):,} have {what} in '{self.target.name}': not scored")
        return chosen, replace(
            asked, table=asked.table.take(chosen), inputs=asked.inputs[chosen], answers=asked.answers.take(chosen)
        )

    def _right(self, asked: Asked) -> NDArray[Any]:
        return self.target.codes(asked.answers) if self.target.classes else self.target.numbers(asked.answers)

    def _scores(self, right: NDArray[Any], answers: Answers) -> dict[str, float]:
        if answers.chances is not None:
            return scores.of_classes(right, answers.chances)
        assert answers.numbers is not None
        return scores.of_numbers(right, answers.numbers)

    def _rivals(
        self, learned: Recognition, asked: Asked, right: NDArray[Any], notes: list[str]
    ) -> dict[str, dict[str, float]]:
        whole = np.flatnonzero(~learned.held)
        places = rivals.some(whole)
        if len(places) < len(whole):
            notes.append(
                f"the simpler methods learned from {len(places):,} of its {len(whole):,} {learned.sizes.unit}s"
            )
        inputs, targets = learned.inputs[torch.from_numpy(places)].numpy(), learned.answers.numpy()[places]
        if isinstance(self.encoder, Columns):
            rows, others = rivals.of_rows(inputs, asked.inputs, len(self.encoder.lists))
        else:
            (rows, side), (others, _) = rivals.of_images(inputs), rivals.of_images(asked.inputs)
            if side:
                notes.append(f"the simpler methods read the images made smaller, {side} x {side} pixels")
        if self.target.classes:
            found = rivals.of_classes(rows, targets, others, len(self.target.classes))
            told = {name: scores.of_classes(right, chances) for name, chances in found}
        else:
            scale, center = self.target.scale, self.target.center
            answers = rivals.of_numbers(rows, targets.astype(np.float64), others)
            told = {name: scores.of_numbers(right, numbers * scale + center) for name, numbers in answers}
        if missing := [name for name in rivals.names(bool(self.target.classes)) if name not in told]:
            notes.append(f"{', '.join(missing)} could not learn from these {learned.sizes.unit}s")
        return told

    def _importance(self, table: Table, right: NDArray[Any], measure: str) -> dict[str, tuple[float, float]]:
        """By how much the score falls when a column's cells are shuffled. Breiman 2001."""
        if not isinstance(self.encoder, Columns):
            return {}
        chance = np.random.default_rng(0)
        many = len(self.encoder.read) > MANY_COLUMNS
        most = MOST_PERMUTED * MANY_COLUMNS // len(self.encoder.read) if many else MOST_PERMUTED
        if len(table) > most:
            some = np.sort(chance.choice(len(table), most, replace=False))
            table, right = table.take(some), right[some]
        rows = self.encoder.encode(table, strict=False)
        whole = self._scores(right, self.answer(rows))[measure]
        found = {}
        for name, places in self.encoder.places().items():
            falls = []
            for _ in range(1 if many else PERMUTED):
                changed = rows.copy()
                changed[:, places] = rows[chance.permutation(len(rows))][:, places]
                falls.append(whole - self._scores(right, self.answer(changed))[measure])
            found[name] = (float(np.mean(falls)), float(np.std(falls)))
        return dict(sorted(found.items(), key=lambda item: -item[1][0]))


def _familiar(asked: Asked, learned: Recognition | None) -> list[str]:
    """What makes the scores look better than they will be on new records."""
    if asked.held_back:
        return [
            f"of the run's checkpoints this is the one that did best on these {learned.sizes.unit if learned else 'record'}s, "
            "which flatters it a little; --data PATH scores on others"
        ]
    if learned is None:
        return []
    known = hashes(
        record.tobytes() for record, held in zip(learned.inputs.numpy(), learned.held, strict=True) if not held
    )
    seen = int(np.isin(hashes(record.tobytes() for record in asked.inputs), known).sum())
    if seen < max(SEEN * len(asked.inputs), 1):
        return []
    return [
        f"{seen:,} of these {len(asked.inputs):,} {learned.sizes.unit}s, or their equals, it learned from: on new ones it will "
        "do worse"
    ]


def with_answers(table: Table, answers: Answers) -> Table:
    """The table with the answers beside its own columns: the target's name with `predicted`, and each class's probability."""
    import pyarrow

    columns = {name: _plain(values) for name, values in table.columns.items()}
    name = answers.target.name
    if answers.chances is None:
        assert answers.numbers is not None
        columns[_free(columns, f"predicted {name}")] = pyarrow.array(answers.numbers)
        return Table(columns)
    columns[_free(columns, f"predicted {name}")] = pyarrow.array(answers.labels, pyarrow.string())
    for at, one in enumerate(answers.target.classes):
        columns[_free(columns, f"probability {one}")] = pyarrow.array(answers.chances[:, at])
    return Table(columns)


def _plain(values: Any) -> Any:
    """Times as they are written."""
    import pyarrow

    return values.cast(pyarrow.string()) if pyarrow.types.is_temporal(values.type) else values


def _free(columns: dict[str, Any], name: str) -> str:
    while name in columns:
        name += " (new)"
    return name
