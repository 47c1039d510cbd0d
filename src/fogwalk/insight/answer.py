"""One answer of a trained model, and what drove it.

Before this   capture.py; a model and what it reads as numbers.
After this    telling/answers.py writes it for people; run.py asks.
Of a text: the probabilities of the next token, what every layer added to the winner's score (the parts add up to the score), whom
the last token listens to, and what the answer would be without each token of the prompt. Of a row or an image: the answer, and
how it changes when a column, or a square of the image, is put to what is usual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from fogwalk.batches.batch import Batch
from fogwalk.insight.capture import Captured, Value, capture
from fogwalk.insight.direct import towards, untold
from fogwalk.insight.seen import Seen
from fogwalk.models.transformer import LanguageModel

SQUARES = 7  # of an image along each side, that are covered one after the other


@dataclass(frozen=True, kw_only=True)
class TextAnswer:
    """What comes after a prompt. `logits` and `probabilities` [vocabulary] of the next token; `best` the likeliest; `score` its
    logit less the mean of all; `parts` what each layer added to that, by name, where the model is such that this can be told;
    `without` the probability of `best` when a token of the prompt is put to the mean of all tokens, by place; `by_layer` the
    probability that each layer's stream would give it, and `says` what that stream would say, with its probability."""

    ids: list[int]
    logits: Tensor
    probabilities: Tensor
    best: int
    score: float
    parts: dict[str, float]
    by_layer: dict[str, float]
    says: dict[str, tuple[int, float]]
    without: list[float]
    captured: Captured

    @property
    def entropy(self) -> float:
        """How unsure it is, in nats: Σ -p·ln p; e^entropy equally likely tokens would leave it as unsure."""
        p = self.logits.double().log_softmax(0)
        return float(-(p.exp() * p).sum())


@dataclass(frozen=True)
class _Pass(Seen):
    """What a model made of something it was asked, with every value on the way."""

    model: nn.Module
    captured: Captured

    @property
    def values(self) -> dict[str, Value]:
        return self.captured.values

    @property
    def parameters(self) -> dict[str, Tensor]:
        return {name: parameter.detach() for name, parameter in self.model.named_parameters()}


@dataclass(frozen=True)
class Answering(_Pass):
    """The pass that made a text's answer: its L, of which blame is told, is the likeliest token's score above the mean of all."""

    ids: list[int]
    named: Callable[[int], str]

    @property
    def title(self) -> str:
        return "this answer (L is the likeliest token's score above the mean of all)"

    def answer_name(self, output: int) -> str:
        return self.named(output)

    def token(self, row: int, place: int) -> str:
        return self.named(self.ids[place])


@dataclass(frozen=True)
class AnsweringRecord(_Pass):
    """The pass that made the answer for one row or image: its L, of which blame is told, is the likeliest class's score above the
    mean of all, or the number that comes out. `columns` are the names of what is read, `classes` those of what comes out."""

    columns: list[str]
    classes: Sequence[str]

    @property
    def title(self) -> str:
        of = "the likeliest class's score above the mean of all" if self.classes else "the number that comes out"
        return f"this answer (L is {of})"

    @property
    def input_names(self) -> list[str]:
        return self.columns

    def answer_name(self, output: int) -> str:
        return self.classes[output] if self.classes else ""

    def token(self, row: int, place: int) -> str:
        return ""


@dataclass(frozen=True, kw_only=True)
class RecordAnswer:
    """What goes with a row or an image: outputs [outputs], and for each column, or square of the image (row, column), the outputs
    when it is put to what is usual (the median of a number, no word, the mean of a channel). `read` takes from outputs what is
    told of them: the likeliest class's probability, or the number in its own units."""

    outputs: Tensor
    read: Callable[[Tensor], float]
    without: dict[str, Tensor] = field(default_factory=dict)
    squares: Tensor | None = None  # [rows, columns, outputs]

    @property
    def now(self) -> float:
        """What is told of the answer as it is."""
        return self.read(self.outputs)

    @property
    def changes(self) -> dict[str, float]:
        """By how much that changes without each column; what rounding alone makes is 0."""
        now = self.now
        changes = {name: self.read(outputs) - now for name, outputs in self.without.items()}
        return {name: change if abs(change) > 1e-6 * max(abs(now), 1e-3) else 0.0 for name, change in changes.items()}

    @property
    def covered(self) -> list[list[float]]:
        """By how much it changes without each square of an image, rows from above."""
        squares: Sequence[Tensor] | Tensor = () if self.squares is None else self.squares
        return [[self.read(outputs) - self.now for outputs in row] for row in squares]


def pass_of_text(model: nn.Module, ids: Sequence[int]) -> Captured:
    """The pass that makes the answer to some tokens [time], with every probe open."""
    tokens = torch.tensor([list(ids)], device=next(model.parameters()).device)

    def score_of_the_winner(outputs: Tensor, batch: Batch) -> Tensor:
        return _centred(outputs[0, -1]).amax()

    return capture(model, score_of_the_winner, Batch(tokens, tokens))


