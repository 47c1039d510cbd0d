"""A tensor as it travels to the page.

Before this   the files beside this one make it.
After this    addresses/ send it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def wired(tensor: Tensor) -> tuple[list[int], bytes]:
    """Its shape, and its numbers as little-endian float32."""
    plain = tensor.detach().float().contiguous().cpu().numpy()
    return list(plain.shape), plain.astype("<f4").tobytes()
