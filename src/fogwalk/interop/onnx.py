"""An ONNX file of a recogniser, which other programs run without torch: rows or images in, probabilities or numbers out.

Before this   run.py holds a trained model.
After this    onnxruntime and its kin. The extra `onnx` holds what writes it.
"""

from __future__ import annotations

import json
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from fogwalk.batches.changes import normalise
from fogwalk.encoding.columns import Columns, Target
from fogwalk.encoding.pixels import Pixels
from fogwalk.encoding.records import load_encoder
from fogwalk.errors import ExportError, UsageError
from fogwalk.interop.folders import appear
from fogwalk.interop.weights import copy_encoding
from fogwalk.settings import write_toml

if TYPE_CHECKING:
    from fogwalk.run import Run


class Answering(nn.Module):
    """From records as they are encoded to answers a person can read: bytes of images are normalised within; out come the classes'
    probabilities [batch, classes], or numbers [batch] in their own units."""

    def __init__(self, model: nn.Module, encoder: Columns | Pixels, target: Target) -> None:
        super().__init__()
        self.model = model
        self.target = target
        self.normalise = normalise(encoder)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs = self.model(self.normalise(inputs, 0) if self.normalise else inputs)
        if self.target.classes:
            return outputs.softmax(1)  # type: ignore[no-any-return]  # nn.Module calls are untyped
        return outputs[:, 0] * self.target.scale + self.target.center  # type: ignore[no-any-return]  # as above


def export(run: Run, target: Path) -> None:
    """Write model.onnx, model.json (what goes in and comes out) and the files of the encoding to `target`.

    Raises ExportError for a model of text, UsageError where what writes ONNX is not installed.
    """
    if run.settings.task == "language":
        raise ExportError(
            "a model of text is not written as ONNX", remedy="Write it for transformers: --to huggingface DIR."
        )
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError:
        raise UsageError("what writes ONNX is not installed", remedy="pip install 'fogwalk[onnx]'") from None
    encoding = run.checkpoint / "encoding"
    encoder, answers = load_encoder(encoding), Target.load(encoding)
    module = Answering(run.model.cpu().eval(), encoder, answers).eval()

    def write(folder: Path) -> None:
        _write(module, _example(encoder), folder / "model.onnx")
        (folder / "model.json").write_text(
            json.dumps(_told(encoder, answers), indent=1, ensure_ascii=False) + "\n", "utf-8"
        )
        (folder / "settings.toml").write_text(write_toml(run.settings), encoding="utf-8")
        copy_encoding(run, folder)

    appear(target, write)


def _example(encoder: Columns | Pixels) -> Tensor:
    if isinstance(encoder, Pixels):
        return torch.zeros(2, encoder.channels, encoder.height, encoder.width, dtype=torch.uint8)
    return torch.zeros(2, encoder.numbers + len(encoder.lists))


def _write(module: nn.Module, example: Tensor, place: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            module,
            (example,),
            str(place),
            input_names=["inputs"],
            output_names=["answers"],
            dynamic_shapes={"inputs": {0: torch.export.Dim("batch")}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def _told(encoder: Columns | Pixels, target: Target) -> dict[str, Any]:
    shape = list(_example(encoder).shape[1:])
    kind = "uint8" if isinstance(encoder, Pixels) else "float32"
    inputs: dict[str, Any] = {"shape": ["batch", *shape], "type": kind}
    if isinstance(encoder, Columns):
        inputs["places"] = encoder.places()
    answers = {"target": target.name, "classes": list(target.classes)} if target.classes else {"target": target.name}
    return {"inputs": inputs, "answers": answers}
