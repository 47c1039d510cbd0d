"""Fogwalk trains neural networks and transformers on your own data, and shows every step of how they learn.

    run = fogwalk.train("book.txt", minutes=5)
    print(run.generate("It was", tokens=100).text)

The names below are the public ones; nothing else is promised. They load on first use, so that the command line
starts without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fogwalk.errors import FogwalkError as FogwalkError
    from fogwalk.run import Run as Run
    from fogwalk.run import load as load
    from fogwalk.run import train as train

__version__ = "0.1.0"

__all__ = ["FogwalkError", "Run", "__version__", "load", "train"]

_DOORS = {"FogwalkError": "fogwalk.errors", "Run": "fogwalk.run", "load": "fogwalk.run", "train": "fogwalk.run"}


def __getattr__(name: str) -> Any:
    if name in _DOORS:
        import importlib

        return getattr(importlib.import_module(_DOORS[name]), name)
    raise AttributeError(f"module 'fogwalk' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
