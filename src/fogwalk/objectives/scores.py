"""How good answers are, in numbers for people: of classes, accuracy, balanced accuracy, F1, ROC AUC and who is taken for whom; of
numbers, RMSE, MAE and R².

Before this   losses.py says what is made small.
After this    predicting.py prints them beside what the rivals get.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Chances = NDArray[np.float64]
Numbers = NDArray[np.float64]


def confusion(right: Codes, told: Codes, classes: int) -> Codes:
    """[classes, classes]: how many rows of each class (down) were taken for each (across)."""
    return np.bincount(right * classes + told, minlength=classes * classes).reshape(classes, classes)


def of_classes(right: Codes, chances: Chances) -> dict[str, float]:
    """Scores of probabilities [rows, classes]; the likeliest class is the answer, the first of equals.

    Balanced accuracy is the mean, over the classes that occur, of the share of each that was found. F1 is the mean over classes
    of 2·hits / (rows of it + rows told to be it), a class of neither left out. ROC AUC is the chance that a row of a class is
    given a higher probability of it than a row of another (Mann and Whitney 1947), for two classes of the second; for more the
    mean over those that occur. NaN where it cannot be told.
    """
    classes = chances.shape[1]
    table = confusion(right, chances.argmax(1), classes)
    hits, occurs, told = np.diag(table), table.sum(1), table.sum(0)
    there, either = occurs > 0, occurs + told > 0
    return {
        "accuracy": float(hits.sum() / table.sum()),
        "balanced accuracy": float((hits[there] / occurs[there]).mean()),
        "F1": float((2 * hits[either] / (occurs + told)[either]).mean()),
        "ROC AUC": _auc_of_all(right, chances),
        "cross-entropy": float(surprise(right, chances).mean()),
    }


def surprise(right: Codes, chances: Chances) -> Numbers:
    """-ln of the probability that the right class was given, in nats, by row; of none whatever 34.5."""
    given = chances[np.arange(len(right)), right]
    return np.asarray(-np.log(np.maximum(given, 1e-15)), dtype=np.float64)


def _auc_of_all(right: Codes, chances: Chances) -> float:
    if chances.shape[1] == 2:
        return auc(right == 1, chances[:, 1])
    each = [auc(right == one, chances[:, one]) for one in range(chances.shape[1])]
    known = [value for value in each if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def auc(is_it: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """The chance that one that is it has a higher score than one that is not, equal ones counted half; NaN where there are none.

    >>> auc(np.array([True, False, True]), np.array([0.9, 0.5, 0.5]))
    0.75
    """
    yes, no = int(is_it.sum()), int((~is_it).sum())
    if not yes or not no:
        return math.nan
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return float((ranks[is_it].sum() - yes * (yes + 1) / 2) / (yes * no))


def of_numbers(right: Numbers, told: Numbers) -> dict[str, float]:
    """Root of the mean square, mean absolute value of what is off, and R² = 1 - its variance over that of the right ones."""
    off = told - right
    spread = float(np.mean((right - right.mean()) ** 2))
    return {
        "RMSE": float(np.sqrt(np.mean(off**2))),
        "MAE": float(np.mean(np.abs(off))),
        "R²": 1 - float(np.mean(off**2)) / spread if spread else math.nan,
    }
