"""Where values meet on their way: a sub-layer's change is added to the stream, positions are added to embeddings, patches are
averaged, the last few tokens are laid side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fogwalk.insight.accounts.protocol import Account, Line, Told, Work, given, low, product_sum, signed


class _Sum(Account):
    """One value added to another."""

    def added(self, work: Work) -> dict[str, tuple[str, ...]]:
        """Each sum by name, and what is added up in it."""
        raise NotImplementedError

    def again(self, work: Work) -> dict[str, Tensor]:
        return {
            name: sum((work.value(part) for part in parts[1:]), work.value(parts[0]))
            for name, parts in self.added(work).items()
        }

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        """Blame passes to each part unchanged. What is read elsewhere too gets more from there."""
        sums = {name: parts for name, parts in self.added(work).items() if len(parts) > 1}
        return {part: work.blame(name) for name, parts in sums.items() for part in parts}

    def told(self, work: Work, at: tuple[int, ...]) -> Told:
        told = Told()
        for name, parts in self.added(work).items():
            numbers = [
                float(work.value(part)[at[-work.value(part).dim() :]]) for part in parts
            ]  # positions have no batch
            told.forward.append(
                Line(
                    what=name,
                    formula=f"{name}{low(at[-1])} = " + " + ".join(parts),
                    filled=" + ".join(map(signed, numbers)),
                    result=sum(numbers),
                    parts=tuple(zip(parts, numbers, strict=True)),
                )
            )
            told.backward.append(
                given(f"blame of {name}, passed to each part", f"∂L/∂{name}{low(at[-1])}", float(work.blame(name)[at]))
            )
        return told


class Layer(_Sum):
    """A layer of a transformer: the round table's and the station's changes, each added to the stream of numbers of its token."""

    formula = "between = x + attention    y = between + feed-forward"
    chain = "∂L/∂(attention) = ∂L/∂(between)    ∂L/∂(feed-forward) = ∂L/∂y"
    plain = (
        "What a token heard from the others, and what it then made of it by itself, are each added to the stream of numbers that "
        "runs through all layers."
    )
    plain_back = "A sum passes blame on unchanged to each of its parts: that is why it reaches the first layer of many."
    code = """between = x + attention(norm(x))
