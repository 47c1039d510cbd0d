"""A run opened for use: its model, its tokenizer, what it says and how well.

Before this   trainer.py makes runs; training/checkpoint.py reads them.
After this    the public door, `fogwalk.train` and `fogwalk.load`; cli/ asks the same object.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import nn

from fogwalk import hardware, trainer
from fogwalk.data.recognise import settled
from fogwalk.data.tables.table import Table
from fogwalk.encoding import tokenizers
from fogwalk.encoding.columns import Target
from fogwalk.encoding.protocol import Tokenizer
from fogwalk.encoding.records import load_encoder
from fogwalk.errors import DataError, UsageError
from fogwalk.generation.decode import Answer, Piece, Speaks, generate
from fogwalk.generation.sampling import Sampling
from fogwalk.predicting import Answers, Asked, Assessment, Recogniser, held_back
from fogwalk.registry import TASKS
from fogwalk.runs.folder import RunFolder, find
from fogwalk.runs.log import read_story
from fogwalk.runs.publish import problems, require_intact
from fogwalk.scoring import Evaluation, TextScorer
from fogwalk.settings import Settings, load_settings, nested
from fogwalk.settings import preset as preset_source
from fogwalk.tasks.language import Language
from fogwalk.tasks.protocol import Task
from fogwalk.tasks.recognition import Recognition
from fogwalk.training import checkpoint

if TYPE_CHECKING:
    from fogwalk.explaining import Answered
    from fogwalk.insight.answer import Answering
    from fogwalk.insight.explanation import Explanation
    from fogwalk.insight.verdicts import Verdict

Paths = str | Path | Sequence[str | Path]
RECORDS = ("classification", "regression")  # the tasks that learn from rows or images


def train(
    path: Paths,
    *,
    minutes: float | None = None,
    preset: str | None = None,
    quiet: bool = False,
    **settings: Any,
) -> Run:
    """Train on a text or a table and give back the run.

    `settings` are those of the command line: `seed=7, model={"layers": 6}, training={"steps": 2000}`. Prints its
    progress unless `quiet`. Raises the errors of fogwalk.errors.
    """
    began = time.perf_counter()
    chosen = nested({**settings, "data": {**settings.get("data", {}), "path": _paths(path)}, "minutes": minutes})
    resolved = settled(*([preset_source(preset)] if preset else []), chosen)
    if quiet:
        return Run(trainer.train(resolved, began=began))
    from fogwalk.cli.progress import Progress

    with Progress() as progress:
        return Run(trainer.train(resolved, listeners=[progress], tell=progress.tell, began=began))


def _paths(path: Paths) -> tuple[str, ...]:
    if isinstance(path, str | Path):
        return (str(path),)
    if not isinstance(path, Sequence):
        raise UsageError(f"the data to learn from cannot be {path!r}", expected="It is a path, or several in a list.")
    return tuple(map(str, path))


def load(run: str | Path = "last", *, step: int | None = None) -> Run:
    """Open a run by name, by folder, or the newest under ./runs; `step` picks a checkpoint (default: the best)."""
    return Run(find(str(run)), step=step)


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
        self._require("language", instead=f"Let it answer for new rows: fogwalk predict {self.folder.name} new.csv")
        return tokenizers.load(self.checkpoint / "encoding")

    @cached_property
    def model(self) -> nn.Module:
        """The trained model, ready to answer (float32, dropout off)."""
        checkpoint.read_progress(self.folder, self.step)
        model: nn.Module = TASKS.get(self.settings.task).rebuilt(self.settings, self.checkpoint / "encoding")
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
    ) -> Evaluation | Assessment:
        """Score the run's own validation split, or another text, read as the run's own unless an encoding or a column is given;
        or another table, which must hold the answers.

        A text is scored in the run's own number format, so that its own split gives the very loss of the run's last validation.
        """
        with hardware.exactly(self.settings.threads or hardware.cores()):
            instead = f"name another {self._sort} to score: --data PATH."
            learned = self._learned_from(instead) if path is None else self._learned()[0]
            data = self.settings.data
            if isinstance(learned, Recognition) or self.settings.task != "language":
                assert learned is None or isinstance(learned, Recognition)
                if path is not None:
                    return self.recogniser.assess(self.recogniser.asked(path, encoding or data.encoding), path, learned)
                assert learned is not None
                return self.recogniser.assess(held_back(learned), "the run's validation split", learned)
            assert learned is None or isinstance(learned, Language)
            scorer = TextScorer(self.settings, self.model, self.device, self.tokenizer, learned)
            return scorer.score(path, encoding or data.encoding, column or data.column)

    def held_back(self) -> Asked:
        """The rows or images that the run validated on, with their answers. Raises DataError where they are gone or changed."""
        self._require(*RECORDS, instead="A text's validation split has no records.")
        learned = self._learned_from()
        assert isinstance(learned, Recognition)
        return held_back(learned)

    def explain(self, step: int | None = None, *, row: int = 0, name: str | None = None) -> Explanation:
        """One update of the run, made again and told whole: an object that shows itself; `row` is the record of the batch that
        is shown. Without a step the last one. Raises UsageError, before the work, where its model has nothing called `name`."""
        from fogwalk.insight.again import explain
        from fogwalk.insight.explanation import Explanation, require_whole

        require_whole("step", step)
        require_whole("row", row)
        told = explain(self.folder, step, name)
        told.require_row(row)
        return Explanation(told, row)

    def explain_answer(self, prompt: str | Asked, *, row: int | None = None, step: int | None = None) -> Answered:
        """What the model answers and what drove it: to a prompt; or for a row, written as `age=39, sex=male` or as row `row` of
        a table, or for an image, by its path; or for record `row` of `held_back()`. With `step` as it was after so many updates,
        made again where no checkpoint holds it. An object that shows itself."""
        from fogwalk.explaining import of_a_prompt, of_a_record
        from fogwalk.insight.again import model_after
        from fogwalk.insight.explanation import require_whole

        require_whole("row", row)
        require_whole("step", step)
        if step is not None and step in self.folder.steps_saved():
            return Run(self.folder, step=step).explain_answer(prompt, row=row)
        model, at = (self.model, self.step) if step is None else (model_after(self.folder, step), step)
        with hardware.exactly(self.settings.threads or hardware.cores()):
            if self.settings.task == "language":
                assert isinstance(prompt, str), "a text has no records"
                if row is not None:
                    raise UsageError(f"--row {row} says nothing of a text's prompt", remedy="Leave it out.")
                return of_a_prompt(self.folder.name, at, model, self.tokenizer, prompt)
            return of_a_record(self.folder.name, at, self._recogniser_with(model), prompt, row or 0)

    def seen(self, prompt: str, *, step: int | None = None) -> Answering:
        """The pass that makes the answer to a prompt of a text, with every value on the way: what `explain_answer` tells more of,
        for which it takes longer. Raises what that does."""
        from fogwalk.explaining import seen_of_a_prompt
        from fogwalk.insight.again import model_after

        if step is not None and step in self.folder.steps_saved():
            return Run(self.folder, step=step).seen(prompt)
        with hardware.exactly(self.settings.threads or hardware.cores()):
            model = self.model if step is None else model_after(self.folder, step)
            return seen_of_a_prompt(model, self.tokenizer, prompt)

    def verdicts(self) -> list[Verdict]:
        """What the run's numbers say about its health; causes before what they explain."""
        from fogwalk.insight.verdicts import judge
        from fogwalk.insight.watching import evidence_of

        return judge(evidence_of(self.folder))

    def health(self) -> str:
        """The verdicts for a person."""
        from fogwalk.insight.telling.health import health
        from fogwalk.insight.verdicts import judge
        from fogwalk.insight.watching import evidence_of

        evidence = evidence_of(self.folder)
        return "\n".join(health(self.folder.name, evidence, judge(evidence)))

    def _learned_from(self, instead: str = "") -> Task:
        """The task on the run's own data; raises DataError where that is gone, or is another now, with what to do `instead`."""
        learned, gone = self._learned()
        if gone is not None:
            remedy = f"{gone.remedy} Or {instead}".strip() if instead else gone.remedy
            raise DataError(gone.found, expected=gone.expected, remedy=remedy, origin=gone.origin)
        if learned is None:
            raise DataError(
                f"{', '.join(self.settings.data.path)} has changed since the run, so its validation split is not the run's",
                remedy=instead[:1].upper() + instead[1:],
            )
        return learned

    def _learned(self) -> tuple[Task | None, DataError | None]:
        """The task on the data that the run learned from; None where something else stands there now, or, with why, where
        nothing does."""
        try:
            task: Task = TASKS.get(self.settings.task)(self.settings, self.checkpoint / "encoding")
        except DataError as error:
            return None, error
        same = task.digest == checkpoint.read_progress(self.folder, self.step)["data_sha256"]
        return (task if same else None), None

    @property
    def _sort(self) -> str:
        return "text" if self.settings.task == "language" else "table"

    def _require(self, *tasks: str, instead: str) -> None:
        if self.settings.task not in tasks:
            raise UsageError(
                f"{self.folder.name} was trained for {self.settings.task}, so it cannot do this", remedy=instead
            )

    @cached_property
    def recogniser(self) -> Recogniser:
        """The model with what it learned of records and answers, of a run on rows or images."""
        return self._recogniser_with(self.model)

    def _recogniser_with(self, model: nn.Module) -> Recogniser:
        encoding = self.checkpoint / "encoding"
        return Recogniser(model, load_encoder(encoding), Target.load(encoding))

    @property
    def classes(self) -> tuple[str, ...]:
        """What a classification tells apart; empty for any other task."""
        return () if self.settings.task == "language" else self.recogniser.target.classes

    def predict(
        self, path: str, *, encoding: str | None = None, say: Callable[[str], None] = lambda words: None
    ) -> tuple[Table, Answers]:
        """The rows of a table, or the names of images, and what goes with each: a class with its probabilities, or a number.
        `say` is told what was left out or read otherwise than it stands."""
        self._require(*RECORDS, instead=f"Let it write: fogwalk generate {self.folder.name}")
        with hardware.exactly(self.settings.threads or hardware.cores()):
            asked = self.recogniser.asked(path, encoding or self.settings.data.encoding)
            for words in asked.notes:
                say(words)
            return asked.table, self.recogniser.answer(asked.inputs)
