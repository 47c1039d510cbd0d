"""A folder with a run of each sort that the page is asked for, trained once, and the page's server asked without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from fogwalk import trainer
from fogwalk.data.recognise import settled
from fogwalk.observatory.server import application
from fogwalk.settings import Source

SHORT = {"training.sample_every": 5, "training.compile": "off", "training.precision": "float32", "threads": 1}
SMALL = {"model.layers": 2, "model.width": 16, "model.heads": 2, "model.context": 8, "training.batch": 4}


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, small_text: str) -> Path:
    """runs/ with a book, tables, a network too wide to draw and an image run, of twenty steps each."""
    place = tmp_path_factory.mktemp("observed")
    (place / "book.txt").write_text(small_text, encoding="utf-8")
    sorts = {
        "book": {"data.path": (str(place / "book.txt"),)} | SMALL,
        "moons": {"data.path": ("sample:moons",), "model.hidden": (4,)},
        "iris": {"data.path": ("sample:iris",), "model.hidden": (5,)},
        "wide": {"data.path": ("sample:moons",), "model.hidden": (17,)},
        "digits": {"data.path": ("sample:digits",), "model_kind": "convolutional", "model.channels": (4,)},
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / ".cache"))
        for name, values in sorts.items():
            steps = {"training.steps": 20, "training.evaluate_every": 10, "insight.every": 5}
            trainer.train(settled(Source("test", SHORT | steps | values | {"out": str(place / "runs" / name)})))
    return place / "runs"


@pytest.fixture
def page(shelf: Path) -> Iterator[TestClient]:
    """Asks as a browser on this machine would."""
    with TestClient(application(shelf), base_url="http://127.0.0.1:8777") as client:
        yield client
