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
        "always the commonest": lambda: DummyClassifier(strategy="prior"),
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
        "always the mean": lambda: DummyRegressor(),
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


def some(rows: NDArray[Any], right: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """At most 20,000 of the rows, with their answers."""
    if len(rows) <= MOST_ROWS:
        return rows, right
    chosen = np.random.default_rng(0).choice(len(rows), MOST_ROWS, replace=False)
    return rows[chosen], right[chosen]


def _fitted(model: Any, rows: Matrix, right: NDArray[Any]) -> Any:
    """The model, learned; None where it cannot learn from these, as a line that parts classes from rows of a single one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what has not converged is a rival all the same
        try:
            return model.fit(rows, right)
        except ValueError:
            return None
