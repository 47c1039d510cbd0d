"""How large what comes out of each layer is, and which units of an activation say nothing any more.

`size` is the root of the mean square. `dead` is the share of units that are zero for every record and place of the probe batch.
`saturated` is the share of numbers where σ is so flat that less than a tenth of its steepest slope is left: they hardly learn.
`spread` is the size of each column of what is read, of rows of a table.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from fogwalk.insight.measures.protocol import Look
from fogwalk.models.layers import Activation

CUTTING = ("relu", "squared-relu")  # are zero on one side
FLAT = 0.1


class Forward:
    """Sizes, dead and saturated units."""

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"size": (), "dead": (), "saturated": (), "spread": ("column",)}

    def of(self, look: Look) -> dict[str, Tensor]:
        """By the path of each layer."""
        found = {}
        for path, module, value in look.outputs():
            found[f"size/{path or 'model'}"] = value.value.square().mean().sqrt()
            if not isinstance(module, Activation):
                continue
            if module.name in CUTTING:
                units = (
                    value.value.transpose(1, -1).flatten(0, -2)
                    if value.value.dim() == 4
                    else value.value.flatten(0, -2)
                )
                found[f"dead/{path}"] = (units == 0).all(0).float().mean()
            elif module.name in ("sigmoid", "tanh"):
                found[f"saturated/{path}"] = (slope(module.name, value.value) < FLAT).float().mean()
        read = look.captured.batch.inputs
        if read.is_floating_point() and read.dim() == 2:
            # Behind the numbers of a row stand places of words in their lists, which are no quantities.
            numbers = getattr(getattr(look.model, "reads", None), "numbers", read.shape[1])
            if numbers:
                found["spread/input"] = read[:, :numbers].square().mean(0).sqrt()
        return found


def slope(name: str, output: Tensor) -> Tensor:
    """σ′ as a share of its steepest, from what σ gave: 4·a·(1 - a) of the logistic function, 1 - a² of the hyperbolic tangent.

    >>> slope("tanh", torch.tensor([0.0, 1.0])).tolist()
    [1.0, 0.0]
    """
    return 4 * output * (1 - output) if name == "sigmoid" else 1 - output.square()
