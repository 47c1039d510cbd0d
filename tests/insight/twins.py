"""Everything that fogwalk.insight shows, computed once more by other means: in float64, with plain sums.

Imports nothing of fogwalk: what is given are numbers, names and shapes. Blame is autograd's through these sums, which
`finite_differences` holds against the slope of the loss itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Values = dict[str, Tensor]
Parameters = Mapping[str, Tensor]
# Moves a value that was just made, to see what the loss does.
Nudge = Callable[[str, Tensor], Tensor]

SIGMAS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": lambda z: torch.where(z > 0, z, torch.zeros_like(z)),
    "squared-relu": lambda z: torch.where(z > 0, z * z, torch.zeros_like(z)),
    "gelu": lambda z: z / 2 * torch.special.erfc(-z / math.sqrt(2)),
    "silu": lambda z: z / (1 + torch.exp(-z)),
    "sigmoid": lambda z: 1 / (1 + torch.exp(-z)),
    "tanh": lambda z: torch.sinh(z) / torch.cosh(z),
}


class Line:
    """Values as they are made, each under its name."""

    def __init__(self, parameters: Parameters, kept: Values, nudge: Nudge) -> None:
        self.p = parameters
        self.kept = kept
        self.nudge = nudge
        self.values: Values = {}

    def made(self, name: str, value: Tensor) -> Tensor:
        self.values[name] = value = self.nudge(name, value)
        return value

    def linear(self, path: str, x: Tensor) -> Tensor:
        z = torch.einsum("...i,oi->...o", x, self.p[f"{path}.weight"])
        bias = self.p.get(f"{path}.bias")
        return self.made(f"{path}.output", z if bias is None else z + bias)

    def sigma(self, path: str, name: str, z: Tensor) -> Tensor:
        return self.made(f"{path}.output", SIGMAS[name](z))

    def drop(self, path: str, x: Tensor) -> Tensor:
        if f"{path}.kept" not in self.kept:
            return x
        return self.made(f"{path}.output", x * self.kept[f"{path}.kept"])

    def norm(self, path: str, kind: str, x: Tensor) -> Tensor:
        if kind == "none":
            return x
        if kind == "rmsnorm":
            y = x / torch.sqrt((x * x).sum(-1, keepdim=True) / x.shape[-1] + 1e-6) * self.p[f"{path}.weight"]
        else:
            y = F.layer_norm(x, x.shape[-1:], self.p[f"{path}.weight"], self.p[f"{path}.bias"], 1e-5)
        return self.made(f"{path}.output", y)


def still(name: str, value: Tensor) -> Tensor:
    """No nudge at all."""
    return value


def plain(line: Line, shape: Any, inputs: Tensor, numbers: int) -> Tensor:
    """A network of rows or images; the columns behind `numbers` are places in lists."""
    x = inputs.flatten(1)
    if "embedding.0.weight" in line.p:
        rows = [
            line.made(f"embedding.{at}.output", line.p[f"embedding.{at}.weight"][x[:, numbers + at].long()])
            for at in range(x.shape[1] - numbers)
        ]
        x = torch.cat([x[:, :numbers], *rows], 1)
    for at in range(len(shape.widths)):
        x = line.made(f"layers.{at}.input", x)
        y = line.sigma(
            f"activations.{at}",
            shape.activation,
            line.norm(f"norms.{at}", shape.normalisation, line.linear(f"layers.{at}", x)),
        )
        y = line.drop(f"drops.{at}", y)
        x = x + y if shape.residual and x.shape == y.shape else y
    return line.made("output", line.linear("head", line.made("head.input", x)))


def mlp(line: Line, shape: Any, tokens: Tensor) -> Tensor:
    """The last few tokens' rows side by side, place after place."""
    rows = line.made("embedding.output", line.p["embedding.weight"][tokens])
    batch, time, wide = rows.shape
    looked = torch.zeros(batch, time, wide, shape.context, dtype=rows.dtype)
    for place in range(time):
        for back in range(min(shape.context, place + 1)):
            looked[:, place, :, shape.context - 1 - back] = rows[:, place - back]
    x = line.made("layers.0.input", looked.reshape(batch, time, -1))
    for at in range(len(shape.hidden)):
        x = line.drop(f"drops.{at}", line.sigma(f"activations.{at}", shape.activation, line.linear(f"layers.{at}", x)))
    return line.made("output", line.linear("head", x))


