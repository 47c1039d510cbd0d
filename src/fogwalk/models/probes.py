"""Probes: every value worth seeing on its way through a model has a name, and names for its axes.

Before this   settings/.
After this    the models call `see` where a value is made; insight/ opens the probes.
Closed, a probe is one comparison. Open, the value itself goes on unchanged, so nothing that is computed changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Any

from torch import Tensor, nn

# How the axes of a value are called by how many there are, where its module does not say: what a model reads and hands on.
AXES = {1: "batch", 2: "batch width", 3: "batch time width", 4: "batch channel row column"}


@dataclass(frozen=True)
class Seen:
    """A value as it was made: its axes by name, in order, and the tensor itself, still tied to what it was made of."""

    name: str
    axes: tuple[str, ...]
    value: Tensor


class Watch:
    """While it is open, what the model computes is kept in `seen`, in the order in which it is made.

    Every module's first input and its output stand under `path.input` and `path.output`, such as `layers.0.attention.output`; the
    model's own under `input` and `output`. What modules show of their inside with `see` stands under `path.name`, such as
    `layers.0.attention.weights`. Of a module that is called twice the last call is kept. One watch is open at a time.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.seen: dict[str, Seen] = {}
        self._path: list[str] = []
        self._hooks: list[Any] = []

    def __enter__(self) -> Watch:
        global _open
        assert _open is None, "one watch is open at a time"
        for path, module in self.model.named_modules():
            if isinstance(module, nn.Identity):
                continue  # where a choice is left out there is nothing to see
            self._hooks.append(module.register_forward_pre_hook(self._entering(path)))
            self._hooks.append(module.register_forward_hook(self._leaving(path)))
        _open = self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        global _open
        _open = None
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        self._path.clear()

    def keep(self, name: str, value: Tensor, axes: str = "") -> None:
        """Remember a value that the module now at work has made."""
        axes = axes or _by_rank(value)
        path = self._path[-1] if self._path else ""
        whole = f"{path}.{name}" if path else name
        self.seen[whole] = Seen(whole, tuple(axes.split()), value)

    def _entering(self, path: str) -> Any:
        def enter(module: nn.Module, inputs: tuple[Any, ...]) -> None:
            self._path.append(path)
            if inputs and isinstance(inputs[0], Tensor):
                self.keep("input", inputs[0], self._axes(module, inputs[0]))

        return enter

    def _leaving(self, path: str) -> Any:
        def leave(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if isinstance(output, Tensor):
                self.keep("output", output, self._axes(module, output))
            self._path.pop()

        return leave

    @staticmethod
    def _axes(module: nn.Module, value: Tensor) -> str:
        own = getattr(module, "axes", None)
        if isinstance(own, str) and len(own.split()) == value.dim():
            return own
        return _by_rank(value)


def _by_rank(value: Tensor) -> str:
    if not value.dtype.is_floating_point and value.dim() == 2:
        return "batch time"  # tokens
    return AXES.get(value.dim()) or " ".join(f"axis{number}" for number in range(value.dim()))


_open: Watch | None = None


def watched() -> bool:
    """Whether somebody looks on."""
    return _open is not None


def see(name: str, value: Tensor, axes: str = "") -> Tensor:
    """Show a value of the module at work, with a name for each axis (else those of what it reads), to whoever watches; gives
    back the value."""
    if _open is not None:
        _open.keep(name, value, axes)
    return value
