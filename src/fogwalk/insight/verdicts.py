"""What a run's numbers say about its health: one table, illness -> rule -> numbers -> advice.

Before this   recorder.py's looks, and the events of a run.
After this    watching.py tells them while training; telling/health.py for `fogwalk explain --verdicts`.
The thresholds were fixed on planted illnesses and healthy runs of seeds 0 to 9, and tried on others: tests/trials/illnesses.py.
An illness that explains another is told alone: what is dead cannot learn, and so stays at chance.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fogwalk.insight.recorder import Numbers

# -- thresholds --------------------------------------------------------------------------------------------------------

LEAST_STEPS = 20  # updates before anything but corrupt data is told
SETTLED = 0.1  # share of the planned steps after which a rate has been at its height
ROSE = 1.3  # times the loss without any knowledge
SURE = 4.0  # deviations of such a mean, beyond that
STAYS = 0.1  # of itself that a typical matrix is moved by over the whole run
NOT_BETTER = 0.01  # of the loss of counting alone: less than this below it is not better
STRAYS = 0.5  # over the root of the records that are validated on: no better than chance may be
VANISHED = 1e-3  # blame of the first layer beside that of the last
EXPLODED = 100.0  # times the usual length of the gradient
DEAD = 0.9  # share of a layer's units
SATURATED = 0.9  # share of a layer's numbers
UNSCALED = 10.0  # size of a column that is read
SHORT = 5  # steps that a mean of losses is taken over at least
FEW_STEPS = 50  # up to which each step stands by itself where a mean of losses is taken
MAD = 1.4826  # times a median of distances is the deviation, where they are normal
LEAST_VALIDATIONS = 2  # before anything is said of them


@dataclass(frozen=True)
class Verdict:
    """What it is called, what was seen in numbers, and what to do. `healthy` ones are good news."""

    name: str
    seen: str
    advice: str
    healthy: bool = False

    def __str__(self) -> str:
        return f"{self.name}: {self.seen}. {self.advice}"


@dataclass(kw_only=True)
class Evidence:
    """All that is judged by. Losses and gradient norms by step; validations in order; looks in order; `guessing` is the loss
    without any knowledge, `counting` that of always giving each answer its share, `held` how many answers are validated on.
    `broken` says what of a batch is no number, `unread` why looks are missing."""

    steps: int = 0
    guessing: float = math.inf
    counting: float = math.inf
    losses: dict[int, float] = field(default_factory=dict)
    norms: dict[int, float] = field(default_factory=dict)
    validations: list[tuple[int, float]] = field(default_factory=list)
    looks: list[tuple[int, Numbers]] = field(default_factory=list)
    stopped: str = ""
    held: int = 0
    unread: str = ""
    broken: str = ""
    memorises: str = ""
    converged: str = ""
    _array: NDArray[np.float64] | None = None

    @property
    def made(self) -> int:
        return next(reversed(self.losses), 0)

    def heard(self, step: int, loss: float, norm: float) -> None:
        """A step was made."""
        self.losses[step], self.norms[step] = loss, norm
        self._array = None

    @property
    def finite(self) -> NDArray[np.float64]:
        """The losses that are finite, in order."""
        if self._array is None:
            losses = np.fromiter(self.losses.values(), dtype=np.float64)
            self._array = losses[np.isfinite(losses)]
        return self._array

    def first(self) -> float:
        """The mean loss of the first steps."""
        return float(self.finite[: max(SHORT, self.made // 50)].mean()) if len(self.finite) else math.nan

    def now(self) -> float:
        """The mean loss of the latest tenth of the steps."""
        return float(self.finite[-max(SHORT, self.made // 10) :].mean()) if len(self.finite) else math.nan

    def began(self) -> float:
        """The loss without any knowledge: of guessing, or of the very first step where that is more."""
        first = float(self.finite[0]) if len(self.finite) else 0.0
        return max(first, self.guessing if math.isfinite(self.guessing) else 0.0)

    @property
    def wide(self) -> int:
        """Steps whose mean loss is taken, to find the highest."""
        return max(SHORT, self.made // 50)

    def peak(self) -> float:
        """The highest mean over a few steps that follow one another, without the largest two fifths of them: a batch may hold
        what is far from all others. Of many steps, groups of them stand by their medians."""
        losses, wide = self.finite, min(self.wide, len(self.finite))
        if not wide:
            return 0.0
        if wide > FEW_STEPS:
            each = wide // (FEW_STEPS // 2)
            losses = np.median(losses[: len(losses) // each * each].reshape(-1, each), axis=1)
            wide = FEW_STEPS // 2
        windows = np.sort(np.lib.stride_tricks.sliding_window_view(losses, wide), axis=1)
        return float(windows[:, : wide - 2 * wide // 5].mean(1).max())

    def noise(self) -> float:
        """By how much such a mean strays because no two batches are alike: from the typical difference of neighbours over the
        last third of the losses, whatever a few of them are."""
        settled = self.finite[-max(len(self.finite) // 3, 2) :]
        if len(settled) < 2:
            return 0.0
        return float(MAD * np.median(np.abs(np.diff(settled))) / math.sqrt(2 * self.wide))

    def best(self) -> float:
        """The lowest validation loss."""
        return min((loss for _, loss in self.validations), default=math.inf)

    def latest(self, what: str) -> dict[str, float]:
        """The last look's numbers of one sort, by path; of those with an axis the largest."""
        return _of(self.looks[-1][1], what) if self.looks else {}

    def changes(self) -> list[float]:
        """By how much of itself the median matrix was moved, at each look where it is known."""
        found = []
        for _, numbers in self.looks:
            changed = [
                value for name, value in _of(numbers, "change").items() if not name.endswith(("bias", "norm.weight"))
            ]
            if changed:
                found.append(statistics.median(changed))
        return found


