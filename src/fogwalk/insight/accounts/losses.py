"""The loss: how wrong each answer was, their mean, and the blame with which everything begins."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fogwalk.insight.accounts.protocol import Line, low, number, signed

FORMULAS = {
    "cross-entropy": ("l = -ln p[right], p = softmax(scores)", "∂L/∂score[k] = (p[k] - 1 if k is right)·c"),
    "mean-squared": ("l = (y - right)²", "∂L/∂y = 2·(y - right)·c"),
    "mean-absolute": ("l = |y - right|", "∂L/∂y = sign(y - right)·c"),
    "huber": (
        "l = (y - right)²/2 up to a distance of 1, then |y - right| - 1/2",
        "∂L/∂y = (y - right, at most 1)·c",
    ),
}

PLAIN = {
    "cross-entropy": "An answer costs -ln of the probability that the right one was given: certain and right costs 0, one in "
    "two 0.69, one in a hundred 4.6.",
    "mean-squared": "Each answer costs the square of how far it is off: twice as far off costs four times as much.",
    "mean-absolute": "Each answer costs as much as it is off.",
    "huber": "Near the right number an answer costs half the square of how far it is off; farther away it costs as much as it is "
    "off, so that a few wild ones do not rule.",
}
CODE = {
    "cross-entropy": "loss = F.cross_entropy(scores, right)    # the mean of -ln softmax(scores)[right]",
    "mean-squared": "loss = F.mse_loss(y, right)              # the mean of (y - right)²",
    "mean-absolute": "loss = F.l1_loss(y, right)               # the mean of |y - right|",
    "huber": "loss = F.huber_loss(y, right)            # half the square up to 1, then straight",
}


@dataclass(frozen=True)
class Loss:
    """A task's loss by name, with the weights of classes and the share of each answer that is spread over all of them.

    L = Σ c·l over all answers; c is one over their number (where classes have weights, one over the sum of the weights of all
    right ones, and l has the weight of its own), and where a batch is worked through in portions, that of each over their number.
    """

    name: str
    weights: Tensor | None = None
    smoothing: float = 0.0
    portions: int = 1

    @property
    def formula(self) -> str:
        if self.name != "cross-entropy" or (self.weights is None and not self.smoothing):
            return FORMULAS[self.name][0]
        own, each = ("", "") if self.weights is None else ("w[right]·", "w·")
        if not self.smoothing:
            return f"l = -{own}ln p[right], p = softmax(scores), w the weight of a class"
        spread = f"l = (1 - s)·{own}(-ln p[right]) + s·mean({each}(-ln p)), p = softmax(scores), s = {self.smoothing:g}"
        return spread + (", w the weight of a class" if own else "")

    @property
    def plain(self) -> str:
        """In words."""
        told = PLAIN[self.name]
        if self.weights is not None:
            told += " Classes that are rare count more, so that each class has the same say."
        if self.smoothing:
            told += f" {self.smoothing:.0%} of each right answer is spread over all of them, so that none is ever quite certain."
        return told

    @property
    def code(self) -> str:
        """In PyTorch."""
        given = ", weight=weights" * (self.weights is not None)
        given += f", label_smoothing={self.smoothing:g}" * bool(self.smoothing)
        return CODE[self.name].replace("right)  ", f"right{given})  ") if given else CODE[self.name]

    @property
    def chain(self) -> str:
        if self.name != "cross-entropy" or (self.weights is None and not self.smoothing):
            return FORMULAS[self.name][1]
        own = "" if self.weights is None else "w[right]·"
        plain = f"{own}(p[k] - 1 if k is right)"
        if not self.smoothing:
            return f"∂L/∂score[k] = {plain}·c"
        spread = "(p[k] - 1/classes)" if self.weights is None else "(p[k]·Σw - w[k])/classes"
        return f"∂L/∂score[k] = ((1 - s)·{plain} + s·{spread})·c"

    @property
    def share(self) -> str:
        """What c is, in words."""
        if self.weights is None:
            return "c = 1/(how many answers there are)"
        if self.portions == 1:
            return "c = 1/(the weights of all right classes together)"
        return f"c = 1/({self.portions} portions · the weights of all right classes of the portion together)"

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """l of every answer, in the shape of the targets; of weighted classes already times the weight."""
        if self.name == "cross-entropy":
            surprise = -_log_probabilities(outputs)
            weights = self._of_classes(outputs)
            right = targets[..., None]
            plain = (surprise * weights).gather(-1, right)[..., 0]
            return (1 - self.smoothing) * plain + self.smoothing * (surprise * weights).mean(-1)
        off = outputs[:, 0] - targets
        if self.name == "mean-squared":
            return off.square()
        if self.name == "mean-absolute":
            return off.abs()
        return torch.where(off.abs() <= 1, off.square() / 2, off.abs() - 0.5)

    def counted(self, targets: Tensor) -> Tensor:
        """c of every answer of a whole batch, the weight of its class left out: that is in l."""
        if self.weights is None:
            return torch.full(targets.shape, 1 / targets.numel(), device=targets.device)
        weights = self.weights.to(targets.device)[targets]
        parts = weights.split(len(targets) // self.portions)
        return torch.cat([torch.full_like(part, 1 / (self.portions * float(part.sum()))) for part in parts])

    def blame(self, outputs: Tensor, targets: Tensor, counted: Tensor) -> Tensor:
        """∂L/∂(outputs), in their shape."""
        if self.name == "cross-entropy":
            p, weights = _log_probabilities(outputs).exp(), self._of_classes(outputs)
            right = torch.zeros_like(p).scatter(-1, targets[..., None], 1.0)
            plain = (weights * right).sum(-1, keepdim=True) * (p - right)
            spread = (p * weights.sum() - weights) / p.shape[-1]
            return ((1 - self.smoothing) * plain + self.smoothing * spread) * counted[..., None]
        off = outputs[:, 0] - targets
        slope = {"mean-squared": 2 * off, "mean-absolute": off.sign(), "huber": off.clamp(-1, 1)}[self.name]
        return (slope * counted)[:, None]

    def told(
        self, outputs: Tensor, targets: Tensor, counted: Tensor, at: tuple[int, ...], right_is: str = ""
    ) -> list[Line]:
        """One answer with its numbers put in; `at` counts along the targets. `right_is` is what the right one is called."""
        one, right = outputs[at], targets[at]
        each, share = float(self.each(outputs, targets)[at]), float(counted[at])
        blame = self.blame(outputs, targets, counted)[at]
        if self.name == "cross-entropy":
            p = _log_probabilities(one).exp()
            k = int(right)
            score, highest = float(one[k]), float(one.amax())
            total = float((one - highest).exp().sum())
            lines = [
                Line(
                    what=f"probability of the right answer, {right_is or k}",
                    formula="p = e^(score - highest)/Σ e^(score - highest)",
                    filled=f"e^({number(score)} - {number(highest)})/{number(total)}",
                    result=float(p[k]),
                ),
                Line(
                    what="how surprised it is by it",
                    formula="l = -ln p",
                    filled=f"-ln {number(float(p[k]))}",
                    result=each,
                ),
            ]
            if self.weights is not None or self.smoothing:
                return [lines[0], *self._weighed(one, k, share, float(blame[k]))]
            return [
                *lines,
                Line(
                    what="blame of its score",
                    formula=f"∂L/∂score{low(k)} = (p - 1)·c",
                    filled=f"({number(float(p[k]))} - 1)·{number(share)}",
                    result=float(blame[k]),
                ),
            ]
        y, target = float(one[0]), float(right)
        return [
            Line(
                what="off by",
                formula="y - right",
                filled=f"{signed(y)} - {signed(target)}",
                result=y - target,
            ),
            Line(what="how wrong that is", formula=self.formula, filled=self._of_off(y - target), result=each),
            Line(
                what="blame of the answer",
                formula=self.chain,
                filled=f"{self._slope(y - target)}·{number(share)}",
                result=float(blame[0]),
            ),
        ]

    def _of_off(self, off: float) -> str:
        """The loss of what is off, with the number put in."""
        if self.name == "mean-squared":
            return f"{signed(off)}²"
        inside = abs(off) <= 1
        return (
            f"{signed(off)}²/2"
            if self.name == "huber" and inside
            else f"{number(abs(off))}" + " - 0.5" * (self.name == "huber")
        )

    def _slope(self, off: float) -> str:
        if self.name == "mean-squared":
            return f"2·{signed(off)}"
        return signed(max(-1.0, min(1.0, off)) if self.name == "huber" else float((off > 0) - (off < 0)))

    def _weighed(self, scores: Tensor, k: int, share: float, blame: float) -> list[Line]:
        """One answer's loss and blame with the weights of classes and the share that is spread over all."""
        weights, surprise = self._of_classes(scores), -_log_probabilities(scores)
        own, mean = float(weights[k]), float((weights * surprise).mean())
        spread = self.smoothing
        p = float(surprise[k].neg().exp())
        plain = own * float(surprise[k])
        even = (p * float(weights.sum()) - own) / len(scores)
        if not spread:
            return [
                Line(
                    what="how surprised it is by it, by the weight of its class",
                    formula="l = w·(-ln p)",
                    filled=f"{number(own)}·{number(float(surprise[k]))}",
                    result=plain,
                ),
                Line(
                    what="blame of its score",
                    formula=f"∂L/∂score{low(k)} = w·(p - 1)·c",
                    filled=f"{number(own)}·({number(p)} - 1)·{number(share)}",
                    result=blame,
                ),
            ]
        return [
            Line(
                what="how surprised it is, by the weight of the class and what is spread over all of them",
                formula="l = (1 - s)·w·(-ln p) + s·mean(w·(-ln p))",
                filled=f"(1 - {spread:g})·{number(own)}·{number(float(surprise[k]))} + {spread:g}·{number(mean)}",
                result=(1 - spread) * plain + spread * mean,
            ),
            Line(
                what="blame of its score",
                formula=f"∂L/∂score{low(k)} = ((1 - s)·w·(p - 1) + s·(p·Σw - w)/classes)·c",
                filled=f"((1 - {spread:g})·{number(own)}·({number(p)} - 1) + {spread:g}·{signed(even)})·{number(share)}",
                result=blame,
            ),
        ]

    def _of_classes(self, outputs: Tensor) -> Tensor:
        """The weight of each class."""
        ones = torch.ones(outputs.shape[-1], device=outputs.device)
        return ones if self.weights is None else self.weights.to(outputs.device)


def _log_probabilities(scores: Tensor) -> Tensor:
    """log softmax, the highest score taken off first, so that nothing overflows."""
    less = scores - scores.amax(-1, keepdim=True)
    return less - less.exp().sum(-1, keepdim=True).log()
