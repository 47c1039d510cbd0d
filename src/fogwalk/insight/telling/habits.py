"""A head's habit in a few words, from its numbers.

Before this   ../listening.py, ../measures/attention.py.
After this    the page names each head with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

MOSTLY = 0.5  # share from which a head is said to listen mostly there
PARTLY = 0.3
ABOVE = 1.5  # times what a head that listens to all alike gives there, at least: short texts give much to everything
EVENLY = 0.9  # entropy beside that of listening to all alike

# What is said of a share, and in a word or two.
SPEAKERS = {
    "itself": ("itself", "itself"),
    "previous": ("the token before", "before"),
    "first": ("the first token", "first"),
    "same": ("the same token earlier, where there is one", "same"),
    "induction": ("what came after the same token earlier, where there is one", "after same"),
}


def habit(found: Mapping[str, float], usual: Mapping[str, float]) -> tuple[str, str]:
    """What a head does, and the same in a word or two: the largest of its shares that is large and more than `usual`, what
    listening to all places alike would give; else how widely it listens.

    >>> habit({"entropy": 0.2, "previous": 0.93, "first": 0.3}, {"entropy": 1.4, "previous": 0.3, "first": 0.3})
    ('listens mostly to the token before (0.93)', 'before')
    >>> habit({"entropy": 1.39, "previous": 0.3, "first": 0.3}, {"entropy": 1.4, "previous": 0.3, "first": 0.3})
    ('listens to all places alike', 'all alike')
    """
    if not found:
        return "has one token alone, which hears only itself", "alone"
    spread = found["entropy"] / usual["entropy"] if usual["entropy"] else 1.0
    large = {
        name: found[name] for name in SPEAKERS if found.get(name, 0.0) >= max(PARTLY, ABOVE * usual.get(name, 0.0))
    }
    if large:
        name = max(large, key=lambda one: large[one])
        words, short = SPEAKERS[name]
        return f"listens {'mostly' if large[name] >= MOSTLY else 'partly'} to {words} ({large[name]:.2f})", short
    if spread >= EVENLY:
        return "listens to all places alike", "all alike"
    places = math.exp(found["entropy"])
    return f"listens to about {places:.1f} places at once, {found['distance']:.1f} back on average", "mixed"
