"""One answer and what drove it, against the model asked by itself."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from fogwalk import load
from fogwalk.encoding.columns import Columns, Number
from fogwalk.errors import DataError, UsageError
from fogwalk.explaining import as_prompt, cells_of
from fogwalk.insight.again import model_after
from fogwalk.insight.answer import of_record, of_text
from fogwalk.insight.form import read
from fogwalk.models.transformer import build
from fogwalk.registry import POSITIONS
from fogwalk.run import Run
from fogwalk.runs.folder import RunFolder
from fogwalk.settings import Transformer
from fogwalk.training.state import initialise

from .conftest import SHORT, trained

SHAPES = [
    Transformer(layers=layers, width=16, heads=2, context=8, positions=positions, normalisation=norm)
    for layers, positions, norm in zip(
        (1, 2, 3, 2, 1), POSITIONS, ("rmsnorm", "none", "rmsnorm", "none", "rmsnorm"), strict=True
    )
]
IDS = [3, 1, 4, 1, 5]


def model_of(shape: Transformer, seed: int = 0) -> nn.Module:
    model = build(shape, 9)
    initialise(model, seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed)))
    return model.eval()


@pytest.mark.parametrize("shape", SHAPES)
def test_the_probabilities_are_the_models_own(shape: Transformer) -> None:
    model = model_of(shape)
    answer = of_text(model, IDS)
    with torch.no_grad():
        scores = model(torch.tensor([IDS]))[0, -1].double()
    assert torch.allclose(answer.probabilities.double(), scores.exp() / scores.exp().sum(), atol=1e-6)
    assert answer.best == int(scores.argmax())
    assert answer.score == pytest.approx(float(scores.max() - scores.mean()), rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_what_the_layers_added_comes_to_the_score(shape: Transformer) -> None:
    model = model_of(shape)
    answer = of_text(model, IDS)
    assert len(answer.parts) == 1 + 2 * shape.layers
    assert sum(answer.parts.values()) == pytest.approx(answer.score, rel=1e-4)
    # Taken out of the stream before the last norm, a part takes its share of the score with it.
    stream = answer.captured.values[f"layers.{shape.layers - 1}.output"].value[0, -1]
    change = answer.captured.values["layers.0.feed_forward.output"].value[0, -1]
    root = (stream.square().mean() + 1e-6).sqrt() if shape.normalisation == "rmsnorm" else 1.0
    gain = model.norm.weight if shape.normalisation == "rmsnorm" else 1.0
    scores = [(model.head.weight @ (gain * x / root)).detach() for x in (stream, stream - change)]
    with_it, without_it = (float(one[answer.best] - one.mean()) for one in scores)
    assert with_it - without_it == pytest.approx(answer.parts["layers.0.feed_forward"], rel=1e-3, abs=1e-5)


def test_parts_are_told_only_where_they_add_up() -> None:
    for changes in ({"residual": False}, {"norm_place": "after"}, {"normalisation": "layernorm"}):
        answer = of_text(model_of(Transformer(layers=1, width=16, heads=2, context=8, **changes)), IDS)  # type: ignore[arg-type]
        assert answer.parts == {}


@pytest.mark.parametrize("shape", SHAPES)
def test_by_layer_ends_with_the_answer(shape: Transformer) -> None:
    answer = of_text(model_of(shape), IDS)
    assert list(answer.by_layer) == ["embedding", *(f"layers.{at}" for at in range(shape.layers))]
    assert answer.by_layer[f"layers.{shape.layers - 1}"] == pytest.approx(float(answer.probabilities.max()), rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_by_layer_is_what_a_model_of_so_many_layers_would_say(shape: Transformer) -> None:
    model = model_of(shape)
    answer = of_text(model, IDS)
    for layers in range(shape.layers + 1):
        with torch.no_grad():
            x = model.positions.add(model.embedding(torch.tensor([IDS])), 0)
            for number in range(layers):
                x = model.layers[number](x, None, number)
            p = model.head(model.norm(x))[0, -1].softmax(0)[answer.best]
        name = "embedding" if not layers else f"layers.{layers - 1}"
        assert answer.by_layer[name] == pytest.approx(float(p), rel=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_part_is_its_own_share_of_the_score(shape: Transformer) -> None:
    """Each sub-layer's change put through the last norm as it was, against the right direction, in float64."""
    model = model_of(shape)
    answer = of_text(model, IDS)
    values = answer.captured.values
    stream = values[f"layers.{shape.layers - 1}.output"].value[0, -1].double()
    root = math.sqrt(float((stream * stream).sum()) / len(stream) + 1e-6) if shape.normalisation == "rmsnorm" else 1.0
    gain = model.norm.weight.double() if shape.normalisation == "rmsnorm" else torch.ones(len(stream)).double()
    scores = model.head.weight.double()
    for name, part in answer.parts.items():
        made = values["placed" if name == "embedding" else f"{name}.output"].value[0, -1].double()
        each = [math.fsum((row * gain * made / root).tolist()) for row in scores.detach()]
        assert part == pytest.approx(each[answer.best] - sum(each) / len(each), rel=1e-3, abs=1e-6), name


