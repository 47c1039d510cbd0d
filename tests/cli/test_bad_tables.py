"""Bad tables and images: one clear message, exit code 3 for data and 2 for what was typed, nothing lost, no traceback.

Every case is a command a person could type in a folder with a good table and a finished run of it, and one of images.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from fogwalk.cli import main
from fogwalk.data import recognise
from fogwalk.settings import Source

QUICK = ("--training.steps", "4", "--training.compile", "off", "--threads", "1", "--model.hidden", "8")
GOOD = "size,colour,when,price\n" + "".join(
    f"{number * 0.5},{('red', 'green', 'blue')[number % 3]},2024-01-{1 + number % 28:02},{100 + number * 7.25}\n"
    for number in range(60)
)


@dataclass(frozen=True)
class Case:
    """What is typed, the exit code, words that must be told, and what is laid out beforehand."""

    name: str
    words: str
    code: int
    told: tuple[str, ...]
    before: Callable[[Path], object] = lambda place: None


def write(name: str, content: bytes | str) -> Callable[[Path], object]:
    return lambda place: (place / name).write_bytes(content.encode() if isinstance(content, str) else content)


def rows(header: str, *lines: str) -> str:
    return "\n".join((header, *lines)) + "\n"


def pictures(**classes: list[Image.Image] | int) -> Callable[[Path], object]:
    """Folders of images, or of so many plain ones."""

    def lay(place: Path) -> None:
        for name, those in classes.items():
            folder = place / "pictures" / name
            folder.mkdir(parents=True)
            if isinstance(those, int):
                those = [Image.fromarray(np.full((20, 20), 3 * at + len(name), np.uint8)) for at in range(those)]
            for at, image in enumerate(those):
                image.save(folder / f"{at}.png")

    return lay


def idx(images: bytes | None = None, labels: bytes | None = None) -> Callable[[Path], object]:
    def lay(place: Path) -> None:
        (place / "mnist").mkdir()
        if images is not None:
            (place / "mnist" / "train-images-idx3-ubyte").write_bytes(images)
        if labels is not None:
            (place / "mnist" / "train-labels-idx1-ubyte").write_bytes(labels)

    return lay


def many(*parts: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda place: [part(place) for part in parts]


def trained(place: Path) -> object:
    """A run of this very folder's table."""
    return main(["train", "good.csv", "--target", "price", *QUICK, "--out", "runs/mine"])


