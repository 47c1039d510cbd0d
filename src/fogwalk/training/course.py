"""How far a run goes and at which rate: closed by the plan before the first step, and changed by a recorded re-plan alone.

Before this   schedule.py; plan.py has closed the settings.
After this    loop.py asks before each step; everyone who needs to know the last step asks here.
A re-plan says when the rate begins to fall and where the run ends. Under warmup-stable-decay it goes through the rate of the
step it is made at: before the fall nothing jumps, and within it the rest is stretched or pressed together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fogwalk.settings import Settings
from fogwalk.training.schedule import FALLING, schedule

# As many steps as a run is given that ends when it has converged; no run makes so many.
UNTIL_CONVERGED = 10_000_000


@dataclass(frozen=True)
class Budget:
    """The seconds of its life within which a run shall make its last step, and whether it shall make more steps than planned
    when the pace allows, to fill them."""

    seconds: float
    fill: bool


class Course:
    """The settings a run is on; `steps` is its last step, `rate(step)` the learning rate of an update."""

    def __init__(self, settings: Settings, budget: Budget | None = None) -> None:
        self.budget = budget
        self.converged = False
        self.turn(settings)

    def turn(self, settings: Settings) -> None:
        """Go on with other settings from the next step on."""
        assert settings.training.steps is not None, "the plan closes the number of steps"
        self.settings = settings
        self.steps = settings.training.steps
        self.rate = schedule(settings.optimizer, self.steps)

    @property
    def full_from(self) -> int:
        """The first step at the full rate."""
        return round(self.settings.optimizer.warmup * self.steps)

    @property
    def falls_from(self) -> int:
        """The first step at which the planned rate falls; the last step where it stays."""
        optimizer = self.settings.optimizer
        if optimizer.schedule in FALLING:
            return round(optimizer.warmup * self.steps)
        return self.steps - (0 if optimizer.schedule == "constant" else round(optimizer.decay * self.steps))


def ending_at(settings: Settings, step: int, last: int, *, falling: float | None = None) -> dict[str, Any]:
    """The values with which a run that has made `step` steps ends after `last`: its rate, wherever it is now, falls to its end
    over the last `falling` of them (default: as it would have, stretched or pressed)."""
    optimizer, steps = settings.optimizer, settings.training.steps
    assert steps is not None
    values: dict[str, Any] = {"training.steps": last, "optimizer.warmup": min(optimizer.warmup * steps / last, 1.0)}
    if optimizer.schedule != "warmup-stable-decay":
        return values
    fall = optimizer.decay * steps
    begins = steps - fall
    if falling is None:
        # Within the fall the line goes on through the present rate; before it the fall keeps its share of the run.
        within = step > begins
        falling = (last - step) / (steps - step) * fall if within else min(optimizer.decay * last, last - step)
    values["optimizer.decay"] = max(0.0, min(falling / last, 1 - values["optimizer.warmup"] - 1e-9))
    return values
