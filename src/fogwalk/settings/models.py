"""What can be chosen about each kind of model: one small dataclass a kind.

Before this   fields.py says what one setting is.
After this    tree.py puts the kind that was chosen into the one settings tree; models/ builds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fogwalk.errors import SettingError
from fogwalk.registry import POSITIONS
from fogwalk.settings.fields import check_limits, counted, setting

ACTIVATIONS = ("gated-silu", "relu", "squared-relu", "gelu", "silu", "sigmoid", "tanh")


@dataclass(frozen=True, kw_only=True)
class Transformer:
    """A decoder-only transformer; the defaults are the Qwen3 family's shape."""

    kind: ClassVar[str] = "transformer"
    layers: int = setting(4, "how many attention + feed-forward layers are stacked", least=1, most=1000)
    width: int = setting(192, "numbers that describe one token at every layer", least=2, most=65536)
    heads: int = setting(3, "attention heads in each layer; they share the width equally", least=1, most=1024)
    key_value_heads: int | None = setting(
        None, "heads for keys and values, fewer than heads to share them (default: as many as heads)", least=1
    )
    context: int = setting(128, "tokens the model can look back over", least=2, most=1_048_576)
    positions: str = setting(
        "rotary", "how the model knows the order: " + " | ".join(POSITIONS), choices=tuple(POSITIONS)
    )
    normalisation: str = setting("rmsnorm", "rmsnorm | layernorm | none", choices=("rmsnorm", "layernorm", "none"))
    norm_place: str = setting("before", "normalise before or after each sub-layer", choices=("before", "after"))
    query_key_norm: bool = setting(True, "normalise queries and keys in each head before they meet")
    residual: bool = setting(True, "add each sub-layer's output to its input (switch off to see why it is there)")
    feed_forward: str = setting("gated-silu", " | ".join(ACTIVATIONS), choices=ACTIVATIONS)
    feed_forward_width: int | None = setting(
        None, "hidden numbers of the feed-forward part (default: 8/3 of the width when gated, else 4 x)", least=1
    )
    biases: bool = setting(False, "add a bias to every linear layer")
    tied: bool = setting(False, "use one matrix both to embed tokens and to score the next one")
    dropout: float = setting(0.0, "share of values dropped at random while training", least=0, below=1)

    def describe(self) -> str:
        """The shape in a few words."""
        return f"{counted(self.layers, 'layer')} x {counted(self.heads, 'head')} x {self.width} wide, context {self.context}"

    def __post_init__(self) -> None:
        check_limits("model.", self)
        if self.width % self.heads:
            step = self.heads * (2 if self.positions == "rotary" else 1)
            lower, upper = self.width // step * step, -(-self.width // step) * step
            raise SettingError(
                "model.width",
                "model.heads",
                found=f"width {self.width} cannot be shared equally by {self.heads} heads "
                f"({self.width} / {self.heads} = {self.width / self.heads:.4g})",
                remedy=f"Set width to {' or '.join(str(w) for w in (lower, upper) if w)}, "
                f"or heads to a number that divides {self.width}.",
            )
        head_width = self.width // self.heads
        if self.positions == "rotary" and head_width % 2:
            raise SettingError(
                "model.width",
                "model.heads",
                found=f"rotary positions turn pairs of numbers, but a head is {head_width} wide, an odd number",
                remedy="Choose width and heads so that width / heads is even, or other positions.",
            )
        if self.key_value_heads and self.heads % self.key_value_heads:
            raise SettingError(
                "model.heads",
                "model.key_value_heads",
                found=f"{self.heads} heads cannot share {self.key_value_heads} key-value heads equally",
                remedy=f"Set key-value-heads to a number that divides {self.heads}.",
            )


@dataclass(frozen=True, kw_only=True)
class Mlp:
    """Layers of σ(W·x + b) over the embeddings of the last few tokens (Bengio et al. 2003)."""

    kind: ClassVar[str] = "mlp"
    hidden: tuple[int, ...] = setting((256, 256), "width of each hidden layer, as 128,64", least=1, most=65536)
    activation: str = setting("tanh", "σ: " + " | ".join(ACTIVATIONS[1:]), choices=ACTIVATIONS[1:])
    embedding: int = setting(24, "numbers that describe one token", least=1, most=65536)
    context: int = setting(16, "tokens the model can look back over", least=1, most=65536)
    dropout: float = setting(0.0, "share of values dropped at random while training", least=0, below=1)

    def describe(self) -> str:
        """The shape in a few words."""
        return f"{' x '.join(map(str, self.hidden))} hidden, looking back {self.context}"

    def __post_init__(self) -> None:
        check_limits("model.", self)
        if not self.hidden:
            raise SettingError("model.hidden", found="model.hidden is empty", expected="It is as 128,64.")


