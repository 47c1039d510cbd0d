"""Recognising: rows of a table, or images, teach which class or what number goes with them.

Before this   protocol.py; encoding/records.py, batches/rows.py, models/, objectives/.
After this    trainer.py and training/loop.py use it through the protocol alone.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fogwalk.batches.batch import Batch
from fogwalk.batches.changes import Augment, normalise
from fogwalk.batches.rows import TrainingRows, as_tensor, every_row
from fogwalk.data.images.images import is_images
from fogwalk.data.tables import cells
from fogwalk.data.tables.holdout import held_back, held_back_groups
from fogwalk.encoding import columns as columns_of
from fogwalk.encoding.answers import alike, check_classes, given_away, numbers_of, tells_class, tells_number
from fogwalk.encoding.columns import Columns, Target
from fogwalk.encoding.pixels import FILE as PIXELS
from fogwalk.encoding.pixels import Pixels
from fogwalk.encoding.records import Records, load_encoder, reads, records_of, spelled
from fogwalk.errors import DataError
from fogwalk.models.recipes import augmented, fitted
from fogwalk.objectives.losses import class_loss, number_loss
from fogwalk.registry import MODELS
from fogwalk.settings import Settings, require_fitting
from fogwalk.tasks.protocol import SCORED_AT_ONCE, Sizes

CLASSES_SHOWN = 8
UNEVEN = 10  # times as many of one class as of another


class Recognition:
    """Classification or regression. `encoding` is the folder of a saved one, when there is one."""

    def __init__(self, settings: Settings, encoding: Path | None = None, *, until: float | None = None) -> None:
        self.settings = settings
        self.label_smoothing = settings.training.label_smoothing
        # A run knows what it learned from, wherever that is now.
        pictures = (
            (encoding / PIXELS).exists()
            if encoding
            else len(settings.data.path) == 1 and is_images(settings.data.path[0])
        )
        require_fitting(settings, "images" if pictures else "table")
        self.classifies = settings.task == "classification"
        self.records: Records = records_of(settings.data, pictures=pictures)
        self.notes = self.records.notes
        self._keep_answered()
        name, answers = self.records.target, self._answers
        classes = cells.classes_of(answers) if self.classifies else ()
        codes = Target(name, classes).codes(answers) if self.classifies else None
        if codes is not None:
            check_classes(name, answers, classes, codes)
            self.notes += alike(classes)
        self.held = self._held_back(codes)
        learned = np.flatnonzero(~self.held)
        if codes is not None and len(np.unique(codes[learned])) < 2:
            raise DataError(
                f"every {self.records.unit} to learn from is '{classes[int(codes[learned[0]])]}': the others are all held back",
                expected=f"The groups of '{settings.data.group}' are held back whole." if settings.data.group else "",
                remedy="Give more groups, or leave --data.group out."
                if settings.data.group
                else "Give more of the others.",
            )
        self.encoder: Any = self.records.load(encoding) if encoding else self.records.learn(learned)
        if encoding:
            self.target = Target.load(encoding)
        elif self.classifies:
            self.target = Target(name, classes)
        else:
            self.target = columns_of.numbers_target(name, answers, ~self.held, self.records.decimal_comma)
        self.inputs = as_tensor(self.records.encoded(self.encoder))
        self.answers = self._numbers(answers)

    @property
    def digest(self) -> str:
        """SHA-256 of the data: a resumed run compares it."""
        return self.records.digest

    # -- from records to numbers -------------------------------------------------------------------------------------

    @property
    def _answers(self) -> Any:
        """What is predicted; a class may be called by a word that elsewhere stands for nothing."""
        return cells.answers(self.records.answers) if self.classifies else self.records.answers

    def _keep_answered(self) -> None:
        """Let go of the records that do not say what is to be predicted."""
        records, name = self.records, self.records.target
        words = cells.spelled(self._answers)
        filled = np.asarray(words.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
        strays = ""
        if not self.classifies:
            read = numbers_of(name, records.answers, records.decimal_comma)
            filled &= np.isfinite(read.values)
            strays = f" ({read.wrong:,} hold words, such as '{read.example}')" if read.wrong else ""
        if (lacking := int((~filled).sum())) and filled.any():
            kind = "nothing" if self.classifies else "nothing or no finite number"
            of = f"{lacking:,} of {len(filled):,} {records.unit}s"
            self.notes.append(f"{of} have {kind} in '{name}'{strays}, and are left out")
            records.keep(np.flatnonzero(filled))
        if len(records) < 4 or not filled.any():
            count = len(records) if filled.any() else 0
            raise DataError(
                f"{count:,} {records.unit}{'s' * (count != 1)} say what '{name}' is: too few to learn from and to validate on"
            )
        different = cells.spelled(self._answers).unique().to_pylist()
        if len(different) < 2:
            raise DataError(
                f"'{name}' is the same for every {records.unit}: {different[0]}",
                expected="There is nothing to tell apart.",
                remedy="Name another column to predict."
                if records.unit == "row"
                else "Give a folder for each class, two at least.",
            )

    def _held_back(self, codes: NDArray[np.int64] | None) -> NDArray[np.bool_]:
        share, groups = self.settings.data.validation, self.records.groups()
        if groups is None:
            held = held_back(self.records.hashes(), share, codes)
        elif len(np.unique(groups)) < 2:
            raise DataError(
                f"the group column '{self.settings.data.group}' holds one value: there is nothing to split by"
            )
        else:
            held = held_back_groups(groups, share)
        if not held.any():
            raise DataError(
                f"every {self.records.unit} is the same as another: none can be held back to validate on",
                remedy="Give more of them.",
            )
        return held

    def _numbers(self, answers: Any) -> Tensor:
        if self.classifies:
            return torch.from_numpy(self.target.codes(answers))
        numbers = (self.target.numbers(answers) - self.target.center) / self.target.scale
        return torch.from_numpy(numbers.astype(np.float32))

    # -- what the trunk asks -----------------------------------------------------------------------------------------

    @property
    def sizes(self) -> Sizes:
        """Rows or images, each by itself."""
        held = int(self.held.sum())
        outputs = len(self.target.classes) or 1
        return Sizes(
            unit=self.records.unit,
            training=len(self.held) - held,
            validation=held,
            each=1,
            outputs=outputs,
            record=tuple(self.inputs.shape[1:]),
        )

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Numbers for the planned event."""
        told: dict[str, Any] = {
            "path": list(self.settings.data.path),
            "sha256": self.digest,
            "target": self.target.name,
            "training": self.sizes.training,
            "validation": self.sizes.validation,
            **self._untaught,
        }
        if isinstance(self.encoder, Columns):
            told |= {"columns": self.encoder.names, "left_out": self.encoder.left_out}
        return told | ({"classes": list(self.target.classes)} if self.classifies else {})

    def words(self) -> list[str]:
        """What the data is and how it is used."""
        sizes, target = self.sizes, self.target
        first, *others = self.records.words(self.encoder)
        by = f"by whole groups of '{self.settings.data.group}'" if self.settings.data.group else "by the hash of each"
        lines = [
            f"{len(self.held):,} {sizes.unit}s; {first}; {sizes.training:,} to learn from, {sizes.validation:,} held back {by}"
        ]
        if self.classifies:
            counts = np.bincount(self.answers.numpy(), minlength=len(target.classes))
            shown = [f"{name} {count:,}" for name, count in zip(target.classes, counts, strict=True)][:CLASSES_SHOWN]
            more = f" and {len(target.classes) - CLASSES_SHOWN} more" if len(target.classes) > CLASSES_SHOWN else ""
            lines.append(f"predicts '{target.name}', one of {len(target.classes)} classes: {', '.join(shown)}{more}")
            if counts.max() >= UNEVEN * max(counts.min(), 1):
                lines.append(
                    f"the classes are uneven, {counts.max() / counts.min():.0f} to 1: accuracy alone says little "
                    "(--training.class-weights balanced makes them count alike)"
                )
        else:
            lines.append(f"predicts '{target.name}', a number: {target.center:.4g} on average, ± {target.scale:.4g}")
        if changes := self._changes:
            lines.append(
                f"images are changed at random while training: {', '.join(sorted(changes))} (--data.augment none)"
            )
        return [*lines, *self._unsplit(), *self.notes, *others, *self.doubts()]

    def _unsplit(self) -> list[str]:
        """Where whole groups did not part as was asked."""
        told = []
        share, asked = self.sizes.validation / len(self.held), self.settings.data.validation
        if self.settings.data.group and not asked / 2 <= share <= 2 * asked:
            told.append(f"{share:.1%} are held back and not {asked:.1%}: groups are held back whole")
        if self.classifies:
            counts = zip(self.target.classes, self._counts.tolist(), strict=True)
            if lost := [f"'{name}'" for name, count in counts if not count]:
                told.append(
                    f"every {self.records.unit} of {', '.join(lost[:CLASSES_SHOWN])} is held back: it is not learned"
                )
        return told

    def doubts(self) -> list[str]:
        """Columns that give the target away."""
        if not isinstance(self.encoder, Columns):
            return []
        rows, right = self.learned
        if self.classifies:
            giving = tells_class(self.encoder, rows, right)
        else:
            table = self.records.table  # type: ignore[attr-defined]  # columns are of rows
            giving = tells_number(self.encoder, table, np.flatnonzero(~self.held), right)
        return given_away(giving, self.target.name)

    def chance(self) -> str:
        """What the loss would be without learning."""
        if not self.classifies:
            return f"loss {self._untaught['frequencies']:.2f}: always the mean, {self.target.center:.4g}"
        classes, common = len(self.target.classes), int(self._counts.argmax())
        right = float((self._kept == common).float().mean())
        return (
            f"loss {np.log(classes):.2f} = ln {classes}: guessing; always '{self.target.classes[common]}' is right in "
            f"{right:.1%}"
        )

    @property
    def _counts(self) -> Tensor:
        """Of the classes, over what is learned from."""
        return torch.bincount(self.answers[torch.from_numpy(~self.held)], minlength=len(self.target.classes))

    @cached_property
    def _untaught(self) -> dict[str, float]:
        """The loss over what is held back of guessing, and of always giving each class its share, or the mean."""
        held = self._kept
        batch = Batch(held, held)
        if not self.classifies:
            loss = float(self.loss(torch.zeros(len(held), 1), batch))
            return {"guessing": loss, "frequencies": loss}
        even = torch.zeros(len(held), len(self.target.classes))
        counted = self._counts.float().clamp(min=1e-9).log().expand_as(even)
        return {"guessing": float(self.loss(even, batch)), "frequencies": float(self.loss(counted, batch))}

    def save_encoding(self, folder: Path) -> None:
        """Write columns.json or pixels.json, and target.json."""
        folder.mkdir(parents=True, exist_ok=True)
        self.encoder.save(folder)
        self.target.save(folder)

    def fitted(self, settings: Settings) -> tuple[Settings, list[str]]:
        """How many records an update learns from, and what trains well on so many."""
        return fitted(settings, self.encoder, self.sizes.training, self.sizes.unit)

    def resized(self, settings: Settings) -> Recognition:
        """The same task on the same data for a model of other settings."""
        other = copy.copy(self)
        other.settings = settings
        return other

    def model(self) -> nn.Module:
        """A fresh model of the chosen kind."""
        return build_model(self.settings, self.encoder, self.target)

    @staticmethod
    def rebuilt(settings: Settings, encoding: Path) -> nn.Module:
        """The model of these settings for what was learned of columns or pixels."""
        return build_model(settings, load_encoder(encoding), Target.load(encoding))

    def training(self) -> TrainingRows:
        """What is learned from, shuffled anew in each epoch; images changed at random."""
        settings, change = self.settings, self._normalise
        if change is not None and self._changes:
            change = Augment(change, self._changes, settings.seed)
        return TrainingRows(
            self.inputs, self.answers, self._rows(~self.held), settings.training.batch, settings.seed, change
        )

    def validation(self) -> Iterator[Batch]:
        """Everything held back, once."""
        return every_row(self.inputs, self.answers, self._rows(self.held), SCORED_AT_ONCE, self._normalise)

    @cached_property
    def _normalise(self) -> Any:
        return normalise(self.encoder)

    @property
    def _changes(self) -> frozenset[str]:
        """How images are changed: as asked for; by themselves moved a little and, photographs, mirrored and cut."""
        if not isinstance(self.encoder, Pixels):
            return frozenset()
        asked = self.settings.data.augment
        if asked == "auto":
            return augmented(self.encoder, self.settings.model_kind)
        return frozenset() if asked == "none" else frozenset(asked.split(","))

    @staticmethod
    def _rows(of: NDArray[np.bool_]) -> Tensor:
        return torch.from_numpy(np.flatnonzero(of))

    @property
    def learned(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """What is learned from, as numbers, and the answers."""
        return self.inputs.numpy()[~self.held], self.answers.numpy()[~self.held]

    @cached_property
    def _kept(self) -> Tensor:
        """The answers of what is held back."""
        return self.answers[torch.from_numpy(self.held)]

    @property
    def loss_name(self) -> str:
        """By which name what is made small goes."""
        name = self.settings.training.loss
        return ("cross-entropy" if self.classifies else "mean-squared") if name == "auto" else name

    @cached_property
    def class_weights(self) -> Tensor | None:
        """Of the classes, such that each counts alike over what is learned from."""
        if not self.classifies or self.settings.training.class_weights == "none":
            return None
        counts = self._counts.clamp(min=1)
        return counts.sum() / (len(counts) * counts)

    def loss(self, outputs: Tensor, batch: Batch) -> Tensor:
        """Mean cross-entropy in nats, or how far numbers are off, in standard deviations."""
        if not self.classifies:
            return number_loss(self.loss_name, outputs[:, 0], batch.targets)
        weights = None if self.class_weights is None else self.class_weights.to(outputs.device)
        return class_loss(outputs, batch.targets, weights, self.label_smoothing)

    def metrics(self, outputs: Tensor, batch: Batch) -> dict[str, float]:
        """Accuracy; or R², by the variance of all that is held back."""
        if self.classifies:
            return {"accuracy": float((outputs.argmax(1) == batch.targets).float().mean())}
        spread = float(self._kept.var(correction=0)) or 1.0
        return {"R²": 1 - float((outputs[:, 0].float() - batch.targets).square().mean()) / spread}

    @cached_property
    def input_names(self) -> list[str]:
        """Columns, words of columns, and columns of many words; pixels have no names."""
        return self.encoder.labels() if isinstance(self.encoder, Columns) else []

    def asked(self, batch: Batch, row: int) -> tuple[str, str]:
        """What a row holds, or that it is an image; and its class or number."""
        encoder, right = self.encoder, batch.targets[row]
        if isinstance(encoder, Columns):
            told = encoder.told(batch.inputs[row].tolist())
        else:
            told = f"an image of {encoder.width} x {encoder.height} pixels"
        number = float(right) * self.target.scale + self.target.center
        return told, self.named(int(right)) if self.classifies else f"{number:.4g}"

    def named(self, output: int) -> str:
        """The class, or what is predicted."""
        return self.target.classes[output] if self.classifies else self.target.name

    @torch.no_grad()
    def show(self, model: nn.Module, generator: torch.Generator) -> tuple[str, str]:
        """A record held back and what the model says of it, always the same one."""
        held = np.flatnonzero(self.held)
        place = int(held[int(torch.randint(len(held), (1,), generator=generator, device=generator.device))])
        inputs = self.inputs[place : place + 1]
        if self._normalise is not None:
            inputs = self._normalise(inputs, 0)
        outputs = model(inputs.to(next(model.parameters()).device))[0].float().cpu()
        right = spelled(self.records.answers[place].as_py())
        return self.records.shown(place, self.encoder), f" -> {self.answered(outputs)} (it is {right})"

    def answered(self, outputs: Tensor) -> str:
        """The class and its probability, or the number."""
        if not self.classifies:
            return f"{float(outputs[0]) * self.target.scale + self.target.center:.4g}"
        chances = outputs.softmax(0)
        best = int(chances.argmax())
        return f"{self.target.classes[best]}, {float(chances[best]):.0%}"


def build_model(settings: Settings, encoder: Columns | Pixels, target: Target) -> nn.Module:
    """The model of these settings for such records and answers."""
    model: nn.Module = MODELS.get(settings.model_kind)(settings.model, reads(encoder), len(target.classes) or 1)
    return model
