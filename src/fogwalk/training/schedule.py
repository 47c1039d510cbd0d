"""How the learning rate moves over a run: a factor of the full rate for every step, in closed form.

Before this   settings/.
After this    loop.py asks for the rate of each step.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from fogwalk.settings import Optimizer

Schedule = Callable[[int], float]

FALLING = ("cosine", "linear")  # from the end of the warm-up to the last step


def schedule(settings: Optimizer, steps: int) -> Schedule:
    """The learning rate of update number `step` (from 0) in a run of `steps`.

    It rises linearly over the warm-up, then: constant stays; cosine and linear fall over the rest; warmup-stable-decay stays and
    falls linearly over its last share. Falling ends just above `final` times the rate, which step number `steps` would have.

    >>> rate = schedule(Optimizer(learning_rate=1.0, schedule="linear", warmup=0.2), steps=10)
    >>> [round(rate(step), 3) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.125]
    """
    full = settings.learning_rate
    assert full is not None, "the plan closes the learning rate"
    warm = round(settings.warmup * steps)
    stable = steps - round(settings.decay * steps) if settings.schedule == "warmup-stable-decay" else warm

    def rate(step: int) -> float:
        if step < warm:
            return min(full * (step + 1) / warm, full)  # rounded, the last of them may lie above it
        if settings.schedule == "constant" or step < stable:
            return full
        done = min((step - stable) / max(steps - stable, 1), 1.0)
        left = (1 + math.cos(math.pi * done)) / 2 if settings.schedule == "cosine" else 1 - done
        return full * (settings.final + (1 - settings.final) * left)

    return rate
