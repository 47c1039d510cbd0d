"""Language modelling: a text teaches which token comes next.

Before this   protocol.py; data/, encoding/tokenizers.py, batches/, models/, objectives/.
After this    trainer.py and training/loop.py use it through the protocol alone.
"""

from __future__ import annotations

import copy
import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from fogwalk.batches.batch import Batch
from fogwalk.batches.tokens import MOST_SCORED, Counts, Stream, tokenise
from fogwalk.batches.windows import TrainingWindows, validation_windows
from fogwalk.cache import cached, unusable
from fogwalk.data.corpus import Corpus, format_of
from fogwalk.data.split import Split, Survey, survey, training
from fogwalk.encoding import tokenizers
from fogwalk.encoding.protocol import Tokenizer
from fogwalk.errors import DataError
from fogwalk.generation.decode import Answer, generate, prompt_ids
from fogwalk.generation.sampling import Sampling
from fogwalk.hardware import give_back_memory
from fogwalk.models.attention import EXACT_CONTEXT
from fogwalk.models.transformer import LanguageModel
from fogwalk.objectives.losses import cross_entropy
from fogwalk.objectives.metrics import frequencies, guessing
from fogwalk.registry import MODELS
from fogwalk.settings import Settings, require_reads
from fogwalk.tasks.protocol import Sizes

# Tokens scored at once when validating: on a CPU more only falls out of the cache (measured).
EVALUATION_TOKENS = 2048
SAMPLE_TOKENS = 120
# Characters held back at most: about as many as the tokens that are scored, which may stand for several each.
MOST_HELD = {"characters": MOST_SCORED, "bytes": MOST_SCORED}
MOST_HELD_OTHERWISE = 3 * MOST_SCORED
SELDOM = 20  # times a token should stand in the training text, on average
# Characters of the training split that byte pairs are learned from, at most: the library counts every distinct word in memory,
# 0.7 GB for 25 million characters of a text with 2.2 million words (measured).
LEARNED_FROM = 15_000_000


