"""Folders and lists of images as people have them: parts of a set, numbers to predict, columns kept, deep and large pictures."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fogwalk.data.images import pictures
from fogwalk.data.recognise import settled
from fogwalk.errors import DataError
from fogwalk.predicting import Assessment
from fogwalk.settings import Source
from fogwalk.tasks.recognition import Recognition
from fogwalk.training import plan
from tests.tasks.test_recognition import images, regression, table, task, train


def laid_out(folder: Path, *parts: str, count: int = 6) -> None:
    """Pictures in each of these folders; those of `light` are bright."""
    chance = np.random.default_rng(len(parts))
    for part in parts:
        (folder / part).mkdir(parents=True)
        for number in range(count):
            pixels = chance.normal(180 if part.endswith("light") else 60, 40, (16, 16)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / part / f"{number}.png")


@pytest.mark.parametrize(
    ("parts", "count", "told"),
    [
        (
            ("train/dark", "train/light", "test/dark", "test/light"),
            12,
            "the test part is left alone; fogwalk evaluate --data photos/test takes it",
        ),
        (
            ("photos/Train/dark", "photos/Train/light", "photos/valid/dark", "photos/Test"),
            12,
            "the valid part is left alone; fogwalk evaluate --data photos/photos/valid takes it",
        ),
        (
            ("train/dark", "train/light", "test"),
            12,
            "the test part has no classes and is left alone; fogwalk predict last photos/test answers for it",
        ),
        (("photos/dark", "photos/light"), 12, "all images stand in photos/photos: the folders in it are the classes"),
        (("train/dark", "train/light"), 12, "all images stand in photos/train: the folders in it are the classes"),
        (("dark/train", "light/train", "light/test"), 18, "16 x 16"),
        (("dark", "light", "test/dark"), 18, "16 x 16"),
    ],
)
def test_folders_of_parts_and_those_around_all_are_no_classes(
    parts: tuple[str, ...], count: int, told: str, tmp_path: Path
) -> None:
    laid_out(tmp_path / "photos", *parts)
    made = task(tmp_path / "photos", "label")
    assert {"dark", "light"} <= set(made.target.classes) <= {"dark", "light", "test"}
    assert len(made.records) == count
    assert told in "\n".join(made.words())


def test_parts_without_classes_teach_nothing(tmp_path: Path) -> None:
    laid_out(tmp_path / "photos", "train", "test")
    with pytest.raises(DataError, match="train holds images and no folders"):
        task(tmp_path / "photos", "label")


def test_the_test_part_of_a_folder_is_scored_and_answered_for(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    laid_out(folder, "train/dark", "train/light", "test/dark", "test/light", count=16)
    run = train(folder, tmp_path / "run", None, model={"channels": "4", "hidden": "8"})
    for path in (folder, folder / "test"):
        result = run.evaluate(str(path))
        assert isinstance(result, Assessment)
        assert result.rows == 32
    said: list[str] = []
    shown, _ = run.predict(str(folder), say=said.append)
    assert shown.columns["image"][0].as_py() == "test/dark/0.png"
    assert said == ["the test part is taken, of test, train"]


def listing(folder: Path, **columns: list[Any]) -> Path:
    """The list of all images in a folder, with these columns beside their names."""
    names = [path.relative_to(folder).as_posix() for path in sorted((folder / "photos").rglob("*.png"))]
    return table(folder / "list.csv", [*zip(names, *columns.values(), strict=True)], "file", *columns)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([f"c{number % 3}" for number in range(60)], "classification"),
        ([number % 20 for number in range(60)], "classification"),
        ([number % 30 for number in range(60)], "regression"),
        ([20 + number / 7 for number in range(60)], "regression"),
        ([f"{number},5" for number in range(60)], "regression"),
    ],
)
def test_what_a_list_of_images_says_is_predicted_as_of_a_table(
    labels: list[Any], expected: str, tmp_path: Path
) -> None:
    images(tmp_path)
    made = task(listing(tmp_path, age=labels, by=["x"] * 60), "age")
    assert made.settings.task == expected
    assert "'age' is predicted, and it holds" in made.settings.origin("task")
    assert made.settings.model_kind == "convolutional"


def test_columns_of_a_list_that_are_not_looked_at_are_told(tmp_path: Path) -> None:
    place = images(tmp_path)
    rows = [(path.relative_to(place), path.parent.name, "A") for path in sorted(place.rglob("*.png"))]
    made = task(table(place / "list.csv", rows, "file", "label", "camera"), "label")
    assert "of the list, 'camera' is not looked at" in made.notes


def test_numbers_of_images_are_predicted(tmp_path: Path) -> None:
    images(tmp_path)
    bright = [60.5] * 30 + [180.5] * 30
    path = listing(tmp_path, bright=bright)
    run = train(path, tmp_path / "run", None, model={"channels": "4", "hidden": "8"})
    result = run.evaluate(str(path))
    assert isinstance(result, Assessment)
    assert result.scores["this model"]["R²"] > 0.8
    shown, answers = run.predict(str(path))
    assert shown.names == ["file", "bright"]
    assert answers.numbers is not None
    assert np.corrcoef(answers.numbers, bright)[0, 1] > 0.9


def test_a_table_that_names_images_which_are_not_there_is_a_table(tmp_path: Path) -> None:
    rows = [(f"{number}.jpg", number % 7, 3.5 * (number % 7)) for number in range(60)]
    path = table(tmp_path / "products.csv", rows, "photo", "weight", "price")
    made = task(path, "price")
    assert made.records.unit == "row"
    assert "'photo' names images, and none is looked at: the table is learned by itself" in made.words()
    Image.new("L", (20, 20)).save(tmp_path / "0.jpg")
    with pytest.raises(DataError, match="1 image say"):
        task(path, "price")


@pytest.mark.parametrize(
    ("lay", "values", "key", "with_what"),
    [
        (regression, {"data.target": "c", "data.size": "20"}, "data.size", "images"),
        (regression, {"data.target": "c", "data.augment": "flip"}, "data.augment", "images"),
        (images, {"data.encoding": "cp1252"}, "data.encoding", "a text or a table"),
        (lambda folder: "sample:digits", {"data.size": "20"}, "data.size", "image files"),
    ],
)
def test_choices_about_the_data_that_do_nothing_for_it_are_said(
    lay: Callable[[Path], Any], values: dict[str, str], key: str, with_what: str, tmp_path: Path
) -> None:
    made = Recognition(plan.close_before_data(settled(Source("c", {"data.path": str(lay(tmp_path)), **values}))))
    assert f"{key} does nothing here: it goes with {with_what}" in made.words()


def test_a_list_is_read_in_the_encoding_that_is_named(tmp_path: Path) -> None:
    folder = images(tmp_path)
    lines = [
        f"{path.relative_to(tmp_path)},{'größer' if 'light' in path.parts else 'kleiner'}"
        for path in folder.rglob("*.png")
    ]
    (tmp_path / "list.csv").write_text("\n".join(["file,label", *lines]) + "\n", encoding="cp437")
    made = task(tmp_path / "list.csv", "label", **{"data.encoding": "cp437"})
    assert made.target.classes == ("größer", "kleiner")


def test_images_that_are_in_two_classes_are_said(tmp_path: Path) -> None:
    folder = images(tmp_path)
    for name in ("3.png", "7.png"):
        (folder / "light" / f"twin{name}").write_bytes((folder / "dark" / name).read_bytes())
    (folder / "dark" / "again.png").write_bytes((folder / "dark" / "1.png").read_bytes())
    told = "\n".join(task(folder, "label").words())
    assert "2 images stand there with more than one label: dark/3.png is 'dark', and light/twin3.png 'light'" in told


@pytest.mark.parametrize(
    ("kind", "top", "expected"),
    [(np.int32, 65535, 255), (np.uint16, 65535, 255), (np.float32, 1, 255), (np.float32, 255, 255)],
)
def test_deep_images_are_as_bright_as_each_other(kind: Any, top: float, expected: int, tmp_path: Path) -> None:
    for name, bright in (("dark", 0.1), ("light", 0.9)):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(6):
            pixels = np.full((20, 20), (bright + number / 100) * top, kind)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.tif")
    made = task(tmp_path / "photos", "label")
    means = [float(made.inputs[made.answers == code].float().mean()) for code in range(2)]
    assert means == pytest.approx([0.125 * expected, 0.925 * expected], abs=2)
    assert "nearly black" not in "\n".join(made.words())


def test_deep_images_of_ten_bits_are_remarked_on(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(4):
            pixels = chance.integers(0, 1024, (20, 20), np.uint16)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.tif")
    assert "8 images of more than 8 bits use less than a sixteenth of their range" in "\n".join(
        task(tmp_path / "photos", "label").words()
    )


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I", "I;16", "F", "P", "1"])
def test_large_pictures_are_decoded_one_at_a_time_and_like_small_ones(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new(mode, (30, 20), 1).save(tmp_path / "a.tif")
    entered: list[str] = []

    @contextlib.contextmanager
    def lock() -> Iterator[None]:
        entered.append(mode)
        yield

    monkeypatch.setattr(pictures, "_one_at_a_time", lock())
    small = pictures.decoded(tmp_path / "a.tif", 8, 3)
    assert entered == []
    monkeypatch.setattr(pictures, "LARGE", 10)
    assert np.array_equal(pictures.decoded(tmp_path / "a.tif", 8, 3), small)
    assert entered == [mode]