@dataclass(frozen=True, kw_only=True)
class Plain:
    """Layers of σ(W·x + b) over the columns of a table or the pixels of an image."""

    kind: ClassVar[str] = "plain"
    hidden: tuple[int, ...] = setting(
        (128, 128), "width of each hidden layer, as 128,64; 0 for none: one neuron for each output", least=0, most=65536
    )
    activation: str = setting("silu", "σ: " + " | ".join(ACTIVATIONS[1:]), choices=ACTIVATIONS[1:])
    normalisation: str = setting("none", "rmsnorm | layernorm | none", choices=("rmsnorm", "layernorm", "none"))
    residual: bool = setting(False, "add a layer's input to its output, where both are equally wide")
    dropout: float = setting(0.0, "share of values dropped at random while training", least=0, below=1)

    def describe(self) -> str:
        """The shape in a few words."""
        return f"{' x '.join(map(str, self.widths))} hidden, {self.activation}" if self.widths else "no hidden layer"

    @property
    def widths(self) -> tuple[int, ...]:
        """The hidden layers' widths; none for 0."""
        return tuple(width for width in self.hidden if width)

    def __post_init__(self) -> None:
        check_limits("model.", self)


@dataclass(frozen=True, kw_only=True)
class Convolutional:
    """Convolutions that slide over an image, each followed by σ and by taking the largest of 2 x 2; then one hidden layer."""

    kind: ClassVar[str] = "convolutional"
    channels: tuple[int, ...] = setting((32, 64), "width of each convolution, as 32,64", least=1, most=4096)
    kernel: int = setting(3, "pixels that a convolution looks at, across and down; an odd number", least=1, most=31)
    hidden: tuple[int, ...] = setting(
        (128,), "width of each hidden layer behind the convolutions, as 128,64; 0 for none", least=0, most=65536
    )
    activation: str = setting("relu", "σ: " + " | ".join(ACTIVATIONS[1:]), choices=ACTIVATIONS[1:])
    normalisation: str = setting("groupnorm", "groupnorm | none", choices=("groupnorm", "none"))
    dropout: float = setting(0.2, "share of values dropped at random while training", least=0, below=1)

    def describe(self) -> str:
        """The shape in a few words."""
        widths = " x ".join(map(str, self.channels))
        hidden = f", {' x '.join(map(str, self.widths))} hidden" if self.widths else ""
        return f"{widths} channels of {self.kernel} x {self.kernel}{hidden}, {self.activation}"

    @property
    def widths(self) -> tuple[int, ...]:
        """The hidden layers' widths; none for 0."""
        return tuple(width for width in self.hidden if width)

    def __post_init__(self) -> None:
        check_limits("model.", self)
        if not self.channels:
            raise SettingError("model.channels", found="model.channels is empty", expected="It is as 32,64.")
        if self.kernel % 2 == 0:
            raise SettingError(
                "model.kernel", found=f"model.kernel cannot be {self.kernel}", expected="It is an odd number."
            )


@dataclass(frozen=True, kw_only=True)
class Vision:
    """A transformer that reads an image as a sequence of square patches."""

    kind: ClassVar[str] = "vision"
    patch: int = setting(4, "pixels of a patch, across and down", least=1, most=1024)
    layers: int = setting(4, "how many attention + feed-forward layers are stacked", least=1, most=1000)
    width: int = setting(96, "numbers that describe one patch at every layer", least=2, most=65536)
    heads: int = setting(3, "attention heads in each layer; they share the width equally", least=1, most=1024)
    feed_forward: str = setting("gated-silu", " | ".join(ACTIVATIONS), choices=ACTIVATIONS)
    dropout: float = setting(0.1, "share of values dropped at random while training", least=0, below=1)

    def describe(self) -> str:
        """The shape in a few words."""
        return (
            f"{counted(self.layers, 'layer')} x {counted(self.heads, 'head')} x {self.width} wide, patches of {self.patch} x "
            f"{self.patch}"
        )

    def stack(self, patches: int) -> Transformer:
        """The transformer that reads so many patches; where each stands in the image is learned."""
        return Transformer(
            layers=self.layers,
            width=self.width,
            heads=self.heads,
            context=patches,
            positions="learned",
            feed_forward=self.feed_forward,
            dropout=self.dropout,
        )

    def __post_init__(self) -> None:
        check_limits("model.", self)
        self.stack(2)  # refuses what a transformer refuses


Model = Transformer | Mlp | Plain | Convolutional | Vision
MODEL_GROUPS: dict[str, type[Model]] = {
    "transformer": Transformer,
    "mlp": Mlp,
    "plain": Plain,
    "convolutional": Convolutional,
    "vision": Vision,
}
# What each kind reads; a task has data of one sort.
READS: dict[str, tuple[str, ...]] = {
    "transformer": ("text",),
    "mlp": ("text",),
    "plain": ("table", "images"),
    "convolutional": ("images",),
    "vision": ("images",),
}


def require_reads(kind: str, sort: str) -> None:
    """Raise SettingError where a model of this kind does not read such data: text, table or images."""
    if sort in READS[kind]:
        return
    fitting = [other for other, sorts in READS.items() if sort in sorts]
    here = {"text": "a text", "table": "rows of a table", "images": "images"}[sort]
    raise SettingError(
        "model_kind",
        found=f"the model kind {kind} reads {' or '.join(READS[kind])}, and here is {here}",
        remedy=f"Leave it out, or choose --model-kind {' or '.join(fitting)}.",
    )
