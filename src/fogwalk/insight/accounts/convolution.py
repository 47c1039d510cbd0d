"""A convolution: one small table of weights, the kernel, slides over the image; and what keeps the largest of each 2 x 2.
LeCun et al. 1998."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fogwalk.insight.accounts.protocol import (
    Account,
    Line,
    Told,
    Use,
    Work,
    given,
    largest_at,
    number,
    product_sum,
    signed,
)


class Convolution(Account):
    """At every place z = Σ K·(the patch around it) + b: a linear layer over patches, so blame goes back as through one."""

    formula = "z[o,i,j] = Σ K[o]·patch(i,j) + b[o]"
    chain = "∂L/∂K[o] = Σ δ[o,i,j]·patch(i,j)    ∂L/∂b[o] = Σ δ[o,i,j]    ∂L/∂patch(i,j) += δ[o,i,j]·K[o]"
    plain = (
        "A small table of weights, the kernel, slides over the image. At each place it is multiplied with what lies under it, "
        "and the products are added up: the result is large where the image looks like the kernel."
    )
    plain_back = (
        "A weight of the kernel is blamed by what lay under it, at every place it slid over, all of it added up."
    )
    code = """z = F.conv2d(x, K, b, padding=1)  # torch.nn.Conv2d
# loss.backward() does, with d = the blame of z:
K.grad += sum(d[:, :, i, j].T @ patch(x, i, j) for i, j in places)
b.grad += d.sum((0, 2, 3))"""

    def again(self, work: Work) -> dict[str, Tensor]:
        kernel, bias = work.parameter("weight"), work.parameter("bias")
        z = torch.einsum("ok,bkp->bop", kernel.flatten(1), self._patches(work))
        z = z if bias is None else z + bias[None, :, None]
        return {"output": z.reshape(work.value("output").shape)}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        kernel, x = work.parameter("weight"), work.value("input")
        delta = work.blame("output").flatten(2)  # [batch, output, places]
        module = self._module(work)
        patches = torch.einsum("ok,bop->bkp", kernel.flatten(1), delta)
        back = {
            "input": F.fold(
                patches,
                x.shape[2:],
                module.kernel_size,
                padding=module.padding,  # type: ignore[arg-type]  # numbers, never the word "same"
                stride=module.stride,
            ),
            "weight": torch.einsum("bop,bkp->ok", delta, self._patches(work)).reshape(kernel.shape),
        }
        if work.parameter("bias") is not None:
            back["bias"] = delta.sum((0, 2))
        return back

    def before(self, work: Work, at: tuple[int, ...]) -> tuple[int, ...]:
        """The number under the kernel with the largest product; nothing where there is none but the margin."""
        row, channel, *corner = at
        kernel, module = work.parameter("weight")[channel], self._module(work)
        patch = self._patches(work)[row, :, corner[0] * work.value("output").shape[3] + corner[1]]
        under, *place = largest_at(kernel * patch.view_as(kernel))
        pads: tuple[int, int] = module.padding  # type: ignore[assignment]  # numbers, never the word "same"
        moved = zip(corner, module.stride, place, pads, strict=True)
        places = [at * stride + within - pad for at, stride, within, pad in moved]
        inside = all(0 <= place < size for place, size in zip(places, work.value("input").shape[2:], strict=True))
        return (row, under, *places) if inside else ()

    def by_record(self, work: Work, name: str, at: tuple[int, ...]) -> Tensor:
        delta = work.blame("output")[:, at[0]].flatten(1)
        return delta.sum(1) if name == "bias" else (delta * self._under(work, at)).sum(1)

    def role(self, work: Work, name: str, at: tuple[int, ...]) -> str:
        if name == "bias":
            return f"is added to channel {at[0]} at every place"
        return f"is row {at[2]}, column {at[3]} of the kernel from channel {at[1]} to channel {at[0]}"

    def uses(self, work: Work, name: str, at: tuple[int, ...], row: int) -> list[Use]:
        made, blame = (value[row, at[0]] for value in (work.value("output"), work.blame("output")))
        read = torch.ones_like(made) if name == "bias" else self._under(work, at)[row]
        return self.used(float(work.parameter(name)[at]), read, made, blame)

    def _under(self, work: Work, at: tuple[int, ...]) -> Tensor:
        """What lies under one weight of the kernel [batch, places]."""
        _, channel, high, wide = at
        size: tuple[int, int] = self._module(work).kernel_size  # type: ignore[assignment]  # two numbers
        return self._patches(work)[:, (channel * size[0] + high) * size[1] + wide]

    def told(self, work: Work, at: tuple[int, ...]) -> Told:
        row, channel, high, wide = at
        bias, kernel = work.parameter("bias"), work.parameter("weight")
        place = high * work.value("output").shape[3] + wide
        patch = self._patches(work)[row, :, place]
        delta = work.blame("output")
        mine = float(delta[at])
        most = int((kernel[channel].flatten() * patch).abs().argmax())
        all_here = delta[:, channel].flatten(1)
        return Told(
            [
                product_sum(
                    f"channel {channel} at row {high}, column {wide}",
                    f"z = Σ K[{channel}]·patch" + (" + b" if bias is not None else ""),
                    kernel[channel].flatten(),
                    patch,
                    name="patch",
                    bias=None if bias is None else float(bias[channel]),
                )
            ],
            [
                given("blame here", "δ = ∂L/∂z", mine),
                Line(
                    what=f"to weight {most} of the kernel, from here",
                    formula="δ·patch",
                    filled=f"{signed(mine)}·{signed(float(patch[most]))}",
                    result=mine * float(patch[most]),
                ),
                Line(
                    what=f"to the same weight, from all {all_here.numel():,} places",
                    formula="∂L/∂K = Σ δ·patch",
                    filled="",
                    result=float((all_here * self._patches(work)[:, most]).sum()),
                ),
            ],
        )

    def _patches(self, work: Work) -> Tensor:
        """[batch, channels x kernel x kernel, places]"""
        module = self._module(work)
        return F.unfold(
            work.value("input"),
            module.kernel_size,
            padding=module.padding,  # type: ignore[arg-type]  # numbers, never the word "same"
            stride=module.stride,
        )

    @staticmethod
    def _module(work: Work) -> nn.Conv2d:
        assert isinstance(work.module, nn.Conv2d)
        return work.module


class Pooling(Account):
    """The largest of each 2 x 2; blame goes back to that one alone."""

    formula = "y = the largest of each 2 x 2"
    chain = "∂L/∂x = ∂L/∂y for the largest, 0 for the others"
    plain = "Of each 2 x 2 numbers only the largest is kept: the picture becomes half as wide and half as high."
    plain_back = "Only the number that was kept is blamed; the other three had no part in it."
    code = """y = F.max_pool2d(x, 2)           # torch.nn.MaxPool2d
