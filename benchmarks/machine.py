"""The machine a figure was measured on, in one line."""

from __future__ import annotations

import platform

import torch

from fogwalk import hardware


def described() -> str:
    """Processor, cores, versions."""
    name = hardware.fingerprint(torch.device("cpu"), 1)["processor"]
    return f"{name}, {hardware.cores()} cores, Python {platform.python_version()}, torch {torch.__version__}"
