"""A run opened for use: its model, its tokenizer, what it says and how well.

Before this   trainer.py makes runs; training/checkpoint.py reads them.
After this    the public door, `fogwalk.train` and `fogwalk.load`; cli/ asks the same object.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from fogwalk import hardware, trainer
from fogwalk.batches.tokens import MOST_SCORED
from fogwalk.encoding import tokenizers
from fogwalk.encoding.protocol import Tokenizer
from fogwalk.errors import DataError, UsageError
from fogwalk.generation.decode import Answer, Piece, Speaks, generate
from fogwalk.generation.sampling import Sampling
from fogwalk.objectives.metrics import Score, frequencies, guessing
from fogwalk.objectives.ngram import NGram, ngram
from fogwalk.runs.folder import RunFolder, find
from fogwalk.runs.log import read_story
from fogwalk.runs.publish import problems, require_intact
from fogwalk.settings import Settings, load_settings, nested, resolve
from fogwalk.settings import preset as preset_source
from fogwalk.tasks.language import Language, Scored, build_model, next_token_loss, read_for_scoring, scoring_windows
from fogwalk.training import checkpoint
from fogwalk.training.evaluation import evaluate
from fogwalk.training.state import arithmetic_of

Paths = str | Path | Sequence[str | Path]


def train(
    path: Paths,
    *,
    minutes: float | None = None,
    preset: str | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Run:
    """Train on a text and give back the run.

    `settings` are those of the command line: `seed=7, model={"layers": 6}, training={"steps": 2000}`. Prints its
    progress unless `quiet`. Raises the errors of fogwalk.errors.
    """
    began = time.perf_counter()
    chosen = nested({**settings, "data": {**settings.get("data", {}), "path": _paths(path)}, "minutes": minutes})
    resolved = resolve(*([preset_source(preset)] if preset else []), chosen)
    if quiet:
        return Run(trainer.train(resolved, began=began))
    from fogwalk.cli.progress import Progress

    with Progress() as progress:
        return Run(trainer.train(resolved, listeners=[progress], tell=progress.tell, began=began))


def _paths(path: Paths) -> tuple[str, ...]:
    if isinstance(path, str | Path):
        return (str(path),)
    if not isinstance(path, Sequence):
        raise UsageError(f"the text to learn from cannot be {path!r}", expected="It is a path, or several in a list.")
    return tuple(map(str, path))


def load(run: str | Path = "last", *, step: int | None = None) -> Run:
    """Open a run by name, by folder, or the newest under ./runs; `step` picks a checkpoint (default: the best)."""
    return Run(find(str(run)), step=step)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """A score beside what guessing and counting get on the same tokens; `unknown` counts characters never learned.

    What counting gets is None where the text that the run learned from is gone, or is another now; an n-gram model also where
    there are more than two million tokens to score.
    """

    score: Score
    guessing: float
    frequencies: float | None
    ngram: NGram | None
    unknown: dict[str, int]
    source: str
    learned: bool = False  # it is the whole text that the run learned from


def _size(token: str) -> int:
    """The bytes of a token's text; a token that is a part of a character is shown as U+FFFD and is one byte."""
    return 1 if token == "\ufffd" else len(token.encode("utf-8", "surrogatepass"))


