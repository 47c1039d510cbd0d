"""What all tests share: the data's path, a small text, and a folder with a run of each sort, trained once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A test is never timed: on a busy machine an example may take as long as it likes.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    """The data that is not in the repository is named on the command line (`make test DATA=...`)."""
    parser.addoption("--data", default="../shared/data", help="folder with tinyshakespeare.txt and names.txt")


@pytest.fixture(scope="session")
def data(pytestconfig: pytest.Config) -> Path:
    """The folder of test data; a test that needs it fails where it is missing."""
    folder = Path(pytestconfig.rootpath, pytestconfig.getoption("--data")).resolve()
    assert (folder / "tinyshakespeare.txt").is_file(), f"no tinyshakespeare.txt in {folder}: run make test DATA=folder"
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Tensors as small as those of most tests are slower on several threads, and much slower beside other work."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests keep their tokenised texts out of the person's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True, scope="session")
def _as_wide_everywhere() -> Iterator[None]:
    """What is told is as wide as the terminal: here, and in every process that a test starts, as wide wherever it runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        yield


SENTENCES = (
    "the cat sat on the mat and looked at the rain. ",
    "a dog ran over the hill to find the river. ",
    "we walk in the fog and feel the slope with our feet. ",
)


@pytest.fixture(scope="session")
def small_text() -> str:
    """About 9,000 characters with structure that a tiny model can learn."""
    return "".join(SENTENCES[(number * number + number // 3) % 3] for number in range(200))


@pytest.fixture
def book(tmp_path: Path, small_text: str) -> Path:
    """A file of the small text."""
    path = tmp_path / "book.txt"
    path.write_text(small_text, encoding="utf-8")
    return path


SHORT = {"training.sample_every": 5, "training.compile": "off", "training.precision": "float32", "threads": 1}
SMALL = {"model.layers": 2, "model.width": 16, "model.heads": 2, "model.context": 8, "training.batch": 4}
TWENTY = {"training.steps": 20, "training.evaluate_every": 10, "insight.every": 5}


def train_short(place: Path, sorts: dict[str, dict[str, Any]]) -> None:
    """Runs of twenty steps under place/runs, with their cache beside them."""
    from fogwalk import trainer
    from fogwalk.data.recognise import settled
    from fogwalk.settings import Source

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / ".cache"))
        for name, values in sorts.items():
            trainer.train(settled(Source("test", SHORT | TWENTY | values | {"out": str(place / "runs" / name)})))


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, small_text: str) -> Path:
    """runs/ with a book, tables, a network too wide to draw and an image run, of twenty steps each."""
    place = tmp_path_factory.mktemp("observed")
    (place / "book.txt").write_text(small_text, encoding="utf-8")
    sorts: dict[str, dict[str, Any]] = {
        "book": {"data.path": (str(place / "book.txt"),)} | SMALL,
        "moons": {"data.path": ("sample:moons",), "model.hidden": (4,)},
        "iris": {"data.path": ("sample:iris",), "model.hidden": (5,)},
        "wide": {"data.path": ("sample:moons",), "model.hidden": (17,)},
        "digits": {"data.path": ("sample:digits",), "model_kind": "convolutional", "model.channels": (4,)},
    }
    train_short(place, sorts)
    return place / "runs"
