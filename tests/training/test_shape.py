"""Which shape is picked: a function of the time, the pace and the text alone; what the person chose is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from fogwalk.settings import Settings, Source, Transformer, resolve
from fogwalk.tasks.language import Language
from fogwalk.tasks.protocol import Sizes
from fogwalk.training import plan, shape
from fogwalk.training.memory import planned_memory
from fogwalk.training.pace import Pace


class Text:
    """A task of which only its size counts."""

    def __init__(self, tokens: int) -> None:
        self.sizes = Sizes(unit="token", training=tokens, validation=tokens // 10, each=128, outputs=66)

    def resized(self, settings: Settings) -> Text:
        return self


class Machine:
    """Makes so many products a second, a tenth slower than guessed for every larger shape; remembers what was measured."""

    def __init__(self, products: float) -> None:
        self.products = products
        self.measured: list[int] = []

    def __call__(self, settings: Settings, task: object) -> Pace:
        model = settings.model
        assert isinstance(model, Transformer)
        self.measured.append(model.width)
        step = (shape.layer_parameters(model.layers, model.width) + 66 * model.width) * 2048 / self.products
        return Pace(step=step * (1.1 if model.width > 192 else 1), validation=0.0, sample=0.0, first=step)


def picked(seconds: float, tokens: int = 10**8, products: float = 24e9) -> tuple[int, Machine]:
    machine = Machine(products)
    found = shape.pick(Settings(), Text(tokens), seconds, machine)  # type: ignore[arg-type]
    model = found.settings.model
    assert isinstance(model, Transformer)
    assert found.pace == machine(found.settings, None)
    assert str(model.width) in found.words
    return model.width, machine


def test_more_time_and_a_faster_machine_pick_larger_shapes() -> None:
    widths = [picked(seconds)[0] for seconds in (1, 20, 120, 2_000, 20_000)]
    assert widths == sorted(widths)
    assert len(set(widths)) >= 4
    assert picked(120, products=24e12)[0] > picked(120)[0]


def test_what_was_picked_sees_enough_and_the_next_would_not() -> None:
    for seconds in (60, 600, 6_000):
        width, machine = picked(seconds)
        rung = next(rung for rung in shape.LADDER if rung[1] == width)
        larger = shape.LADDER[shape.LADDER.index(rung) + 1]
        parameters = shape.layer_parameters(*rung[:2])
        step = (parameters + 66 * width) * 2048 / machine.products * 1.1
        assert seconds / step * 2048 / parameters >= shape.SEEN * 0.99
        more = shape.layer_parameters(*larger[:2])
        assert seconds / ((more + 66 * larger[1]) * 2048 / machine.products) * 2048 / more < shape.SEEN * 1.1


def test_a_short_text_picks_a_small_shape_however_much_time_there_is() -> None:
    assert picked(10_000, tokens=2_000)[0] == 64
    assert picked(10_000, tokens=40_000)[0] < picked(10_000)[0]


def test_a_shape_the_person_chose_is_kept(book: Path) -> None:
    for key, value in (("model.layers", "3"), ("model.heads", "6"), ("model.width", "96")):
        values = {"data.path": str(book), key: value, "minutes": "5", "training.compile": "off"}
        assert not shape.is_open(resolve(Source("command line", values)))
    assert shape.is_open(resolve(Source("command line", {"data.path": str(book), "seed": "3"})))
    assert not shape.is_open(resolve(Source("x", {"model_kind": "mlp"})))


def test_given_steps_train_the_default_shape(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"data.path": str(book), "training.steps": "5", "training.compile": "off"}
    settings = plan.close_before_data(resolve(Source("command line", values)))
    closed = plan.close(settings, Language(settings), 0)
    assert closed.course.settings.model == settings.model


def test_memory_grows_with_everything_that_is_held() -> None:
    def held(vocabulary: int = 66, parameters: int = 10**6, **changes: object) -> int:
        settings = Settings().replacing(changes, "test")
        sizes = Sizes(unit="token", training=10**6, validation=10**5, each=settings.model.context, outputs=vocabulary)
        return planned_memory(settings, sizes, parameters)

    assert held() < held(vocabulary=8192)
    assert held() < held(parameters=10**8)
    assert held() < held(**{"training.batch": 64})
    assert held(**{"training.batch": 64, "training.accumulate": 4}) == held()
    assert held(**{"model.layers": 8}) > held()
    assert held(**{"optimizer.name": "adamw"}) > held()