def test_without_a_token_its_row_is_the_mean_of_all() -> None:
    model = model_of(SHAPES[1])
    answer = of_text(model, IDS)
    rows = model.embedding.weight.detach()
    for place in range(len(IDS)):
        changed = model_of(SHAPES[1])
        with torch.no_grad():
            changed.embedding = nn.Embedding.from_pretrained(torch.cat([rows, rows.mean(0, keepdim=True)]))
            ids = [*IDS[:place], 9, *IDS[place + 1 :]]
            p = changed(torch.tensor([ids]))[0, -1].softmax(0)[answer.best]
        assert answer.without[place] == pytest.approx(float(p), rel=1e-4)
    assert not model.embedding._forward_hooks, "nothing is left behind"


def test_a_column_put_to_the_middle_changes_the_answer_so() -> None:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    row = torch.tensor([1.0, -2.0, 3.0])
    answer = of_record(model, row, {"a": [0], "b": [1, 2]})
    weight, bias = model.weight.detach(), model.bias.detach()
    assert torch.allclose(answer.outputs, weight @ row + bias)
    assert torch.allclose(answer.without["a"], weight[:, 1:] @ row[1:] + bias)
    assert torch.allclose(answer.without["b"], weight[:, 0] * row[0] + bias)


def test_a_covered_square_changes_the_answer_so() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sum((1, 2, 3))[:, None] * self.weight

    image = torch.arange(64.0).reshape(1, 8, 8)
    squares = of_record(Sum(), image, {}).squares
    assert squares is not None
    assert squares.shape == (7, 7, 1)
    assert float((float(image.sum()) - squares).sum()) == float(image.sum()), "every pixel lies in one square"


# -- a person asks -----------------------------------------------------------------------------------------------------


def opened(folder: RunFolder) -> Run:
    return load(str(folder.path))


