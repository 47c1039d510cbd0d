"""One pass forward and back with every probe open: each value on the way, and how much the loss hangs on it.

Before this   models/probes.py keeps what a model computes; tasks/ say how wrong it is.
After this    accounts/ tell it as formulas, measures/ as a few numbers; one_step.py and recorder.py ask for it.
Nothing of the model changes: no gradient is left behind, its mode and its way of attending are put back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from fogwalk.batches.batch import Batch
from fogwalk.errors import RunError
from fogwalk.models.attention import Attention, exact_attention
from fogwalk.models.probes import Seen, Watch

# Numbers kept at most, values and gradients together: 1.2 GB.
MOST = 300_000_000
Loss = Callable[[Tensor, Batch], Tensor]


@dataclass(frozen=True)
class Value:
    """A value, its axes by name, and ∂(loss)/∂(value) of the same shape; None where the loss does not hang on it."""

    name: str
    axes: tuple[str, ...]
    value: Tensor
    gradient: Tensor | None


@dataclass(frozen=True, kw_only=True)
class Captured:
    """What one batch did: its mean loss, values in the order they were made, ∂(loss)/∂(parameter) by name.

    `rows` of the batch's records are kept in the values, `targets` are those of all; the loss and the gradients of the parameters
    are of the whole batch.
    """

    loss: float
    rows: int
    batch: Batch
    targets: Tensor
    outputs: Tensor
    values: dict[str, Value]
    gradients: dict[str, Tensor]


@dataclass
class _Parts:
    """The same value out of portions of a batch, one after the other."""

    axes: tuple[str, ...]
    values: list[Tensor] = field(default_factory=list)
    gradients: list[Tensor | None] = field(default_factory=list)

    def joined(self, name: str, whole: dict[tuple[int, ...], Tensor]) -> Value:
        """The value of all portions; `whole` holds what was joined already, for one tensor may go by several names."""
        given = [gradient for gradient in self.gradients if gradient is not None]
        if self.axes[0] != "batch":
            return Value(name, self.axes, self.values[0], sum(given[1:], given[0]) if given else None)
        value, gradient = (
            whole.setdefault(tuple(map(id, parts)), parts[0] if len(parts) == 1 else torch.cat(parts))
            if parts
            else None
            for parts in (self.values, given)
        )
        assert value is not None
        return Value(name, self.axes, value, gradient)


def capture(
    model: nn.Module,
    loss_of: Loss,
    batch: Batch,
    *,
    accumulate: int = 1,
    before: Callable[[], None] = lambda: None,
    most: int | None = None,
    counts: Tensor | None = None,
) -> Captured:
    """Work through a batch in float32, uncompiled, attention exact, in the mode the model is in.

    `accumulate` equal portions, as the run works through it; `before` is called first, to seed what dropout draws. Where the
    values of a whole batch are too many, only those of its first records are kept, or those of the first `most`. Raises RunError
    where one record's are too many. `counts` are the weights of classes, by which the loss takes its mean.
    """
    device = next(model.parameters()).device
    batch = batch.to(device)
    most = most or most_rows(model, batch)
    before()
    parts: dict[str, _Parts] = {}
    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    gradients = {name: torch.zeros_like(parameter) for name, parameter in named}
    total, kept, outputs = 0.0, 0, []
    with exactly_attending(model), torch.autocast(device.type, enabled=False):
        for share, part in portions(batch, accumulate, most, counts):
            if part.inputs.dtype.is_floating_point:
                part = Batch(part.inputs.detach().requires_grad_(), part.targets)
            with torch.enable_grad(), Watch(model) as watch:
                given = model(part.inputs)
                loss = loss_of(given, part) * share
            seen, values = _differentiable(watch)
            found = torch.autograd.grad(
                loss, [*values, *(parameter for _, parameter in named)], allow_unused=True, materialize_grads=False
            )
            total += float(loss.detach())
            for (name, _), gradient in zip(named, found[len(values) :], strict=True):
                if gradient is not None:
                    gradients[name] += gradient
            by_value = {id(value): gradient for value, gradient in zip(values, found, strict=False)}
            if kept < most:
                kept += len(part.inputs)
                outputs.append(given.detach())
                _remember(parts, seen, by_value)
    whole: dict[tuple[int, ...], Tensor] = {}
    return Captured(
        loss=total,
        rows=kept,
        batch=Batch(batch.inputs[:kept], batch.targets[:kept]),
        targets=batch.targets,
        outputs=torch.cat(outputs),
        values={name: part.joined(name, whole) for name, part in parts.items()},
        gradients=gradients,
    )


def _differentiable(watch: Watch) -> tuple[list[Seen], list[Tensor]]:
    """All that was seen; and each tensor once that the loss may hang on."""
    seen = list(watch.seen.values())
    once = {id(item.value): item.value for item in seen if item.value.requires_grad}
    return seen, list(once.values())


def _remember(parts: dict[str, _Parts], seen: list[Seen], gradients: Mapping[int, Tensor | None]) -> None:
    detached: dict[int, Tensor] = {}
    for item in seen:
        known = parts.setdefault(item.name, _Parts(item.axes))
        value = detached.setdefault(id(item.value), item.value.detach())
        known.values.append(value)
        known.gradients.append(gradients.get(id(item.value)))


def portions(batch: Batch, accumulate: int, most: int, counts: Tensor | None) -> Iterator[tuple[float, Batch]]:
    """The portions that are worked through, of at most so many records, each with its share of the whole loss. `counts` are the
    weights of classes."""

    def weight(targets: Tensor) -> float:
        return float(targets.numel() if counts is None else counts.to(targets.device)[targets].sum())

    for part in batch.split(accumulate):
        whole = weight(part.targets) * accumulate
        for inputs, targets in zip(part.inputs.split(most), part.targets.split(most), strict=True):
            yield weight(targets) / whole, Batch(inputs, targets)


def most_rows(model: nn.Module, batch: Batch) -> int:
    """How many records' values there is room for. Raises RunError where one record's are too many."""
    each = 2 * _counted(model, batch).numbers
    if each > MOST:
        raise RunError(
            f"one record of this model makes {each:,} numbers on its way, more than the {MOST:,} that are kept",
            remedy="Look into a smaller model, one of a shorter context, or with a shorter prompt.",
        )
    return max(1, MOST // max(each, 1))


def names_made(model: nn.Module, batch: Batch) -> list[str]:
    """The names of all values that a batch makes on its way while the model learns."""
    return list(_counted(model, batch, learning=True).names)


def _counted(model: nn.Module, batch: Batch, *, learning: bool = False) -> _Counting:
    """What the first record makes."""
    device = next(model.parameters()).device
    mode = model.training
    model.train(learning)
    try:
        counting = _Counting(model)
        with torch.no_grad(), exactly_attending(model), counting:
            model(batch.inputs[:1].to(device))
    finally:
        model.train(mode)
    return counting


class _Counting(Watch):
    """Counts the numbers that are made, and holds none of them; what goes into a module was made by another."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.numbers = 0
        self.names: dict[str, None] = {}

    def keep(self, name: str, value: Tensor, axes: str = "") -> None:
        path = self._path[-1] if self._path else ""
        self.names[f"{path}.{name}" if path else name] = None
        self.numbers += 0 if name == "input" else value.numel()


@contextmanager
def exactly_attending(model: nn.Module) -> Iterator[None]:
    """Every weight formed, in every layer; afterwards as it was."""
    layers = [module for module in model.modules() if isinstance(module, Attention)]
    before = [layer.attend for layer in layers]
    for layer in layers:
        layer.attend = exact_attention
    try:
        yield
    finally:
        for layer, attend in zip(layers, before, strict=True):
            layer.attend = attend
