"""The transformer: tokens -> embeddings -> layers of attention and feed-forward -> a score for every next token.

Before this   attention.py, layers.py, positions/.
After this    training/ trains it, generation/ lets it speak, interop/ hands it on.
The default shape is the Qwen3 family exactly, so that other tools hold it. `Stack` is what encoder and
encoder-decoder share with it; then come the decoder-only language model, and the one that reads an image in patches.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from fogwalk.encoding.records import Reads
from fogwalk.errors import SettingError
from fogwalk.models.attention import ATTENDS, Attention, Cache
from fogwalk.models.layers import dropout, feed_forward, normalisation
from fogwalk.models.positions.protocol import Positions
from fogwalk.models.probes import see
from fogwalk.registry import POSITIONS
from fogwalk.settings import Transformer, Vision

Tokens = Int[Tensor, "batch time"]
Hidden = Float[Tensor, "batch time width"]


class Layer(nn.Module):
    """One round of the assembly line: a round table, then a station for each token by itself, each added to its input."""

    def __init__(self, shape: Transformer, positions: Positions, *, causal: bool) -> None:
        super().__init__()
        self.attention_norm = normalisation(shape.normalisation, shape.width)
        self.attention = Attention(
            shape.width,
            shape.heads,
            shape.key_value_heads or shape.heads,
            positions,
            query_key_norm=shape.query_key_norm,
            biases=shape.biases,
            dropout=shape.dropout,
            causal=causal,
        )
        self.feed_forward_norm = normalisation(shape.normalisation, shape.width)
        self.feed_forward = feed_forward(shape.feed_forward, shape.width, shape.feed_forward_width, shape.biases)
        self.before = shape.norm_place == "before"
        self.residual = shape.residual
        self.attention_drop = dropout(shape.dropout)
        self.feed_forward_drop = dropout(shape.dropout)

    def forward(self, x: Hidden, cache: Cache | None = None, layer: int = 0) -> Hidden:
        read = self.attention_norm(x) if self.before else x
        change = self.attention_drop(self.attention(read, cache, layer))
        x = see("between", self._join(x, change, self.attention_norm), "batch time width")
        read = self.feed_forward_norm(x) if self.before else x
        change = self.feed_forward_drop(self.feed_forward(read))
        return self._join(x, change, self.feed_forward_norm)

    def _join(self, x: Hidden, change: Hidden, norm: nn.Module) -> Hidden:
        joined = x + change if self.residual else change
        return joined if self.before else norm(joined)


class Stack(nn.ModuleList):
    """Layers one after the other over one sequence; `causal` closes the chairs of later tokens."""

    def __init__(self, shape: Transformer, positions: Positions, *, causal: bool) -> None:
        super().__init__(Layer(shape, positions, causal=causal) for _ in range(shape.layers))

    def forward(self, x: Hidden, cache: Cache | None = None) -> Hidden:
        for number, layer in enumerate(self):
            x = layer(x, cache, number)
        if cache:
            cache.length += x.shape[1]
        return x


class LanguageModel(nn.Module):
    """A decoder-only transformer: for each token, scores (logits) for the token that comes next.

    `shape` is the model's settings, `vocabulary` the number of distinct tokens.
    """

    def __init__(self, shape: Transformer, vocabulary: int) -> None:
        super().__init__()
        self.shape = shape
        self.context = shape.context
        self.vocabulary = vocabulary
        # Drawn so small that the first guess is nearly uniform: a tied embedding scores its own token deviation x width.
        self.deviation = 1 / shape.width if shape.tied else 0.02
        self.embedding = nn.Embedding(vocabulary, shape.width)
        self.positions: Positions = POSITIONS.get(shape.positions)(
            shape.context, shape.width, shape.width // shape.heads, shape.heads, self.deviation
        )
        self.drop = dropout(shape.dropout)
        self.layers = Stack(shape, self.positions, causal=True)
        # With norms after each sub-layer the last one already ends the stack.
        self.norm = normalisation(shape.normalisation if shape.norm_place == "before" else "none", shape.width)
        self.head = nn.Linear(shape.width, vocabulary, bias=False)
        if shape.tied:
            self.head.weight = self.embedding.weight

    def forward(self, tokens: Tokens, cache: Cache | None = None) -> Float[Tensor, "batch time vocabulary"]:
        return self.head(self.hidden(tokens, cache))  # type: ignore[no-any-return]  # nn.Module calls are untyped

    def hidden(self, tokens: Tokens, cache: Cache | None = None) -> Hidden:
        """The last layer's normalised output: what each place knows before it is turned into scores."""
        x = self.positions.add(self.embedding(tokens), cache.length if cache else 0)
        see("placed", x, "batch time width")
        return self.norm(self.layers(self.drop(x), cache))  # type: ignore[no-any-return]  # as above

    def empty_cache(self, batch: int) -> Cache:
        """Room for one whole context of keys and values."""
        shape = self.shape
        heads = shape.key_value_heads or shape.heads
        like = self.embedding.weight
        return Cache(shape.layers, batch, heads, shape.context, shape.width // shape.heads, like)

    def use_attention(self, name: str) -> None:
        """Choose `exact` or `fused` attention in every layer; the numbers are the same up to rounding."""
        for layer in self.layers:
            assert isinstance(layer, Layer)
            layer.attention.attend = ATTENDS[name]

    def initialise(self, generator: torch.Generator) -> None:
        """Draw all parameters afresh from `generator`.

        Matrices are drawn with deviation 1/√inputs, so that a layer keeps the size of what it reads. What ends a residual branch
        starts at zero: the untrained model passes its input through, and its first guess is nearly uniform
        (loss = ln vocabulary). Without residual connections zero would block every path, so nothing is zeroed.
        """
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                nn.init.constant_(parameter, 1.0 if "norm" in name and name.endswith("weight") else 0.0)
            elif name.endswith(("attention.output.weight", "feed_forward.down.weight")) and self.shape.residual:
                nn.init.zeros_(parameter)
            elif name.startswith(("embedding", "positions")):
                nn.init.normal_(parameter, std=self.deviation, generator=generator)
            elif name.startswith("head"):
                nn.init.normal_(parameter, std=min(0.02, 0.3 * self.shape.width**-0.5), generator=generator)
            else:
                nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5, generator=generator)


