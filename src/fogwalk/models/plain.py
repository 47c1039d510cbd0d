"""A plain network for rows and images: layers of σ(W·x + b), the machine with dials in its simplest form. Rosenblatt 1958,
Rumelhart et al. 1986.

Before this   layers.py has the activations; batches/rows.py gives a row as numbers, then the places of words in their lists.
After this    training/ trains it through the same loop as the transformer.
"""

from __future__ import annotations

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fogwalk.encoding.records import Reads
from fogwalk.models.layers import GAINS, Activation, dropout, normalisation
from fogwalk.settings import Plain


def embedding_width(words: int) -> int:
    """Numbers that describe one of so many words: 1.6 · words^0.56, at most 50, as fastai's rule has it.

    >>> embedding_width(17), embedding_width(10_000)
    (8, 50)
    """
    return int(min(50, round(1.6 * words**0.56)))


class PlainNetwork(nn.Module):
    """Outputs [batch, outputs] from rows [batch, numbers + lists] or images [batch, channels, rows, columns]."""

    def __init__(self, shape: Plain, reads: Reads, outputs: int) -> None:
        super().__init__()
        self.shape = shape
        self.reads = reads
        widths = [embedding_width(words) for words in reads.lists]
        self.embedding = nn.ModuleList(
            nn.Embedding(words, wide) for words, wide in zip(reads.lists, widths, strict=True)
        )
        sizes = (reads.numbers + sum(widths), *shape.widths)
        self.layers = nn.ModuleList(nn.Linear(read, wide) for read, wide in itertools.pairwise(sizes))
        self.norms = nn.ModuleList(normalisation(shape.normalisation, wide) for wide in shape.widths)
        self.activations = nn.ModuleList(Activation(shape.activation) for _ in shape.widths)
        self.drops = nn.ModuleList(dropout(shape.dropout) for _ in shape.widths)
        self.head = nn.Linear(sizes[-1], outputs)

    def forward(self, inputs: Float[Tensor, "batch ..."]) -> Float[Tensor, "batch outputs"]:
        x = inputs.flatten(1)
        if self.embedding:
            places = x[:, self.reads.numbers :].long()
            listed = [table(places[:, at]) for at, table in enumerate(self.embedding)]
            x = torch.cat([x[:, : self.reads.numbers], *listed], dim=1)
        for layer, norm, activation, drop in zip(self.layers, self.norms, self.activations, self.drops, strict=True):
            y = drop(activation(norm(layer(x))))
            x = x + y if self.shape.residual and x.shape == y.shape else y
        return self.head(x)  # type: ignore[no-any-return]  # nn.Module calls are untyped

    def initialise(self, generator: torch.Generator) -> None:
        """Matrices with deviation gain/√inputs, biases spread over what the inputs span, and a small head: the first guess is
        nearly the same for all."""
        for name, parameter in self.named_parameters():
            if name.startswith("norms"):
                nn.init.constant_(parameter, float(name.endswith("weight")))
            elif name.startswith("embedding"):
                nn.init.normal_(parameter, std=0.5, generator=generator)
                nn.init.zeros_(
                    parameter[0]
                )  # what was never met is like none of the others, and like all of them on average
            elif name.startswith("head") or name.endswith("bias"):
                wide = self.head.in_features if name.startswith("head") else 0
                std = 0.1 * wide**-0.5 if name == "head.weight" else 0.0 if name == "head.bias" else 0.5
                nn.init.normal_(parameter, std=std, generator=generator) if std else nn.init.zeros_(parameter)
            else:
                std = GAINS[self.shape.activation] * max(parameter.shape[1], 1) ** -0.5
                nn.init.normal_(parameter, std=std, generator=generator)


def build(shape: Plain, reads: Reads, outputs: int) -> PlainNetwork:
    """The registry's door."""
    return PlainNetwork(shape, reads, outputs)
