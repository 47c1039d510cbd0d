"""A plain network: layers of σ(W·x + b) over the embeddings of the last few tokens. Bengio et al. 2003.

Before this   layers.py has the activations.
After this    training/ trains it through the same loop as the transformer; a first network to understand.
It looks at a fixed number of places and has no attention: what `context` tokens do not hold, it cannot know.
"""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from fogwalk.models.layers import Activation, dropout
from fogwalk.settings import Mlp


class PlainLanguageModel(nn.Module):
    """For each token, scores for the next one from the `context` tokens up to it; before the text's start stand zeros."""

    def __init__(self, shape: Mlp, vocabulary: int) -> None:
        super().__init__()
        self.shape = shape
        self.context = shape.context
        self.vocabulary = vocabulary
        self.embedding = nn.Embedding(vocabulary, shape.embedding)
        sizes = (shape.context * shape.embedding, *shape.hidden)
        self.layers = nn.ModuleList(nn.Linear(read, wide) for read, wide in itertools.pairwise(sizes))
        self.activations = nn.ModuleList(Activation(shape.activation) for _ in shape.hidden)
        self.drops = nn.ModuleList(dropout(shape.dropout) for _ in shape.hidden)
        self.head = nn.Linear(sizes[-1], vocabulary)

    def forward(self, tokens: Int[Tensor, "batch time"], cache: None = None) -> Float[Tensor, "batch time vocabulary"]:
        x = F.pad(self.embedding(tokens), (0, 0, self.context - 1, 0))  # [batch, context - 1 + time, embedding]
        x = x.unfold(1, self.context, 1).flatten(2)  # [batch, time, embedding x context]
        for layer, activation, drop in zip(self.layers, self.activations, self.drops, strict=True):
            x = drop(activation(layer(x)))
        return self.head(x)  # type: ignore[no-any-return]  # nn.Module calls are untyped

    def empty_cache(self, batch: int) -> None:
        """It keeps nothing between tokens."""
        return

    def initialise(self, generator: torch.Generator) -> None:
        """Matrices with deviation 1/√inputs, biases zero, and a head small enough that the first guess is nearly uniform."""
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif name.startswith("head"):
                nn.init.normal_(parameter, std=0.1 * parameter.shape[1] ** -0.5, generator=generator)
            elif name.startswith("embedding"):
                nn.init.normal_(parameter, generator=generator)
            else:
                nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5, generator=generator)


def build(shape: Mlp, vocabulary: int) -> PlainLanguageModel:
    """The registry's door."""
    return PlainLanguageModel(shape, vocabulary)
