"""A folder with a model as it is: its weights as safetensors, its settings, and what it learned of how to make numbers of text,
rows or images.

Before this   run.py holds a trained model.
After this    anything that reads safetensors, TOML and JSON.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import save_file

from fogwalk.interop.folders import appear
from fogwalk.settings import write_toml

if TYPE_CHECKING:
    from fogwalk.run import Run


def export(run: Run, target: Path) -> None:
    """Write model.safetensors, settings.toml and the files of the encoding to `target`."""
    weights = {name: value.detach().float().cpu().contiguous() for name, value in run.model.named_parameters()}

    def write(folder: Path) -> None:
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "model.safetensors").chmod(0o644)
        (folder / "settings.toml").write_text(write_toml(run.settings), encoding="utf-8")
        copy_encoding(run, folder)

    appear(target, write)


def copy_encoding(run: Run, folder: Path) -> None:
    """The files by which text, rows or images become numbers."""
    for path in sorted((run.checkpoint / "encoding").iterdir()):
        shutil.copyfile(path, folder / path.name)
