"""What a run's losses were so far, so that it can tell whether it still learns; a resumed run knows what the whole one would.

Before this   events.py; runs/log.py keeps them.
After this    evaluation.py asks after each validation.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

# After this many validations in a row without a new best, while training gets better, a person is told.
MEMORISING = 3


class History:
    """The validations of a run in order, and a smoothed training loss beside them."""

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.training: float | None = None
        self.best_step: int | None = None
        self.best_loss: float | None = None
        self._training_at_best = math.inf
        self._since_best = 0
        self.warned = False

    @classmethod
    def of(cls, story: Iterable[dict[str, Any]], step: int, *, again: bool) -> History:
        """The history of a run that goes on from `step`, out of its own log. `again` says that the validation of that very
        step, if there was one, is made again: a run may have died within it."""
        history = cls()
        last = step - again
        for record in story:
            if record["event"] == "step" and record["step"] <= step and record["loss"] is not None:
                history.learned(record["loss"])
            elif record["event"] == "evaluated" and record["step"] <= last:
                loss = record["validation_loss"]
                history.validated(record["step"], math.nan if loss is None else loss)
                history.memorises()
        return history

    def learned(self, loss: float) -> None:
        """A step was made at this training loss."""
        self.training = loss if self.training is None else 0.9 * self.training + 0.1 * loss

    def validated(self, step: int, loss: float) -> None:
        """The validation split was scored after `step` updates."""
        self._since_best += 1
        if loss < (math.inf if self.best_loss is None else self.best_loss):
            self.best_step, self.best_loss = step, loss
            self._since_best = 0
            self._training_at_best = self.training if self.training is not None else math.inf
        self.steps.append(step)
        self.losses.append(loss)

    def memorises(self) -> bool:
        """Whether, for the first time, validation has stood still for long while the training loss falls."""
        better = self.training is not None and self.training < self._training_at_best
        if self.warned or self._since_best < MEMORISING or not better:
            return False
        self.warned = True
        return True

    def since_best(self) -> int:
        """How many validations have been made since the best one."""
        return self._since_best
