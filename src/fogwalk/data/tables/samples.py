"""Tables to try Fogwalk without any data of one's own: toys made on the spot, and what scikit-learn carries.

Before this   ../toys.py.
After this    table.py reads them like a file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fogwalk.data.samples import unknown_sample
from fogwalk.data.scikit import datasets
from fogwalk.data.toys import SEED, TOYS

# Each with the column that is predicted where none is named.
CARRIED = {
    "sample:iris": "species",
    "sample:wine": "cultivar",
    "sample:breast-cancer": "diagnosis",
    "sample:diabetes": "progression",
}
TARGETS = CARRIED | dict.fromkeys(TOYS, "class")


def columns(name: str) -> dict[str, Any]:
    """The columns of a sample; raises UsageError where the library that carries it is not installed."""
    import pyarrow

    if name in TOYS:
        points, classes = TOYS[name](np.random.default_rng(SEED))
        words = np.array(["blue", "orange"])[classes]
        return {"x": pyarrow.array(points[:, 0]), "y": pyarrow.array(points[:, 1]), "class": pyarrow.array(words)}
    if name not in CARRIED:
        raise unknown_sample(name)
    found = _carried(name)
    target = TARGETS[name]
    names = [str(one).removesuffix(" (cm)") for one in found.feature_names]
    table = {one: pyarrow.array(np.asarray(found.data[:, at], dtype=np.float64)) for at, one in enumerate(names)}
    names_of = getattr(found, "target_names", None)
    answers = found.target if names_of is None else np.asarray([str(one) for one in names_of])[found.target]
    return table | {target: pyarrow.array(answers)}


def _carried(name: str) -> Any:
    carrier = datasets(name)
    loaders = {
        "sample:iris": carrier.load_iris,
        "sample:wine": carrier.load_wine,
        "sample:breast-cancer": carrier.load_breast_cancer,
    }
    return loaders[name]() if name in loaders else carrier.load_diabetes(scaled=False)