FIVE = bytes([0, 0, 8, 3, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 2]) + bytes(20)
TRAIN = "train t.csv --target answer"
LINES = [f"{number},{'yes' if number % 3 else 'no'}" for number in range(40)]
CASES = [
    Case(
        "no such column, the nearest told",
        "train good.csv --target colur",
        3,
        ("no column 'colur'", "Did you mean colour?"),
    ),
    Case("no such file", "train god.csv --target colour", 3, ("no such file or folder", "good.csv")),
    Case(
        "a task without a target",
        "train good.csv --task classification",
        2,
        ("needs a column", "size, colour, when, price"),
    ),
    Case(
        "an unknown task",
        "train good.csv --target colour --task guess",
        2,
        ("task cannot be 'guess'", "classification"),
    ),
    Case("a flag of another kind", "train good.csv --target colour --model.layers 3", 2, ("transformer", "plain")),
    Case(
        "a kind that reads text", "train good.csv --target colour --model-kind transformer", 2, ("reads text", "plain")
    ),
    Case(
        "a kind that reads images",
        "train good.csv --target colour --model-kind convolutional",
        2,
        ("reads images", "plain"),
    ),
    Case(
        "a loss of another task",
        "train good.csv --target colour --training.loss huber",
        2,
        ("huber does not go", "cross-entropy"),
    ),
    Case(
        "tokens of a table",
        "train good.csv --target colour --training.tokens 100",
        2,
        ("counts tokens", "--training.epochs"),
    ),
    Case(
        "an augmentation that is none",
        "train pictures --data.augment spin",
        2,
        ("data.augment cannot be 'spin'", "flip, shift, crop"),
        pictures(a=4, b=4),
    ),
    Case(
        "an even kernel", "train pictures --model.kernel 4", 2, ("model.kernel cannot be 4", "odd"), pictures(a=4, b=4)
    ),
    Case(
        "a patch larger than the images",
        "train pictures --model-kind vision --model.patch 32",
        2,
        ("do not fit", "at most 20"),
        pictures(a=4, b=4),
    ),
    Case(
        "words predicted as numbers",
        "train good.csv --target colour --task regression",
        3,
        ("are no numbers", "--task classification"),
    ),
    Case(
        "numbers predicted as classes",
        "train good.csv --target price --task classification",
        3,
        ("almost every row its own", "--task regression"),
    ),
    Case(
        "ragged rows",
        TRAIN,
        3,
        ("t.csv line 3 has 3 fields, but the header has 2",),
        write("t.csv", "a,answer\n1,x\n1,2,x\n"),
    ),
    Case("no header", TRAIN, 3, ("has no header", "names the columns"), write("t.csv", "1,2\n3,4\n")),
    Case("a column twice", TRAIN, 3, ("names the column 'a' twice",), write("t.csv", "a,a,answer\n1,2,x\n")),
    Case("an empty file", TRAIN, 3, ("t.csv is empty",), write("t.csv", "")),
    Case("blank lines", TRAIN, 3, ("t.csv is empty",), write("t.csv", "\n\n \n")),
    Case("a header and no rows", TRAIN, 3, ("a header and no rows",), write("t.csv", "a,answer\n")),
    Case("a quote that is never closed", TRAIN, 3, ("t.csv",), write("t.csv", 'a,answer\n"1,x\n2,y\n')),
    Case(
        "an image for a table", TRAIN, 3, ("is a PNG image, not CSV",), write("t.csv", b"\x89PNG\r\n\x1a\n" + bytes(50))
    ),
    Case("bytes for a table", TRAIN, 3, ("is binary, not CSV",), write("t.csv", bytes([255, 0, 254]) * 50)),
    Case(
        "a wrong encoding",
        TRAIN + " --data.encoding ascii",
        3,
        ("is not ascii", "line 2"),
        write("t.csv", "a,answer\né,x\n"),
    ),
    Case(
        "an unknown encoding",
        TRAIN + " --data.encoding klingon",
        2,
        ("unknown encoding 'klingon'",),
        write("t.csv", "a,answer\n1,x\n"),
    ),
    Case(
        "a constant target",
        TRAIN,
        3,
        ("is the same for every row: x",),
        write("t.csv", rows("a,answer", *[f"{n},x" for n in range(20)])),
    ),
    Case(
        "a target that says nothing",
        TRAIN,
        3,
        ("0 rows say what 'answer' is",),
        write("t.csv", rows("a,answer", *[f"{n}," for n in range(20)])),
    ),
    Case(
        "a target unique in each row",
        TRAIN,
        3,
        ("almost every row its own",),
        write("t.csv", rows("a,answer", *[f"{n},name{n}" for n in range(60)])),
    ),
    Case(
        "a class with one example",
        TRAIN,
        3,
        ("'answer' is 'rare' once only",),
        write("t.csv", rows("a,answer", *LINES, "9,rare")),
    ),
    Case(
        "too few rows",
        TRAIN,
        3,
        ("3 rows say what 'answer' is: too few",),
        write("t.csv", rows("a,answer", "1,x", "2,y", "3,x")),
    ),
    Case(
        "rows that are all the same",
        TRAIN,
        3,
        ("every row is the same as another", "Give more"),
        write("t.csv", rows("a,answer", *["1,x"] * 9, *["1,y"] * 9)),
    ),
    Case(
        "nothing to learn from",
        TRAIN,
        3,
        ("no column of the table can be learned from", "id: numbers the rows"),
        write("t.csv", rows("id,answer", *LINES)),
    ),
    Case(
        "a group that is not there",
        "train good.csv --target price --data.group who",
        3,
        ("no column 'who'", "--data.group"),
    ),
    Case(
        "a group of one",
        "train t.csv --target answer --data.group g",
        3,
        ("holds one value",),
        write("t.csv", rows("g,a,answer", *[f"1,{line}" for line in LINES])),
    ),
    Case(
        "a JSON line that is none",
        "train t.jsonl --target a",
        3,
        ("t.jsonl line 2",),
        write("t.jsonl", '{"a": 1}\nnot json\n'),
    ),
    Case(
        "a Parquet file cut off",
        "train t.parquet --target a",
        3,
        ("is not a Parquet table, or is damaged",),
        write("t.parquet", b"PAR1" + bytes(30)),
    ),
    Case(
        "a spreadsheet that is none",
        "train t.xlsx --target a",
        3,
        ("is not an .xlsx spreadsheet",),
        write("t.xlsx", b"PK\x03\x04" + bytes(30)),
    ),
    Case("a document for a table", "train t.docx --target a", 3, ("is not a table",), write("t.docx", b"PK\x03\x04")),
    Case(
        "a gzip cut off",
        "train t.csv.gz --target a",
        3,
        ("is damaged",),
        write("t.csv.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03K"),
    ),
    Case(
        "tables of other columns",
        "train good.csv t.csv --target price",
        3,
        ("t.csv has no column", "good.csv has"),
        write("t.csv", "a,price\n1,2\n"),
    ),
    Case(
        "a later table of more columns",
        "train good.csv t.csv --target price",
        3,
        ("good.csv has no column 'extra', but t.csv has", "the same columns"),
        write("t.csv", rows(GOOD.splitlines()[0] + ",extra", "1,red,2024-01-01,5,6")),
    ),
    Case(
        "a first line of data that ends with a word",
        TRAIN,
        3,
        ("t.csv has no header", "such as x1,x2,x3,…,target."),
        write("t.csv", rows("5.1,3.5,1.4,0.2,setosa", "4.9,3.0,1.4,0.2,setosa")),
    ),
    Case(
        "UTF-16 without its mark",
        TRAIN,
        3,
        ("t.csv looks like utf-16-le without its mark", "--data.encoding utf-16-le"),
        write("t.csv", rows("a,answer", *LINES).encode("utf-16-le")),
    ),
    Case("a sample that is none", "train sample:irises --target species", 3, ("unknown sample", "sample:iris")),
    # predicting and scoring
    Case(
        "a table lacking a column",
        "predict runs/t t.csv",
        3,
        ("no column 'size', which the model reads",),
        write("t.csv", "colour\nred\nblue\n"),
    ),
    Case(
        "words where numbers were",
        "predict runs/t t.csv",
        3,
        ("'size' holds 'big', but the model learned numbers",),
        write("t.csv", "size,colour,when\nbig,red,x\nsmall,red,y\n"),
    ),
    Case(
        "words that were never met",
        "predict runs/words t.csv",
        3,
        ("in 1 of 1 columns", "2 of 2 cells", "such as 'YES'", "known: yes, no"),
        many(
            write("words.csv", rows("word,answer", *[f"{line.split(',')[1]},{at}.5" for at, line in enumerate(LINES)])),
            lambda place: main(["train", "words.csv", "--target", "answer", *QUICK, "--out", "runs/words"]),
            write("t.csv", "word\nYES\nNo\n"),
        ),
    ),
    Case("nothing to predict for", "predict runs/t none.csv", 3, ("no such file",)),
    Case(
        "answers into a file that is there",
        "predict runs/t good.csv --out good.csv",
        2,
        ("good.csv is there already", "--force"),
    ),
    Case("answers into no table", "predict runs/t good.csv --out answers.xlsx", 2, ("written as a .csv file",)),
    Case("a run of another task to write", "generate runs/t", 2, ("was trained for regression", "fogwalk predict")),
    Case("a run of another task to export", "export runs/t --to huggingface there", 1, ("kind plain has no place",)),
    Case(
        "a run of text to predict",
        "predict runs/b good.csv",
        2,
        ("was trained for language", "fogwalk generate"),
        lambda place: shutil.copytree(place / "runs" / "book", place / "runs" / "b"),
    ),
    Case(
        "a table without answers to score",
        "evaluate runs/t --data t.csv",
        3,
        ("no column 'price'",),
        write("t.csv", "size,colour\n1,red\n"),
    ),
    Case(
        "answers that are no numbers",
        "evaluate runs/t --data t.csv",
        3,
        ("nothing to score",),
        write("t.csv", "size,colour,price\n1,red,dear\n2,red,cheap\n"),
    ),
    Case(
        "a table that has changed",
        "evaluate runs/mine",
        3,
        ("has changed since the run", "--data"),
        many(trained, write("good.csv", GOOD + "1,red,2024-01-01,5\n")),
    ),
    Case(
        "a table that is gone",
        "evaluate runs/mine",
        3,
        ("no such file", "--data"),
        many(trained, lambda place: (place / "good.csv").unlink()),
    ),
    # images
    Case(
        "a date to predict",
        "train good.csv --target when --task regression",
        3,
        ("'when' holds dates or times, such as '2024-01-01'", "days since"),
    ),
    Case(
        "two tables and no target",
        "train good.csv more.csv",
        2,
        (
            "good.csv and 1 more file are tables without a column of text",
            "fogwalk train good.csv more.csv --target price",
        ),
        write("more.csv", GOOD),
    ),
    Case(
        "a folder of tables and no target",
        "train tables/",
        2,
        ("are tables without a column of text", "fogwalk train tables/ --target price"),
        lambda place: (
            [(place / "tables").mkdir()]
            and [(place / "tables" / f"{name}.csv").write_text(GOOD) for name in ("a", "b")]
        ),
    ),
    Case("one class of images", "train pictures", 3, ("is the same for every image: a",), pictures(a=6)),
    Case("a class of one image", "train pictures", 3, ("'label' is 'bb' once only",), pictures(a=6, bb=1)),
    Case(
        "images that are none",
        "train pictures",
        3,
        ("no image could be read", "is no image"),
        many(
            pictures(a=1),
            lambda place: [
                (place / "pictures" / name).mkdir(exist_ok=True)
                or (place / "pictures" / name / "x.png").write_text("no")
                for name in ("a", "b")
            ],
            lambda place: (place / "pictures/a/0.png").unlink(),
        ),
    ),
    Case(
        "a list whose files are gone",
        "train list.csv --target label",
        3,
        ("none of the 2 images", "a.png is the first"),
        write("list.csv", "file,label\na.png,x\nb.png,y\n"),
    ),
    Case(
        "a list with several labels",
        "train list.csv",
        3,
        ("several columns beside 'file'", "--target label or kind"),
        many(write("list.csv", "file,label,kind\na.png,x,y\n"), write("a.png", "x")),
    ),
    Case(
        "IDX images cut off",
        "train mnist",
        3,
        ("is cut off",),
        idx(FIVE[:-3], bytes([0, 0, 8, 1, 0, 0, 0, 5]) + bytes(5)),
    ),
    Case("IDX cut off in its header", "train mnist", 3, ("is not an IDX file",), idx(FIVE[:9], FIVE[:9])),
    Case(
        "groups of images",
        "train pictures --data.group who",
        2,
        ("images have no column of groups",),
        pictures(a=4, b=4),
    ),
    Case("IDX that is none", "train mnist", 3, ("is not an IDX file",), idx(b"hello", b"hello")),
    Case(
        "IDX labels without images",
        "train mnist",
        3,
        ("labels of 'train' and no images",),
        idx(None, bytes([0, 0, 8, 1, 0, 0, 0, 0])),
    ),
    Case(
        "IDX of unequal length",
        "train mnist",
        3,
        ("5 images", "4 labels"),
        idx(FIVE, bytes([0, 0, 8, 1, 0, 0, 0, 4]) + bytes(4)),
    ),
    Case("IDX images without labels", "train mnist", 3, ("0 images say what 'label' is",), idx(FIVE)),
]