class Language:
    """The language-modelling task for one corpus. `encoding` is a saved tokenizer's folder, when there is one.

    A text that is too short to train on is an error, unless it `may_be_short`: then it can only be looked at.
    A text that is not read and tokenised until then (`until`, time.perf_counter()) is an error too.
    """

    loss_name = "cross-entropy"
    class_weights: Tensor | None = None
    label_smoothing = 0.0  # the setting is of classes

    def __init__(
        self,
        settings: Settings,
        encoding: Path | None = None,
        *,
        may_be_short: bool = False,
        until: float | None = None,
    ) -> None:
        require_reads(settings.model_kind, "text")
        self.settings = settings
        data = settings.data
        self.corpus = Corpus(data.path, data.encoding, data.column, until)
        self.survey = self._surveyed()
        self.several = self.survey.documents > 1
        self.reason = ""
        self.tokenizer = tokenizers.load(encoding) if encoding else self._learned()
        if settings.training.sample_prompt:
            prompt_ids(self.tokenizer, settings.training.sample_prompt)  # better now than in the middle of the run
        self.tokens = tokenise(self.corpus, self.survey.split, self.several, self.tokenizer)
        self.corpus.forget()
        give_back_memory()
        if not may_be_short:
            self._check_length()

    @property
    def source(self) -> str:
        """The corpus in a few words."""
        return ", ".join(self.corpus.paths)

    def _surveyed(self) -> Survey:
        """What one pass tells, remembered between runs."""
        share, tokenizer = self.settings.data.validation, self.settings.data.tokenizer
        most = MOST_HELD.get(tokenizer, MOST_HELD_OTHERWISE)

        files = self.corpus.files
        # The survey's notes tell the names; whether one that is wrong is an error hangs on whether it was named itself.
        told = [name for name, _ in files.places], sorted(files.named), files.left_out

        def write(folder: Path) -> None:
            (folder / "survey.json").write_text(survey(self.corpus, share, most).to_json(), encoding="utf-8")

        def read(folder: Path) -> Survey:
            return Survey.from_json((folder / "survey.json").read_text(encoding="utf-8"))

        return cached("surveys", self._key("survey", share, most, told), write, read)

    def _learned(self) -> Tokenizer:
        """The tokenizer that was asked for or fits, remembered between runs."""
        data, found = self.settings.data, self.survey
        name = data.tokenizer
        if name == "auto":
            name, self.reason = tokenizers.choose(found.characters, len(found.alphabet), data.vocabulary)

        def write(folder: Path) -> None:
            def streamed() -> Iterator[str]:
                return training(self.corpus, found.split, LEARNED_FROM, found.characters)

            tokenizers.learn(
                name, found.alphabet, streamed, self._characters_learned, data.vocabulary, self.several
            ).save(folder)
            give_back_memory()

        if name in ("characters", "bytes") or name not in tokenizers.NAMES:
            return tokenizers.learn(name, found.alphabet, list, 0, None, self.several)
        key = self._key(name, data.vocabulary, found.split, LEARNED_FROM)
        return cached("tokenizers", key, write, tokenizers.load)

    @property
    def _characters_learned(self) -> int:
        """About how many characters are not held back."""
        return round(self.survey.characters * (1 - self.settings.data.validation))

    def _key(self, *parts: object) -> str:
        return hashlib.sha256(repr((2, self.corpus.digest, *parts)).encode()).hexdigest()[:32]

    def _check_length(self) -> None:
        if shortage := self.shortage():
            raise shortage

    def shortage(self) -> DataError | None:
        """What this text lacks to train a model of these settings on it; None where nothing is missing."""
        context = self.settings.context
        learned, held = len(self.tokens.training), len(self.tokens.validation)
        if learned <= context:
            fits = learned // 4
            if learned + held > 2 * context and self.settings.data.validation > 0.2:
                share = self.settings.data.validation
                return DataError(
                    f"{self.source} leaves {learned:,} tokens to learn from, for data.validation {share:g} holds back the rest",
                    expected=f"One window of this model is {context} + 1.",
                    remedy="Hold back less: --data.validation 0.1.",
                    origin=f"data.validation {share:g} came from {self._origin('data.validation')}.",
                )
            remedy = f"Give more text, or set --model.context to at most {fits}." if fits >= 2 and held >= 2 else ""
            return DataError(
                f"{self.source} is too short: {learned:,} tokens to learn from, "
                f"but one window of this model is {context} + 1",
                remedy=remedy or "Give more text: a few hundred characters at least.",
                origin=f"model.context {context} came from {self._origin('model.context')}.",
            )
        if held < 2:
            return DataError(
                f"{self.source} leaves {held} tokens to validate on; at least 2 are needed",
                remedy="Give more text, or hold back more with --data.validation 0.2."
                if self.settings.data.validation < 0.2 and learned + held >= 10
                else "Give more text: a few hundred characters at least.",
            )
        return None

    def _origin(self, key: str) -> str:
        origin = self.settings.origin(key)
        return "the defaults" if origin == "default" else origin

    @property
    def digest(self) -> str:
        """SHA-256 of the data: a resumed run compares it."""
        return self.corpus.digest

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Numbers for the planned event."""
        return {
            "path": list(self.corpus.paths),
            "sha256": self.digest,
            "documents": self.survey.documents,
            "characters": self.survey.characters,
            "tokenizer": self.tokenizer.kind,
            "vocabulary": self.tokenizer.size,
            "training_tokens": len(self.tokens.training),
            "validation_tokens": len(self.tokens.validation),
            "guessing": guessing(self.tokenizer.size),
            "frequencies": self._frequencies,
        }

    @property
    def sizes(self) -> Sizes:
        """Tokens, in windows of the model's context."""
        return Sizes(
            unit="token",
            training=len(self.tokens.training),
            validation=len(self.tokens.validation),
            each=self.settings.context,
            outputs=self.tokenizer.size,
        )

    @cached_property
    def _frequencies(self) -> float:
        return frequencies(self.tokens.training, self.tokens.validation, self.tokenizer.size)

    def words(self) -> list[str]:
        """What the data is and how it is used."""
        found, because = self.survey, f" ({self.reason})" if self.reason else ""
        many = f"{found.documents:,} documents, " if self.several else ""
        kind, made = self.tokenizer.kind, len(self.tokens.training) + len(self.tokens.validation)
        tokenized = f" -> {made:,} tokens of {self.tokenizer.size:,} different ones ({kind})"
        if kind == "characters":
            tokenized = f", {len(found.alphabet):,} distinct -> character tokens"
        lines = [f"{many}{found.characters:,} characters{tokenized}{because}; {found.split.words}", *found.notes]
        if self._cut():
            lines.append(
                f"of what is held back, {len(self.tokens.validation):,} tokens are scored; the rest is left out"
            )
        lines += self.doubts()
        if why := unusable():
            lines.append(f"what was made of the text is not kept for the next run: {why}")
        if self.settings.data.column and all(format_of(place) == "text" for _, place in self.corpus.files.places):
            lines.append("data.column does nothing here: no file is a table or JSON lines")
        lines += [
            f"sha256 of {path}: {self.corpus.sample_digest(path)[:16]} (samples differ between Python versions)"
            for path in self.corpus.paths
            if path.startswith("sample:")
        ]
        return lines

    def doubts(self) -> list[str]:
        """Whether the vocabulary has more tokens than this text can teach, or documents run into one another."""
        asked, size, learned = self.settings.data.vocabulary, self.tokenizer.size, len(self.tokens.training)
        lines = []
        if self.several and self.tokenizer.end < 0:
            lines.append(
                "the tokenizer has no <|endoftext|>: one document follows the other without a mark between them"
            )
        if self.tokenizer.kind != "bpe" or self.settings.data.tokenizer not in ("auto", "bpe"):
            return lines
        if asked and size < asked:
            lines.append(
                f"a vocabulary of {asked:,} was asked for; this text has no more than {size:,} tokens to learn"
            )
        if learned < size * SELDOM:
            fits = tokenizers.vocabulary_for(self._characters_learned)
            smaller = f"--data.vocabulary {fits}, or " if fits < size else ""
            other = "bytes" if len(self.survey.alphabet) > tokenizers.MANY else "characters"
            lines.append(
                f"each of the {size:,} tokens stands about {learned / size:.1f} times in the training text, too seldom to be "
                f"learned well ({smaller}--data.tokenizer {other})"
            )
        return lines

    def _cut(self) -> bool:
        """Whether more is held back than is scored."""
        counts = self.tokens.counts.values()
        return sum(count.characters for count in counts) < self.survey.characters

    def chance(self) -> str:
        """What the loss would be without learning."""
        size = self.tokenizer.size
        return (
            f"loss {guessing(size):.2f} = ln {size:,}: guessing; {self._frequencies:.2f} = token frequencies only "
            "(measured on this text)"
        )

    def save_encoding(self, folder: Path) -> None:
        """Write tokenizer.json and tokenizer_config.json."""
        folder.mkdir(parents=True, exist_ok=True)
        self.tokenizer.save(folder)

    def fitted(self, settings: Settings) -> tuple[Settings, list[str]]:
        """Shape and dropout follow from the time too: training/shape.py chooses them."""
        return settings, []

    def resized(self, settings: Settings) -> Language:
        """The same task on the same data for a model of other settings."""
        other = copy.copy(self)
        other.settings = settings
        other._check_length()
        return other

    def model(self) -> nn.Module:
        """A fresh model of the chosen kind."""
        return build_model(self.settings, self.tokenizer)

    def training(self) -> TrainingWindows:
        """Windows of the training text; a pure function of (seed, step)."""
        settings = self.settings
        return TrainingWindows(self.tokens.training, settings.context, settings.training.batch, settings.seed)

    def validation(self) -> Iterator[Batch]:
        """Every token of the validation split once."""
        return scoring_windows(self.tokens.validation, self.settings.context)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean cross-entropy in nats per token."""
        return next_token_loss(outputs, batch)

    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, float]:
        """The loss says it all."""
        return {}

    input_names: ClassVar[list[str]] = []

    def asked(self, batch: Batch, row: int) -> tuple[str, str]:
        """A window's text, and the token after its last."""
        return self.tokenizer.decode(batch.inputs[row].tolist()), self.named(int(batch.targets[row, -1]))

    def named(self, output: int) -> str:
        """The token."""
        return repr(tokenizers.spelled(self.tokenizer, output))

    def answered(self, outputs: Tensor) -> str:
        """The likeliest token."""
        return self.named(int(outputs.argmax()))

    @staticmethod
    def rebuilt(settings: Settings, encoding: Path) -> nn.Module:
        """The model of these settings for a saved tokenizer."""
        return build_model(settings, tokenizers.load(encoding))

    def show(self, model: nn.Module, generator: torch.Generator) -> tuple[str, str]:
        """How the model goes on from the same few words each time."""
        prompt = self.settings.training.sample_prompt or self.opening()
        answer = Answer(prompt)
        for _ in generate(
            model,  # type: ignore[arg-type]  # every model of this task can speak
            self.tokenizer,
            prompt,
            tokens=SAMPLE_TOKENS,
            how=Sampling(temperature=0.8, top_k=50),
            generator=generator,
            answer=answer,
        ):
            pass
        return prompt, answer.text

    def opening(self) -> str:
        """The first words of the validation text, up to a line's end, at least 3 and at most 24 characters."""
        text = self.tokens.counts["validation"].opening.lstrip()[:24]
        if self.tokenizer.unknown(text):  # a tokenizer of the person's own may lack a letter of this text
            text = self.tokenizer.decode(self.tokenizer.encode(text).tolist())
        return text[: max(text.find("\n") + 1, 0)] if text.find("\n") >= 3 else text


