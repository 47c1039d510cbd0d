"""What a recogniser learns from, whether rows of a table or images: read, told, and made into numbers.

Before this   data/tables/ and data/images/ read; columns.py and pixels.py beside this file learn.
After this    tasks/recognition.py splits them, and hands them to the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fogwalk.data.images.images import Images, read_images
from fogwalk.data.images.listed import naming
from fogwalk.data.tables import cells
from fogwalk.data.tables.samples import TARGETS
from fogwalk.data.tables.table import Hashes, Table, hashes, read_table, row_hashes
from fogwalk.encoding import columns as columns_of
from fogwalk.encoding import pixels as pixels_of
from fogwalk.encoding.columns import Columns
from fogwalk.encoding.pixels import Pixels
from fogwalk.errors import DataError, SettingError
from fogwalk.settings import Data

Chosen = NDArray[np.int64]
SHOWN = 6  # columns of a row that is shown
LISTED = 8  # columns left out that are named


@dataclass(frozen=True)
class Reads:
    """What a model is given for each record: so many numbers, then the places of words in lists of these lengths; or an image of
    channels, rows and columns, each of whose bytes b becomes (b/255 - mean) / deviation."""

    numbers: int
    lists: tuple[int, ...] = ()
    image: tuple[int, int, int] | None = None


class Encoder(Protocol):
    """How records become numbers: Columns or Pixels."""

    def save(self, folder: Path) -> None:
        """Write it."""
        ...


class Records(Protocol):
    """Everything of one path, in its order. `answers` is the column that is predicted; `unit` what one record is called."""

    unit: str
    digest: str
    notes: list[str]
    target: str
    decimal_comma: bool

    @property
    def answers(self) -> Any: ...

    def __len__(self) -> int: ...

    def keep(self, chosen: Chosen) -> None:
        """Let go of all other records."""
        ...

    def hashes(self) -> Hashes:
        """A hash of each record, by which it is held back."""
        ...

    def groups(self) -> Hashes | None:
        """A hash of each record's group, where a column of groups was named."""
        ...

    def learn(self, learned: Chosen) -> Encoder:
        """What these records teach of how to make numbers of them; of the others nothing is looked at."""
        ...

    def load(self, folder: Path) -> Encoder:
        """The same, as it was saved."""
        ...

    def encoded(self, encoder: Any) -> NDArray[Any]:
        """All records as numbers: float32 [records, columns], or bytes [records, channels, height, width]."""
        ...

    def words(self, encoder: Any) -> list[str]:
        """What is read, for a person: the first line begins it, the others stand by themselves."""
        ...

    def shown(self, place: int, encoder: Any) -> str:
        """One record, for a person."""
        ...


class Rows:
    """The rows of a table that say what is to be predicted."""

    unit = "row"

    def __init__(self, data: Data) -> None:
        found = read_table(data.path, data.encoding)
        target = data.target or next((TARGETS[path] for path in data.path if path in TARGETS), None)
        if target is None:
            raise SettingError(
                "data.target", found="no column to predict was named", remedy="Name it: --target COLUMN."
            )
        found.table.require(target, "data.target")
        if data.group:
            found.table.require(data.group, "data.group")
        self.table: Table = found.table
        self.digest, self.notes = found.digest, list(found.notes)
        for column in naming(found.table):
            self.notes.append(f"'{column}' names images, and none is looked at: the table is learned by itself")
        self.notes += _idle("images", size=data.size is not None, augment=data.augment != "auto")
        self.target, self.group = target, data.group
        self.decimal_comma = found.table.decimal_comma

    def __len__(self) -> int:
        return len(self.table)

    @property
    def answers(self) -> Any:
        """The column that is predicted."""
        return self.table.columns[self.target]

    def keep(self, chosen: Chosen) -> None:
        """Let go of all other rows."""
        self.table = self.table.take(chosen)

    def hashes(self) -> Hashes:
        """Of all cells of a row."""
        return row_hashes(self.table)

    def groups(self) -> Hashes | None:
        """Of the group's cell."""
        if not self.group:
            return None
        words = cells.spelled(self.table.columns[self.group]).to_pylist()
        return hashes(str(word).encode("utf-8", "surrogatepass") for word in words)

    def learn(self, learned: Chosen) -> Columns:
        """The columns beside the target and the group."""
        own = self.table.without([self.target, *([self.group] if self.group else [])]).take(learned)
        found = columns_of.learn(own, decimal_comma=self.decimal_comma)
        if not found.read:
            told = "; ".join(f"{name}: {why}" for name, why in list(found.left_out.items())[:LISTED])
            raise DataError("no column of the table can be learned from", expected=f"Left out: {told}." if told else "")
        return found

    def load(self, folder: Path) -> Columns:
        """columns.json."""
        return Columns.load(folder)

    def encoded(self, encoder: Any) -> NDArray[Any]:
        """As the columns were learned; cells that are no numbers among numbers are noted."""
        unread: list[columns_of.Unread] = []
        numbers: NDArray[Any] = encoder.encode(self.table, unread=unread)
        # Words that were met once, or only where rows are held back, are no fault of the table.
        self.notes += [str(one) for one in unread if isinstance(one.column, columns_of.Number)]
        return numbers

    def words(self, encoder: Any) -> list[str]:
        """How many columns of what, and which are left out and why."""
        lines = [columns_of.summary(encoder)]
        if encoder.left_out:
            told = [f"'{name}' ({why})" for name, why in encoder.left_out.items()]
            more = f" and {len(told) - LISTED} more" if len(told) > LISTED else ""
            lines.append(f"left out: {', '.join(told[:LISTED])}{more}")
        return lines

    def shown(self, place: int, encoder: Any) -> str:
        """Its first columns."""
        row = {name: self.table.columns[name][place].as_py() for name in encoder.names[:SHOWN]}
        told = ", ".join(f"{name} {'nothing' if value is None else spelled(value)}" for name, value in row.items())
        return told + (", …" if len(encoder.names) > SHOWN else "")