class VisionTransformer(nn.Module):
    """An image as a sequence of patches, each a token, around the same table; their mean is scored for every class. Dosovitskiy
    et al. 2021.

    Outputs [batch, outputs] from images [batch, channels, rows, columns]; what is left at the right and lower edge beside whole
    patches is not read.
    """

    def __init__(self, shape: Vision, reads: Reads, outputs: int) -> None:
        super().__init__()
        assert reads.image is not None, "the task checks that it has images"
        self.shape = shape
        self.patch = shape.patch
        channels, high, wide = reads.image
        self.patches = (high // shape.patch) * (wide // shape.patch)
        if not self.patches:
            raise SettingError(
                "model.patch",
                found=f"patches of {shape.patch} x {shape.patch} do not fit into images of {wide} x {high} pixels",
                remedy=f"Set --model.patch to at most {min(high, wide)}.",
            )
        inner = shape.stack(max(self.patches, 2))
        self.read = nn.Linear(channels * shape.patch**2, shape.width)
        self.positions: Positions = POSITIONS.get(inner.positions)(
            inner.context, inner.width, inner.width // inner.heads, inner.heads, 0.02
        )
        self.drop = dropout(shape.dropout)
        self.layers = Stack(inner, self.positions, causal=False)
        self.norm = normalisation(inner.normalisation, inner.width)
        self.head = nn.Linear(inner.width, outputs)

    def forward(self, images: Float[Tensor, "batch channels rows columns"]) -> Float[Tensor, "batch outputs"]:
        tokens = F.unfold(images, self.patch, stride=self.patch).transpose(
            1, 2
        )  # [batch, patches, channels x patch x patch]
        x = self.drop(see("placed", self.positions.add(self.read(tokens), 0), "batch time width"))
        return self.head(self.norm(self.layers(x)).mean(1))  # type: ignore[no-any-return]  # nn.Module calls are untyped

    def initialise(self, generator: torch.Generator) -> None:
        """As the language model's, and a small head."""
        for name, parameter in self.named_parameters():
            if parameter.dim() < 2:
                nn.init.constant_(parameter, 1.0 if "norm" in name and name.endswith("weight") else 0.0)
            elif name.endswith(("attention.output.weight", "feed_forward.down.weight")):
                nn.init.zeros_(parameter)
            else:
                std = 0.02 if name.startswith("positions") else parameter.shape[1] ** -0.5
                nn.init.normal_(parameter, std=std * (0.1 if name.startswith("head") else 1), generator=generator)


def build_vision(shape: Vision, reads: Reads, outputs: int) -> VisionTransformer:
    """The registry's door to the transformer that reads images."""
    return VisionTransformer(shape, reads, outputs)


def build(shape: Transformer, vocabulary: int) -> LanguageModel:
    """The registry's door: a transformer language model with uninitialised parameters drawn by `initialise`."""
    return LanguageModel(shape, vocabulary)
