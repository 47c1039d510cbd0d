"""Small runs of every sort, trained once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fogwalk import trainer
from fogwalk.data.recognise import settled
from fogwalk.insight import recorder
from fogwalk.runs.folder import RunFolder
from fogwalk.settings import Source

SHORT = {
    "training.steps": 12,
    "training.save_every": 4,
    "training.evaluate_every": 6,
    "training.sample_every": 0,
    "training.compile": "off",
    "training.precision": "float32",
    "insight.every": 3,
    "threads": 1,
}
TEXT = SHORT | {
    "model.layers": 2,
    "model.width": 32,
    "model.heads": 2,
    "model.context": 16,
    "model.dropout": 0.1,
    "training.batch": 4,
    "training.accumulate": 2,
    "data.tokenizer": "characters",
}
RUNS = {
    "text": TEXT,
    "bfloat16": TEXT | {"training.precision": "bfloat16"},
    "mlp": SHORT | {"model_kind": "mlp", "model.hidden": (16,), "model.context": 4, "training.batch": 4},
    "table": SHORT | {"data.path": ("sample:iris",), "model.hidden": (4,), "optimizer.name": "sgd"},
    "numbers": SHORT | {"data.path": ("sample:diabetes",), "model.hidden": (6, 6), "optimizer.name": "adamw"},
    "images": SHORT | {"data.path": ("sample:digits",), "model_kind": "convolutional", "model.channels": (8, 8)},
    "patches": SHORT | {"data.path": ("sample:digits",), "model_kind": "vision", "model.width": 16, "model.heads": 2},
}


@pytest.fixture(autouse=True)
def _whatever_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine looks as often as a quick one."""
    monkeypatch.setattr(recorder, "FREE", 1e9)


def trained(place: Path, values: dict[str, object]) -> RunFolder:
    """A run with these settings."""
    return trainer.train(settled(Source("test", {**values, "out": str(place)})))


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory, small_text: str) -> dict[str, RunFolder]:
    """One of each sort, of twelve steps."""
    place = tmp_path_factory.mktemp("runs")
    (place / "book.txt").write_text(small_text, encoding="utf-8")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / ".cache"))
        patch.setattr(recorder, "FREE", 1e9)
        for name, values in RUNS.items():
            found[name] = trained(place / name, {"data.path": (str(place / "book.txt"),)} | values)
    return found