def convolutional(line: Line, shape: Any, images: Tensor) -> Tensor:
    """Convolution as a sum over shifted images."""
    x = line.made("layers.0.input", images)
    for at in range(len(shape.channels)):
        kernel, half = line.p[f"layers.{at}.weight"], shape.kernel // 2
        padded = F.pad(x, (half, half, half, half))
        high, wide = padded.shape[2] - shape.kernel + 1, padded.shape[3] - shape.kernel + 1
        z: Any = line.p[f"layers.{at}.bias"][None, :, None, None]
        for down in range(shape.kernel):
            for across in range(shape.kernel):
                part = padded[:, :, down : down + high, across : across + wide]
                z = z + torch.einsum("oi,bihw->bohw", kernel[:, :, down, across], part)
        x = line.made(f"layers.{at}.output", z)
        if shape.normalisation != "none":
            groups = x.shape[1] // 16 if x.shape[1] % 16 == 0 else 1
            y = F.group_norm(x, groups, line.p[f"norms.{at}.weight"], line.p[f"norms.{at}.bias"], 1e-5)
            x = line.made(f"norms.{at}.output", y)
        x = line.sigma(f"activations.{at}", shape.activation, x)
        if min(x.shape[2:]) > 1:
            high, wide = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
            corners = [x[:, :, down:high:2, across:wide:2] for down in (0, 1) for across in (0, 1)]
            x = line.made(f"pools.{at}.output", torch.stack(corners).max(0).values)
    x = line.made("drops.0.input", x.flatten(1))
    x = line.drop("drops.0", x)
    x = line.made("hidden.0.input" if shape.widths else "head.input", x)
    for at in range(len(shape.widths)):
        x = line.sigma(f"hidden_activations.{at}", shape.activation, line.linear(f"hidden.{at}", x))
        x = line.drop(f"drops.{at + 1}", x)
    return line.made("output", line.linear("head", x))


def language(line: Line, shape: Any, tokens: Tensor) -> Tensor:
    """A transformer over tokens."""
    x = line.made("embedding.output", line.p["embedding.weight"][tokens])
    x = line.drop("drop", _placed(line, shape, x, 1 / shape.width if shape.tied else 0.02))
    last = shape.normalisation if shape.norm_place == "before" else "none"
    x = line.norm("norm", last, _stack(line, shape, x, causal=True))
    head = "embedding.weight" if shape.tied else "head.weight"
    return line.made("output", torch.einsum("bti,oi->bto", x, line.p[head]))


def vision(line: Line, shape: Any, images: Tensor) -> Tensor:
    """A transformer over patches, row by row, channel by channel in each."""
    size = shape.patch
    high, wide = images.shape[2] // size, images.shape[3] // size
    patches = torch.stack(
        [
            images[:, :, down * size : (down + 1) * size, across * size : (across + 1) * size].flatten(1)
            for down in range(high)
            for across in range(wide)
        ],
        1,
    )
    x = line.linear("read", line.made("read.input", patches))
    inner = shape.stack(max(high * wide, 2))
    x = line.drop("drop", _placed(line, inner, x, 0.02))
    x = line.norm("norm", inner.normalisation, _stack(line, inner, x, causal=False))
    return line.made("output", line.linear("head", line.made("head.input", x.sum(1) / x.shape[1])))


