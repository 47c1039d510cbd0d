"""The README is held to what it says: its tree is the modules' own first lines, its commands are commands."""

from __future__ import annotations

import ast
import gzip
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet
from torch import nn

from fogwalk.cli import COMMANDS, main
from fogwalk.data.samples import SAMPLES
from fogwalk.run import Run

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "fogwalk"
README = (ROOT / "README.md").read_text(encoding="utf-8")

# Folders and files in data-path order, as docs/architecture.md tells them.
ORDER = [
    *(
        "errors.py",
        "registry.py",
        "settings",
        "events.py",
        "runs",
        "cache.py",
        "data",
        "encoding",
        "hardware.py",
        "batches",
    ),
    *(
        "models",
        "generation",
        "objectives",
        "tasks",
        "training",
        "insight",
        "interop",
        "trainer.py",
        "scoring.py",
        "predicting.py",
        "explaining.py",
    ),
    *("run.py", "verify.py", "observatory", "cli"),
]


def first_line(module: Path) -> str:
    """The first line of a module's docstring."""
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
    assert docstring, f"{module} has no docstring"
    return docstring.splitlines()[0]


def tree() -> str:
    """One line a module, as the README prints it."""
    lines = []
    for name in ORDER:
        modules = [SOURCE / name] if name.endswith(".py") else sorted((SOURCE / name).rglob("*.py"))
        for module in modules:
            if module.name != "__init__.py":
                place = module.relative_to(SOURCE).as_posix()
                lines.append(f"{place:<36}{first_line(module)}")
    return "\n".join(lines)


def commands(text: str = README) -> list[str]:
    """Every line of the README's code blocks, or of a part's, that types a command."""
    blocks = re.findall(r"```(?:console|sh|bash)\n(.*?)```", text, flags=re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("fogwalk ")]


def test_the_tree_is_what_the_modules_say_of_themselves() -> None:
    assert tree() in README, "run: python -m tests.test_readme"


def test_every_folder_is_in_the_order() -> None:
    there = {entry.name for entry in SOURCE.iterdir() if not entry.name.startswith("_") and entry.name != "py.typed"}
    assert there == set(ORDER)


# What makes a training short, whatever else its line asks for: the last of two equal flags counts.
SHORT = ("--preset", "tiny", "--training.steps", "4", "--training.compile", "off", "--threads", "1")
# The letters of the README's prompts.
PROMPTS = "ROMEO: It was The fog.\n\n"


class Person:
    """Somebody at a terminal."""

    def isatty(self) -> bool:
        return True


