"""By what share of itself each parameter was moved in the last update: |change| / |weight|. About a thousandth is usual."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from fogwalk.insight.measures.protocol import Look


class Updates:
    """`change` is the length of what was added to a parameter over the length of the parameter before."""

    axes: ClassVar[dict[str, tuple[str, ...]]] = {"change": (), "weight": ()}

    def of(self, look: Look) -> dict[str, Tensor]:
        """By the name of each parameter; of one that was all zeros there is no share."""
        found = {}
        for name, parameter in look.model.named_parameters():
            found[f"weight/{name}"] = parameter.detach().norm()
            old = look.before.get(name)
            if old is not None and (length := old.norm()) > 0:
                found[f"change/{name}"] = (parameter.detach() - old).norm() / length
        return found