def of_text(model: nn.Module, ids: Sequence[int]) -> TextAnswer:
    """The next token after some tokens [time], and what drove it."""
    captured = pass_of_text(model, ids)
    last = captured.outputs[0, -1].float()
    probabilities = last.softmax(0)
    best = int(last.argmax())
    with torch.no_grad():
        parts = _parts(model, captured)
        streams = _by_layer(model, captured)
        return TextAnswer(
            ids=list(ids),
            logits=last,
            probabilities=probabilities,
            best=best,
            score=float(_centred(last)[best]),
            parts=parts,
            by_layer={name: float(p[best]) for name, p in streams.items()},
            says={name: (int(p.argmax()), float(p.max())) for name, p in streams.items()},
            without=_without(model, captured.batch.inputs, best),
            captured=captured,
        )


def of_record(
    model: nn.Module,
    record: Tensor,
    places: dict[str, list[int]],
    value_of: Callable[[float], float] | None = None,
) -> RecordAnswer:
    """The outputs for one row [columns] or image [channels, rows, columns]; `places` says where each column stands in the row,
    `value_of` turns an output into a number in its own units, where no class is told."""
    device = next(model.parameters()).device
    record = record.to(device)
    with torch.no_grad():
        outputs = model(record[None])[0].float()
        best = int(outputs.argmax())

        def read(given: Tensor) -> float:
            return value_of(float(given[0])) if value_of else float(given.softmax(-1)[best])

        if record.dim() == 1:
            rows = record.repeat(max(len(places), 1), 1)
            for at, where in enumerate(places.values()):
                rows[at, where] = 0.0
            changed = model(rows).float()
            return RecordAnswer(outputs=outputs, read=read, without=dict(zip(places, changed, strict=True)))
        covered = _covered(record)
        changed = torch.cat([model(part).float() for part in covered.flatten(0, 1).split(64)])
        return RecordAnswer(outputs=outputs, read=read, squares=changed.unflatten(0, covered.shape[:2]))


def seen_of_record(model: nn.Module, record: Tensor, columns: list[str], classes: Sequence[str]) -> AnsweringRecord:
    """The same pass with every probe open."""

    def told(outputs: Tensor, batch: Batch) -> Tensor:
        return _centred(outputs[0]).amax() if classes else outputs[0, 0]

    captured = capture(model, told, Batch(record[None], torch.zeros(1)))
    return AnsweringRecord(model, captured, columns, classes)


def _covered(image: Tensor) -> Tensor:
    """[squares down, squares across, channels, rows, columns]: each square once put to the mean, which is 0."""
    high, wide = image.shape[1:]
    down, across = min(SQUARES, high), min(SQUARES, wide)
    images = image.repeat(down, across, 1, 1, 1)
    for row in range(down):
        for column in range(across):
            rows = slice(row * high // down, (row + 1) * high // down)
            columns = slice(column * wide // across, (column + 1) * wide // across)
            images[row, column, :, rows, columns] = 0.0
    return images


def _centred(scores: Tensor) -> Tensor:
    """Less their mean: what softmax makes of them is the same."""
    return scores - scores.mean(-1, keepdim=True)


def _parts(model: nn.Module, captured: Captured) -> dict[str, float]:
    """What the embedding and each sub-layer added to the stream, through the last norm as it was, to the winner's score. They add
    up to the score, where layers are added to what they read and the last norm has no mean."""
    if untold(model):
        return {}
    assert isinstance(model, LanguageModel)
    values, direction = captured.values, towards(model, captured)[-1]
    added = {"embedding": values["placed"].value[0, -1]}
    for number in range(model.shape.layers):
        for part in ("attention", "feed_forward"):
            added[f"layers.{number}.{part}"] = values[f"layers.{number}.{part}.output"].value[0, -1]
    return {name: float(value @ direction) for name, value in added.items()}


def _by_layer(model: nn.Module, captured: Captured) -> dict[str, Tensor]:
    """The probabilities [vocabulary] if a layer's stream were the last (the logit lens; nostalgebraist 2020)."""
    if not isinstance(model, LanguageModel):
        return {}
    streams = {"embedding": captured.values["placed"].value}
    streams |= {f"layers.{at}": captured.values[f"layers.{at}.output"].value for at in range(model.shape.layers)}
    return {name: model.head(model.norm(stream[:, -1]))[0].float().softmax(0) for name, stream in streams.items()}


def _without(model: nn.Module, tokens: Tensor, best: int) -> list[float]:
    """The winner's probability when a place holds the mean of all tokens' rows, one place after the other."""
    embedding = model.embedding
    assert isinstance(embedding, nn.Embedding)
    mean, places = embedding.weight.mean(0), tokens.shape[1]
    found: list[float] = []
    vocabulary = len(embedding.weight)
    at_once = max(1, min(32, 30_000_000 // (places * vocabulary)))
    for first in range(0, places, at_once):
        part = range(first, min(first + at_once, places))

        def put(module: nn.Module, inputs: object, rows: Tensor, part: range = part) -> Tensor:
            rows = rows.clone()
            for at, place in enumerate(part):
                rows[at, place] = mean
            return rows

        hook = embedding.register_forward_hook(put)
        try:
            outputs = model(tokens.expand(len(part), -1))
        finally:
            hook.remove()
        found += outputs[:, -1].float().softmax(1)[:, best].tolist()
    return found