y = between + feed_forward(norm(between))"""

    def formula_of(self, module: nn.Module) -> str:
        """With or without a norm behind, and with or without what was there before."""
        parts = ("attention", "feed-forward")
        if module.residual:
            parts = ("x + attention", "between + feed-forward")
        if not module.before and not isinstance(module.attention_norm, nn.Identity):
            parts = (f"norm({parts[0]})", f"norm({parts[1]})")
        return f"between = {parts[0]}    y = {parts[1]}"

    def added(self, work: Work) -> dict[str, tuple[str, ...]]:
        attention, station = (
            f"{name}_drop.output" if work.has(f"{name}_drop.output") else f"{name}.output"
            for name in ("attention", "feed_forward")
        )
        before, residual = work.module.before, work.module.residual
        between, y = ("between", "output") if before else ("attention_norm.input", "feed_forward_norm.input")
        if not work.has(between):
            between, y = "between", "output"  # without normalisation
        if not residual:
            return {between: (attention,), y: (station,)}
        return {between: ("input", attention), y: ("between", station)}


class LanguageModel(_Sum):
    """Tokens become rows of numbers, and places may be added to them."""

    formula = "scores = head(norm(layers(E[id] + positions)))"
    chain = "blame goes back the same way, from the scores to the embedding"
    plain = (
        "Tokens become rows of numbers, these go through the layers, and the head scores every token that could follow."
    )
    plain_back = (
        "Blame goes back the same way: from the scores through the head and the layers to the rows of the tokens."
    )
    code = "scores = head(norm(layers(E[ids] + positions)))"

    def added(self, work: Work) -> dict[str, tuple[str, ...]]:
        return {"placed": ("embedding.output", "positions")} if work.has("positions") else {}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        return _of_positions(work, super().passed_back(work))


class VisionTransformer(_Sum):
    """Patches become rows of numbers; after the layers their mean is scored."""

    formula = "outputs = head(mean of the patches)"
    chain = "∂L/∂(patch) = ∂L/∂(mean)/patches"
    plain = (
        "The image is cut into patches, each becomes a row of numbers; after the layers the mean of all rows is scored."
    )
    plain_back = "Each patch gets the same share of the blame of the mean."
    code = "outputs = head(layers(patches(x) + positions).mean(1))"

    def added(self, work: Work) -> dict[str, tuple[str, ...]]:
        return {"placed": ("read.output", "positions")} if work.has("positions") else {}

    def again(self, work: Work) -> dict[str, Tensor]:
        return super().again(work) | {"head.input": self._last(work)[1].mean(1)}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        name, patches = self._last(work)
        even = work.blame("head.input")[:, None] / patches.shape[1]
        back = {name: even.expand_as(patches), "input": self._folded(work)}
        return _of_positions(work, super().passed_back(work)) | back

    def told(self, work: Work, at: tuple[int, ...]) -> Told:
        """Of the mean of the patches the largest number; `at` is (record, output)."""
        patches, mean = self._last(work)[1][at[0]], work.value("head.input")[at[0]]
        unit = int(mean.abs().argmax())
        share = torch.full_like(patches[:, unit], 1 / len(patches))
        line = product_sum(
            f"number {unit} of the mean", f"x{low(unit)} = Σ patch/{len(patches)}", patches[:, unit], share
        )
        blame = float(work.blame("head.input")[at[0], unit])
        return Told(
            [line],
            [
                Line(
                    what=f"its blame, even to each of the {len(patches)} patches",
                    formula="∂L/∂(patch) = ∂L/∂x/patches",
                    filled=f"{signed(blame)}/{len(patches)}",
                    result=blame / len(patches),
                )
            ],
        )

    @staticmethod
    def _folded(work: Work) -> Tensor:
        """The blame of patches as that of the image they were cut from."""
        patch: int = work.module.patch  # type: ignore[assignment]  # a VisionTransformer has one
        size = work.value("input").shape[2:]
        return F.fold(work.blame("read.input").transpose(1, 2), size, patch, stride=patch)

    @staticmethod
    def _last(work: Work) -> tuple[str, Tensor]:
        name = "norm.output" if work.has("norm.output") else "layers.output"
        return name, work.value(name)


def _of_positions(work: Work, back: dict[str, Tensor]) -> dict[str, Tensor]:
    """Every record was given the same positions: their blame is the sum. The rows that were not used get none."""
    if "positions" in back:
        back["positions"] = back["positions"].sum(0)
        table = work.parameter("positions.table.weight")
        if table is not None:
            back["positions.table.weight"] = F.pad(back["positions"], (0, 0, 0, len(table) - len(back["positions"])))
    return back


class _InARow(Account):
    """A model whose modules follow one another; what comes out of one goes into the next, laid side by side at the most."""

    def source(
        self, work: Work, path: str, at: tuple[int, ...], paths: Sequence[str]
    ) -> tuple[str, tuple[int, ...]] | None:
        before = paths[paths.index(path) - 1] if path in paths[1:] else ""
        if not before or before.startswith("embedding"):
            return self.outside(work, at)
        read, made = work.value(f"{path}.input").shape[1:], work.value(f"{before}.output").shape[1:]
        if read.numel() != made.numel():
            return None
        flat = sum(place * math.prod(read[number + 1 :]) for number, place in enumerate(at[1:]))
        return before, (at[0], *(int(place) for place in torch.unravel_index(torch.tensor(flat), made)))

    def outside(self, work: Work, at: tuple[int, ...]) -> tuple[str, tuple[int, ...]] | None:
        """Of an entry of what goes into the first layer: the embedding, and the entry of its row, that it is."""
        return None


class ConvolutionalNetwork(_InARow):
    """After the convolutions the channels of all places are laid side by side."""

    formula = "outputs = head(σ(W·[channels of all places] + b))"
    chain = "blame goes back through one layer after the other"
    plain = "Kernels slide over the image, layer after layer; what they found at all places is laid side by side and scored."
    plain_back = "Blame goes back through one layer after the other."
    code = "outputs = head(hidden(convolutions(x).flatten(1)))"

    def again(self, work: Work) -> dict[str, Tensor]:
        return {self._first(work): work.value(self._last(work)).flatten(1)}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        last = self._last(work)
        blame = work.blame(self._first(work)).reshape(work.value(last).shape)
        read = work.value("input") is work.value("layers.0.input")  # else it was laid out anew for the convolution
        return {last: blame} if read else {last: blame, "input": work.blame("layers.0.input")}

    @staticmethod
    def _first(work: Work) -> str:
        names = ("drops.0.input", "hidden.0.input", "head.input")
        return next(name for name in names if work.has(name))

    @staticmethod
    def _last(work: Work) -> str:
        assert isinstance(work.module.layers, nn.ModuleList)
        at = len(work.module.layers) - 1
        return f"pools.{at}.output" if work.has(f"pools.{at}.output") else f"activations.{at}.output"


class PlainNetwork(_InARow):
    """Numbers and the rows of words stand side by side; with residual connections a layer's input is added to its output."""

    formula = "outputs = head(σ(W·x + b) again and again)"
    chain = "blame goes back through one layer after the other"
    plain = (
        "The numbers of a row go through one layer after the other: weighted sums, bent by a curve, again and again."
    )
    plain_back = "Blame goes back through one layer after the other."
    code = """for layer, activation in zip(layers, activations):
    x = activation(layer(x))
outputs = head(x)"""

    def again(self, work: Work) -> dict[str, Tensor]:
        first = "layers.0.input" if work.has("layers.0.input") else "head.input"
        made = {first: self._side_by_side(work)}
        for number in range(self._layers(work)):
            after = f"layers.{number + 1}.input" if number + 1 < self._layers(work) else "head.input"
            made[after] = self._after(work, number)
        return made

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        """To the rows of words, as they stand behind the numbers; and past the layers that are added to what they read."""
        first = "layers.0.input" if work.has("layers.0.input") else "head.input"
        back, start = {}, work.value("input").flatten(1).shape[1] - self._lists(work)
        for at in range(self._lists(work)):
            wide = work.value(f"embedding.{at}.output").shape[1]
            back[f"embedding.{at}.output"] = work.blame(first)[:, start : start + wide]
            start += wide
        for number in range(self._layers(work)):
            if self._adds(work, number):
                after = f"layers.{number + 1}.input" if number + 1 < self._layers(work) else "head.input"
                back |= dict.fromkeys((f"layers.{number}.input", self._made(work, number)), work.blame(after))
        return back

    def outside(self, work: Work, at: tuple[int, ...]) -> tuple[str, tuple[int, ...]] | None:
        place = at[1] - (work.value("input").flatten(1).shape[1] - self._lists(work))
        for number in range(self._lists(work)):
            wide = work.value(f"embedding.{number}.output").shape[1]
            if 0 <= place < wide:
                return f"embedding.{number}", (at[0], place)
            place -= wide
        return None

    def _side_by_side(self, work: Work) -> Tensor:
        x = work.value("input").flatten(1)
        lists = self._lists(work)
        if not lists:
            return x
        rows = [work.value(f"embedding.{at}.output") for at in range(lists)]
        return torch.cat([x[:, : x.shape[1] - lists], *rows], 1)

    def _after(self, work: Work, number: int) -> Tensor:
        y = work.value(self._made(work, number))
        return work.value(f"layers.{number}.input") + y if self._adds(work, number) else y

    @staticmethod
    def _made(work: Work, number: int) -> str:
        name = "drops" if work.has(f"drops.{number}.output") else "activations"
        return f"{name}.{number}.output"

    def _adds(self, work: Work, number: int) -> bool:
        """Whether a layer is added to what it reads."""
        residual: bool = work.module.shape.residual  # type: ignore[union-attr,assignment]  # a PlainNetwork's shape says so
        same = work.value(f"layers.{number}.input").shape == work.value(self._made(work, number)).shape
        return residual and same

    @staticmethod
    def _layers(work: Work) -> int:
        return sum(work.has(f"layers.{number}.input") for number in range(len(work.values)))

    @staticmethod
    def _lists(work: Work) -> int:
        return sum(work.has(f"embedding.{number}.output") for number in range(len(work.values)))


