"""Who listens to whom in one pass through a transformer, in three measures, and what one listener hears, as numbers.

Before this   seen.py; accounts/attention.py has the numbers of one listener, measures/attention.py the habits of a head.
After this    telling/habits.py has words for the habits; observatory/work/round.py sends all of it to the page.
Listeners and speakers are the places of one text here; that they are two lists leaves room for a text that listens to another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from fogwalk.errors import UsageError
from fogwalk.insight.accounts.attention import Attention, Fused, Listening
from fogwalk.insight.answer import Answering
from fogwalk.insight.direct import towards, untold
from fogwalk.insight.measures.attention import scores
from fogwalk.insight.seen import require_name
from fogwalk.models.attention import Attention as Module
from fogwalk.registry import did_you_mean


def tables(answer: Answering) -> list[str]:
    """The paths of all round tables, in the order in which they are held; none where no token listens to another."""
    return [path for path in answer.modules() if isinstance(answer.model.get_submodule(path), Module)]


def require_head(answer: Answering, path: str, head: int) -> None:
    """Raise UsageError where there is no such round table, or no such head at it."""
    if path not in tables(answer):
        require_name(path, answer.model, answer.values)
        raise UsageError(f"{path} is no round table", expected=f"There are: {', '.join(tables(answer)[:12])}.")
    heads = answer.work(path).value("weights").shape[1]
    if not 0 <= head < heads:
        raise UsageError(f"--head {head} is outside", expected=f"There are {heads:,}, counted from 0.")


def shares(answer: Answering, path: str) -> Tensor:
    """How much of its attention each listener gives to each speaker, in every head. [head, time, key]"""
    return answer.work(path).value("weights")[0]


def sizes(answer: Answering, path: str) -> Tensor:
    """The share times the length of the speaker's value: what is heard of it at most. [head, time, key]"""
    sizes: Tensor = shares(answer, path) * answer.work(path).value("value")[0].norm(dim=-1)[:, None]
    return sizes


def effects(answer: Answering, path: str) -> Tensor:
    """What each speaker, through a head and the output matrix, adds to the score, above the mean of all, of the token that the
    listener finds likeliest next, on the straight way, the last norm's scale held as it was. Over all heads and speakers, and
    with what the bias adds, it is what the layer adds. [head, time, key]. Raises UsageError where this cannot be told."""
    if why := untold(answer.model):
        raise UsageError(f"the effect on the answer's score cannot be told of this model: {why}")
    work, direction = answer.work(path), towards(answer.model, answer.captured)
    value = work.value("value")[0]
    through = (direction @ work.parameter("output.weight")).unflatten(1, (len(value), -1))  # [time, head, head_width]
    found: Tensor = shares(answer, path) * (through.transpose(0, 1) @ value.transpose(1, 2))
    return found


MEASURES: dict[str, Callable[[Answering, str], Tensor]] = {"weight": shares, "value": sizes, "effect": effects}


def measure_of(name: str) -> Callable[[Answering, str], Tensor]:
    """A measure by its name; raises UsageError for one there is not."""
    if name not in MEASURES:
        raise UsageError(f"there is no measure '{name[:40]}'", remedy=did_you_mean(name, list(MEASURES)))
    return MEASURES[name]


Habits = tuple[dict[str, float], dict[str, float]]


def habits(answer: Answering, path: str) -> list[Habits]:
    """Of every head its habits, and those of one that listens to all places alike, by the names of measures/attention.py."""
    causal = bool(answer.model.get_submodule(path).causal)
    return habits_of(shares(answer, path), answer.captured.batch.inputs[0], causal=causal)


def habits_of(weights: Tensor, tokens: Tensor, *, causal: bool) -> list[Habits]:
    """The same of shares [head, time, key] over tokens [time]; of one token alone nothing can be said."""
    if weights.shape[1] < 2:
        return [({}, {})] * len(weights)
    alike = torch.ones_like(weights[:1]).tril() if causal else torch.ones_like(weights[:1])
    found, usual = (scores(one[None], tokens[None]) for one in (weights, alike / alike.sum(-1, keepdim=True)))
    return [
        (
            {name: float(each[head]) for name, each in found.items()},
            {name: float(each[0]) for name, each in usual.items()},
        )
        for head in range(len(weights))
    ]


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What one place hears in one head, `one`; how the output matrix fuses all heads for it; and, where this can be told, what
    each of its speakers adds to the score of its likeliest token [key], what each head adds [head], and what the layer does."""

    one: Listening
    fused: Fused
    account: Attention
    effects: Tensor | None
    by_head: Tensor | None
    layer: float | None


def heard(answer: Answering, path: str, head: int, place: int) -> Heard:
    """The numbers of one listener, as its account has them. Raises UsageError for a head or a place there is not."""
    require_head(answer, path, head)
    if not 0 <= place < len(answer.ids):
        raise UsageError(f"--place {place} is outside", expected=f"There are {len(answer.ids):,}, counted from 0.")
    work, account = answer.work(path), Attention()
    told = None if untold(answer.model) else effects(answer, path)[:, place]
    layer = None
    if told is not None:
        layer = float(work.value("output")[0, place] @ towards(answer.model, answer.captured)[place])
    return Heard(
        one=account.listening(work, 0, place)[head],
        fused=account.fused(work, 0, place),
        account=account,
        effects=None if told is None else told[head],
        by_head=None if told is None else told.sum(-1),
        layer=layer,
    )