def next_token_loss(outputs: Tensor, batch: Batch) -> Tensor:
    """Mean of -log p(the token that came next), in nats per token."""
    return cross_entropy(outputs, batch.targets)


def build_model(settings: Settings, tokenizer: Tokenizer) -> nn.Module:
    """The model of these settings for this tokenizer's vocabulary, with the attention that fits the context."""
    model: nn.Module = MODELS.get(settings.model_kind)(settings.model, tokenizer.size)
    if isinstance(model, LanguageModel):
        # On a CPU the fused kernel only pays where the square of weights is large (measured).
        model.use_attention("exact" if settings.device == "cpu" and settings.context <= EXACT_CONTEXT else "fused")
    return model


def scoring_windows(stream: Stream, context: int) -> Iterator[Batch]:
    """The windows in which a text is scored, some at a time."""
    return validation_windows(stream, context, max(1, EVALUATION_TOKENS // context))


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A text to score with a trained tokenizer: its ids, what they were made of, and the characters never learned."""

    stream: Stream
    counts: Counts
    unknown: dict[str, int]
    digest: str  # of the text, as of a run's own


def read_for_scoring(path: str, tokenizer: Tokenizer, encoding: str, column: str | None) -> Scored:
    """All documents of a path as one stream. Raises DataError when there is nothing to score."""
    corpus = Corpus((path,), encoding, column)
    unknown: Counter[str] = Counter()
    documents = 0
    for part in corpus.parts():
        unknown.update(tokenizer.unknown(part.text))
        documents += part.last
    tokens = tokenise(corpus, Split(), documents > 1, tokenizer)
    if len(tokens.training) < 2:
        raise DataError(
            f"{path} holds {len(tokens.training)} token; at least 2 are needed to score one",
            remedy="Name a longer text.",
        )
    return Scored(stream=tokens.training, counts=tokens.counts["training"], unknown=dict(unknown), digest=corpus.digest)
