"""The n-gram model: what remembering the last few tokens and counting gets; a network that earns its keep does better.

Before this   batches/tokens.py opens both streams; metrics.py has the simpler rivals, guessing and frequencies.
After this    run.py puts it beside a model's score; cli/evaluate.py prints it.
Nothing is hashed, so nothing can collide: of the training text only what the scored text asks about is looked up. The
model is therefore good for this one text, is not kept and cannot write.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from fogwalk.batches.tokens import Stream

MOST_COUNTED = 20_000_000  # training tokens; the counts of one order are in memory, about half a gigabyte for so many
_PORTION = 1 << 20  # training tokens looked up at once


@dataclass(frozen=True, kw_only=True)
class NGram:
    """The best n-gram model for a text: it sees `order` - 1 tokens back, `loss` is its mean in nats per token.

    `counted` is how many training tokens it was counted from.
    """

    order: int
    loss: float
    counted: int


def ngram(training: Stream, scored: Stream, vocabulary: int, most_order: int = 8) -> NGram:
    """The interpolated n-gram model of the order that is best on the scored text itself, up to `most_order`.

    Orders are tried from 1 upward until one is no better than the one before. Counted from at most the first 20 million
    training tokens. The first scored token is read and not scored, as the model's is; the loss of fewer than two tokens
    is not a number. Source: `probabilities`.

    >>> text = np.array([0, 1, 0, 1], dtype=np.uint16)  # after a 0: (2 + 1 · 1/2) / (2 + 1) for a 1, so ln 6/5
    >>> ngram(text, scored=text[:2], vocabulary=2)
    NGram(order=2, loss=0.1823215567939546, counted=4)
    """
    training = np.asarray(training[:MOST_COUNTED])
    best = NGram(order=1, loss=math.nan, counted=len(training))
    if len(scored) < 2:
        return best
    for order, chances in enumerate(probabilities(training, scored, vocabulary, most_order), start=1):
        loss = float(-np.log(chances[1:]).mean())
        if loss >= best.loss:
            break
        best = NGram(order=order, loss=loss, counted=len(training))
    return best


def probabilities(
    training: Stream, scored: Stream, vocabulary: int, most_order: int
) -> Iterator[Float[np.ndarray, " tokens"]]:
    """For the orders n = 1, 2, ... the probability of each scored token w after its history h, the n - 1 tokens before.

    p_n(w|h) = (c(hw) + T(h) · p_{n-1}(w|h')) / (c(h) + T(h)), where c(hw) is how often the training text has w after h,
    c(h) the sum of that over all w, T(h) how many distinct w there are, h' is h without its oldest token, and p_0 is
    1 / vocabulary. Where h was never seen, or fewer than n - 1 tokens stand before, it is p_{n-1}.
    Source: Witten and Bell 1991, method C, interpolated.

    >>> text, asked = np.array([0, 0, 1], dtype=np.uint16), np.array([0, 1], dtype=np.uint16)
    >>> one, two = probabilities(text, asked, vocabulary=4, most_order=2)
    >>> one.tolist(), two.tolist()  # (2 + 2/4) / 5, (1 + 2/4) / 5; then for the 1 after a 0: (1 + 2 · 0.3) / 4
    ([0.5, 0.3], [0.5, 0.4])
    """
    places = np.arange(len(training), dtype=np.int32)
    text = _Followed(places, np.zeros_like(places))
    chances = np.full(len(scored), 1 / vocabulary)
    histories = np.zeros(len(scored), dtype=np.int64)  # the number of each scored token's history, from token n - 1 on
    for order in range(1, min(most_order, len(scored)) + 1):
        # A history's number and the token after it, as one number: the n-gram.
        grams, which = np.unique(histories * vocabulary + scored[order - 1 :], return_inverse=True)
        found, text = _found(training, text, grams, vocabulary)
        counts = _counted(found, grams, int(histories.max()) + 1, vocabulary)
        del found  # makes room for that of the next order
        total, kinds = counts.total[histories], counts.kinds[histories]  # [tokens - n + 1]
        shorter, chances = chances[order - 1 :], chances.copy()
        np.divide(counts.grams[which] + kinds * shorter, total + kinds, out=chances[order - 1 :], where=total > 0)
        yield chances
        histories = which[:-1]  # an n-gram is the history of the token after it


@dataclass(frozen=True)
class _Followed:
    """The places of the training text whose history the scored text has too, and that history's number."""

    places: NDArray[np.int32]
    histories: NDArray[np.int32]


@dataclass(frozen=True)
class _Counts:
    """c(hw) of every n-gram of the scored text; c(h) and T(h) of every history."""

    grams: NDArray[np.int64]
    total: NDArray[np.int64]
    kinds: NDArray[np.int64]


def _found(
    training: Stream, text: _Followed, grams: NDArray[np.int64], vocabulary: int
) -> tuple[NDArray[np.int64], _Followed]:
    """The n-grams of the training text that go on from a known history, and where the next order goes on from them.

    What is known gets less with every order: it is written over the arrays of `text`, which take much room.
    """
    found = np.empty(len(text.places), dtype=np.int64)
    kept = 0
    for start in range(0, len(found), _PORTION):
        part = slice(start, start + _PORTION)
        places = text.places[part]
        found[part] = text.histories[part] * np.int64(vocabulary) + training[places]
        at = np.minimum(np.searchsorted(grams, found[part]), len(grams) - 1)
        known = (grams[at] == found[part]) & (places < len(training) - 1)  # nothing follows the last token
        stop = kept + int(np.count_nonzero(known))
        text.places[kept:stop] = places[known] + 1
        text.histories[kept:stop] = at[known]
        kept = stop
    return found, _Followed(text.places[:kept], text.histories[:kept])


def _counted(found: NDArray[np.int64], grams: NDArray[np.int64], histories: int, vocabulary: int) -> _Counts:
    """Count what was found, once it is sorted: equal n-grams then stand together, and those of one history too."""
    found.sort()
    ends = np.arange(1, histories + 1) * vocabulary
    first = np.ones(len(found), dtype=bool)
    np.not_equal(found[1:], found[:-1], out=first[1:])
    return _Counts(
        grams=np.searchsorted(found, grams, side="right") - np.searchsorted(found, grams),
        total=np.diff(np.searchsorted(found, ends), prepend=0),
        kinds=np.diff(np.searchsorted(found[first], ends), prepend=0),
    )