def _of(numbers: Numbers, what: str) -> dict[str, float]:
    return {
        name.partition("/")[2]: float(value.max()) for name, value in numbers.items() if name.startswith(f"{what}/")
    }


Rule = Callable[[Evidence], str]


def corrupt(evidence: Evidence) -> str:
    """A batch holds what is no number."""
    return evidence.broken


def unscaled(evidence: Evidence) -> str:
    """A column that is read is far larger than a network is made for."""
    sizes = evidence.latest("spread")
    largest = max(sizes.values(), default=0.0)
    return f"what is read is {largest:.3g} large; a network expects about 1" if largest > UNSCALED else ""


def dead(evidence: Evidence) -> str:
    """Nearly all units of a layer are zero whatever is read."""
    layers = _beyond(evidence, "dead", DEAD)
    if not layers:
        return ""
    path = max(layers, key=lambda one: layers[one])
    return f"{layers[path]:.0%} of the units of {path} are zero for every record of the probe batch"


def saturated(evidence: Evidence) -> str:
    """Nearly all numbers of a layer lie where σ is flat."""
    layers = _beyond(evidence, "saturated", SATURATED)
    if not layers:
        return ""
    path = max(layers, key=lambda one: layers[one])
    return f"{layers[path]:.0%} of what {path} gives lies where σ is flat, less than a tenth of its steepest slope"


def vanishing(evidence: Evidence) -> str:
    """Blame shrinks on its way back, from the beginning, and nothing is learned."""
    ratios = [ratio for _, numbers in evidence.looks[:3] if (ratio := _first_to_last(numbers)) is not None]
    if not ratios or statistics.median(ratios) > VANISHED or evidence.best() < _better_than_counting(evidence):
        return ""
    return f"the blame of the first layer is {statistics.median(ratios):.1e} of the last layer's"


