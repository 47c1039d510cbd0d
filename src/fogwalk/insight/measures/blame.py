"""How much the loss hangs on what comes out of each layer, on each head, at each place, and on each parameter.

`blame` is the root of the mean square of ∂L/∂(output) times the number of records, so that it does not shrink with the batch;
`head_blame` that of what each head has heard, `place_blame` that of the stream at each place behind the last layer but one;
`gradient` the length of ∂L/∂(parameter).
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from fogwalk.insight.measures.protocol import Look


class Blame:
    """Lengths of gradients."""

    axes: ClassVar[dict[str, tuple[str, ...]]] = {
        "blame": (),
        "head_blame": ("head",),
        "place_blame": ("time",),
        "gradient": (),
    }

    def of(self, look: Look) -> dict[str, Tensor]:
        """By the path of each layer, and by the name of each parameter."""
        found = {}
        rows = look.captured.batch.targets.numel()
        for path, _, value in look.outputs():
            if value.gradient is not None:
                found[f"blame/{path or 'model'}"] = value.gradient.square().mean().sqrt() * rows
        for path, _, _ in look.outputs("Attention"):
            mixed = look.captured.values[f"{path}.mixed"].gradient
            if mixed is not None:
                found[f"head_blame/{path}"] = mixed.square().mean((0, 2, 3)).sqrt() * rows
        for path, _, value in look.outputs("Layer"):
            if value.gradient is not None:
                found[f"place_blame/{path}"] = value.gradient.square().mean((0, 2)).sqrt() * rows
        return found | {f"gradient/{name}": gradient.norm() for name, gradient in look.captured.gradients.items()}
