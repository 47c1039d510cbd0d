"""Choices that do nothing beside other choices: said aloud, since a person made them for a reason.

Before this   resolve.py has put the tree together.
After this    training/session.py tells them before the first step.
"""

from __future__ import annotations

from collections.abc import Callable

from fogwalk.settings.fields import flag
from fogwalk.settings.models import Transformer
from fogwalk.settings.tree import Settings

# Each setting that can be idle: when it is, and what it goes with.
_IDLE: dict[str, tuple[Callable[[Settings], bool], str]] = {
    "optimizer.beta1": (lambda s: s.optimizer.name == "sgd", "muon and adamw"),
    "optimizer.beta2": (lambda s: s.optimizer.name == "sgd", "muon and adamw"),
    "optimizer.momentum": (lambda s: s.optimizer.name == "adamw", "muon and sgd"),
    "optimizer.other_learning_rate": (lambda s: s.optimizer.name != "muon", "muon"),
    "optimizer.decay": (lambda s: s.optimizer.schedule != "warmup-stable-decay", "the schedule warmup-stable-decay"),
    "data.vocabulary": (
        lambda s: s.data.tokenizer not in ("bpe", "auto") or s.task != "language",
        "--data.tokenizer bpe",
    ),
    "training.label_smoothing": (lambda s: s.task != "classification", "classification"),
    "training.class_weights": (lambda s: s.task != "classification", "classification"),
    "training.loss": (lambda s: s.task == "language" and s.training.loss != "cross-entropy", "a table"),
    "training.sample_prompt": (lambda s: s.task != "language", "a text"),
    "data.target": (lambda s: s.task == "language", "a table"),
    "data.group": (lambda s: s.task == "language", "a table"),
    "data.size": (lambda s: s.task == "language", "images"),
    "data.augment": (lambda s: s.task == "language", "images"),
    "data.column": (lambda s: s.task != "language", "a text"),
    "data.tokenizer": (lambda s: s.task != "language", "a text"),
    "model.norm_place": (
        lambda s: isinstance(s.model, Transformer) and s.model.normalisation == "none",
        "a normalisation",
    ),
}


def unused(settings: Settings) -> list[str]:
    """One sentence for each choice of the person's that changes nothing in this run."""
    told = []
    for key, (idle, goes_with) in _IDLE.items():
        chosen = not settings.origin(key).startswith(("default", "preset"))
        if chosen and idle(settings):
            told.append(
                f"{flag(key)} does nothing here: it goes with {goes_with} (it came from {settings.origin(key)})"
            )
    return told
