"""The stations of the assembly line: activations, normalisation, feed-forward.

Before this   settings/ names the choices.
After this    attention.py and transformer.py put them together; mlp.py, plain.py and convolutional.py use the activations.
Each is a module of its own, so that whoever looks inside finds it under its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fogwalk.models.probes import see, watched

Width = Float[Tensor, "*places width"]


def squared_relu(x: Width) -> Width:
    """max(x, 0)². So et al. 2021, Primer."""
    return F.relu(x).square()


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "squared-relu": squared_relu,
    "gelu": F.gelu,
    "silu": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


# By how much σ shrinks what it is given, made up for in the matrix before it. He et al. 2015 for ReLU.
GAINS = {"relu": math.sqrt(2), "gelu": 1.5, "silu": 1.6, "sigmoid": 1.0, "tanh": 1.0, "squared-relu": 0.9}


def drop(x: Tensor, share: float, training: bool = True, axes: str = "") -> Tensor:
    """Each value is 0 with probability `share`, else divided by 1 - share, so that the mean stays. Srivastava et al. 2014.

    On a CPU one draw of 64 bits decides over four values: 2.5 times as fast as torch's own (measured), whose way it is elsewhere
    and in compiled code. `share` is kept to 1 / 65,536 there. What each value is multiplied by is seen as `kept`,
    with these axes.
    """
    if not share or not training:
        return x
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        if not torch.compiler.is_compiling() and watched():  # the same draws, shown
            return x * see("kept", F.dropout(torch.ones_like(x), share), axes)
        return F.dropout(x, share)
    dropped = min(round(share * 65_536), 65_535)
    draws = torch.empty(-(-x.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    kept = draws.view(torch.int16)[: x.numel()].view(x.shape) >= dropped - 32_768
    return x * see("kept", kept.to(x.dtype).mul_(65_536 / (65_536 - dropped)), axes)


class Activation(nn.Module):
    """σ, by its name in the settings."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.compute = ACTIVATIONS[name]

    def forward(self, x: Width) -> Width:
        return self.compute(x)


class Dropout(nn.Module):
    """`drop` while training; afterwards everything passes."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, x: Width) -> Width:
        return drop(x, self.share, self.training)


def dropout(share: float) -> nn.Module:
    """Dropout of that share; of none, nothing."""
    return Dropout(share) if share else nn.Identity()


class RMSNorm(nn.Module):
    """x / √(mean(x²) + ε), times a learned gain. Zhang and Sennrich 2019.

    Computed in float32 at least, and rounded before the gain, as the Qwen and Llama families do.
    """

    axes = ""  # names of the axes of what it reads, where they are not those of tokens

    def __init__(self, width: int, epsilon: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Width) -> Width:
        wide = x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
        scaled = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.epsilon)
        return self.weight * scaled.to(x.dtype)


def normalisation(name: str, width: int) -> nn.Module:
    """RMSNorm, LayerNorm (Ba et al. 2016) or nothing, over the last axis."""
    if name == "rmsnorm":
        return RMSNorm(width)
    return nn.LayerNorm(width, eps=1e-5) if name == "layernorm" else nn.Identity()


class FeedForward(nn.Module):
    """Two linear layers with an activation between: out(σ(in(x))), for each token by itself."""

    def __init__(self, width: int, hidden: int, activation: str, biases: bool) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden, bias=biases)
        self.down = nn.Linear(hidden, width, bias=biases)
        self.activation = Activation(activation)

    def forward(self, x: Width) -> Width:
        return self.down(self.activation(self.up(x)))  # type: ignore[no-any-return]  # nn.Module calls are untyped


class GatedFeedForward(nn.Module):
    """down(silu(gate(x)) · up(x)): one half decides how much of the other passes. Shazeer 2020, SwiGLU."""

    def __init__(self, width: int, hidden: int, biases: bool) -> None:
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=biases)
        self.up = nn.Linear(width, hidden, bias=biases)
        self.down = nn.Linear(hidden, width, bias=biases)
        self.activation = Activation("silu")

    def forward(self, x: Width) -> Width:
        return self.down(self.activation(self.gate(x)) * self.up(x))  # type: ignore[no-any-return]  # as above


def feed_forward(name: str, width: int, hidden: int | None, biases: bool) -> nn.Module:
    """The feed-forward part called `name`; without `hidden`, gated and plain ones hold about as many parameters."""
    if name == "gated-silu":
        return GatedFeedForward(width, hidden or gated_width(width), biases)
    return FeedForward(width, hidden or 4 * width, name, biases)


def gated_width(width: int) -> int:
    """8/3 of the width, rounded up to a multiple of 32 (of 8 below 128): three matrices of it weigh two of 4 x width.

    >>> gated_width(192)
    512
    """
    unit = 32 if width >= 128 else 8
    return -(-8 * width // (3 * unit)) * unit
