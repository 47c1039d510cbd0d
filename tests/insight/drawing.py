"""Models, batches and settings drawn at random, of every kind, and one step taken with each."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fogwalk.batches.batch import Batch
from fogwalk.encoding.records import Reads
from fogwalk.insight.one_step import Step, taken
from fogwalk.objectives.losses import class_loss, cross_entropy, number_loss
from fogwalk.registry import MODELS
from fogwalk.settings import Convolutional, Mlp, Optimizer, Plain, Settings, Training, Transformer, Vision
from fogwalk.training.course import Course
from fogwalk.training.state import Arithmetic, Recipe, begin

KINDS = ("plain", "mlp", "convolutional", "transformer", "vision")
SIGMAS = ("relu", "squared-relu", "gelu", "silu", "sigmoid", "tanh")


@dataclass(frozen=True)
class Drawn:
    """A step, the numbers of its rows that are no places in lists, and the shape of its model."""

    step: Step
    numbers: int
    shape: Any


class FakeTask:
    """Only what a step is taken with."""

    def __init__(self, name: str, weights: Tensor | None, smoothing: float) -> None:
        self.loss_name = name
        self.class_weights = weights
        self.label_smoothing = smoothing
        self.input_names: list[str] = []

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        if self.loss_name != "cross-entropy":
            return number_loss(self.loss_name, outputs[:, 0], batch.targets)
        if outputs.dim() == 3:
            return cross_entropy(outputs, batch.targets)
        return class_loss(outputs, batch.targets, self.class_weights, self.label_smoothing)


class FakeBatches:
    """A few batches, each drawn once."""

    def __init__(self, batches: list[Batch]) -> None:
        self.batches = batches
        self.per_epoch = sum(len(batch.inputs) for batch in batches)

    def at(self, step: int) -> Batch:
        return self.batches[step]


def drawn(kind: str, number: int, before: int = 2) -> Drawn:
    """Model `number` of a kind, after `before` updates that fill the optimizer's memory, and the step that follows."""
    chance = random.Random(f"{kind}/{number}")
    dropout = chance.choice((0.0, 0.3))
    rows, outputs, numbers = chance.choice((2, 4)), chance.randint(2, 5), chance.randint(1, 4)
    generator = torch.Generator().manual_seed(number)
    loss, weights, smoothing = "cross-entropy", None, 0.0
    text = kind in ("mlp", "transformer")
    if not text:
        loss = chance.choice(("cross-entropy", "cross-entropy", "mean-squared", "mean-absolute", "huber"))
        outputs = outputs if loss == "cross-entropy" else 1
        if loss == "cross-entropy" and chance.random() < 0.5:
            weights, smoothing = torch.rand(outputs, generator=generator) + 0.5, chance.choice((0.0, 0.2))
    shape, built, inputs = _model(kind, chance, dropout, outputs, numbers)
    settings = Settings(
        task="language" if text else "classification" if loss == "cross-entropy" else "regression",
        model_kind=kind,
        model=shape,
        seed=number,
        threads=1,
        device="cpu",
        optimizer=Optimizer(
            name=chance.choice(("sgd", "adamw", "muon")),
            learning_rate=0.02,
            weight_decay=chance.choice((0.0, 0.1)),
            clip=chance.choice((0.0, 0.05, 1.0)),
            schedule="constant",
            warmup=0.0,
            decay=0.0,
        ),
        training=Training(
            steps=before + 1,
            batch=rows,
            accumulate=chance.choice((1, 2)),
            precision="float32",
            compile="off",
            label_smoothing=smoothing,
        ),
    )
    batches = [_batch(inputs, rows, outputs, loss, text, generator) for _ in range(before + 1)]
    recipe = Recipe(
        task=FakeTask(loss, weights, smoothing),  # type: ignore[arg-type]
        batches=FakeBatches(batches),
        course=Course(settings),
        arithmetic=Arithmetic(device=torch.device("cpu"), precision="float32"),
        clip=settings.optimizer.clip,
        accumulate=settings.training.accumulate,
        seed=number,
    )
    torch.set_num_threads(1)
    state = begin(built, settings, torch.device("cpu"))
    _shake(state.model, generator)
    for step in range(1, before + 2):
        found = taken(state, recipe, step)
    return Drawn(found, numbers, shape)


