"""The one settings tree: what can be chosen about a run, each choice with its help sentence.

Before this   fields.py says what one setting is, models.py what each kind of model has.
After this    resolve.py fills the tree from presets, files and flags; trainer.py closes what was left open.
Every group is frozen. None means "left open": chosen for this data and this machine, and said.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from fogwalk.errors import SettingError
from fogwalk.registry import MODELS, OPTIMIZERS, TASKS
from fogwalk.settings.fields import check_limits, flag, setting, types_of
from fogwalk.settings.models import MODEL_GROUPS, Model, Transformer, require_reads


@dataclass(frozen=True, kw_only=True)
class Data:
    """What to learn from."""

    path: tuple[str, ...] = setting(
        (),
        "files, folders, patterns such as notes/*.md, or samples such as sample:python-docs and sample:iris",
        resumable=True,
    )
    encoding: str = setting("auto", "how text files are written: auto (UTF-8), or a name such as cp1252")
    target: str | None = setting(
        None, "which column of a table is predicted; --target for short (without it, a text is learned)"
    )
    group: str | None = setting(
        None, "a column of a table whose equal values stand on one side of the split, such as a person's number"
    )
    size: int | None = setting(
        None, "height and width in pixels that images are brought to (default: by what they are)", least=2, most=1024
    )
    augment: str = setting(
        "auto",
        "how images are changed at random while training: none, or some of flip,shift,crop | auto",
    )
    column: str | None = setting(
        None, "which column of CSV, Parquet or JSON lines holds the text (default: guessed, and said)"
    )
    tokenizer: str = setting(
        "auto", "how text becomes numbers: characters | bytes | bpe | a tokenizer.json file | auto (by size)"
    )
    vocabulary: int | None = setting(None, "number of tokens that bpe learns", least=257, most=1_000_000)
    validation: float = setting(0.1, "share of the text, rows or images held back to validate on", above=0, below=1)

    def __post_init__(self) -> None:
        check_limits("data.", self)
        changes = ("flip", "shift", "crop")
        if self.augment not in ("auto", "none") and not set(self.augment.split(",")) <= set(changes):
            raise SettingError(
                "data.augment",
                found=f"data.augment cannot be '{self.augment}'",
                expected=f"It is auto, none, or some of {', '.join(changes)} with commas between them.",
            )


@dataclass(frozen=True, kw_only=True)
class Optimizer:
    """How gradients become updates."""

    name: str = setting("muon", "muon (matrices; adamw for the rest) | adamw | sgd", choices=tuple(OPTIMIZERS))
    learning_rate: float | None = setting(
        None, "size of each update (default: the optimizer's own: muon 0.02, adamw 0.003, sgd 0.1)", above=0, most=1000
    )
    find_rate: bool = setting(
        False, "find the rate on throw-away models before training; written --optimizer.learning-rate find"
    )
    other_learning_rate: float | None = setting(
        None, "under muon: the rate of what is not a matrix (default: half the learning rate)", above=0, most=1000
    )
    momentum: float = setting(0.95, "share of the last update kept (muon, sgd)", least=0, below=1)
    beta1: float = setting(0.9, "adamw: how slowly the mean of gradients changes", least=0, below=1)
    beta2: float = setting(0.95, "adamw: how slowly the mean of squared gradients changes", least=0, below=1)
    weight_decay: float = setting(0.01, "pull of every matrix towards zero", least=0, most=10)
    clip: float = setting(1.0, "largest norm of the whole gradient; 0 never clips", least=0)
    schedule: str = setting(
        "warmup-stable-decay",
        "how the rate moves over the run: constant | cosine | linear | warmup-stable-decay",
        choices=("constant", "cosine", "linear", "warmup-stable-decay"),
    )
    warmup: float = setting(0.02, "share of the steps over which the rate rises from zero", least=0, most=1)
    decay: float = setting(0.5, "share of the steps over which warmup-stable-decay falls", least=0, most=1)
    final: float = setting(0.0, "share of the rate left at the last step", least=0, most=1)

    def __post_init__(self) -> None:
        check_limits("optimizer.", self)
        if self.schedule == "warmup-stable-decay" and self.warmup + self.decay > 1:
            raise SettingError(
                "optimizer.warmup",
                "optimizer.decay",
                found=f"warmup {self.warmup:g} and decay {self.decay:g} together are more than the whole run",
                remedy="Make their sum at most 1.",
            )


@dataclass(frozen=True, kw_only=True)
class Training:
    """How long, in what portions and in which arithmetic; when to save, validate and sample."""

    steps: int | None = setting(None, "updates to make", least=1, most=10_000_000, resumable=True)
    epochs: float | None = setting(None, "times to go through the training data", above=0)
    tokens: float | None = setting(None, "tokens to train on", above=0)
    batch: int = setting(16, "windows of text, rows or images in one update", least=1, most=1_000_000)
    accumulate: int = setting(1, "portions a batch is worked through in, to save memory", least=1)
    precision: str = setting(
        "auto", "arithmetic of the products: float32 | bfloat16 | auto", choices=("auto", "float32", "bfloat16")
    )
    compile: str = setting("auto", "generate code for this model: on | off | auto", choices=("auto", "on", "off"))
    loss: str = setting(
        "auto",
        "what is made small: cross-entropy for classes; mean-squared | mean-absolute | huber for numbers | auto",
        choices=("auto", "cross-entropy", "mean-squared", "mean-absolute", "huber"),
    )
    class_weights: str = setting(
        "none", "balanced: seldom classes count as much as frequent ones | none", choices=("none", "balanced")
    )
    label_smoothing: float = setting(
        0.0, "share of each answer spread over all classes, so that the model is not too sure", least=0, below=1
    )
    stop_below: float | None = setting(None, "stop once the validation loss is below this", above=0, resumable=True)
    convergence: str = setting(
        "auto",
        "stop once validation improves no more: on | off | auto (on, unless steps, epochs or tokens are given)",
        choices=("auto", "on", "off"),
    )
    convergence_window: float = setting(
        2 / 3,
        "the last share of the steps by whose validations it is judged what more steps would bring",
        above=0,
        below=1,
    )
    convergence_noise: float | None = setting(
        None, "nats by which validation moves without meaning anything (default: measured)", above=0
    )
    convergence_decay: float = setting(
        0.2, "once converged, the rate falls over this share of the steps made", least=0, most=10
    )
    save_every: int | None = setting(
        None, "steps between checkpoints (default: tenth of the run)", least=1, resumable=True
    )
    keep: int = setting(3, "checkpoints kept, besides the best", least=2, resumable=True)
    evaluate_every: int | None = setting(
        None, "steps between validations (default: chosen so that they take about a twelfth)", least=1
    )
    sample_every: int | None = setting(None, "steps between samples; 0 never (default: five in a run)", least=0)
    sample_prompt: str = setting("", "how each sample begins (default: the validation text's first line)")

    def __post_init__(self) -> None:
        check_limits("training.", self)
        if self.batch % self.accumulate:
            raise SettingError(
                "training.batch",
                "training.accumulate",
                found=f"a batch of {self.batch} cannot be cut into {self.accumulate} equal portions",
                remedy=f"Set accumulate to a number that divides {self.batch}.",
            )


@dataclass(frozen=True, kw_only=True)
class Insight:
    """How often a run is looked into while it trains; no weight hangs on it."""

    every: int = setting(
        50,
        "steps between looks inside, for the verdicts; 0 never (fewer where they would take over 1.2 % of the time)",
        least=0,
        resumable=True,
    )

    def __post_init__(self) -> None:
        check_limits("insight.", self)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that decides a run. `origins` tells, for each dotted key, where its value came from."""

    task: str = setting("language", "what is learned: " + " | ".join(TASKS), choices=tuple(TASKS))
    seed: int = setting(1, "where all chance begins: equal seeds, equal runs", least=0, most=2**63 - 1)
    device: str = setting("auto", "auto | cpu | cuda | mps", choices=("auto", "cpu", "cuda", "mps"), resumable=True)
    threads: int | None = setting(None, "processor cores to use (default: all)", least=1, most=4096)
    minutes: float | None = setting(
        None, "how long the whole command may take; 0: until validation improves no more", least=0, most=525_600
    )
    out: str | None = setting(None, "folder of the run (default: a new name under runs/)")
    model_kind: str = setting("transformer", "what is trained: " + " | ".join(MODELS), choices=tuple(MODELS))
    data: Data = field(default_factory=Data)
    model: Model = field(default_factory=Transformer)
    optimizer: Optimizer = field(default_factory=Optimizer)
    training: Training = field(default_factory=Training)
    insight: Insight = field(default_factory=Insight)
    origins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), compare=False)

    def __post_init__(self) -> None:
        check_limits("", self)

    @property
    def context(self) -> int:
        """Tokens that a model of text can look back over."""
        context: int = getattr(self.model, "context")  # noqa: B009  # only models that read text have one
        return context

    def flat(self) -> dict[str, Any]:
        """Every value under its dotted key, in the order of declaration."""
        values: dict[str, Any] = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if item.name in GROUPS:
                values |= {f"{item.name}.{sub.name}": getattr(value, sub.name) for sub in dataclasses.fields(value)}
            elif item.name != "origins":
                values[item.name] = value
        return values

    def origin(self, key: str) -> str:
        """Where the value of a dotted key came from."""
        return self.origins.get(key, "default")

    def replacing(self, values: Mapping[str, Any], origin: str) -> Settings:
        """The same settings with some values closed or changed, and where they now come from."""
        changed: dict[str, Any] = {}
        groups: dict[str, dict[str, Any]] = {}
        for key, value in values.items():
            group, _, name = key.rpartition(".")
            if group:
                groups.setdefault(group, {})[name] = value
            else:
                changed[key] = value
        for group, members in groups.items():
            changed[group] = dataclasses.replace(getattr(self, group), **members)
        origins = dict(self.origins) | dict.fromkeys(values, origin)
        return dataclasses.replace(self, **changed, origins=MappingProxyType(origins))