class PlainLanguageModel(_InARow):
    """The rows of the last few tokens are laid side by side; before the text's start stand zeros. Bengio et al. 2003."""

    formula = "scores = head(σ(W·[the last tokens' rows] + b) again and again)"
    chain = "∂L/∂(row of a token) = Σ over the places that look back on it"
    plain = "The rows of the last few tokens, side by side, go through one layer after the other to a score for every token."
    plain_back = "A token's row is blamed by every place that looked back on it."
    code = """x = side_by_side(E[ids])         # of the last few tokens
for layer, activation in zip(layers, activations):
    x = activation(layer(x))
scores = head(x)"""

    def again(self, work: Work) -> dict[str, Tensor]:
        rows, context = work.value("embedding.output"), self._context(work)
        beside = [F.pad(rows, (0, 0, back, 0))[:, : rows.shape[1]] for back in range(context - 1, -1, -1)]
        first = "layers.0.input" if work.has("layers.0.input") else "head.input"
        return {first: torch.stack(beside, 3).flatten(2)}  # [batch, time, embedding x context]

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        first = "layers.0.input" if work.has("layers.0.input") else "head.input"
        context = self._context(work)
        beside = work.blame(first).unflatten(2, (-1, context))  # [batch, time, embedding, context]
        total = torch.zeros_like(work.value("embedding.output"))
        for number in range(context):
            back = context - 1 - number  # how far before the place that looks
            seen = beside[:, back:, :, number]
            total[:, : seen.shape[1]] += seen
        return {"embedding.output": total}

    def outside(self, work: Work, at: tuple[int, ...]) -> tuple[str, tuple[int, ...]] | None:
        unit, number = divmod(at[2], self._context(work))
        place = at[1] - (self._context(work) - 1 - number)
        return ("embedding", (at[0], place, unit)) if place >= 0 else None

    @staticmethod
    def _context(work: Work) -> int:
        context: int = work.module.context  # type: ignore[assignment]  # a PlainLanguageModel has one
        return context