class Run:
    """One trained run. What is costly is loaded when first asked for."""

    def __init__(self, folder: RunFolder, *, step: int | None = None) -> None:
        self.folder = folder
        self._asked = step
        self.damage: list[str] = []  # what was passed over to find an intact checkpoint

    def __repr__(self) -> str:
        return f"Run('{self.folder.path}', step {self.step})"

    @property
    def path(self) -> Path:
        """The run's folder."""
        return self.folder.path

    @cached_property
    def step(self) -> int:
        """The checkpoint in use: the one asked for, else the best validated, else the newest intact one."""
        saved = self.folder.steps_saved()
        if self._asked is not None:
            if self._asked not in saved:
                raise UsageError(
                    f"{self.path} has no checkpoint of step {self._asked}",
                    remedy=f"It has: {', '.join(map(str, saved))}.",
                )
            require_intact(self.folder.checkpoint(self._asked))
            return self._asked
        newest, _ = checkpoint.require(self.folder)
        scored = [
            (record["validation_loss"], record["step"])
            for record in self.events()
            if record["event"] == "evaluated"
            and record["step"] in saved
            and isinstance(record.get("validation_loss"), int | float)
        ]
        for _, step in sorted(scored):
            if not (damage := problems(self.folder.checkpoint(step))):
                return int(step)
            self.damage += damage
        return newest

    @property
    def checkpoint(self) -> Path:
        """The folder of the checkpoint in use."""
        return self.folder.checkpoint(self.step)

    @cached_property
    def settings(self) -> Settings:
        """Every value of the run, and where it came from."""
        return load_settings(self.checkpoint / "settings.toml")

    @cached_property
    def device(self) -> torch.device:
        """Where the model is: the run's device where this machine has it, else the CPU."""
        try:
            return hardware.pick_device(self.settings.device)
        except UsageError:
            return torch.device("cpu")

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """Text <-> numbers, as learned from the run's text."""
        return tokenizers.load(self.checkpoint / "encoding")

    @cached_property
    def model(self) -> nn.Module:
        """The trained model, ready to answer (float32, dropout off)."""
        checkpoint.read_progress(self.folder, self.step)
        model = build_model(self.settings, self.tokenizer)
        checkpoint.load_weights(model, self.checkpoint / "model.safetensors")
        return model.to(self.device).eval()

    def events(self) -> list[dict[str, Any]]:
        """What happened in the run, in order, as plain records."""
        return read_story(self.folder.events)

    def stream(
        self,
        prompt: str = "",
        *,
        tokens: int = 200,
        temperature: float = 0.8,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int = 1,
        stop: Sequence[str] = (),
        rivals: int = 0,
        answer: Answer | None = None,
    ) -> Iterator[Piece]:
        """The model's answer, token by token. `rivals` is how many likeliest tokens each piece names."""
        if tokens < 0:
            raise UsageError(f"--tokens cannot be {tokens}", expected="It must be at least 0.")
        return generate(
            cast(Speaks, self.model),
            self.tokenizer,
            prompt,
            tokens=tokens,
            how=Sampling(temperature=temperature, top_k=top_k, top_p=top_p),
            generator=torch.Generator(self.device).manual_seed(seed),
            stop=stop,
            rivals=rivals,
            answer=answer,
        )

    def generate(self, prompt: str = "", **how: Any) -> Answer:
        """The model's whole answer; `how` as for `stream`."""
        answer = Answer(prompt)
        for _ in self.stream(prompt, answer=answer, **how):
            pass
        return answer

    def evaluate(
        self, path: str | None = None, *, encoding: str | None = None, column: str | None = None
    ) -> Evaluation:
        """Score the run's own validation split, or another text, read as the run's own unless an encoding or a column is given.

        In the run's own number format, so that its own split gives the very loss of the run's last validation.
        """
        model, data = self.model, self.settings.data
        with hardware.exactly(self.settings.threads or hardware.cores()):
            try:
                task = Language(self.settings, self.checkpoint / "encoding")
            except DataError as error:
                if path is None:
                    remedy = f"{error.remedy} Or name another text to score: --data TEXT.".strip()
                    raise DataError(error.found, expected=error.expected, remedy=remedy, origin=error.origin) from None
                task = None  # the text it learned from is gone: what counting gets on it cannot be said
            same = task and task.digest == checkpoint.read_progress(self.folder, self.step)["data_sha256"]
            if path is not None:
                task = task if same else None  # another text stands there now: it taught this model nothing
                scored = read_for_scoring(path, self.tokenizer, encoding or data.encoding, column or data.column)
                found = self._score(model, path, scored, task)
                return replace(found, learned=task is not None and scored.digest == task.digest)
            assert task is not None
            if not same:
                raise DataError(
                    f"{task.source} has changed since the run, so its validation split is not the run's",
                    remedy="Name a text to score with --data.",
                )
            own = Scored(
                stream=task.tokens.validation, counts=task.tokens.counts["validation"], unknown={}, digest=task.digest
            )
            return self._score(model, "the run's validation split", own, task)

    def _score(self, model: nn.Module, source: str, scored: Scored, task: Language | None) -> Evaluation:
        context, size = self.settings.model.context, self.tokenizer.size
        arithmetic = arithmetic_of(self.settings.replacing({"device": self.device.type}, "found"))
        found = evaluate(model, next_token_loss, scoring_windows(scored.stream, context), arithmetic)
        # The first token is read but not scored.
        first = self.tokenizer.decode([int(scored.stream[0])])
        if self.tokenizer.kind == "characters":
            first = scored.counts.opening[:1]  # as it stands in the text, which the tokenizer may not know
        score = Score(
            loss=found.loss,
            tokens=found.examples,
            context=context,
            characters=scored.counts.characters - len(first),
            bytes=scored.counts.bytes - _size(first),
        )
        learned = None if task is None else task.tokens.training
        return Evaluation(
            score=score,
            guessing=guessing(size),
            frequencies=None if learned is None else frequencies(learned, scored.stream, size),
            ngram=None if learned is None or len(scored.stream) > MOST_SCORED else ngram(learned, scored.stream, size),
            unknown=scored.unknown,
            source=source,
        )