@pytest.fixture(scope="session")
def laid(tmp_path_factory: pytest.TempPathFactory, small_text: str) -> Path:
    """A folder with a good table, a finished run of it, and one of a text."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "good.csv").write_text(GOOD, encoding="utf-8")
    (folder / "book.txt").write_text(small_text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["train", "good.csv", "--target", "price", *QUICK, "--out", "runs/t"]) == 0
        tiny = ("--preset", "tiny", "--training.steps", "2", "--training.compile", "off", "--threads", "1")
        assert main(["train", "book.txt", *tiny, "--out", "runs/book"]) == 0
    return folder


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_told_in_words(
    case: Case, laid: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "place"
    shutil.copytree(laid, place)
    monkeypatch.chdir(place)
    case.before(place)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    capsys.readouterr()
    quick = QUICK[:6] if case.words.startswith("train") and "--training" not in case.words else ()
    code = main([*case.words.split(), *quick])
    told = capsys.readouterr().err
    assert code == case.code, told
    for words in case.told:
        assert words in told, told
    assert "Traceback" not in told
    assert "This is a fault of Fogwalk" not in told
    after = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    assert after == before, "nothing is lost, and nothing is left behind"


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz", "t.jsonl", "t.parquet"])
@pytest.mark.parametrize("text", [False, True])
def test_of_a_large_table_the_beginning_tells_whether_it_holds_a_text(
    name: str, text: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recognise, "LOOKED_AT", 100)
    monkeypatch.setattr(recognise, "BEGINNING", 2000)
    (tmp_path / "my tables").mkdir()
    place = tmp_path / "my tables" / name
    said = [f"a long sentence about number {number}, said of it" if text else "ab"[number % 2] for number in range(400)]
    table = pyarrow.table({"a": list(range(400)), "b": said})
    if name.endswith(".parquet"):
        parquet.write_table(table, place)
    elif name.endswith(".jsonl"):
        place.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    else:
        whole = "a,b\n" + "".join(f'{number},"{words}"\n' for number, words in enumerate(said))
        place.write_bytes(gzip.compress(whole.encode()) if name.endswith(".gz") else whole.encode())
    path = f"my tables/{name}"
    if text:
        assert recognise.settled(Source("command line", {"data.path": path})).task == "language"
        return
    assert main(["train", path]) == 2
    told = capsys.readouterr().err
    assert f"{name} is a table without a column of text" in told
    assert f"fogwalk train 'my tables/{name}' --target b" in told


def test_there_are_as_many_as_were_asked_for() -> None:
    assert len(CASES) >= 50
    assert len({case.name for case in CASES}) == len(CASES)


def test_what_is_bad_only_in_part_is_said_and_the_rest_is_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = [
        f'{number},{number % 5},,{"inf" if number == 3 else number},"{number},000",{"yes" if number % 3 else "no"}'
        for number in range(60)
    ]
    (tmp_path / "t.csv").write_text(
        "id,a,empty,b,c,answer\n" + "\n".join([*lines, "99,1,,2,3,"]) + "\n", encoding="utf-8"
    )
    assert main(["train", "t.csv", "--target", "answer", *QUICK, "--out", "run"]) == 0
    told = capsys.readouterr().out
    for words in ("1 of 61 rows have nothing in 'answer'", "'id' (numbers the rows)", "'empty' (holds nothing)"):
        assert words in told
    new = 'a,b,c,extra,empty\n1,2,"3,000",x,\n,?,7,y,\n'
    (tmp_path / "new.csv").write_text(new, encoding="utf-8")
    assert main(["predict", "run", "new.csv", "--out", "answers.csv"]) == 0
    header, first, _second = (tmp_path / "answers.csv").read_text(encoding="utf-8").splitlines()
    assert header == "a,b,c,extra,empty,predicted answer,probability no,probability yes"
    assert first.startswith('1,2,"3,000",x,,')
    capsys.readouterr()
    assert main(["predict", "run", "new.csv", "--json"]) == 0
    assert [row["extra"] for row in json.loads(capsys.readouterr().out)] == ["x", "y"]
