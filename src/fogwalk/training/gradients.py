"""Between the backward pass and the update: the gradient's norm, clipped, and refused when it is not finite.

Before this   loop.py has called backward.
After this    optimizers/ move the parameters; insight/ will measure blame from the same gradients.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fogwalk.batches.batch import Batch


def clip(parameters: Sequence[nn.Parameter], limit: float | None) -> Float[Tensor, ""]:
    """Scale all gradients so that their common norm is at most `limit`; gives back the norm before. Pascanu et al. 2013."""
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    norm = torch.nn.utils.get_total_norm(gradients)
    if limit:
        torch.nn.utils.clip_grads_with_norm_(parameters, limit, norm)
    return norm


def first_not_finite(model: nn.Module, batch: Batch) -> str:
    """Where numbers first stop being finite: the layer whose output does, or else the parameter or gradient that does.

    Runs the batch forward once more with every layer watched; changes nothing.
    """
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            return f"parameter {name}"
    found: list[str] = []
    hooks = [
        module.register_forward_hook(
            lambda module, inputs, output, name=name: (
                found.append(name)
                if not found and isinstance(output, Tensor) and not torch.isfinite(output).all()
                else None
            )
        )
        for name, module in model.named_modules()
        if name and not list(module.children())
    ]
    try:
        with torch.no_grad():
            model(batch.inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if found:
        return f"the output of {found[0]}"
    for name, parameter in reversed(list(model.named_parameters())):
        if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
            return f"the gradient of {name}"
    return "the loss"
