"""Images changed at random while training, so that a network learns what stays the same: mirrored, moved, cut. What is drawn in a
step is a pure function of (seed, step).

Before this   encoding/ has bytes of images.
After this    rows.py applies it to each batch; validation and answers see images as they are.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from fogwalk.batches.batch import drawn_seed
from fogwalk.encoding.columns import Columns
from fogwalk.encoding.pixels import Pixels

Bytes = UInt8[Tensor, "batch channels rows columns"]
Image = Float[Tensor, "batch channels rows columns"]
SHIFTED = 14  # an image is moved by up to a part of so many of its side
SMALLEST = 0.6  # of an image's side that is cut out at least


class Normalise:
    """Bytes as numbers: (b/255 - mean) / deviation, by channel. Nothing is changed."""

    def __init__(self, mean: Sequence[float], deviation: Sequence[float]) -> None:
        self.mean = torch.tensor(mean).view(1, -1, 1, 1) * 255
        self.scale = 1 / (torch.tensor(deviation).view(1, -1, 1, 1) * 255)

    def __call__(self, images: Bytes, step: int) -> Image:
        return (images.float() - self.mean) * self.scale


def normalise(encoder: Columns | Pixels) -> Normalise | None:
    """What is done to gathered records before a model reads them; nothing to rows, whose columns are numbers already."""
    return Normalise(encoder.mean, encoder.deviation) if isinstance(encoder, Pixels) else None


class Augment:
    """Bytes as numbers, after the changes that are asked for."""

    def __init__(self, normalise: Normalise, changes: Collection[str], seed: int) -> None:
        self.normalise = normalise
        self.changes = frozenset(changes)
        self.seed = seed

    def __call__(self, images: Bytes, step: int) -> Image:
        chance = torch.Generator().manual_seed(drawn_seed(f"images/{self.seed}/{step}"))
        if "shift" in self.changes:
            images = shifted(images, chance)
        if "flip" in self.changes:
            images = flipped(images, chance)
        changed = self.normalise(images, step)
        return cut(changed, chance) if "crop" in self.changes else changed


def flipped(images: Tensor, chance: torch.Generator) -> Tensor:
    """Half of them mirrored, left for right."""
    which = torch.rand(len(images), generator=chance) < 0.5
    return torch.where(which.view(-1, 1, 1, 1), images.flip(3), images)


def shifted(images: Tensor, chance: torch.Generator) -> Tensor:
    """Each moved by up to a fourteenth of its side, up or down and left or right; what comes in at the edge repeats it."""
    count, _, high, wide = images.shape
    down, across = (_reach(side, count, chance) for side in (high, wide))
    rows = (torch.arange(high) + down).clamp(0, high - 1)  # [batch, rows]
    columns = (torch.arange(wide) + across).clamp(0, wide - 1)
    which = torch.arange(count)
    return images[which[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _reach(side: int, count: int, chance: torch.Generator) -> Tensor:
    most = max(side // SHIFTED, 1)
    return torch.randint(-most, most + 1, (count, 1), generator=chance)


def cut(images: Image, chance: torch.Generator) -> Image:
    """Of each a square of 0.6 to all of its side, from anywhere, brought to the whole size."""
    count = len(images)
    scale = SMALLEST + (1 - SMALLEST) * torch.rand(count, generator=chance)
    room = 1 - scale
    across, down = ((2 * torch.rand(count, generator=chance) - 1) * room for _ in range(2))
    matrix = torch.zeros(count, 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = scale
    matrix[:, 0, 2], matrix[:, 1, 2] = across, down
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)
