"""What a run's losses were so far, so that it can tell whether it still learns; a resumed run knows what the whole one would.

Before this   events.py; runs/log.py keeps them.
After this    evaluation.py asks after each validation.
"""

from __future__ import annotations

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
        self._training_at_best = float("inf")
        self._since_best = 0
        self.warned = False

    @classmethod
    def of(cls, story: Iterable[dict[str, Any]], step: int) -> History:
        """The history of a run that goes on from `step`, out of its own log; a validation of that very step is made again."""
        history = cls()
        for record in story:
            if record["event"] == "step" and record["step"] <= step and record["loss"] is not None:
                history.learned(record["loss"])
            elif record["event"] == "evaluated" and record["step"] < step:
                history.validated(record["step"], record["validation_loss"])
                history.memorises()
        return history

    def learned(self, loss: float) -> None:
        """A step was made at this training loss."""
        self.training = loss if self.training is None else 0.9 * self.training + 0.1 * loss

    def validated(self, step: int, loss: float) -> None:
        """The validation split was scored after `step` updates."""
        self._since_best += 1
        if not self.losses or loss < min(self.losses):
            self._since_best = 0
            self._training_at_best = self.training if self.training is not None else float("inf")
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
