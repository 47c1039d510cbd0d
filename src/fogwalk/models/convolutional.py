"""A small convolutional network: the same few dials slide over the whole image, so that what is learned in one place is known in
all. LeCun et al. 1998.

Before this   layers.py has the activations.
After this    training/ trains it through the same loop as every other model.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fogwalk.encoding.records import Reads
from fogwalk.models.layers import GAINS, Activation, dropout
from fogwalk.settings import Convolutional

GROUP = 16  # channels that are normalised together, where so many divide them


class ConvolutionalNetwork(nn.Module):
    """Outputs [batch, outputs] from images [batch, channels, rows, columns]: for each width a convolution, σ, and of each 2 x 2
    the largest, while there are 2; what is left goes through hidden layers to the head."""

    def __init__(self, shape: Convolutional, reads: Reads, outputs: int) -> None:
        super().__init__()
        assert reads.image is not None, "the task checks that it has images"
        self.shape = shape
        sizes = (reads.image[0], *shape.channels)
        self.layers = nn.ModuleList(
            nn.Conv2d(read, wide, shape.kernel, padding=shape.kernel // 2) for read, wide in itertools.pairwise(sizes)
        )
        self.norms = nn.ModuleList(_normalisation(shape.normalisation, wide) for wide in shape.channels)
        self.activations = nn.ModuleList(Activation(shape.activation) for _ in shape.channels)
        self.pools = nn.ModuleList(self._pools(reads.image))
        wide = (self._flat(reads.image), *shape.widths)
        self.hidden = nn.ModuleList(nn.Linear(read, write) for read, write in itertools.pairwise(wide))
        self.hidden_activations = nn.ModuleList(Activation(shape.activation) for _ in shape.widths)
        self.drops = nn.ModuleList(dropout(shape.dropout) for _ in wide)
        self.head = nn.Linear(wide[-1], outputs)

    def _pools(self, image: tuple[int, int, int]) -> Iterator[nn.Module]:
        """Of each 2 x 2 the largest, while there are 2."""
        smaller = min(image[1:])
        for _ in self.shape.channels:
            yield nn.MaxPool2d(2) if smaller > 1 else nn.Identity()
            smaller = smaller // 2 if smaller > 1 else smaller

    def _flat(self, image: tuple[int, int, int]) -> int:
        high, wide = image[1:]
        for pool in self.pools:
            high, wide = (high // 2, wide // 2) if isinstance(pool, nn.MaxPool2d) else (high, wide)
        return self.shape.channels[-1] * high * wide

    def forward(self, inputs: Float[Tensor, "batch channels rows columns"]) -> Float[Tensor, "batch outputs"]:
        x = inputs.contiguous(memory_format=torch.channels_last)
        for layer, norm, activation, pool in zip(self.layers, self.norms, self.activations, self.pools, strict=True):
            x = pool(activation(norm(layer(x))))
        x = self.drops[0](x.flatten(1))
        for hidden, activation, drop in zip(self.hidden, self.hidden_activations, self.drops[1:], strict=True):
            x = drop(activation(hidden(x)))
        return self.head(x)  # type: ignore[no-any-return]  # nn.Module calls are untyped

    def initialise(self, generator: torch.Generator) -> None:
        """Kernels with deviation gain/√inputs, biases zero, and a small head."""
        for name, parameter in self.named_parameters():
            if name.startswith("norms"):
                nn.init.constant_(parameter, float(name.endswith("weight")))
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif name.startswith("head"):
                nn.init.normal_(parameter, std=0.1 * parameter.shape[1] ** -0.5, generator=generator)
            else:
                fan = parameter[0].numel()
                nn.init.normal_(parameter, std=GAINS[self.shape.activation] * fan**-0.5, generator=generator)


def _normalisation(name: str, wide: int) -> nn.Module:
    """Group normalisation (Wu and He 2018): no image's outputs hang on the others of its batch; or nothing."""
    if name == "none":
        return nn.Identity()
    return nn.GroupNorm(wide // GROUP if wide % GROUP == 0 else 1, wide)


def build(shape: Convolutional, reads: Reads, outputs: int) -> ConvolutionalNetwork:
    """The registry's door."""
    return ConvolutionalNetwork(shape, reads, outputs)