def _lay_tables(place: Path) -> None:
    """A table of flowers with its new and its test rows, one of houses, and photographs; and a run of the first."""
    header = "sepal length,sepal width,petal length,petal width"
    rows = [f"{4 + number % 7 * 0.5},{2 + number % 5 * 0.3},{1 + number % 3 * 2},{number % 3}" for number in range(90)]
    species = [("setosa", "versicolor", "virginica")[number % 3] for number in range(90)]
    table = "\n".join([f"{header},species", *(f"{row},{name}" for row, name in zip(rows, species, strict=True))])
    for name, text in (("iris.csv", table), ("test.csv", table), ("new.csv", "\n".join([header, *rows[:5]]))):
        (place / name).write_text(text + "\n", encoding="utf-8")
    houses = {
        "size": [float(number % 50) for number in range(80)],
        "price": [number % 50 * 2.5 for number in range(80)],
    }
    parquet.write_table(pyarrow.table(houses), place / "houses.parquet")
    for name, bright in (("cat", 40), ("dog", 200)):
        (place / "photos" / name).mkdir(parents=True)
        for number in range(8):
            Image.new("RGB", (24, 24), (bright + number, bright, bright)).save(place / f"photos/{name}/{number}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert main(["train", "iris.csv", "--target", "species", *SHORT[2:], "--out", "runs/proud-marten"]) == 0


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, small_text: str) -> Path:
    """A folder with every file that the README names, and a run trained once under two of its names."""
    place = tmp_path_factory.mktemp("readme")
    text = PROMPTS + small_text + PROMPTS
    (place / "book.txt").write_text(text, encoding="utf-8")
    _lay_tables(place)
    (place / "held-out.txt").write_text(small_text[:900], encoding="utf-8")
    (place / "notes").mkdir()
    for number in range(8):
        (place / f"notes/{number}.md").write_text(
            f"# Note {number}\n{small_text[number * 900 :][:900]}\n", encoding="utf-8"
        )
    with gzip.open(place / "more.jsonl.gz", "wt", encoding="utf-8") as file:
        for number in range(8):
            file.write(json.dumps({"title": f"letter {number}", "body": small_text[number * 500 :][:900]}) + "\n")
    (place / "run.toml").write_text('seed = 7\n\n[data]\npath = ["book.txt"]\n', encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("XDG_CACHE_HOME", str(place / ".cache"))
        assert main(["train", "book.txt", *SHORT, "--out", "runs/brave-otter"]) == 0
    shutil.copytree(place / "runs/brave-otter", place / "runs/calm-heron")
    return place


@pytest.fixture
def changing(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """To work in a copy of it, with somebody there who says yes."""
    place = tmp_path / "copy"
    shutil.copytree(shop, place)
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "stdin", Person())
    monkeypatch.setattr("builtins.input", lambda question: "y")
    # The page would be served until Ctrl+C; tests/cli/test_observe.py asks it.
    monkeypatch.setattr("uvicorn.Server.run", lambda self, sockets: [socket.close() for socket in sockets])
    # Twelve million characters are more than a test needs.
    monkeypatch.setitem(SAMPLES, "sample:python-source", lambda: Path(shutil.__file__).read_text(encoding="utf-8"))
    return place


# Words that tell a training of a table or of images.
RECOGNISED = {"--target", "photos/", "sample:spirals"}


def typed(line: str) -> list[str]:
    """The words of a command, so that they do not take long."""
    name, *words = shlex.split(line, comments=True)[1:]
    if "--resume" in words:
        words = ["6" if word == "5000" else word for word in words]
    elif name == "observe":
        words += ["--no-open", "--port", "0"]
    elif name in ("train", "demo") and "--help" not in words:
        words += SHORT[2:] if RECOGNISED & set(words) else SHORT
    return [name, *words]


@pytest.mark.parametrize("line", commands(), ids=lambda line: line.partition("  #")[0].strip())
def test_every_command_of_the_readme_does_what_it_says(
    line: str, changing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, runs = typed(line), {entry.name for entry in Path("runs").iterdir()}
    if "--help" in words:
        with pytest.raises(SystemExit, match="0"):
            main(words)
    else:
        assert main(words) == 0, capsys.readouterr().err
    out = capsys.readouterr().out
    assert out
    assert "BAD" not in out
    new = {entry.name for entry in Path("runs").iterdir()} - runs
    begins = words[0] in ("train", "demo") and "--resume" not in words and "--help" not in words
    assert len(new) == begins
    assert not begins or "done    4 steps in" in out
    assert Path("runs/brave-otter").exists() == (words[0] != "remove")
    assert Path("exported/config.json").exists() == ("huggingface" in words)
    assert Path("exported-onnx/model.onnx").exists() == ("onnx" in words)
    assert Path("answers.csv").exists() == (words[0] == "predict")
    assert Path("lesson.html").exists() == (words[0] == "report")


def test_a_run_goes_on_after_a_crash_and_beyond_its_end_as_the_readme_says(
    changing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    resume, extend = (typed(line) for line in commands() if "--resume" in line)
    newest = Path("runs/calm-heron/checkpoints/000004/model.safetensors")
    whole = newest.read_bytes()
    shutil.rmtree(newest.parent)
    assert main(resume) == 0
    assert newest.read_bytes() == whole
    assert main(extend) == 0
    out = capsys.readouterr().out
    assert re.search(r"^resume  from step [123] of 4; equal to the bit", out, flags=re.MULTILINE)
    assert "\nresume  from step 4 of 6; equal to the bit" in out


def test_the_tour_runs_from_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tour = commands(README.split("## A tour")[1].split("\n## ")[0])
    assert len(tour) >= 3
    for line in ("fogwalk demo", *tour):
        assert main(typed(line)) == 0, f"{line}: {capsys.readouterr().err}"


def test_the_python_of_the_readme_runs(changing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs/calm-heron").rename("runs/mine")
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    short = "preset='tiny', threads=1, training={'steps': 4, 'compile': 'off'}"
    assert code.count("minutes=5") == 1
    found: dict[str, object] = {}
    exec(code.replace("run.model ", "model = run.model ").replace("minutes=5", f"minutes=5, {short}"), found)
    assert isinstance(found["model"], nn.Module)
    assert isinstance(found["run"], Run)
    assert found["run"].path == Path("runs/mine")
    out = capsys.readouterr().out
    assert "done    4 steps in" in out
    assert len(out.partition(" at step 4.\n")[2]) >= 100, "what it generated"


def test_what_the_readme_makes_the_makefile_makes() -> None:
    made = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    named = set(re.findall(r"`make ([a-z-]+)|^make ([a-z-]+)", README, flags=re.MULTILINE))
    assert {one or other for one, other in named} <= set(made)


def test_every_command_is_in_the_readme() -> None:
    typed = {shlex.split(line, comments=True)[1] for line in commands()}
    assert set(COMMANDS) <= typed


if __name__ == "__main__":
    print(tree())
