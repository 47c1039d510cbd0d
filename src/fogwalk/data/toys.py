"""Two-dimensional toys, made on the spot: what a plain network can and cannot draw a line through, as TensorFlow Playground
teaches with.

Before this   tables/table.py.
After this    tables/samples.py lists them with the real tables that scikit-learn carries.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Classes = NDArray[np.int64]
POINTS = 2000


def xor(chance: np.random.Generator) -> tuple[Points, Classes]:
    """A square whose opposite quarters are of one class: no straight line parts them."""
    points = chance.uniform(-1, 1, (POINTS, 2))
    points += np.sign(points) * 0.05  # a gap where the quarters meet
    return points, (points[:, 0] * points[:, 1] > 0).astype(np.int64)


def circles(chance: np.random.Generator) -> tuple[Points, Classes]:
    """A circle within another, two fifths as wide, with noise of 0.1."""
    classes = np.arange(POINTS) % 2
    angle = chance.uniform(0, 2 * math.pi, POINTS)
    radius = np.where(classes == 1, 0.4, 1.0)
    points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return points + chance.normal(0, 0.1, points.shape), classes


def moons(chance: np.random.Generator) -> tuple[Points, Classes]:
    """Two half circles that reach into each other, with noise of 0.1."""
    classes = np.arange(POINTS) % 2
    angle = chance.uniform(0, math.pi, POINTS)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = np.where(classes[:, None] == 0, upper, np.array([1.0, 0.5]) - upper)
    return points + chance.normal(0, 0.1, points.shape), classes


def spirals(chance: np.random.Generator) -> tuple[Points, Classes]:
    """Two arms wound about each other nearly twice, without noise."""
    classes = np.arange(POINTS) % 2
    along = np.sqrt(chance.uniform(0.002, 1, POINTS))
    angle = along * 3.5 * math.pi + classes * math.pi
    return np.stack([along * np.sin(angle), along * np.cos(angle)], axis=1), classes


TOYS: dict[str, Callable[[np.random.Generator], tuple[Points, Classes]]] = {
    "sample:xor": xor,
    "sample:circles": circles,
    "sample:moons": moons,
    "sample:spirals": spirals,
}
SEED = 20_260_101  # a toy is the same for everybody
