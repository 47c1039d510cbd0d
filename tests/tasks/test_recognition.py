"""Rows and images are learned by the one loop: known answers, controls, no leak, exact resume, the same scores again."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

import fogwalk
from fogwalk import trainer
from fogwalk.cli import main
from fogwalk.data.recognise import settled
from fogwalk.data.toys import TOYS
from fogwalk.encoding import columns
from fogwalk.errors import DataError
from fogwalk.events import Event, StepDone
from fogwalk.predicting import Assessment
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import loss_trace, read_all
from fogwalk.settings import Source
from fogwalk.tasks.recognition import Recognition
from fogwalk.training import plan
from fogwalk.verify import verify

QUICK = {"threads": 1, "training": {"steps": 150, "compile": "off", "evaluate_every": 50, "sample_every": 0}}


def table(path: Path, rows: list[tuple[Any, ...]], *names: str) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *rows])
    return path


def toy(folder: Path, name: str, count: int = 600, seed: int = 0) -> Path:
    points, classes = TOYS[name](np.random.default_rng(seed))
    rows = [(*point, f"c{one}") for point, one in zip(points.tolist(), classes.tolist(), strict=True)]
    return table(folder / f"toy{seed}.csv", rows[:count], "x", "y", "class")


def task(path: Path, target: str, **values: str) -> Recognition:
    chosen = {"data.path": str(path), "data.target": target, "threads": "1", **values}
    return Recognition(plan.close_before_data(settled(Source("command line", chosen))))


def train(path: Path, out: Path, target: str | None, **more: Any) -> fogwalk.Run:
    settings = {**QUICK, **more}
    data = {"target": target} if target else {}
    return fogwalk.train(str(path), quiet=True, out=str(out), data=data, **settings)


def test_a_toy_is_learned_and_its_scores_are_those_of_the_last_validation(tmp_path: Path) -> None:
    run = train(toy(tmp_path, "sample:xor"), tmp_path / "run", "class")
    result = run.evaluate()
    assert isinstance(result, Assessment)
    assert result.scores["this model"]["accuracy"] > 0.95
    best = min(
        (record for record in run.events() if record["event"] == "evaluated"), key=lambda one: one["validation_loss"]
    )
    assert result.scores["this model"]["accuracy"] == pytest.approx(best["metrics"]["accuracy"])
    assert result.scores["this model"]["cross-entropy"] == pytest.approx(best["validation_loss"], abs=1e-4)
    assert result.scores["logistic regression"]["accuracy"] < 0.8, "no straight line parts it"
    assert result.confusion is not None
    assert result.confusion.sum() == result.rows == 60
    other, answers = run.predict(str(toy(tmp_path, "sample:xor", seed=1)))
    assert (
        np.mean([one == right for one, right in zip(answers.labels, other.columns["class"].to_pylist(), strict=True)])
        > 0.95
    )
    assert answers.chances is not None
    assert answers.chances.sum(1) == pytest.approx(np.ones(600))


def test_numbers_are_predicted_in_their_own_units(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    size, age = chance.uniform(20, 200, 500), chance.uniform(0, 90, 500)
    price = 1000 * size - 300 * age + chance.normal(0, 2000, 500)
    rows = [*zip(size.tolist(), age.tolist(), price.tolist(), strict=True)]
    run = train(table(tmp_path / "houses.csv", rows, "size", "age", "price"), tmp_path / "run", "price")
    result = run.evaluate()
    assert isinstance(result, Assessment)
    assert result.scores["this model"]["R²"] > 0.97
    assert result.scores["always the mean"]["R²"] < 0.1
    assert list(result.importance) == ["size", "age"]
    _, answers = run.predict(str(tmp_path / "houses.csv"))
    assert answers.numbers is not None
    assert np.corrcoef(answers.numbers, price)[0, 1] > 0.98
    assert np.abs(answers.numbers - price).mean() < 12_000


def test_shuffled_labels_teach_nothing(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    points, classes = TOYS["sample:xor"](chance)
    shuffled = chance.permutation(classes)
    rows = [(*point, f"c{one}") for point, one in zip(points.tolist(), shuffled.tolist(), strict=True)]
    run = train(table(tmp_path / "t.csv", rows, "x", "y", "class"), tmp_path / "run", "class", model={"hidden": "16"})
    result = run.evaluate()
    assert isinstance(result, Assessment)
    assert 0.35 < result.scores["this model"]["accuracy"] < 0.65
    assert result.scores["this model"]["cross-entropy"] > 0.67


def test_what_is_held_back_teaches_the_encoding_nothing(tmp_path: Path) -> None:
    rows: list[tuple[Any, ...]] = [
        (number * 1.5, f"w{number % 4}", number % 3, number % 2 == 0) for number in range(200)
    ]
    honest = task(table(tmp_path / "a.csv", rows, "size", "word", "level", "answer"), "answer")
    assert honest.held.sum() == 20
    held = np.flatnonzero(honest.held)
    # A leak is planted: what is held back is made unlike everything else; then the columns are learned as before.
    cells = honest.records.table.columns["size"].to_pylist()  # type: ignore[attr-defined]
    words = honest.records.table.columns["word"].to_pylist()  # type: ignore[attr-defined]
    for place in held:
        cells[place], words[place] = "1e12", "never"
    honest.records.table.columns["size"] = pyarrow.array(cells)  # type: ignore[attr-defined]
    honest.records.table.columns["word"] = pyarrow.array(words)  # type: ignore[attr-defined]
    assert honest.records.learn(np.flatnonzero(~honest.held)) == honest.encoder
    assert honest.records.learn(np.arange(200)) != honest.encoder, "the leak would be caught"


def test_what_is_learned_of_columns_and_answers_comes_from_rows_to_learn_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []
    learn = columns.learn

    def watched(table: Any, **how: Any) -> columns.Columns:
        given.append(table)
        return learn(table, **how)

    monkeypatch.setattr(columns, "learn", watched)
    honest = task(regression(tmp_path), "c")
    learned = np.flatnonzero(~honest.held)
    assert given, "columns are learned"
    for table in given:
        assert table.columns["a"].to_pylist() == honest.records.table.columns["a"].take(learned).to_pylist()  # type: ignore[attr-defined]
    right = np.array([float(cell) for cell in honest.records.answers.take(learned).to_pylist()])
    assert honest.target.center == pytest.approx(right.mean())
    assert honest.target.scale == pytest.approx(right.std())


class Crash(BaseException):
    """The process dies."""


def images(folder: Path) -> Path:
    chance = np.random.default_rng(0)
    for name, bright in (("dark", 60), ("light", 180)):
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(30):
            pixels = chance.normal(bright, 40, (18, 20, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / name / f"{number}.png")
    return folder / "photos"


def regression(folder: Path) -> Path:
    return table(folder / "t.csv", [(number, number % 7, number * 0.37) for number in range(300)], "a", "b", "c")


@pytest.mark.parametrize(
    ("lay", "values"),
    [
        (lambda folder: toy(folder, "sample:moons"), {"data.target": "class", "model.dropout": "0.2"}),
        (regression, {"data.target": "c", "training.loss": "huber"}),
        (images, {"model.hidden": "16", "data.augment": "shift,flip,crop"}),
        (images, {"model_kind": "vision", "model.layers": "1", "model.width": "24"}),
    ],
    ids=["classes", "numbers", "convolutional", "vision"],
)
def test_a_crashed_run_goes_on_as_if_nothing_had_happened(
    lay: Callable[[Path], Path], values: dict[str, str], tmp_path: Path
) -> None:
    base = {
        "data.path": str(lay(tmp_path)),
        "training.steps": "12",
        "training.save_every": "4",
        "training.evaluate_every": "6",
        "training.compile": "off",
        "training.batch": "8",
        "threads": "1",
        **values,
    }

    def begun(out: str, crash_at: int | None = None) -> RunFolder:
        def crash(event: Event) -> None:
            if isinstance(event, StepDone) and event.step == crash_at:
                raise Crash

        return trainer.train(settled(Source("command line", base | {"out": str(tmp_path / out)})), listeners=[crash])

    whole = begun("whole")
    with pytest.raises(Crash):
        begun("broken", 10)
    broken = RunFolder(tmp_path / "broken")
    trainer.resume(str(broken.path))
    assert loss_trace(broken.events) == loss_trace(whole.events)
    name = "checkpoints/000012/model.safetensors"
    assert (broken.path / name).read_bytes() == (whole.path / name).read_bytes()
    assert all(check.passed for check in verify(broken, replay=True)), list(verify(broken, replay=True))


def test_the_task_that_fits_is_found_and_said(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", [(1.5, "x", 3), (2.5, "y", 4)] * 20, "a", "b", "c")
    for target, expected in (("a", "regression"), ("b", "classification"), ("c", "classification")):
        settings = settled(Source("command line", {"data.path": str(path), "data.target": target}))
        assert (settings.task, settings.model_kind) == (expected, "plain")
        assert settings.origin("task").startswith(f"found: '{target}' is predicted, and it holds")
    chosen = {"data.path": str(path), "data.target": "c", "task": "regression"}
    assert settled(Source("command line", chosen)).task == "regression"


def test_groups_stand_on_one_side(tmp_path: Path) -> None:
    rows = [(number * 0.1, number % 2, f"person {number // 10}") for number in range(300)]
    made = task(table(tmp_path / "t.csv", rows, "a", "answer", "who"), "answer", **{"data.group": "who"})
    assert "who" not in made.encoder.names
    people = np.array(made.records.table.columns["who"].to_pylist())  # type: ignore[attr-defined]
    assert not set(people[made.held]) & set(people[~made.held])


def test_uneven_groups_and_classes_that_none_is_left_of_are_told(tmp_path: Path) -> None:
    rows = [(number * 0.1, "yes" if number % 2 else "no", "big") for number in range(270)]
    rows += [(number * 0.1, "rare", "small") for number in range(90)]
    made = task(table(tmp_path / "t.csv", rows, "a", "answer", "who"), "answer", **{"data.group": "who"})
    told = "\n".join(made.words())
    assert "25.0% are held back and not 10.0%: groups are held back whole" in told
    assert "every row of 'rare' is held back: it is not learned" in told


def test_groups_that_leave_one_class_to_learn_from_are_refused(tmp_path: Path) -> None:
    rows = [(number * 0.1, "yes" if number < 50 else "no", number // 50) for number in range(100)]
    with pytest.raises(DataError, match=r"every row to learn from is '(yes|no)': the others are all held back"):
        task(table(tmp_path / "t.csv", rows, "a", "answer", "who"), "answer", **{"data.group": "who"})


def test_cells_of_numbers_that_hold_words_are_told_in_training_and_predicting(tmp_path: Path) -> None:
    rows: list[tuple[Any, ...]] = [
        ("small" if number == 7 else number, ("red", "blue")[number % 2], "ask" if number in (5, 9) else number * 1.5)
        for number in range(60)
    ]
    path = table(tmp_path / "t.csv", rows, "size", "colour", "price")
    told = task(path, "price").words()
    assert (
        "2 of 60 rows have nothing or no finite number in 'price' (2 hold words, such as 'ask'), and are left out"
        in told
    )
    assert "'size': 1 of 58 cells are no numbers, such as 'small', and count as missing" in told
    run = train(path, tmp_path / "run", "price", model={"hidden": "4"}, training={**QUICK["training"], "steps": 4})  # type: ignore[dict-item]
    new = table(tmp_path / "new.csv", [(1, "RED", 2.0), (2, "red", 3.0), (3, "blue", 4.0)], "size", "colour", "price")
    said: list[str] = []
    run.predict(str(new), say=said.append)
    expected = "'colour': 1 of 3 cells hold what was never met in training, such as 'RED', and count as unknown"
    expected += " (known: blue, red)"
    assert said == [expected]
    result = run.evaluate(str(new))
    assert isinstance(result, Assessment)
    assert expected in result.notes


def test_class_weights_make_classes_count_alike(tmp_path: Path) -> None:
    rows = [(number * 0.01, "rare" if number % 10 == 0 else "common") for number in range(400)]
    path = table(tmp_path / "t.csv", rows, "a", "answer")
    made = task(path, "answer", **{"training.class_weights": "balanced"})
    weights = made.class_weights
    assert weights is not None
    assert float(weights[1] / weights[0]) == pytest.approx(9.0, rel=0.05)
    assert any(
        "uneven" in words for words in task(table(path, rows + [(5.0, "common")] * 40, "a", "answer"), "answer").words()
    )


def test_images_of_all_sorts_are_read_and_what_is_wrong_is_said(tmp_path: Path) -> None:
    folder = images(tmp_path)
    dark = folder / "dark"
    Image.new("CMYK", (40, 30)).save(dark / "print.jpg")
    Image.new("I;16", (40, 30)).save(dark / "deep.png")
    Image.new("L", (40, 30)).save(dark / "moving.gif", save_all=True, append_images=[Image.new("L", (40, 30), 200)])
    (dark / "cut.png").write_bytes((dark / "0.png").read_bytes()[:200])
    (dark / "text.jpg").write_text("no image")
    (dark / "notes.txt").write_text("not meant")
    (folder / "loose.png").write_bytes((dark / "0.png").read_bytes())
    (folder / "none").mkdir()
    made = task(folder, "label")
    told = "\n".join(made.words())
    assert made.sizes.training + made.sizes.validation == 63
    assert made.target.classes == ("dark", "light")
    for words in (
        "2 of 65 images are left out",
        "text.jpg (is no image)",
        "'none' holds no images",
        "1 images stand in no class's folder",
        "1 files are no images by their names",
        "1 images move",
        "1 CMYK",
        "of 2 sizes",
    ):
        assert words in told, told


def test_the_line_that_takes_the_test_part_works_as_it_stands(tmp_path: Path) -> None:
    folder = tmp_path / "my digits"
    folder.mkdir()
    for part in ("train", "t10k"):
        pixels = np.random.default_rng(len(part)).integers(0, 256, 20 * 4, dtype=np.uint8).tobytes()
        sizes = b"".join(size.to_bytes(4, "big") for size in (20, 2, 2))
        (folder / f"{part}-images-idx3-ubyte").write_bytes(b"\0\0\x08\x03" + sizes + pixels)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(b"\0\0\x08\x01" + sizes[:4] + bytes([0, 1] * 10))
    assert any(f"fogwalk evaluate --data '{folder}' takes it" in words for words in task(folder, "label").words())


def test_images_are_learned_and_answered_for(tmp_path: Path) -> None:
    run = train(images(tmp_path), tmp_path / "run", None, model={"channels": "4,8", "hidden": "8"})
    result = run.evaluate()
    assert isinstance(result, Assessment)
    assert result.scores["this model"]["accuracy"] == 1
    assert "nearest neighbours (5)" in result.scores
    shown, answers = run.predict(str(tmp_path / "photos" / "light"))
    assert set(answers.labels) == {"light"}
    assert shown.columns["image"][0].as_py() == "0.png"
    assert len([record for record in read_all(run.folder.events) if record["event"] == "evaluated"]) == 3


def test_a_class_may_be_called_none_and_deep_images_keep_their_brightness(tmp_path: Path) -> None:
    for name, bright in (("none", 10_000), ("crack", 40_000)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(6):
            pixels = np.full((20, 20), bright + number * 300, np.uint16)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    made = task(tmp_path / "photos", "label")
    assert made.target.classes == ("crack", "none")
    means = [float(made.inputs[made.answers == code].float().mean()) for code in range(2)]
    assert means == pytest.approx([159, 42], abs=3)


def test_a_class_of_rows_may_be_called_none_but_a_number_may_not(tmp_path: Path) -> None:
    rows = [
        (number, ("none", "mild", "-", "NA")[number % 4], (number * 0.5, "none")[number % 2]) for number in range(40)
    ]
    path = table(tmp_path / "t.csv", rows, "x", "severity", "dose")
    made = task(path, "severity")
    assert made.target.classes == ("-", "mild", "none")
    assert np.bincount(made.answers.numpy()).tolist() == [10, 10, 10]
    assert made.notes == ["10 of 40 rows have nothing in 'severity', and are left out"]
    assert made.target.codes(made.records.table.columns["severity"].slice(0, 4)).tolist() == [2, 1, 0, 2]  # type: ignore[attr-defined]
    made = task(path, "dose", task="regression")
    assert made.notes == ["20 of 40 rows have nothing or no finite number in 'dose', and are left out"]


def test_moving_pictures_that_are_cut_and_huge_ones_stop_nothing(tmp_path: Path) -> None:
    folder = images(tmp_path)
    frames = [Image.new("L", (40, 30), number * 9) for number in range(9)]
    frames[0].save(tmp_path / "m.gif", save_all=True, append_images=frames[1:])
    whole = (tmp_path / "m.gif").read_bytes()
    for cut in range(20, len(whole), 37):
        (folder / "dark" / f"cut{cut}.gif").write_bytes(whole[:cut])
    Image.new("1", (25_000, 17_000)).save(folder / "dark" / "huge.png")
    told = "\n".join(task(folder, "label").words())
    assert "images are left out" in told


def test_a_list_of_images_is_answered_for_with_or_without_its_labels(tmp_path: Path) -> None:
    folder = images(tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in sorted(folder.rglob("*.png"))]
    rows = [(name, name.split("/")[1], "somebody") for name in names]
    path = table(tmp_path / "list.csv", rows, "file", "label", "by")
    run = train(path, tmp_path / "run", "label", model={"channels": "4", "hidden": "8"})
    result = run.evaluate(str(path))
    assert isinstance(result, Assessment)
    assert result.rows == 60
    unlabelled = [*((name, "", f"x{at}") for at, name in enumerate(names[:5])), ("gone.png", "", "x")]
    said: list[str] = []
    shown, answers = run.predict(str(table(tmp_path / "new.csv", unlabelled, "file", "label", "by")), say=said.append)
    assert len(shown) == len(answers.labels) == 5
    assert any("gone.png" in words for words in said)
    assert shown.names == ["file", "label", "by"]
    assert shown.columns["by"].to_pylist() == ["x0", "x1", "x2", "x3", "x4"]


def test_times_of_a_table_are_written_as_they_stand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    days = [datetime.datetime(2024, 1, 1 + number % 28, 10) for number in range(60)]
    columns = {"size": [float(number) for number in range(60)], "day": pyarrow.array(days, pyarrow.timestamp("ns"))}
    parquet.write_table(pyarrow.table(columns | {"big": [number > 30 for number in range(60)]}), tmp_path / "t.parquet")
    train(tmp_path / "t.parquet", tmp_path / "run", "big")
    capsys.readouterr()
    assert main(["predict", str(tmp_path / "run"), str(tmp_path / "t.parquet"), "--json"]) == 0
    assert '"day": "2024-01-01 10:00:00' in capsys.readouterr().out


def test_what_makes_scores_look_better_than_they_are_is_said(tmp_path: Path) -> None:
    path = toy(tmp_path, "sample:moons")
    run = train(path, tmp_path / "run", "class")
    held, again, new = run.evaluate(), run.evaluate(str(path)), run.evaluate(str(toy(tmp_path, "sample:moons", seed=1)))
    assert isinstance(held, Assessment)
    assert isinstance(again, Assessment)
    assert isinstance(new, Assessment)
    assert "the one that did best on these rows" in held.notes[0]
    assert "540 of these 600 rows, or their equals, it learned from" in again.notes[0]
    assert not any("it learned from" in words or "did best" in words for words in new.notes)


def test_a_network_that_does_no_better_than_the_commonest_class_is_told(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    rows = [(x, "rare" if at % 20 == 0 else "common") for at, x in enumerate(chance.normal(size=600).tolist())]
    run = train(table(tmp_path / "t.csv", rows, "x", "class"), tmp_path / "run", "class")
    found = run.evaluate()
    assert isinstance(found, Assessment)
    assert found.scores["this model"]["accuracy"] == found.scores["always the commonest"]["accuracy"]
    assert any("does not earn its keep" in words for words in found.notes)