# loss.backward() does: x.grad = y.grad where x was the largest, else 0"""

    def again(self, work: Work) -> dict[str, Tensor]:
        return {"output": self._corners(work).amax(-1)}

    def passed_back(self, work: Work) -> dict[str, Tensor]:
        x, delta = work.value("input"), work.blame("output")
        corners = self._corners(work)
        first = F.one_hot(corners.argmax(-1), 4).to(x.dtype) * delta[..., None]
        high, wide = delta.shape[2] * 2, delta.shape[3] * 2
        back = torch.zeros_like(x)
        back[..., :high, :wide] = (
            first.unflatten(-1, (2, 2)).permute(0, 1, 2, 4, 3, 5).reshape(*x.shape[:2], high, wide)
        )
        return {"input": back}

    def before(self, work: Work, at: tuple[int, ...]) -> tuple[int, ...]:
        """The largest of the four."""
        row, channel, high, wide = at
        first = int(self._corners(work)[at].argmax())
        return row, channel, 2 * high + first // 2, 2 * wide + first % 2

    def told(self, work: Work, at: tuple[int, ...]) -> Told:
        four = self._corners(work)[at].tolist()
        delta = float(work.blame("output")[at])
        return Told(
            [
                Line(
                    what=f"channel {at[1]} at row {at[2]}, column {at[3]}",
                    formula="y = max(x₀, x₁, x₂, x₃)",
                    filled=f"max({', '.join(f'{number(value)}' for value in four)})",
                    result=max(four),
                )
            ],
            [given(f"blame, all to x{'₀₁₂₃'[four.index(max(four))]}", "∂L/∂y", delta)],
        )

    @staticmethod
    def _corners(work: Work) -> Tensor:
        """[batch, channel, row, column, 4]"""
        x = work.value("input")
        high, wide = x.shape[2] // 2, x.shape[3] // 2
        pairs = x[..., : high * 2, : wide * 2].unflatten(3, (wide, 2)).unflatten(2, (high, 2))
        corners: Tensor = pairs.transpose(3, 4).flatten(4)
        return corners
