"""What leaves gives the same answers elsewhere: ONNX through onnxruntime, safetensors through its own reader."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import fogwalk
from fogwalk.data.toys import TOYS
from fogwalk.errors import ExportError
from fogwalk.interop import onnx, weights

QUICK = {"threads": 1, "training": {"steps": 20, "compile": "off", "sample_every": 0}}


def table(path: Path) -> Path:
    points, classes = TOYS["sample:moons"](np.random.default_rng(0))
    rows = [
        f"{x},{y},word{at % 25},{('left', 'right')[one]}"
        for at, ((x, y), one) in enumerate(zip(points[:400].tolist(), classes[:400].tolist(), strict=True))
    ]
    path.write_text("x,y,word,side\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("target", ["side", "y"])
def test_onnxruntime_gives_the_answers_of_the_run(target: str, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv")
    run = fogwalk.train(str(path), quiet=True, out=str(tmp_path / "run"), data={"target": target}, **QUICK)
    check(run, str(path), tmp_path / "there", 8 if target == "side" else 3)


@pytest.mark.parametrize("kind", ["plain", "convolutional", "vision"])
def test_models_of_images_leave_too(kind: str, tmp_path: Path) -> None:
    model = {"plain": {"hidden": "8"}, "convolutional": {"channels": "4,8"}, "vision": {"layers": 1, "patch": 2}}[kind]
    run = fogwalk.train(
        "sample:digits",
        quiet=True,
        out=str(tmp_path / "run"),
        model=model,
        model_kind=kind,
        data={"augment": "none"},
        **QUICK,
    )
    check(run, "sample:digits", tmp_path / "there", None)


def test_what_the_document_says_makes_the_inputs(tmp_path: Path) -> None:
    """docs/onnx.md alone, followed without Fogwalk: numbers, missing ones, words of few and of many, words never met."""
    import onnxruntime

    chance = np.random.default_rng(1)
    lines = ["size,colour,shop,kind"]
    for _ in range(300):
        size, colour, shop = chance.normal(5, 9), chance.choice(["red", "green", "blue"]), chance.integers(30)
        lines.append(f"{'' if chance.random() < 0.1 else size},{colour},shop {shop},{'big' if size > 5 else 'small'}")
    path, new = tmp_path / "t.csv", tmp_path / "new.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    cells: list[tuple[float | None, str, str]] = [
        (7.5, "red", "shop 3"),
        (None, "violet", "shop 29"),
        (-1e4, "blue", "shop 77"),
    ]
    rows = [",".join("" if cell is None else str(cell) for cell in row) for row in cells]
    new.write_text("\n".join(["size,colour,shop", *rows]) + "\n", encoding="utf-8")
    run = fogwalk.train(str(path), quiet=True, out=str(tmp_path / "run"), data={"target": "kind"}, **QUICK)
    onnx.export(run, tmp_path / "there")
    told, columns = (json.loads((tmp_path / "there" / f"{name}.json").read_text()) for name in ("model", "columns"))
    inputs = np.zeros((len(cells), told["inputs"]["shape"][1]), dtype=np.float32)
    kinds = {column["name"]: column for column in columns["read"]}
    assert kinds["size"]["indicator"], "the table has missing cells"
    assert kinds["shop"]["listed"], "and words of many"
    assert not kinds["colour"]["listed"], "and of few"
    for at, row in enumerate(cells):
        for (name, column), cell in zip(kinds.items(), row, strict=True):
            places = told["inputs"]["places"][name]
            if column["kind"] == "number":
                x = 0.0 if cell is None else (float(cell) - column["center"]) / column["scale"]
                inputs[at, places] = [x / math.sqrt(1 + (x / 3) ** 2), cell is None]
            elif column["listed"]:
                inputs[at, places[0]] = column["words"].index(cell) + 1 if cell in column["words"] else 0
            elif cell in column["words"]:
                inputs[at, places[column["words"].index(cell)]] = 1
    session = onnxruntime.InferenceSession(str(tmp_path / "there" / "model.onnx"))
    (found,) = session.run(None, {"inputs": inputs})
    _, answers = run.predict(str(new))
    assert answers.chances is not None
    assert np.allclose(found, answers.chances, rtol=1e-4, atol=1e-5)


def check(run: fogwalk.Run, path: str, there: Path, columns: int | None) -> None:
    import onnxruntime

    onnx.export(run, there)
    asked = run.recogniser.asked(path, "auto")
    inputs = asked.inputs[:50]
    _, answers = run.predict(path)
    session = onnxruntime.InferenceSession(str(there / "model.onnx"))
    expected = answers.chances if answers.chances is not None else answers.numbers
    assert expected is not None
    for count in (1, 7, 50):
        (found,) = session.run(None, {"inputs": inputs[:count]})
        assert np.allclose(found, expected[:count], rtol=1e-4, atol=1e-5)
    told = json.loads((there / "model.json").read_text(encoding="utf-8"))
    assert told["inputs"]["shape"][1:] == list(inputs.shape[1:])
    assert (there / ("columns.json" if columns else "pixels.json")).is_file()


def test_weights_leave_as_they_are(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv")
    run = fogwalk.train(str(path), quiet=True, out=str(tmp_path / "run"), data={"target": "side"}, **QUICK)
    weights.export(run, tmp_path / "there")
    found = load_file(tmp_path / "there" / "model.safetensors")
    assert {name: value.shape for name, value in found.items()} == {
        name: tuple(value.shape) for name, value in run.model.named_parameters()
    }
    assert all((found[name] == value.detach().numpy()).all() for name, value in run.model.named_parameters())
    assert {path.name for path in (tmp_path / "there").iterdir()} == {
        "model.safetensors",
        "settings.toml",
        "columns.json",
        "target.json",
    }


def test_a_model_of_text_is_not_written_as_onnx(book: Path, tmp_path: Path) -> None:
    run = fogwalk.train(str(book), preset="tiny", quiet=True, out=str(tmp_path / "run"), **QUICK)
    with pytest.raises(ExportError, match="--to huggingface"):
        onnx.export(run, tmp_path / "there")
    weights.export(run, tmp_path / "there")
    assert (tmp_path / "there" / "tokenizer.json").is_file()
