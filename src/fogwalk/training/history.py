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
# Or earlier, once the text has been gone through twice and the training loss fell by this much: since the best validation, above
# which the last one rose by that much; or over the last few, while validation followed by less than this share of the fall. The
# default shape learns 20 kB by heart so fast that validation rises by 0.05 within one pass, and by 0.5 within five.
FELL, ROSE, FOLLOWS = 0.1, 0.01, 0.1
FELL_A_LITTLE = 0.02  # less is what a training loss strays by anyway
SEEN_AGAIN = 2
OVER = 2  # validations


class History:
    """The validations of a run in order, and a smoothed training loss beside them. `epoch` is how many steps go once through
    the text."""

    def __init__(self, epoch: float = math.inf) -> None:
        self.epoch = epoch
        self.steps: list[int] = []
        self.losses: list[float] = []
        self._trainings: list[float] = []  # the smoothed training loss at each validation
        self.training: float | None = None
        self.best_step: int | None = None
        self.best_loss: float | None = None
        self._training_at_best = math.inf
        self._since_best = 0
        self.warned = self.taken_back = False

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
                history.recovers()
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
        self._trainings.append(math.nan if self.training is None else self.training)

    def memorises(self) -> str:
        """The first time that the training loss falls and validation does not follow: so in words. Once that was taken back,
        only when validation rises."""
        if self.warned or self.training is None or self.best_loss is None:
            return ""
        words = self._risen()
        if not words and not self.taken_back:
            words = self._left_behind()
            fell = self._training_at_best - self.training
            if not words and self._since_best >= MEMORISING and fell > FELL_A_LITTLE:
                words = f"validation has not improved for {self._since_best} checks while the training loss falls"
        self.warned = bool(words)
        return words and f"{words}: memorising"

    def recovers(self) -> str:
        """That validation is better than ever again, once the run was said to memorise: so in words."""
        if not self.warned or self._since_best:
            return ""
        self.warned, self.taken_back = False, True
        return f"validation is better than ever again, {self.losses[-1]:.4f}: what it learns is of use still"

    def _risen(self) -> str:
        assert self.training is not None
        assert self.best_loss is not None
        fell, rose = self._training_at_best - self.training, self.losses[-1] - self.best_loss
        if self.steps[-1] < SEEN_AGAIN * self.epoch or fell < FELL or not rose >= ROSE:
            return ""
        return f"validation is {rose:.3f} above its best while the training loss falls"

    def _left_behind(self) -> str:
        if len(self.steps) <= OVER or self.steps[-1] < SEEN_AGAIN * self.epoch:
            return ""
        fell, followed = (of[-1 - OVER] - of[-1] for of in (self._trainings, self.losses))
        if fell < FELL or not followed < FOLLOWS * fell:
            return ""
        steps = self.steps[-1] - self.steps[-1 - OVER]
        return f"in {steps} steps the training loss fell by {fell:.2f}, and validation by {max(followed, 0.0):.2f} only"