def require_fitting(settings: Settings, sort: str) -> None:
    """Raise SettingError where the model does not read such data (table or images), or the loss does not go with the task."""
    require_reads(settings.model_kind, sort)
    asked = settings.training.loss
    if asked != "auto" and (asked == "cross-entropy") != (settings.task == "classification"):
        fits = "cross-entropy" if settings.task == "classification" else "mean-squared, mean-absolute or huber"
        raise SettingError(
            "training.loss",
            "task",
            found=f"{asked} does not go with {settings.task}",
            remedy=f"Leave it out, or choose {fits}.",
        )


GROUPS: dict[str, type | None] = {
    "data": Data,
    "model": None,
    "optimizer": Optimizer,
    "training": Training,
    "insight": Insight,
}


@dataclass(frozen=True)
class Declared:
    """One setting as declared: its dotted key, type, help and the model kinds that have it (None: all)."""

    key: str
    type: Any
    optional: bool
    help: str
    resumable: bool
    kinds: tuple[str, ...] | None

    @property
    def flag(self) -> str:
        """The spelling on the command line and in TOML."""
        return flag(self.key)


def declared() -> dict[str, Declared]:
    """Every setting of every model kind by dotted key; a key two kinds share appears once, with both kinds."""
    result: dict[str, Declared] = {}

    def add(prefix: str, group: type, kind: str | None) -> None:
        kinds_types = types_of(group)
        for item in dataclasses.fields(group):
            if "help" not in item.metadata:
                continue
            key = f"{prefix}{item.name}"
            type_, optional = kinds_types[item.name]
            kinds = None if kind is None else (*(result[key].kinds or () if key in result else ()), kind)
            help_text = result[key].help if key in result else item.metadata["help"]
            result[key] = Declared(key, type_, optional, help_text, item.metadata["resumable"], kinds)

    add("", Settings, None)
    for name, group in GROUPS.items():
        if group is not None:
            add(f"{name}.", group, None)
        else:
            for kind, model in MODEL_GROUPS.items():
                add(f"{name}.", model, kind)
    return result
