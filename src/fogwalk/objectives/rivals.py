"""What simpler methods get on the same split, so that a person sees whether the network earns its keep. They are scikit-learn's:
the extra `samples`.

Before this   scores.py.
After this    predicting.py sets them beside the network.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
MOST_ROWS = 20_000  # that the rivals learn from: enough for them, and quick
MOST_WORDS = 50  # of a column of many: the commonest, each a one among zeros
MOST_VALUES = 1024  # of an image: a larger one is made smaller, or they would take hours


TRIVIAL = ("always the mean", "always the commonest")


def names(classes: bool) -> list[str]:
    """Of those for classes, or for numbers."""
    return list(_classifiers(1) if classes else _regressors(1))


def available() -> bool:
    """Whether scikit-learn is installed."""
    try:
        import sklearn  # noqa: F401
    except ImportError:
        return False
    return True


def _classifiers(rows: int) -> dict[str, Callable[[], Any]]:
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier

    return {
        TRIVIAL[1]: lambda: DummyClassifier(strategy="prior"),
        "logistic regression": lambda: LogisticRegression(max_iter=2000),
        "nearest neighbours (5)": lambda: KNeighborsClassifier(min(5, rows)),
        "gradient boosting": lambda: HistGradientBoostingClassifier(random_state=0),
    }


def _regressors(rows: int) -> dict[str, Callable[[], Any]]:
    from sklearn.dummy import DummyRegressor
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.neighbors import KNeighborsRegressor

    return {
        TRIVIAL[0]: lambda: DummyRegressor(),
        "linear regression": lambda: LinearRegression(),
        "nearest neighbours (5)": lambda: KNeighborsRegressor(min(5, rows)),
        "gradient boosting": lambda: HistGradientBoostingRegressor(random_state=0),
    }


def of_classes(rows: Matrix, right: NDArray[np.int64], asked: Matrix, classes: int) -> Iterator[tuple[str, Matrix]]:
    """Each rival's probabilities [asked, classes]."""
    for name, build in _classifiers(len(rows)).items():
        model = _fitted(build(), rows, right)
        if model is None:
            continue
        chances = np.zeros((len(asked), classes))
        chances[:, model.classes_] = model.predict_proba(asked)
        yield name, chances


def of_numbers(rows: Matrix, right: NDArray[np.float64], asked: Matrix) -> Iterator[tuple[str, NDArray[np.float64]]]:
    """Each rival's numbers."""
    for name, build in _regressors(len(rows)).items():
        model = _fitted(build(), rows, right)
        if model is not None:
            yield name, np.asarray(model.predict(asked))


def some(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """At most 20,000 of them, in order."""
    if len(places) <= MOST_ROWS:
        return places
    return np.sort(np.random.default_rng(0).choice(places, MOST_ROWS, replace=False))


def of_rows(rows: NDArray[Any], asked: NDArray[Any], lists: int) -> tuple[Matrix, Matrix]:
    """Rows as the rivals read them: the last `lists` columns hold the numbers of words, which say nothing of how much, and
    become ones for the commonest words of what is learned from."""
    parts = [(rows[:, : rows.shape[1] - lists], asked[:, : rows.shape[1] - lists])]
    for at in range(rows.shape[1] - lists, rows.shape[1]):
        words, counts = np.unique(rows[:, at], return_counts=True)
        common = words[np.argsort(-counts, kind="stable")[:MOST_WORDS]]
        parts.append((rows[:, at, None] == common, asked[:, at, None] == common))
    learned, others = zip(*parts, strict=True)
    return np.concatenate(learned, 1, dtype=np.float64), np.concatenate(others, 1, dtype=np.float64)


def of_images(images: NDArray[np.uint8]) -> tuple[Matrix, int]:
    """Images [images, channels, height, width] as rows of values from 0 to 1, and the side of the small ones; 0 where they
    stay as they are."""
    channels, height, width = images.shape[1:]
    if channels * height * width <= MOST_VALUES:
        return images.reshape(len(images), -1) / 255.0, 0
    import torch
    from torch.nn.functional import adaptive_avg_pool2d

    side = int((MOST_VALUES / channels) ** 0.5)
    small = [
        adaptive_avg_pool2d(torch.from_numpy(images[start : start + 256] / np.float32(255)), side).flatten(1).numpy()
        for start in range(0, len(images), 256)
    ]
    return np.concatenate(small, dtype=np.float64), side


def _fitted(model: Any, rows: Matrix, right: NDArray[Any]) -> Any:
    """The model, learned; None where it cannot learn from these, as a line that parts classes from rows of a single one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what has not converged is a rival all the same
        try:
            return model.fit(rows, right)
        except ValueError:
            return None
