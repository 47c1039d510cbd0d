"""Text from a trained model, one token after the other, shown as whole characters as soon as they are known.

Before this   sampling.py; models/attention.py keeps keys and values in a Cache.
After this    run.py and cli/generate.py; tasks/language.py shows what is learned with it.
Past the context the window slides: the oldest part is forgotten and the rest is read again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from fogwalk.encoding.protocol import Tokenizer
from fogwalk.errors import DataError, UsageError
from fogwalk.generation.sampling import Sampling, draw, probabilities
from fogwalk.models.attention import Cache


class Speaks(Protocol):
    """What decoding asks of a model: scores for tokens, with or without a cache, and its context."""

    context: int

    def __call__(self, tokens: Tensor, cache: Cache | None = None) -> Tensor: ...

    def empty_cache(self, batch: int) -> Cache | None:
        """Room for keys and values, or None for a model that keeps none."""
        ...


@dataclass(frozen=True)
class Piece:
    """One more token: the text it completed (empty while a character is unfinished or a stop string may be
    forming), its id, its probability and its rivals as (id, probability), likeliest first."""

    text: str
    token: int
    probability: float
    rivals: tuple[tuple[int, float], ...] = ()


@dataclass
class Answer:
    """A finished text: `stop_reason` is length, stop (a stop string) or end (the model ended the document)."""

    prompt: str
    text: str = ""
    token_ids: list[int] = field(default_factory=list)
    stop_reason: str = "length"
    slid: bool = False


def next_scores(model: Speaks, tokens: Sequence[int], cache: Cache | None, device: torch.device) -> Tensor:
    """Scores for the token after `tokens`, reading only those the cache has not seen. [1, vocabulary]"""
    start = cache.length if cache else 0
    read = torch.tensor([list(tokens[start:])], device=device)
    return model(read, cache)[:, -1].float()


def generate(
    model: Speaks,
    tokenizer: Tokenizer,
    prompt: str,
    *,
    tokens: int,
    how: Sampling,
    generator: torch.Generator,
    stop: Sequence[str] = (),
    rivals: int = 0,
    cached: bool = True,
    answer: Answer | None = None,
) -> Iterator[Piece]:
    """Go on from a prompt for at most `tokens` tokens; `answer` is filled on the way.

    The texts of all pieces together are answer.text. Raises UsageError when the prompt holds a character the
    tokenizer lacks. Once the context is full, its last three quarters are
    read again as a fresh start.
    """
    answer = answer if answer is not None else Answer(prompt)
    device = next(model.parameters()).device if isinstance(model, nn.Module) else torch.device("cpu")
    told = _Spoken(tokenizer, stop)
    window = prompt_ids(tokenizer, prompt)
    if len(window) > model.context:
        answer.slid, window = True, window[-model.context :]
    cache = model.empty_cache(1)
    # A model without a cache reads its whole context anew for each token anyway, and so forgets one token at a time.
    kept = max(1, model.context * 3 // 4) if cache else model.context
    for _ in range(tokens):
        if len(window) > model.context:
            answer.slid, window = True, window[-kept:]
            cache = model.empty_cache(1)
        with torch.inference_mode():
            scores = next_scores(model, window, cache if cached else None, device)
            if tokenizer.unsaid >= 0:
                scores[:, tokenizer.unsaid] = -math.inf
            chances = probabilities(scores, how)
            token = int(draw(chances, generator))
            if how.temperature == 0:
                chances = scores.softmax(dim=1)  # what is told of a greedy choice: how sure the model was
            top = torch.topk(chances[0], min(rivals, chances.shape[1])) if rivals else None
        if token == tokenizer.end:
            answer.stop_reason = "end"
            break
        window.append(token)
        answer.token_ids.append(token)
        text = told.add(token)
        answer.text += text
        rows = tuple(zip(top.indices.tolist(), top.values.tolist(), strict=True)) if top else ()
        yield Piece(text, token, float(chances[0, token]), rows)
        if told.stopped:
            answer.stop_reason = "stop"
            return
    if rest := told.rest():
        answer.text += rest
        yield Piece(rest, -1, 1.0)


def prompt_ids(tokenizer: Tokenizer, prompt: str) -> list[int]:
    """The ids of a prompt; an empty one begins as a document does. Raises UsageError naming unknown characters.

    An alphabet is that of the whole text, so its unknown id was never learned. The unknown token of a person's own tokenizer
    stands for words of the training text too, and may stand in a prompt.
    """
    if tokenizer.kind == "characters" and (missing := tokenizer.unknown(prompt)):
        named = ", ".join(f"{character!r} (U+{ord(character):04X})" for character in list(missing)[:5])
        raise UsageError(
            f"the prompt holds {named}, which this model's text never did",
            expected="Its tokenizer knows the characters of the text it was trained on, and no others.",
            remedy="Leave it out, or train with --data.tokenizer bytes, which knows every character.",
        )
    return tokenizer.encode(prompt).tolist() or [_beginning(tokenizer)]


def _beginning(tokenizer: Tokenizer) -> int:
    """The id that an answer to nothing goes on from: a document's end, else a line's, else the first there is."""
    if tokenizer.end >= 0:
        return tokenizer.end
    try:
        line = tokenizer.encode("\n").tolist()
    except DataError:
        line = []
    return int(line[0]) if line else 0


_FEW = 4  # ids: the context that each new one is decoded in
_BROKEN = 32  # ids without a whole character, after which some are surely broken
_BYTES = 4  # the longest character


class _Spoken:
    """Ids -> text as it becomes certain: unfinished characters and beginnings of a stop string are held back.

    Decoding every id again for each new one would take time that grows with the square of the answer. Only a window is
    decoded: a few ids whose text is certain, then the newer ones. What those add to the text of the few is new. The few are
    needed, for the first word of a text is often decoded without the space before it.
    """

    def __init__(self, tokenizer: Tokenizer, stop: Sequence[str]) -> None:
        self.tokenizer = tokenizer
        self.stop = [text for text in stop if text]
        self.stopped = False
        self._window: list[int] = []
        self._whole = 0  # ids of the window up to the last place where a character ended
        self._certain = 0  # characters of the window's text that are certain
        self._held = ""  # certain, but not given yet: it may become a stop string

    def add(self, token: int) -> str:
        self._window.append(token)
        text = self.tokenizer.decode(self._window)
        # A character of several bytes shows as U+FFFD until its last byte has come.
        certain = text.rstrip("\ufffd")
        grown = len(certain) > self._certain
        self._accept(certain)
        if grown and certain == text:
            self._forget()
        elif certain != text and len(self._window) - self._whole > _BROKEN:
            self._forget_broken(text)
        if places := [place for word in self.stop if (place := self._held.find(word)) >= 0]:
            self.stopped = True
            return self._give(min(places))
        return self._give(len(self._held) - self._beginning_of_stop(self._held))

    def rest(self) -> str:
        """What was held back, once nothing more will come."""
        if self._window:
            self._accept(self.tokenizer.decode(self._window))
        return self._give(len(self._held))

    def _accept(self, text: str) -> None:
        self._held += text[self._certain :]
        self._certain = max(self._certain, len(text))

    def _forget(self) -> None:
        """Let the newest ids be the context of the next, now that the last character is whole."""
        if len(self._window) - self._whole >= _FEW:
            self._window = self._window[self._whole :]
            self._whole = len(self._window)
            self._certain = len(self.tokenizer.decode(self._window))

    def _forget_broken(self, text: str) -> None:
        """Tell bytes that never became a character, up to a place that no character to come can reach back over."""
        decode = self.tokenizer.decode
        for place in range(len(self._window) - _BYTES, len(self._window) - 2 * _BYTES, -1):
            before, after = self._window[:place], self._window[place:]
            if decode(before) + decode(after) == text:
                self._accept(decode(before))
                self._window, self._whole, self._certain = after, 0, 0
                return

    def _give(self, end: int) -> str:
        text, self._held = self._held[:end], self._held[end:]
        return text

    def _beginning_of_stop(self, text: str) -> int:
        lengths = (size for word in self.stop for size in range(len(word) - 1, 0, -1) if text.endswith(word[:size]))
        return max(lengths, default=0)