class Pictures:
    """Images with a label each."""

    unit = "image"

    def __init__(self, data: Data) -> None:
        if data.group:
            raise SettingError(
                "data.group",
                found="images have no column of groups",
                remedy="Leave --data.group out, or split the images into folders yourself and score the others with evaluate.",
            )
        found = read_images(data.path, size=data.size, channels=None, target=data.target, encoding=data.encoding)
        self.images: Images = found
        self.digest, self.notes = found.digest, list(found.notes)
        self.notes += _idle("image files", size=data.size is not None and data.size != found.pixels.shape[3])
        self.notes += _idle("a text or a table", encoding=data.encoding != "auto" and found.listed is None)
        self.target = data.target or found.target or "label"
        self.decimal_comma = found.listed is not None and found.listed.decimal_comma

    def __len__(self) -> int:
        return len(self.images)

    @property
    def answers(self) -> Any:
        """The labels."""
        return label_array(self.images.labels)

    def keep(self, chosen: Chosen) -> None:
        """Let go of all other images."""
        found = self.images
        self.images = Images(
            found.pixels[chosen],
            tuple(found.labels[at] for at in chosen),
            tuple(found.names[at] for at in chosen),
            found.hashes[chosen],
            found.digest,
            found.notes,
        )

    def hashes(self) -> Hashes:
        """Of each image's bytes."""
        return self.images.hashes

    def groups(self) -> Hashes | None:
        """Images have none."""
        return None

    def learn(self, learned: Chosen) -> Pixels:
        """Means and deviations."""
        return pixels_of.learn(self.images.pixels, learned)

    def load(self, folder: Path) -> Pixels:
        """pixels.json."""
        return Pixels.load(folder)

    def encoded(self, encoder: Any) -> NDArray[Any]:
        """Bytes as they are; they become numbers in their batch."""
        encoder.require(self.images.pixels)
        return self.images.pixels

    def words(self, encoder: Any) -> list[str]:
        """Their size."""
        colours = "grey" if encoder.channels == 1 else "red, green, blue"
        return [f"{encoder.width} x {encoder.height} pixels, {colours}"]

    def shown(self, place: int, encoder: Any) -> str:
        """Its name."""
        return self.images.names[place]


def _idle(goes_with: str, **idle: bool) -> list[str]:
    """What is told of choices about the data that do nothing for what it turned out to be."""
    return [f"data.{name} does nothing here: it goes with {goes_with}" for name, chosen in idle.items() if chosen]


def label_array(labels: Sequence[str | None]) -> Any:
    """Labels as a column; one that is called `none` is a label like any other, and one that is not there is nothing."""
    import pyarrow

    codes = {label: number for number, label in enumerate(dict.fromkeys(label for label in labels if label))}
    places = pyarrow.array([codes[label] if label else None for label in labels], pyarrow.int32())
    words = pyarrow.array([word.encode("utf-8", "replace").decode() for word in codes], pyarrow.string())
    return pyarrow.DictionaryArray.from_arrays(places, words)


def records_of(data: Data, *, pictures: bool) -> Records:
    """What a path holds."""
    return Pictures(data) if pictures else Rows(data)


def reads(encoder: Columns | Pixels) -> Reads:
    """What a model is given."""
    if isinstance(encoder, Columns):
        return Reads(encoder.numbers, encoder.lists)
    image = (encoder.channels, encoder.height, encoder.width)
    return Reads(encoder.channels * encoder.height * encoder.width, (), image)


def load_encoder(encoding: Path) -> Columns | Pixels:
    """What a run learned of how to make numbers of records."""
    return Pixels.load(encoding) if (encoding / pixels_of.FILE).exists() else Columns.load(encoding)


def spelled(value: object) -> str:
    """A cell, or a setting, for a person."""
    if isinstance(value, tuple):
        return " x ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)
