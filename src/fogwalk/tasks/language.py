"""Language modelling: a text teaches which token comes next.

Before this   protocol.py; data/texts.py, encoding/tokenizers.py, batches/, models/, objectives/.
After this    train.py and training/loop.py use it through the protocol alone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fogwalk.batches.tokens import Stream, tokenise
from fogwalk.batches.windows import Batch, TrainingWindows, validation_windows
from fogwalk.data.texts import Document, Texts, read_documents, read_texts
from fogwalk.encoding import tokenizers
from fogwalk.encoding.protocol import Tokenizer
from fogwalk.errors import DataError
from fogwalk.generation.decode import Answer, generate
from fogwalk.generation.sampling import Sampling
from fogwalk.models.transformer import LanguageModel
from fogwalk.objectives.losses import cross_entropy
from fogwalk.objectives.metrics import frequencies, guessing
from fogwalk.registry import MODELS
from fogwalk.settings import Settings

# Tokens scored at once when validating: on a CPU more only falls out of the cache (measured).
EVALUATION_TOKENS = 2048
SAMPLE_TOKENS = 120


class Language:
    """The language-modelling task for one source of text. `encoding` is a saved tokenizer's folder, when there is one."""

    def __init__(self, settings: Settings, encoding: Path | None = None) -> None:
        self.settings = settings
        self.texts: Texts = read_texts(settings.data.path, settings.data.validation)
        self.reason = ""
        self.tokenizer = tokenizers.load(encoding) if encoding else self._learn()
        self.streams = self._tokenise()
        self._check_length()

    def _learn(self) -> Tokenizer:
        data, texts = self.settings.data, self.texts
        training = [document.text for document in texts.training]
        whole = training + [document.text for document in texts.validation]
        name = data.tokenizer
        if name == "auto":
            distinct = len(set().union(*map(set, whole)))
            name, self.reason = tokenizers.choose(whole, distinct)
        return tokenizers.learn(name, training, whole, data.vocabulary, texts.several)

    def _tokenise(self) -> dict[str, Stream]:
        parts = {
            "training": [document.text for document in self.texts.training],
            "validation": [document.text for document in self.texts.validation],
        }
        with tempfile.TemporaryDirectory() as folder:
            self.save_encoding(Path(folder))
            return tokenise(parts, self.tokenizer, Path(folder), self.texts.several)

    def _check_length(self) -> None:
        context = self.settings.model.context
        found = {name: len(stream) for name, stream in self.streams.items()}
        if found["training"] <= context:
            raise DataError(
                f"{self.texts.source} is too short: {found['training']:,} tokens to learn from, "
                f"but one window of this model is {context} + 1",
                remedy=f"Give more text, or set --model.context to at most {max(found['training'] // 4, 2)}.",
                origin=f"model.context {context} came from {self._origin('model.context')}.",
            )
        if found["validation"] < 2:
            raise DataError(
                f"{self.texts.source} leaves {found['validation']} tokens to validate on; at least 2 are needed",
                remedy="Give more text, or hold back more with --data.validation 0.2.",
            )

    def _origin(self, key: str) -> str:
        origin = self.settings.origin(key)
        return "the defaults" if origin == "default" else origin

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the data: a resumed run compares it."""
        return self.texts.digest

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Numbers for the planned event."""
        return {
            "path": self.texts.source,
            "sha256": self.digest,
            "characters": self.texts.characters,
            "tokenizer": self.tokenizer.kind,
            "vocabulary": self.tokenizer.size,
            "training_tokens": len(self.streams["training"]),
            "validation_tokens": len(self.streams["validation"]),
            "guessing": guessing(self.tokenizer.size),
            "frequencies": self._frequencies,
        }

    @cached_property
    def _frequencies(self) -> float:
        return frequencies(self.streams["training"], self.streams["validation"], self.tokenizer.size)

    def words(self) -> list[str]:
        """What the data is and how it is used."""
        texts, because = self.texts, f" ({self.reason})" if self.reason else ""
        lines = [
            f"{texts.characters:,} characters, {self.tokenizer.description()}{because}; {texts.held_back}",
            *texts.notes,
        ]
        if texts.source.startswith("sample:"):
            lines.append(f"sha256 {self.digest[:16]} (samples differ between Python versions)")
        return lines

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

    def model(self) -> nn.Module:
        """A fresh model of the chosen kind."""
        return build_model(self.settings, self.tokenizer)

    def training(self) -> TrainingWindows:
        """Windows of the training text; a pure function of (seed, step)."""
        settings = self.settings
        return TrainingWindows(self.streams["training"], settings.model.context, settings.training.batch, settings.seed)

    def validation(self) -> Iterator[Batch]:
        """Every token of the validation split once."""
        return scoring_windows(self.streams["validation"], self.settings.model.context)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean cross-entropy in nats per token."""
        return next_token_loss(outputs, batch)

    def show(self, model: nn.Module, generator: torch.Generator) -> tuple[str, str]:
        """How the model goes on from the same few words each time."""
        prompt = self.settings.training.sample_prompt or self._opening()
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

    def _opening(self) -> str:
        """The first words of the validation text, up to a line's end, at least 3 and at most 24 characters."""
        text = self.texts.validation[0].text.lstrip()[:24]
        return text[: max(text.find("\n") + 1, 0)] if text.find("\n") >= 3 else text


def next_token_loss(outputs: Tensor, batch: Batch) -> Tensor:
    """Mean of -log p(the token that came next), in nats per token."""
    return cross_entropy(outputs, batch.targets)


def build_model(settings: Settings, tokenizer: Tokenizer) -> nn.Module:
    """The model of these settings for this tokenizer's vocabulary, with the attention that fits the context."""
    model: nn.Module = MODELS.get(settings.model_kind)(settings.model, tokenizer.size)
    if isinstance(model, LanguageModel):
        # On a CPU the fused kernel only pays where the square of weights is large (measured).
        model.use_attention("exact" if settings.device == "cpu" and settings.model.context <= 512 else "fused")
    return model


def scoring_windows(stream: Stream, context: int) -> Iterator[Batch]:
    """The windows in which a text is scored, some at a time."""
    return validation_windows(stream, context, max(1, EVALUATION_TOKENS // context))


def read_for_scoring(path: str, tokenizer: Tokenizer) -> tuple[Stream, list[Document], dict[str, int]]:
    """A text to score with a trained tokenizer: its ids, its documents, and the characters it does not know."""
    documents, _ = read_documents(path)
    text = "".join(document.text for document in documents)
    stream = tokenizer.encode(text)
    if len(stream) < 2:
        raise DataError(f"{path} holds {len(stream)} token; at least 2 are needed to score one")
    return stream, documents, tokenizer.unknown(text)
