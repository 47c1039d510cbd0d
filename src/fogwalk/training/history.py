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
# Or at once, when the text has been gone through twice and since the best validation the training loss fell by this much while
# validation rose by that much: 20 kB on the default shape rise by 0.03 within two passes, and by 0.16 within the next two.
FELL, ROSE = 0.1, 0.01
SEEN_AGAIN = 2


class History:
    """The validations of a run in order, and a smoothed training loss beside them. `epoch` is how many steps go once through
    the text."""

    def __init__(self, epoch: float = math.inf) -> None:
        self.epoch = epoch
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.training: float | None = None
        self.best_step: int | None = None
        self.best_loss: float | None = None
        self._training_at_best = math.inf
        self._since_best = 0
        self.warned = False

    @classmethod
    def of(cls, story: Iterable[dict[str, Any]], step: int, *, again: bool, epoch: float = math.inf) -> History:
        """The history of a run that goes on from `step`, out of its own log. `again` says that the validation of that very
        step, if there was one, is made again: a run may have died within it."""
        history = cls(epoch)
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

    def memorises(self) -> str:
        """For the first time that validation stands still, or rises, while the training loss falls: so in words."""
        if self.warned or self.training is None or self.best_loss is None or not self._since_best:
            return ""
        fell, rose = self._training_at_best - self.training, self.losses[-1] - self.best_loss
        words = ""
        if self.steps[-1] >= SEEN_AGAIN * self.epoch and fell >= FELL and rose >= ROSE:
            words = f"validation is {rose:.3f} above its best"
        elif self._since_best >= MEMORISING and fell > 0:
            words = f"validation has not improved for {self._since_best} checks"
        self.warned = bool(words)
        return words and f"{words} while the training loss falls: memorising"
