"""A small image drawn in letters, the darkest as blanks.

Before this   an image's numbers.
After this    overview.py shows what a step read; explaining.py what is answered for.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from fogwalk.insight.telling.layout import wide

SHADES = " ░▒▓█"
WIDEST = 32  # pixels across; of larger images some stand together


def picture(image: Tensor, indent: int) -> list[str]:
    """[channels, rows, columns] -> lines of twice as many letters as there are columns, all channels as one grey."""
    grey = image.detach().float().mean(0)
    most = min(WIDEST, (wide() - indent) // 2)
    if max(grey.shape) > most:
        down, across = (max(1, side * most // max(grey.shape)) for side in grey.shape)
        grey = F.adaptive_avg_pool2d(grey[None], (down, across))[0]
    low, high = grey.min(), grey.max()
    shades = ((grey - low) / (high - low).clamp(min=1e-12) * (len(SHADES) - 1)).round().long()
    return [(" " * indent + "".join(SHADES[shade] * 2 for shade in row)).rstrip() for row in shades.tolist()]
