"""The loop: learning, chance as a pure function of the step, accumulation, and refusing what is not finite."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fogwalk.batches.batch import Batch
from fogwalk.errors import Diverged
from fogwalk.events import Event, StepDone
from fogwalk.settings import Optimizer as OptimizerSettings
from fogwalk.settings import Settings, Source, Training, resolve
from fogwalk.tasks.language import Language
from fogwalk.training import plan
from fogwalk.training.course import Course
from fogwalk.training.evaluation import evaluate
from fogwalk.training.loop import loop
from fogwalk.training.optimizers.adamw import adamw
from fogwalk.training.state import Arithmetic, Recipe, State, arithmetic_of, begin, recipe
from fogwalk.training.stopping import Stop

CPU = Arithmetic(device=torch.device("cpu"), precision="float32")


class FakeTask:
    """Is a point inside the unit circle? Three layers can learn it; nothing here is a language."""

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        return nn.functional.cross_entropy(outputs, batch.targets)


class Points:
    """Random points and their answers; a pure function of the step."""

    per_epoch = 100

    def at(self, step: int) -> Batch:
        points = torch.rand(64, 2, generator=torch.Generator().manual_seed(step)) * 3 - 1.5
        return Batch(points, (points.square().sum(1) < 1).long())


def three_layers(dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(2, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 2)
    )


def points_state(model: nn.Module) -> State:
    return State(
        model, adamw.build(list(model.named_parameters()), OptimizerSettings(learning_rate=0.02, name="adamw"))
    )


def points_recipe(**changes: Any) -> Recipe:
    settings = OptimizerSettings(learning_rate=0.02, name="adamw")
    parts = {"accumulate": 1, "clip": 1.0, **changes}
    return Recipe(
        task=FakeTask(),  # type: ignore[arg-type]  # only its loss is asked for
        batches=Points(),
        course=Course(Settings(optimizer=settings, training=Training(steps=200))),
        arithmetic=CPU,
        seed=1,
        **parts,
    )


def losses_of(state: State, made_of: Recipe, steps: int | None = None) -> list[float]:
    seen: list[float] = []

    def remember(event: Event) -> None:
        if isinstance(event, StepDone):
            seen.append(float(event.loss))

    loop(state, made_of, remember, Stop(), until=steps)
    return seen


def test_three_layers_learn_a_circle_through_the_same_loop() -> None:
    losses = losses_of(points_state(three_layers()), points_recipe(), 200)
    assert losses[0] > 0.5
    assert sum(losses[-10:]) / 10 < 0.12


def test_a_loop_stopped_and_gone_on_with_equals_one_that_was_not() -> None:
    whole, halves = points_state(three_layers(0.2)), points_state(three_layers(0.2))
    expected = losses_of(whole, points_recipe(), 30)
    torch.manual_seed(99)  # whatever was drawn in between must not matter
    seen = losses_of(halves, points_recipe(), 13)
    torch.rand(5)
    seen += losses_of(halves, points_recipe(), 30)
    assert seen == expected
    assert all(torch.equal(a, b) for a, b in zip(whole.model.parameters(), halves.model.parameters(), strict=True))


def test_portions_of_a_batch_add_up_to_the_batch() -> None:
    whole = losses_of(points_state(three_layers()), points_recipe(), 10)
    portions = losses_of(points_state(three_layers()), points_recipe(accumulate=4), 10)
    assert portions == pytest.approx(whole, abs=1e-5)


def test_the_loop_ends_after_the_step_in_which_it_is_asked_to() -> None:
    stop, state = Stop(), points_state(three_layers())
    loop(state, points_recipe(), lambda event: stop.ask("interrupted") if event.step == 7 else None, stop)
    assert state.step == 7


@pytest.mark.parametrize("name", ["muon", "adamw", "sgd"])
def test_after_a_loss_that_is_not_finite_no_bit_has_changed(name: str, book: Path) -> None:
    _, state, made_of = tiny(book, {"optimizer.name": name, "training.steps": "20"})
    loop(state, made_of, lambda event: None, Stop(), until=3)
    weights = {key: value.detach().clone() for key, value in state.model.named_parameters()}
    memory = {key: value.clone() for key, value in state.optimizer.state().items()}
    broken = Broken(made_of.task, at=0)
    with pytest.raises(Diverged) as raised:
        loop(state, replace(made_of, task=broken), lambda event: None, Stop())  # type: ignore[arg-type]
    assert "step 4" in str(raised.value)
    assert state.step == 3
    assert all(torch.equal(weights[key], value) for key, value in state.model.named_parameters())
    assert memory.keys() == state.optimizer.state().keys()
    assert all(torch.equal(memory[key], value) for key, value in state.optimizer.state().items())


class Broken:
    """A task whose loss is multiplied into nan."""

    def __init__(self, task: Any, at: int) -> None:
        self.task = task

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        loss: Tensor = self.task.loss(outputs, batch) * float("nan")
        return loss


def test_the_layer_whose_output_overflows_is_named(book: Path) -> None:
    _, state, made_of = tiny(book, {"training.steps": "5", "training.precision": "float32"})
    with torch.no_grad():
        dict(state.model.named_parameters())["layers.1.feed_forward.up.weight"].fill_(3e38)
    with pytest.raises(Diverged, match=r"layers\.1\.feed_forward\.up"):
        loop(state, made_of, lambda event: None, Stop())


def tiny(path: Path, changes: dict[str, str] | None = None) -> tuple[Language, State, Recipe]:
    """A tiny transformer on a text, ready to be trained."""
    values = {
        "data.path": str(path),
        "model.layers": "2",
        "model.width": "32",
        "model.heads": "2",
        "model.context": "32",
        "training.precision": "float32",
        **(changes or {}),
    }
    settings: Settings = plan.close_before_data(resolve(Source("test", values)))
    task = Language(settings)
    arithmetic = arithmetic_of(settings)
    return task, begin(task.model(), settings, arithmetic.device), recipe(task, Course(settings), arithmetic)


def test_a_tiny_transformer_learns_a_small_text(book: Path) -> None:
    task, state, made_of = tiny(book, {"training.steps": "120"})
    losses = losses_of(state, made_of, 120)
    assert losses[0] == pytest.approx(task.facts["guessing"], abs=0.1)
    found = evaluate(state.model, task.loss, task.validation(), CPU)
    assert found.loss < 0.8
    assert found.examples == task.facts["validation_tokens"] - 1


def test_shuffled_text_teaches_frequencies_and_no_more(tmp_path: Path, small_text: str) -> None:
    letters = list(small_text * 3)
    random.Random(0).shuffle(letters)
    path = tmp_path / "shuffled.txt"
    path.write_text("".join(letters), encoding="utf-8")
    task, state, made_of = tiny(path, {"training.steps": "100"})
    loop(state, made_of, lambda event: None, Stop())
    validation = evaluate(state.model, task.loss, task.validation(), CPU).loss
    assert validation == pytest.approx(task.facts["frequencies"], abs=0.03)


def test_evaluation_weighs_every_token_alike_and_leaves_the_mode(book: Path) -> None:
    task, state, _ = tiny(book, {"training.steps": "5"})
    state.model.train()
    found = evaluate(state.model, task.loss, task.validation(), CPU)
    assert state.model.training
    again = total(state.model.eval(), task.validation())
    assert found.loss == pytest.approx(again, abs=1e-5)
    assert found.examples == sum(batch.examples for batch in task.validation())


def total(model: nn.Module, batches: Iterator[Batch]) -> float:
    """Mean of -log p over every target, recomputed plainly."""
    surprises = []
    for batch in batches:
        chances = model(batch.inputs).detach().double().log_softmax(2)
        surprises.append(-chances.gather(2, batch.targets[:, :, None]).flatten())
    return float(torch.cat(surprises).mean())