def test_a_prompt_is_answered_in_words_and_as_data(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    answered = opened(runs["text"]).explain_answer("the cat")
    answered.save(tmp_path)
    told = repr(answered)
    assert answered._repr_html_().startswith("<pre>")
    assert max(map(len, told.splitlines())) <= 100
    for part in ("'t' 'h' 'e'", "add up to 1", "the score is", "listens to"):
        assert part in told
    structure, tensors = read(tmp_path, "answer")
    assert structure["tokens"] == [repr(letter) for letter in "the cat"]
    assert float(tensors["probabilities"].sum()) == pytest.approx(1, abs=1e-5)
    weights = tensors["weights/layers.0.attention"]
    assert torch.allclose(weights.sum(-1), torch.ones(weights.shape[:2]), atol=1e-5)
    assert not weights.triu(1).any(), "nobody listens to what comes later"


def test_a_plain_model_of_text_answers_too(runs: dict[str, RunFolder]) -> None:
    assert "listens" not in repr(opened(runs["mlp"]).explain_answer("the"))
    told = repr(opened(runs["mlp"]).explain_answer("the cat"))
    assert "Of the prompt's 7 tokens the last 4 are told" in " ".join(told.split())


def test_a_prompt_that_is_the_name_of_a_file_is_still_the_text(
    runs: dict[str, RunFolder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("the cat").write_text("a dog")
    assert "A file is called the cat" in repr(opened(runs["text"]).explain_answer("the cat"))
    with pytest.raises(UsageError, match="--row 0 says nothing of a text"):
        opened(runs["text"]).explain_answer("the cat", row=0)


def test_any_entry_of_an_answer_can_be_opened(runs: dict[str, RunFolder]) -> None:
    answered = opened(runs["text"]).explain_answer("the cat sat")
    seen = answered.seen
    assert seen is not None
    for name in [*filter(None, seen.modules()), *seen.values]:
        assert max(map(len, answered.at(name).splitlines())) <= 100, name
    told = answered.at("layers.1.attention", place=5, head=1)
    assert told.startswith("layers.1.attention, this answer")
    assert "head 1: place 5 listens to" in told
    assert "head 0" not in told.replace("(head 0)", "")
    speakers = {line.split()[0]: line.split()[1] for line in told.splitlines() if re.match(r"\s+\d+  '[a-z]'  ", line)}
    assert speakers == {str(place): repr(letter) for place, letter in enumerate("the ca") if letter != " "}
    weights = answered.tensors["weights/layers.1.attention"][1, 5]
    assert f"{float(weights.max()):.4f}" in told
    score = float(seen.values["output"].value[0, -1].max() - seen.values["output"].value[0, -1].mean())
    assert answered.structure["score"] == pytest.approx(score, rel=1e-4)
    for name, words in (("loss", "has no loss"), ("head.weight", "moves no dial"), ("hed", "Did you mean head")):
        with pytest.raises(UsageError, match=words):
            answered.at(name)


@pytest.mark.parametrize("name", ["table", "numbers", "images", "patches"])
def test_any_entry_of_a_records_answer_can_be_opened(name: str, runs: dict[str, RunFolder]) -> None:
    run = opened(runs[name])
    answered = run.explain_answer(run.held_back(), row=3)
    for one in [*filter(None, answered.seen.modules()), *answered.seen.values]:
        assert max(map(len, answered.at(one).splitlines())) <= 100, one
    assert torch.allclose(answered.seen.values["output"].value[0], answered.tensors["outputs"], atol=1e-6)
    told = answered.at("head", unit=0)
    assert f"{float(answered.tensors['outputs'][0]):.3f}"[:4] in told
    if run.classes:
        best = answered.structure["answer"]
        assert f"which stands for {best}" in " ".join(answered.at("head", unit=run.classes.index(best)).split())
    with pytest.raises(UsageError, match="has no loss"):
        answered.at("loss")


def test_a_record_that_was_held_back_is_answered_as_evaluate_does(runs: dict[str, RunFolder]) -> None:
    for name in ("table", "numbers", "images"):
        run = opened(runs[name])
        held = run.held_back()
        judged = run.recogniser.judged(held, "it", [])
        assessed = run.evaluate()
        assert judged.scores == assessed.scores["this model"]  # type: ignore[union-attr]  # records are assessed
        for row in (0, len(held.inputs) - 1):
            told = run.explain_answer(held, row=row).structure
            if run.classes:
                assert judged.answers.chances is not None
                assert list(told["probabilities"].values()) == pytest.approx(judged.answers.chances[row], abs=1e-6)
                right = told["probabilities"][run.classes[judged.right[row]]]
                assert judged.wrong[row] == pytest.approx(-math.log(right), abs=1e-4)
            else:
                assert judged.answers.numbers is not None
                assert told["now"] == pytest.approx(judged.answers.numbers[row], rel=1e-5)
                assert judged.wrong[row] == abs(judged.answers.numbers[row] - judged.right[row])
        with pytest.raises(UsageError, match=f"has {len(held.inputs)}, counted from 0"):
            run.explain_answer(held, row=len(held.inputs))
    with pytest.raises(UsageError, match="has no records"):
        opened(runs["text"]).held_back()


def test_a_row_written_down_is_read_again() -> None:
    columns = Columns(tuple(Number(name, (), 0.0, 1.0, True) for name in ("a", "b, c", 'd "e"', "f=g")))
    cells = {"a": ' 1" pipe, =', "b, c": "3", 'd "e"': '"', "f=g": "x"}
    assert cells_of(as_prompt(cells), columns) == cells
    assert as_prompt({"a": "1", "b": " "}) == "a=1"


def test_a_row_may_hold_commas_and_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = ['"income, gross",city,kind']
    for number in range(120):
        city = ('"Rome, Italy"', "Oslo", "")[number % 3]
        rows.append(f"{number * 10 if number % 7 else ''},{city},{'rich' if number > 60 else 'poor'}")
    Path("t.csv").write_text("\n".join(rows) + "\n")
    run = opened(trained(tmp_path / "run", SHORT | {"data.path": ("t.csv",), "data.target": "kind"}))
    told = repr(run.explain_answer('"income, gross"=300, city="Rome, Italy"'))
    assert "Rome, Italy" in told
    assert "300 (" in told
    assert told == repr(run.explain_answer('"income, gross=300","city=Rome, Italy"')).replace(
        '"income, gross=300","city=Rome, Italy"', '"income, gross"=300, city="Rome, Italy"'
    )
    assert "(missing)" in repr(run.explain_answer("city=Oslo"))
    assert "'inf' is no number that can be read" in " ".join(repr(run.explain_answer('"income, gross"=inf')).split())
    for prompt, words in (
        ("city=Oslo, city=Rome", "says twice"),
        ("Rome, Italy=3", "quotation marks"),
        (".", "folder"),
    ):
        with pytest.raises(UsageError, match=words):
            run.explain_answer(prompt)
    assert any("city missing" in repr(run.explain(5, row=row)) for row in range(8))


@pytest.mark.parametrize(
    ("prompt", "words"),
    [("", "--prompt is empty"), ("the cat sat on the mat", "looks back over 16"), ("Ω", "never did")],
)
def test_a_prompt_that_cannot_be_answered_is_told(prompt: str, words: str, runs: dict[str, RunFolder]) -> None:
    with pytest.raises(UsageError, match=words):
        opened(runs["text"]).explain_answer(prompt)


@pytest.mark.parametrize("name", ["text", "table"])
def test_any_step_can_be_asked(name: str, runs: dict[str, RunFolder]) -> None:
    run, prompt = opened(runs[name]), {"text": "the cat", "table": "petal length=3"}[name]
    saved, told = runs[name].steps_saved(), run.explain(6).step
    assert 5 not in saved
    model = model_after(runs[name], 5)
    for parameter, moved in told.moved.items():
        assert torch.equal(model.get_parameter(parameter), moved.old)
    assert f"step {5}:" in repr(run.explain_answer(prompt, step=5))
    made, kept = model_after(runs[name], saved[-1]), load(runs[name].path, step=saved[-1]).model
    assert all(torch.equal(value, kept.state_dict()[key]) for key, value in made.state_dict().items())
    assert repr(run.explain_answer(prompt, step=saved[-1])) == repr(
        load(runs[name].path, step=saved[-1]).explain_answer(prompt)
    )
    for step, words in ((-1, "cannot be -1"), (13, "It has made 12 steps")):
        with pytest.raises(UsageError, match=words):
            run.explain_answer(prompt, step=step)


def test_a_row_is_answered_as_predict_does(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    run = opened(runs["table"])
    columns = run.recogniser.encoder.names
    values = ["5.1", "3.5", "1.4", "0.2"]
    (tmp_path / "new.csv").write_text(",".join(columns) + "\n" + "6,3,5,2\n" + ",".join(values) + "\n")
    _, answers = run.predict(str(tmp_path / "new.csv"))
    assert answers.chances is not None
    written = ", ".join(f"{name}={value}" for name, value in zip(columns, values, strict=True))
    for told in map(repr, (run.explain_answer(written), run.explain_answer(str(tmp_path / "new.csv"), row=1))):
        assert f"{answers.labels[1]}, with probability {answers.chances[1].max():.4f}" in told
        assert all(name[:20] in told for name in columns)
        assert max(map(len, told.splitlines())) <= 100
    with pytest.raises(UsageError, match="--row 2 is outside"):
        run.explain_answer(str(tmp_path / "new.csv"), row=2)
    assert "counted as missing" in repr(run.explain_answer(f"{columns[0]}=5.1"))
    run.explain_answer(written).save(tmp_path / "data")
    structure, tensors = read(tmp_path / "data", "answer")
    assert structure["answer"] == answers.labels[1]
    assert list(structure["probabilities"].values()) == pytest.approx(answers.chances[1].tolist(), abs=1e-6)
    assert set(tensors) == {"outputs", *(f"without/{name}" for name in columns)}


@pytest.mark.parametrize(
    ("prompt", "words"),
    [("", "--prompt is empty"), ("petal=3, =", "no column 'petal'"), ("sepal length (cm)=3, oops", "no column=value")],
)
def test_a_row_that_cannot_be_answered_is_told(prompt: str, words: str, runs: dict[str, RunFolder]) -> None:
    run = opened(runs["table"])
    first = run.recogniser.encoder.names[0]
    with pytest.raises(UsageError, match=words):
        run.explain_answer(prompt.replace("sepal length (cm)", first))


def test_a_file_that_is_not_there_is_told(runs: dict[str, RunFolder]) -> None:
    with pytest.raises(UsageError, match="neither a row nor a file"):
        opened(runs["table"]).explain_answer("nowhere.csv")
    with pytest.raises(DataError):
        opened(runs["images"]).explain_answer("nowhere.png")


def test_a_number_is_answered_in_its_own_units(runs: dict[str, RunFolder]) -> None:
    run = opened(runs["numbers"])
    row = ", ".join(f"{name}=0" for name in run.recogniser.encoder.names)
    told = repr(run.explain_answer(row))
    value = float(told.split("1 answer")[1].split()[0])
    assert 25 < value < 350, "diabetes progresses from 25 to 346"


def test_an_image_is_answered_with_its_squares(runs: dict[str, RunFolder], tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (8, 8), 90).save(tmp_path / "grey.png")
    told = repr(opened(runs["images"]).explain_answer(str(tmp_path / "grey.png")))
    assert "when a square of the image is covered" in told
    assert max(map(len, told.splitlines())) <= 100
