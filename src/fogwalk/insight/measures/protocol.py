"""What a measure is given: one probe batch seen through the model, and the weights before and after the last update.

Before this   ../capture.py.
After this    the family beside this file, each a few numbers for every layer; ../recorder.py keeps them over time.
A measure only reads: a run is equal to the bit with and without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor, nn

from fogwalk.insight.capture import Captured, Value
from fogwalk.models.transformer import Layer


@dataclass(frozen=True)
class Look:
    """The model after some update, what was captured of the probe batch; every weight before that update, where it is known."""

    model: nn.Module
    captured: Captured
    before: Mapping[str, Tensor] = field(default_factory=dict)

    def outputs(self, *sorts: str) -> Iterator[tuple[str, nn.Module, Value]]:
        """Path, module and what came out, of every module of these classes, or of all that have none within them, and of a
        transformer's layers."""
        for path, module in self.model.named_modules():
            value = self.captured.values.get(f"{path}.output" if path else "output")
            fits = type(module).__name__ in sorts if sorts else isinstance(module, Layer) or not list(module.children())
            if value is not None and fits and value.value.is_floating_point():
                yield path, module, value


class Measure(Protocol):
    """`axes` says how the axes of each of its numbers are called, by the first part of their names."""

    axes: Mapping[str, tuple[str, ...]]

    def of(self, look: Look) -> dict[str, Tensor]:
        """The numbers, each under `what/path`."""
        ...