def _placed(line: Line, shape: Any, x: Tensor, deviation: float) -> Tensor:
    time, wide = x.shape[1:]
    if shape.positions == "learned":
        return line.made("placed", x + line.made("positions", line.p["positions.table.weight"][:time]))
    if shape.positions == "sinusoidal":
        waves = torch.tensor(
            [
                [
                    (math.sin, math.cos)[column % 2](place / 10_000 ** (2 * (column // 2) / wide)) * deviation
                    for column in range(wide)
                ]
                for place in range(time)
            ],
            dtype=x.dtype,
        )
        return line.made("placed", x + line.made("positions", waves))
    return line.made("placed", x)


def _stack(line: Line, shape: Any, x: Tensor, causal: bool) -> Tensor:
    before = shape.norm_place == "before"
    for at in range(shape.layers):
        path = f"layers.{at}"
        for part, after in (("attention", "between"), ("feed_forward", "output")):
            norm = f"{path}.{part}_norm"
            read = line.norm(norm, shape.normalisation, x) if before else x
            work = _attention if part == "attention" else _station
            change = work(line, shape, f"{path}.{part}", read, causal)
            change = line.drop(f"{path}.{part}_drop", change)
            joined = x + change if shape.residual else change
            if not before:
                joined = line.norm(norm, shape.normalisation, line.made(f"{norm}.input", joined))
            x = line.made(f"{path}.{after}", joined)
    return x


def _attention(line: Line, shape: Any, path: str, x: Tensor, causal: bool) -> Tensor:
    heads = shape.heads
    shared = heads // (shape.key_value_heads or heads)
    wide = shape.width // heads
    made = {}
    for name, short in (("queries", "query"), ("keys", "key"), ("values", "value")):
        flat = line.linear(f"{path}.{name}", x)
        by_head = torch.stack(flat.split(wide, 2), 1)  # [batch, head, time, head_width]
        if short != "value" and shape.query_key_norm:
            by_head = line.made(f"{path}.{short}_norm.input", by_head)
            by_head = line.norm(f"{path}.{short}_norm", "rmsnorm", by_head)
        if short != "value" and shape.positions == "rotary":
            by_head = _turned(by_head)
        if short != "query":
            by_head = torch.stack([by_head[:, head // shared] for head in range(heads)], 1)
        made[short] = line.made(f"{path}.{short}", by_head)
    time = x.shape[1]
    scores = torch.einsum("bhtw,bhkw->bhtk", made["query"], made["key"]) / wide**0.5
    if shape.positions == "alibi":
        bias = torch.tensor(
            [
                [
                    [-(2.0 ** (-8 * (head + 1) / heads)) * max(listener - speaker, 0) for speaker in range(time)]
                    for listener in range(time)
                ]
                for head in range(heads)
            ],
            dtype=x.dtype,
        )
        scores = scores + line.made(f"{path}.bias", bias)
    scores = line.made(f"{path}.scores", scores)
    rows = []
    for listener in range(time):
        seen = scores[:, :, listener, : listener + 1 if causal else time]
        raised = torch.exp(seen)
        rows.append(F.pad(raised / raised.sum(-1, keepdim=True), (0, time - seen.shape[-1])))
    weights = line.made(f"{path}.weights", torch.stack(rows, 2))
    if f"{path}.kept" in line.kept:
        weights = weights * line.kept[f"{path}.kept"]
    mixed = line.made(f"{path}.mixed", torch.einsum("bhtk,bhkw->bhtw", weights, made["value"]))
    fused = line.made(f"{path}.output.input", torch.cat(tuple(mixed.unbind(1)), -1))
    return line.made(f"{path}.output", line.linear(f"{path}.output", fused))


def _turned(heads: Tensor) -> Tensor:
    """Pairs (i, i + half) as complex numbers, turned by place times the dial's speed."""
    time, wide = heads.shape[2:]
    half = wide // 2
    speeds = torch.tensor([10_000 ** (-2 * dial / wide) for dial in range(half)], dtype=heads.dtype)
    angle = torch.arange(time, dtype=heads.dtype)[:, None] * speeds
    turned = torch.complex(heads[..., :half], heads[..., half:]) * torch.complex(angle.cos(), angle.sin())
    return torch.cat((turned.real, turned.imag), -1)


def _station(line: Line, shape: Any, path: str, x: Tensor, causal: bool) -> Tensor:
    if shape.feed_forward == "gated-silu":
        gate = line.sigma(f"{path}.activation", "silu", line.linear(f"{path}.gate", x))
        inner = line.made(f"{path}.down.input", gate * line.linear(f"{path}.up", x))
    else:
        inner = line.sigma(f"{path}.activation", shape.feed_forward, line.linear(f"{path}.up", x))
    return line.made(f"{path}.output", line.linear(f"{path}.down", inner))


# -- the loss ----------------------------------------------------------------------------------------------------------


def losses(
    name: str, outputs: Tensor, targets: Tensor, weights: Tensor | None, smoothing: float
) -> tuple[Tensor, Tensor]:
    """How wrong each answer is, and by how much it is weighted before the mean of a portion is taken."""
    if name == "cross-entropy":
        surprise = torch.logsumexp(outputs, -1, keepdim=True) - outputs
        classes = outputs.shape[-1]
        of_class = torch.ones(classes, dtype=outputs.dtype) if weights is None else weights.to(outputs.dtype)
        asked = F.one_hot(targets, classes).to(outputs.dtype) * (1 - smoothing) + smoothing / classes
        return (asked * of_class * surprise).sum(-1), of_class[targets]
    off = outputs[..., 0] - targets
    each = {
        "mean-squared": off * off,
        "mean-absolute": torch.sqrt(off * off),
        "huber": torch.where(off.abs() < 1, off * off / 2, off.abs() - 0.5),
    }[name]
    return each, torch.ones_like(each)


def mean_loss(each: Tensor, counts: Tensor, portions: int) -> Tensor:
    """The mean over equal portions of each one's weighted mean."""
    parts = zip(each.chunk(portions), counts.chunk(portions), strict=True)
    return sum(((one.sum() / count.sum()) for one, count in parts), torch.zeros((), dtype=each.dtype)) / portions


# -- the update --------------------------------------------------------------------------------------------------------


def adamw(old: Tensor, g: Tensor, memory: Values, rate: float, numbers: Mapping[str, float]) -> Tensor:
    t = int(memory.get("step", torch.tensor(0.0))) + 1
    zero = torch.zeros_like(old)
    m = memory.get("exp_avg", zero) + (1 - numbers["beta1"]) * (g - memory.get("exp_avg", zero))
    v = memory.get("exp_avg_sq", zero) + (1 - numbers["beta2"]) * (g * g - memory.get("exp_avg_sq", zero))
    direction = (m / (1 - numbers["beta1"] ** t)) / ((v / (1 - numbers["beta2"] ** t)) ** 0.5 + numbers["epsilon"])
    return old - rate * numbers["decay"] * old - rate * direction


def sgd(old: Tensor, g: Tensor, memory: Values, rate: float, numbers: Mapping[str, float]) -> Tensor:
    velocity = g + numbers["decay"] * old
    if "momentum_buffer" in memory:
        velocity = velocity + numbers["momentum"] * memory["momentum_buffer"]
    return old - rate * velocity


def muon(old: Tensor, g: Tensor, memory: Values, rate: float, numbers: Mapping[str, float]) -> Tensor:
    """By the singular values: the quintic of a matrix is that of its singular values."""
    mu = numbers["momentum"]
    buffer = memory.get("momentum", torch.zeros_like(old)) * mu + g * (1 - mu)
    matrix = (buffer * mu + g * (1 - mu)).flatten(1)
    left, singular, right = torch.linalg.svd(matrix, full_matrices=False)
    singular = singular / max(float(matrix.norm()), 1e-7)
    for _ in range(5):
        singular = 3.4445 * singular - 4.7750 * singular**3 + 2.0315 * singular**5
    direction = (left * singular @ right).reshape(old.shape)
    return old * (1 - rate * numbers["decay"]) - rate * 0.2 * max(matrix.shape) ** 0.5 * direction


def remembered(name: str, old: Tensor, g: Tensor, memory: Values, numbers: Mapping[str, float]) -> Values:
    """What each optimizer knows after the update."""
    zero = torch.zeros_like(old)
    if name == "AdamW":
        step = memory.get("step", torch.zeros((), dtype=old.dtype)) + 1
        mean, square = memory.get("exp_avg", zero), memory.get("exp_avg_sq", zero)
        return {
            "step": step,
            "exp_avg": mean - (1 - numbers["beta1"]) * (mean - g),
            "exp_avg_sq": square - (1 - numbers["beta2"]) * (square - g**2),
        }
    if name == "SGD":
        if not numbers["momentum"]:
            return {}
        pulled = g + numbers["decay"] * old
        return {"momentum_buffer": pulled + numbers["momentum"] * memory.get("momentum_buffer", zero)}
    before = memory.get("momentum", zero)
    return {"momentum": before + (1 - numbers["momentum"]) * (g - before)}


UPDATES = {"AdamW": adamw, "SGD": sgd, "Muon": muon}


# -- blame -------------------------------------------------------------------------------------------------------------


def finite_differences(loss: Callable[[Nudge], Tensor], name: str, direction: Tensor, size: float = 1e-5) -> float:
    """By how much the loss moves with a value that is moved a little along a direction."""

    def moved(by: float) -> float:
        return float(loss(lambda at, value: value + by * direction if at == name else value))

    return (moved(size) - moved(-size)) / (2 * size)