def exploding(evidence: Evidence) -> str:
    """The gradient grows and the loss with it."""
    norms = [norm for norm in evidence.norms.values() if math.isfinite(norm)]
    if len(norms) < LEAST_STEPS:
        return ""
    usual, latest = (
        statistics.median(norms[: len(norms) // 2]),
        statistics.median(norms[-max(SHORT, len(norms) // 20) :]),
    )
    grown = latest > EXPLODED * max(usual, 1e-12)
    return f"|gradient| is {latest:.3g}, and was {usual:.3g}" if grown and evidence.now() > evidence.first() else ""


def overshooting(evidence: Evidence) -> str:
    """Each update is so large that the loss rises above what it began with, or the run cannot go on."""
    if evidence.stopped == "diverged":
        return "the loss or its gradient became infinite"
    began, peak = evidence.began(), evidence.peak()
    if peak < ROSE * began + SURE * evidence.noise():
        return ""
    changes = evidence.changes()
    by = f"; an update moves a typical matrix by up to {max(changes):.1%} of itself" if changes else ""
    return f"the loss rose to {peak:.4g}, and without any knowledge it is {began:.4g}{by}"


def glacial(evidence: Evidence) -> str:
    """The updates are so small that the weights hardly leave the place where chance put them."""
    changes = evidence.changes()
    if not changes:
        return ""
    path = statistics.fmean(changes) * max(evidence.steps, evidence.made)
    if path > STAYS:
        return ""
    went = f"the loss went from {evidence.first():.4g} to {evidence.now():.4g}"
    made = max(evidence.steps, evidence.made)
    return f"all {made:,} updates together move a typical matrix by {path:.1%} of itself at most; {went}"


def stuck(evidence: Evidence) -> str:
    """Validation is no better than counting."""
    if len(evidence.validations) < LEAST_VALIDATIONS or evidence.best() < _better_than_counting(evidence):
        return ""
    beside = f"always giving each answer its share has {evidence.counting:.4g}"
    return f"the best validation loss, over {evidence.held:,} answers, is {evidence.best():.4g}; {beside}"


def memorising(evidence: Evidence) -> str:
    """Training gets better and validation does not."""
    return evidence.memorises


def converged(evidence: Evidence) -> str:
    """There is nothing left to be gained."""
    return evidence.converged


def _beyond(evidence: Evidence, what: str, limit: float) -> dict[str, float]:
    """Layers with a larger share at the last look; none where that came only with updates that were too large."""
    layers = {path: share for path, share in evidence.latest(what).items() if share > limit}
    began = _of(evidence.looks[0][1], what) if evidence.looks else {}
    if any(began.get(path, 0.0) > limit for path in layers):
        return layers
    return {} if overshooting(evidence) else layers


def _first_to_last(numbers: Numbers) -> float | None:
    """Blame of the first layer's output beside that of the last before the head."""
    found = {int(name.rpartition(".")[2]): float(value) for name, value in numbers.items() if _LAYER.match(name)}
    layers = sorted(found.items())
    if len(layers) < 3 or not layers[-1][1]:
        return None
    return layers[0][1] / layers[-1][1]


def _better_than_counting(evidence: Evidence) -> float:
    """A loss that is better for sure: of few records chance alone makes the best of several validations look good."""
    return evidence.counting * (1 - max(NOT_BETTER, STRAYS / math.sqrt(max(evidence.held, 1))))


@dataclass(frozen=True)
class Illness:
    """A name, the rule that finds it (in numbers and words; empty where it does not hold), what to do, and what it explains."""

    name: str
    rule: Rule
    advice: str
    explains: tuple[str, ...] = ()
    healthy: bool = False


_LAYER = re.compile(r"^blame/layers\.\d+$")
_NOTHING_LEARNED = ("stuck at chance", "memorising", "glacial", "overshooting", "converged")

ILLNESSES = (
    Illness(
        "corrupt data",
        corrupt,
        "Look at that record in the data; leave it out or mend it.",
        ("overshooting", "exploding", *_NOTHING_LEARNED),
    ),
    Illness(
        "unscaled inputs",
        unscaled,
        "Centre each column on 0 and divide it by its deviation.",
        ("saturated", "dead", "exploding", "vanishing", "overshooting", *_NOTHING_LEARNED),
    ),
    Illness(
        "dead",
        dead,
        "Units that are always zero get no blame. Lower the rate, or take another activation: --model.activation gelu.",
        ("vanishing", *_NOTHING_LEARNED),
    ),
    Illness(
        "saturated",
        saturated,
        "Lower the rate, or take an activation that is not flat on both sides: --model.activation silu.",
        ("vanishing", *_NOTHING_LEARNED),
    ),
    Illness(
        "vanishing",
        vanishing,
        "Take fewer layers, --model.residual true, a normalisation, or relu in place of sigmoid and tanh.",
        _NOTHING_LEARNED,
    ),
    Illness(
        "overshooting",
        overshooting,
        "Lower the rate: --optimizer.learning-rate a tenth of it, or find.",
        ("exploding", "stuck at chance", "memorising", "converged"),
    ),
    Illness(
        "exploding",
        exploding,
        "Clip the gradient (--optimizer.clip 1), lower the rate, or normalise.",
        _NOTHING_LEARNED,
    ),
    Illness(
        "glacial",
        glacial,
        "Raise the rate: --optimizer.learning-rate ten times of it, or find.",
        ("stuck at chance", "converged"),
    ),
    Illness(
        "stuck at chance",
        stuck,
        "Either what is read says nothing of the answers (see that labels belong to their rows), or the run was too short or the "
        "model too small to find it: `fogwalk evaluate` shows what simpler methods reach.",
        ("memorising", "converged"),
    ),
    Illness(
        "memorising",
        memorising,
        "Give more data, a smaller model or dropout; the best checkpoint is kept and used.",
        ("converged",),
    ),
    Illness("converged", converged, "More steps would bring less than validation strays by.", healthy=True),
)


def judge(evidence: Evidence) -> list[Verdict]:
    """Every verdict that the numbers so far allow, causes first."""
    if evidence.made < LEAST_STEPS and not evidence.broken and evidence.stopped != "diverged":
        return []
    found: list[Verdict] = []
    explained: set[str] = set()
    for illness in ILLNESSES:
        if illness.name in explained or (not evidence.losses and illness.name != "corrupt data"):
            continue
        if seen := illness.rule(evidence):
            found.append(Verdict(illness.name, seen, illness.advice, illness.healthy))
            explained |= set(illness.explains)
    return found
