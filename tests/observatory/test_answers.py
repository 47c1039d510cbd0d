"""What the page is told of answers is what `explain`, `evaluate` and `generate` say, and torch; wrong questions are answered in
words."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from starlette.testclient import TestClient

from fogwalk import load, trainer
from fogwalk.data.recognise import settled
from fogwalk.explaining import as_prompt
from fogwalk.observatory.server import application
from fogwalk.observatory.work import records
from fogwalk.settings import Source

SHORT = {"training.sample_every": 0, "training.compile": "off", "training.precision": "float32", "threads": 1}
JOBS = ["nurse", 'a "good" baker, retired', "<img src=x onerror=alert(1)>"]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """runs/ with a table of numbers, words, cells that are missing, and text that could harm."""
    place = tmp_path_factory.mktemp("people")
    rows = ['"hours, week",job,"a=b",income']
    for number in range(160):
        job = '"' + JOBS[number % 3].replace('"', '""') + '"' if number % 11 else ""
        hours, more = number % 40 if number % 7 else "", number * 1.25
        rows.append(f"{hours},{job},{more},{'high' if number % 40 > 18 else 'low'}")
    (place / "people.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    values = {"data.path": (str(place / "people.csv"),), "data.target": "income", "model.hidden": (6,)}
    steps = {"training.steps": 20, "training.evaluate_every": 10}
    numbers = {"data.path": ("sample:diabetes",), "model.hidden": (6,)}
    patches = {"data.path": ("sample:digits",), "model_kind": "vision", "model.width": 16, "model.heads": 2}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(place / ".cache"))
        for name, own in {"people": values, "numbers": numbers, "patches": patches}.items():
            trainer.train(settled(Source("test", SHORT | steps | own | {"out": str(place / "runs" / name)})))
    return place / "runs"


@pytest.fixture(scope="module")
def page(shelf: Path) -> Iterator[TestClient]:
    """The page of the usual runs, with one desk for all tests here: it takes seconds to begin."""
    with TestClient(application(shelf), base_url="http://127.0.0.1:8777") as client:
        yield client


@pytest.fixture(scope="module")
def recognisers(people: Path) -> Iterator[TestClient]:
    with TestClient(application(people), base_url="http://127.0.0.1:8777") as client:
        yield client


def told(page: TestClient, address: str, **query: Any) -> Any:
    """What is answered at an address of a run, which must be right."""
    answer = page.get(f"/api/runs/{address}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def floats(page: TestClient, address: str, **query: Any) -> NDArray[np.float32]:
    answer = page.get(f"/api/runs/{address}", params=query)
    assert answer.status_code == 200, answer.text
    shape = [int(size) for size in answer.headers["x-shape"].split(",")]
    return np.frombuffer(answer.content, "<f4").reshape(shape)


# -- text ----------------------------------------------------------------------------------------------------------------


def test_the_logits_are_the_models_and_the_likeliest_stand_first(page: TestClient, shelf: Path) -> None:
    book = load(shelf / "book")
    found = told(page, "book/answer/next", prompt="the cat")
    logits = floats(page, "book/answer/tensor", prompt="the cat", name="logits", step=found["structure"]["step"])
    with torch.no_grad():
        own = book.model(torch.tensor([book.tokenizer.encode("the cat").tolist()]))[0, -1]
    assert logits == pytest.approx(own.numpy(), abs=1e-5)
    p = torch.from_numpy(logits.copy()).softmax(0)
    assert [token["id"] for token in found["likeliest"]] == p.argsort(descending=True, stable=True)[:100].tolist()
    explained = book.explain_answer("the cat")
    assert found["structure"] == explained.structure
    assert found["text"] == repr(explained)
    assert found["structure"]["entropy"] == pytest.approx(float(-(p.double() * p.double().log()).sum()), rel=1e-5)
    assert f"entropy {found['structure']['entropy']:.3f}" in found["text"]
    assert found["probability"] == pytest.approx(float(p.max()), abs=1e-6)
    assert found["without"] == explained.tensors["without"].tolist()
    for layer, says in found["structure"]["says"].items():
        assert says["p"] >= found["structure"]["by_layer"][layer] - 1e-6


def test_top_k_of_one_is_what_generate_draws_with_it(page: TestClient, shelf: Path) -> None:
    book, prompt = load(shelf / "book"), "the cat"
    for _ in range(4):
        found = told(page, "book/answer/next", prompt=prompt)
        first = next(token for token in found["likeliest"] if token["id"] != found["unsaid"])
        assert book.generate(prompt, tokens=1, top_k=1, temperature=1.0).text == first["text"]
        prompt = found["tail"] + first["text"]


def test_a_token_is_taken_by_its_text_and_a_full_context_forgets_its_beginning(page: TestClient, shelf: Path) -> None:
    tokenizer = load(shelf / "book").tokenizer
    found = told(page, "book/answer/next", prompt="the cat ")
    assert found["context"] == len("the cat ") == 8
    assert found["tail"] == "e cat ", "three quarters stay, as generate does it"
    for token in found["likeliest"]:
        written = token["text"]
        assert (written is None) == (token["id"] in (tokenizer.end, tokenizer.unsaid))
        assert written is None or tokenizer.encode(written).tolist() == [token["id"]]
    assert told(page, "book/answer/next", prompt="the cat")["tail"] == "the cat"


def test_whom_the_last_token_listens_to_is_what_its_weights_say(page: TestClient, shelf: Path) -> None:
    tensors = load(shelf / "book").explain_answer("the cat").tensors
    listens = told(page, "book/answer/next", prompt="the cat")["listens"]
    assert (len(listens["heads"]), listens["of"]) == (4, 4)
    for one in listens["heads"]:
        shares = tensors[f"weights/{one['layer']}"][one["head"], -1]
        assert one["heard"] == [[place, float(shares[place])] for place in shares.topk(3).indices.tolist()]


def test_a_text_begins_with_the_runs_own_prompt(page: TestClient, shelf: Path) -> None:
    sampled = [record for record in load(shelf / "book").events() if record["event"] == "sampled"]
    own = sampled[-1]["prompt"]
    assert len(own) > 8
    assert told(page, "book/answer/form") == {"kind": "text", "prompt": own[-8:]}, "as much as it looks back over"
    assert told(page, "book/answer/next", prompt=own[-8:])["structure"]["tokens"] == [
        repr(letter) for letter in own[-8:]
    ]


# -- rows ----------------------------------------------------------------------------------------------------------------


def test_a_form_holds_a_row_that_is_answered_as_the_row_itself(recognisers: TestClient, people: Path) -> None:
    run = load(people / "people")
    held = run.held_back()
    assert told(recognisers, "people/answer/form")["held"] == 0, "never empty"
    for place in range(len(held.inputs)):
        form = told(recognisers, "people/answer/form", held=place)
        assert (form["count"], form["gone"], form["target"]) == (len(held.inputs), "", "income")
        assert form["right"] == held.answers[place].as_py()
        written = as_prompt({column["name"]: column["value"] for column in form["columns"]})
        assert written == form["prompt"]
        own = run.explain_answer(held, row=place)
        assert run.explain_answer(written).tensors["outputs"].tolist() == own.tensors["outputs"].tolist()
        again = told(recognisers, "people/answer/form", prompt=written)
        assert again["columns"] == form["columns"]
        answer = told(recognisers, "people/answer", held=place)
        assert answer["structure"] == own.structure
        assert answer["text"] == repr(own)
        assert sum(answer["structure"]["probabilities"].values()) == pytest.approx(1, abs=1e-6)
    kinds = {column["name"]: column["kind"] for column in form["columns"]}
    assert kinds == {"hours, week": "number", "job": "words", "a=b": "number"}
    assert set(form["columns"][1]["words"]) == set(JOBS)


def test_what_a_column_did_is_how_the_answer_changes_without_it(recognisers: TestClient, people: Path) -> None:
    for name in ("people", "numbers"):
        target = load(people / name).recogniser.target
        answer = told(recognisers, f"{name}/answer", held=1)
        structure, outputs = answer["structure"], torch.tensor(answer["tensors"]["outputs"])
        best = int(outputs.argmax())

        def read(given: torch.Tensor, best: int = best, target: Any = target) -> float:
            return float(given.softmax(0)[best]) if target.classes else float(given[0]) * target.scale + target.center

        assert structure["now"] == pytest.approx(read(outputs), rel=1e-5)
        for column in structure["columns"]:
            change = read(torch.tensor(answer["tensors"][f"without/{column}"])) - read(outputs)
            assert structure["changes"][column] == pytest.approx(change, rel=1e-3, abs=2e-5 * abs(structure["now"]))


def test_mistakes_are_those_of_evaluate(recognisers: TestClient, people: Path, page: TestClient, shelf: Path) -> None:
    for asked, place, name in ((recognisers, people, "people"), (page, shelf, "moons"), (page, shelf, "digits")):
        run = load(place / name)
        assessed, found = run.evaluate(), told(asked, f"{name}/mistakes")
        assert found["scores"] == assessed.scores["this model"]  # type: ignore[union-attr]  # records are assessed
        assert found["confusion"] == assessed.confusion.tolist()  # type: ignore[union-attr]
        assert tuple(found["classes"]) == run.classes
        losses = [one["wrong"] for one in found["worst"]]
        assert losses == sorted(losses, reverse=True)
        assert len(losses) == min(24, found["rows"])
        for one in found["worst"][:3]:
            own = run.explain_answer(run.held_back(), row=one["place"]).structure
            assert own["answer"] == one["answer"]
            assert own["probabilities"][one["right"]] == pytest.approx(one["p_right"], rel=1e-4)
            assert one["wrong"] == pytest.approx(-math.log(one["p_right"]), rel=1e-6)
            assert told(asked, f"{name}/answer/form", held=one["place"])["right"] == one["right"]


def test_the_largest_errors_of_numbers_stand_first(recognisers: TestClient, people: Path) -> None:
    run = load(people / "numbers")
    found = told(recognisers, "numbers/mistakes")
    assert found["scores"] == run.evaluate().scores["this model"]  # type: ignore[union-attr]
    held = run.held_back()
    numbers = run.recogniser.answer(held.inputs).numbers
    assert numbers is not None
    off = np.abs(numbers - np.array(held.answers.to_pylist(), dtype=float))
    assert [one["wrong"] for one in found["worst"]] == np.sort(off)[::-1][:24].tolist()
    assert "confusion" not in found


def test_of_many_classes_those_that_are_mistaken_most_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "CLASSES", 2)
    whole = np.array([[5, 0, 0], [0, 4, 3], [1, 0, 9]])
    assert records._confusion(whole, ("a", "b", "c")) == {"classes": ["b", "c"], "of": 3, "confusion": [[4, 3], [0, 9]]}


# -- images --------------------------------------------------------------------------------------------------------------


def test_an_image_its_filters_and_its_maps_are_the_networks_own(page: TestClient, shelf: Path) -> None:
    run = load(shelf / "digits")
    held = run.held_back()
    inside = told(page, "digits/answer/inside", held=5)
    assert inside["filters"] == {"name": "layers.0.weight", "shape": [4, 1, 3, 3]}
    assert inside["convolutions"] == [{"path": "layers.0", "shape": [4, 8, 8]}]
    pixels = floats(page, "digits/answer/tensor", held=5, name="pixels")
    assert np.array_equal(pixels, held.inputs[5].astype(np.float32) / 255)
    weight = run.model.get_parameter("layers.0.weight").detach()
    assert np.array_equal(floats(page, "digits/answer/tensor", held=5, name="weight/layers.0.weight"), weight.numpy())
    image = run.recogniser.normalised(torch.from_numpy(held.inputs[5:6].copy()))
    with torch.no_grad():
        maps = run.model.get_submodule("layers.0")(image)[0]
    drawn = floats(page, "digits/answer/tensor", held=5, name="value/layers.0.output", most=3)
    assert drawn == pytest.approx(maps[:3].numpy(), abs=1e-5)
    entry = told(page, "digits/answer/entry", held=5, at="layers.0", unit=2)["text"]
    assert entry == str(run.explain_answer(held, row=5).at("layers.0", unit=2))
    assert f"{float(maps[2].flatten()[int(maps[2].abs().argmax())]):.3f}"[:5] in entry


def test_a_covered_square_is_told_by_its_change(page: TestClient) -> None:
    answer = told(page, "digits/answer", held=5)
    p = torch.tensor(answer["tensors"]["squares"]).softmax(-1)
    best = int(torch.tensor(answer["tensors"]["outputs"]).argmax())
    changes = p[..., best] - answer["structure"]["now"]
    assert torch.allclose(torch.tensor(answer["structure"]["covered"]), changes, atol=1e-6)


def test_patches_listen_with_shares_that_add_up(recognisers: TestClient) -> None:
    inside = told(recognisers, "patches/answer/inside", held=2)
    assert inside["patch"] == 4
    assert inside["filters"]["shape"] == [16, 1, 4, 4]
    for layer in inside["attention"]:
        shares = floats(recognisers, "patches/answer/tensor", held=2, name=f"value/{layer['path']}.weights")
        assert list(shares.shape) == layer["shape"]
        assert shares.sum(-1) == pytest.approx(1, abs=1e-4)


def test_small_pictures_are_the_images_held_back(
    page: TestClient, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = load(shelf / "digits").held_back().inputs
    drawn = floats(page, "digits/mistakes/pictures", places="3,0,7")
    assert np.array_equal(drawn, inputs[[3, 0, 7]].astype(np.float32) / 255)
    monkeypatch.setattr(records, "SIDE", 4)
    shape, content = records.pictures(str(shelf / "digits"), [3])
    assert shape == [1, 1, 4, 4]
    smaller = inputs[3, 0].reshape(4, 2, 4, 2).mean((1, 3)) / 255
    assert np.frombuffer(content, "<f4").reshape(4, 4) == pytest.approx(smaller, abs=1e-6)


def test_an_image_is_read_where_the_page_was_started_and_nowhere_else(
    page: TestClient, shelf: Path, tmp_path: Path
) -> None:
    from PIL import Image

    Image.new("L", (8, 8), 90).save(tmp_path / "grey.png")
    refused = page.get("/api/runs/digits/answer", params={"prompt": str(tmp_path / "grey.png")})
    assert refused.status_code == 404
    assert "outside of what the page reads" in refused.json()["error"]
    assert "outside" in page.get("/api/runs/moons/answer", params={"prompt": "../../etc/passwd"}).json()["error"]


# -- what goes wrong -----------------------------------------------------------------------------------------------------


def test_where_the_data_are_gone_the_form_still_works(people: Path, tmp_path: Path) -> None:
    shutil.copytree(people / "people", tmp_path / "runs" / "people")
    data = people.parent / "people.csv"
    content = data.read_bytes()
    for harm in ("gone", "changed"):
        data.unlink() if harm == "gone" else data.write_bytes(content + b"3,nurse,4,low\n")
        try:
            with TestClient(application(tmp_path / "runs"), base_url="http://localhost") as client:
                form = told(client, "people/answer/form")
                assert ("people.csv" in form["gone"], form["count"], form["right"]) == (True, 0, None)
                assert all(column["value"] for column in form["columns"]), "what is usual"
                assert told(client, "people/answer", prompt=form["prompt"])["structure"]["answer"] in ("high", "low")
                refused = client.get("/api/runs/people/mistakes")
                assert refused.status_code == 409
                assert "people.csv" in refused.json()["error"]
        finally:
            data.write_bytes(content)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("book/answer/next?prompt=", "the prompt is empty"),
        ("book/answer/next?prompt=the cat sat on the mat", "looks back over 8"),
        ("book/answer/next?prompt=Ω", "never did"),
        ("book/answer/next?prompt=the&step=99", "has no step 99"),
        ("book/answer/tensor?prompt=the&name=../x", "has no tensor '../x'"),
        ("book/answer?held=1", "has no records"),
        ("book/mistakes", "no classes"),
        ("moons/answer/next?prompt=x=1", "was trained for classification"),
        ("moons/answer/form?held=9999", "no record 9999"),
        ("moons/answer/form?held=-1", "held cannot be '-1'"),
        ("moons/answer/form?prompt=z=1", "no column 'z'"),
        ("moons/answer?held=9999", "is outside"),
        ("moons/mistakes/pictures?places=1", "rows have no pictures"),
        ("digits/mistakes/pictures?places=", "whole numbers"),
        ("digits/mistakes/pictures?places=1,x", "whole numbers"),
        ("digits/mistakes/pictures?places=99999", "at most 24"),
        ("digits/answer?prompt=nowhere.png", "nowhere.png"),
    ],
)
def test_what_is_asked_wrongly_is_answered_in_words(address: str, words: str, page: TestClient) -> None:
    answer = page.get(f"/api/runs/{address}")
    assert answer.status_code in (404, 409)
    assert words in answer.json()["error"]


def test_a_run_without_a_checkpoint_is_told(shelf: Path, tmp_path: Path) -> None:
    for name in ("book", "digits"):
        shutil.copytree(shelf / name, tmp_path / name)
        shutil.rmtree(tmp_path / name / "checkpoints")
    with TestClient(application(tmp_path), base_url="http://localhost") as client:
        for address in ("book/answer/form", "book/answer/next?prompt=the", "digits/answer/form", "digits/mistakes"):
            answer = client.get(f"/api/runs/{address}")
            assert answer.status_code in (404, 409), address
            assert "checkpoint" in answer.json()["error"], address


def test_a_newer_checkpoint_or_another_run_of_the_name_is_not_the_one_remembered(shelf: Path, tmp_path: Path) -> None:
    from fogwalk.observatory.work.kept import opened

    shutil.copytree(shelf / "moons", tmp_path / "run")
    first, run = opened(str(tmp_path / "run"))
    assert opened(str(tmp_path / "run")) == (first, run)
    assert opened(str(tmp_path / "run"), 20)[0] == opened(str(tmp_path / "run"), 20)[0]
    shutil.rmtree(tmp_path / "run")
    shutil.copytree(shelf / "moons", tmp_path / "run", copy_function=shutil.copy)
    assert opened(str(tmp_path / "run"))[0] != first