def _model(kind: str, chance: random.Random, dropout: float, outputs: int, numbers: int) -> tuple[Any, nn.Module, Any]:
    build = MODELS.get(kind)
    if kind == "plain":
        wide = chance.randint(2, 5)
        shape: Any = Plain(
            hidden=(wide, wide)[: chance.randint(1, 2)],
            activation=chance.choice(SIGMAS),
            normalisation=chance.choice(("none", "rmsnorm", "layernorm")),
            residual=chance.random() < 0.5,
            dropout=dropout,
        )
        lists = chance.choice(((), (5,), (4, 6)))
        return shape, build(shape, Reads(numbers, lists), outputs), (numbers, lists)
    if kind == "mlp":
        shape = Mlp(
            hidden=(chance.randint(2, 5),) * chance.randint(1, 2),
            activation=chance.choice(SIGMAS),
            embedding=chance.randint(1, 3),
            context=chance.randint(2, 4),
            dropout=dropout,
        )
        return shape, build(shape, outputs + 2), (5, outputs + 2)
    if kind == "convolutional":
        channels, side = chance.choice((1, 3)), chance.choice((5, 8))
        shape = Convolutional(
            channels=(chance.choice((3, 16)), 4)[: chance.randint(1, 2)],
            hidden=chance.choice(((0,), (4,))),
            kernel=chance.choice((1, 3)),
            activation=chance.choice(SIGMAS),
            normalisation=chance.choice(("none", "groupnorm")),
            dropout=dropout,
        )
        return shape, build(shape, Reads(0, (), (channels, side, side)), outputs), (channels, side, side)
    heads = chance.choice((1, 2, 4))
    if kind == "transformer":
        shape = Transformer(
            layers=chance.randint(1, 2),
            width=8,
            heads=heads,
            key_value_heads=chance.choice((None, 1)),
            context=5,
            positions=chance.choice(("rotary", "learned", "sinusoidal", "alibi", "none")),
            normalisation=chance.choice(("rmsnorm", "layernorm", "none")),
            norm_place=chance.choice(("before", "after")),
            query_key_norm=chance.random() < 0.7,
            residual=chance.random() < 0.8,
            feed_forward=chance.choice(("gated-silu", *SIGMAS)),
            feed_forward_width=chance.choice((None, 6)),
            biases=chance.random() < 0.5,
            tied=chance.random() < 0.3,
            dropout=dropout,
        )
        return shape, build(shape, outputs + 2), (5, outputs + 2)
    shape = Vision(patch=2, width=8, heads=heads, layers=chance.randint(1, 2), dropout=dropout)
    return shape, build(shape, Reads(0, (), (1, 5, 4)), outputs), (1, 5, 4)


def _batch(inputs: Any, rows: int, outputs: int, loss: str, text: bool, generator: torch.Generator) -> Batch:
    if text:
        time, vocabulary = inputs
        tokens = torch.randint(vocabulary, (rows, time + 1), generator=generator)
        return Batch(tokens[:, :-1], tokens[:, 1:])
    targets = (
        torch.randint(outputs, (rows,), generator=generator)
        if loss == "cross-entropy"
        else torch.randn(rows, generator=generator)
    )
    if len(inputs) == 2:
        numbers, lists = inputs
        x = torch.randn(rows, numbers, generator=generator)
        places = [torch.randint(words, (rows, 1), generator=generator).float() for words in lists]
        return Batch(torch.cat([x, *places], 1), targets)
    return Batch(torch.randn(rows, *inputs, generator=generator), targets)


@torch.no_grad()
def _shake(model: nn.Module, generator: torch.Generator) -> None:
    """Nothing stays zero or one: every parameter shall have a say."""
    for parameter in model.parameters():
        parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
