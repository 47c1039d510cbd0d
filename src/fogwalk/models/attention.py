"""Attention, the round table: each token asks (query), is labelled (key) and lends (value); heads are sub-meetings.

Before this   layers.py; positions/.
After this    transformer.py stacks it; generation/decode.py keeps its keys and values between tokens.
Two ways to the same numbers stand behind one call: `exact` shows every weight, `fused` never forms them.
Axes: batch, head, time (places of this call), key (all places seen so far), width, head_width.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from fogwalk.models.layers import RMSNorm, drop
from fogwalk.models.positions.protocol import Positions
from fogwalk.models.probes import see

Heads = Float[Tensor, "batch head time head_width"]
HeadKeys = Float[Tensor, "batch head key head_width"]
Attend = Callable[[Tensor, Tensor, Tensor, Positions, bool, float], Tensor]


class Cache:
    """Keys and values of the tokens already read, so that each new token costs one column and not the whole square.

    `keys` and `values` are [layer, batch, head, context, head_width]; the first `length` places are filled.
    """

    def __init__(self, layers: int, batch: int, heads: int, context: int, head_width: int, like: Tensor) -> None:
        shape = (layers, batch, heads, context, head_width)
        self.keys = torch.empty(shape, dtype=like.dtype, device=like.device)
        self.values = torch.empty(shape, dtype=like.dtype, device=like.device)
        self.length = 0

    def extend(self, layer: int, keys: Heads, values: Heads) -> tuple[HeadKeys, HeadKeys]:
        """Store one layer's new keys and values; gives back all of that layer's so far."""
        end = self.length + keys.shape[2]
        self.keys[layer, :, :, self.length : end] = keys
        self.values[layer, :, :, self.length : end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]


def causal_mask(time: int, keys: int, device: torch.device) -> Bool[Tensor, "time key"]:
    """True where a listener may not look: at keys later than itself. The last listener sits at the last key."""
    places = torch.arange(keys, device=device)
    return places[None, :] > places[keys - time :, None]


def exact_attention(
    queries: Heads, keys: HeadKeys, values: HeadKeys, positions: Positions, causal: bool, dropout: float
) -> Heads:
    """softmax(q·k / √head_width + bias, closed chairs out) · values, with every weight formed. Vaswani et al. 2017."""
    scores = queries @ keys.transpose(2, 3) / math.sqrt(queries.shape[3])  # [batch, head, time, key]
    bias = positions.bias(scores)
    if bias is not None:
        scores = scores + see("bias", bias, "head time key")
    see("scores", scores, "batch head time key")
    if causal and scores.shape[2] > 1:
        scores = scores.masked_fill(causal_mask(scores.shape[2], scores.shape[3], scores.device), -math.inf)
    weights = see("weights", F.softmax(scores, dim=-1), "batch head time key")
    weights = drop(weights, dropout, axes="batch head time key")
    return weights.to(values.dtype) @ values  # [batch, head, time, head_width]


def fused_attention(
    queries: Heads, keys: HeadKeys, values: HeadKeys, positions: Positions, causal: bool, dropout: float
) -> Heads:
    """The same sum through torch's fused kernel, which never holds the square of weights."""
    time, length = queries.shape[2], keys.shape[2]
    shape_only = queries[..., :1].expand(-1, -1, -1, length)
    bias = positions.bias(shape_only)
    if bias is None and (time == length or time == 1):
        return F.scaled_dot_product_attention(queries, keys, values, dropout_p=dropout, is_causal=causal and time > 1)
    mask = torch.zeros(time, length, dtype=queries.dtype, device=queries.device) if bias is None else bias
    if causal and time > 1:
        mask = mask.masked_fill(causal_mask(time, length, queries.device), -math.inf)
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, dropout_p=dropout)


EXACT_CONTEXT = 512  # tokens up to which forming every weight is the quicker way on a CPU
ATTENDS: dict[str, Attend] = {"exact": exact_attention, "fused": fused_attention}


class Attention(nn.Module):
    """Multi-head attention with optionally fewer key-value heads (grouped; Ainslie et al. 2023)."""

    def __init__(
        self,
        width: int,
        heads: int,
        key_value_heads: int,
        positions: Positions,
        *,
        query_key_norm: bool,
        biases: bool,
        dropout: float,
        causal: bool,
    ) -> None:
        super().__init__()
        self.head_width = width // heads
        self.group = heads // key_value_heads
        self.queries = nn.Linear(width, heads * self.head_width, bias=biases)
        self.keys = nn.Linear(width, key_value_heads * self.head_width, bias=biases)
        self.values = nn.Linear(width, key_value_heads * self.head_width, bias=biases)
        self.output = nn.Linear(heads * self.head_width, width, bias=biases)
        self.query_norm = _of_heads(self.head_width) if query_key_norm else nn.Identity()
        self.key_norm = _of_heads(self.head_width) if query_key_norm else nn.Identity()
        # Shared by all layers and owned by the model: kept out of this module's parameters.
        self.__dict__["positions"] = positions
        self.dropout = dropout
        self.causal = causal
        self.attend: Attend = exact_attention

    def forward(
        self, x: Float[Tensor, "batch time width"], cache: Cache | None = None, layer: int = 0
    ) -> Float[Tensor, "batch time width"]:
        positions: Positions = self.__dict__["positions"]
        start = cache.length if cache else 0
        queries = positions.rotate(self.query_norm(self._split(self.queries(x))), start)
        keys = positions.rotate(self.key_norm(self._split(self.keys(x))), start)
        values = self._split(self.values(x))  # [batch, head, time, head_width]
        if cache:
            keys, values = cache.extend(layer, keys, values)
        if self.group > 1:
            keys = keys.repeat_interleave(self.group, dim=1)
            values = values.repeat_interleave(self.group, dim=1)
        see("query", queries, "batch head time head_width")
        see("key", keys, "batch head key head_width")
        see("value", values, "batch head key head_width")
        dropout = self.dropout if self.training else 0.0
        heads = self.attend(queries, keys, values, positions, self.causal, dropout)
        see("mixed", heads, "batch head time head_width")
        return self.output(heads.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]  # nn.Module calls are untyped

    def _split(self, x: Float[Tensor, "batch time heads_width"]) -> Heads:
        heads: Tensor = x.unflatten(2, (-1, self.head_width))
        return heads.transpose(1, 2)  # [batch, head, time, head_width]


def _of_heads(head_width: int) -> RMSNorm:
    """Normalises each head's query or key by itself."""
    norm = RMSNorm(head_width)
    norm.axes = "batch head time head_width"
    return norm
