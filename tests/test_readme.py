"""The README is held to what it says: its tree is the modules' own first lines, its commands are commands."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest

from fogwalk.cli import COMMANDS, main
from fogwalk.cli.parsing import Parser

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
    *("models", "generation", "objectives", "tasks", "training", "interop", "trainer.py", "run.py", "verify.py", "cli"),
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


def commands() -> list[str]:
    """Every line of the README's code blocks that types a command."""
    blocks = re.findall(r"```(?:console|sh|bash)\n(.*?)```", README, flags=re.DOTALL)
    lines = [line.removeprefix("$ ") for block in blocks for line in block.splitlines()]
    return [line for line in lines if line.startswith("fogwalk ")]


def test_the_tree_is_what_the_modules_say_of_themselves() -> None:
    assert tree() in README, "run: python -m tests.test_readme"


def test_every_folder_is_in_the_order() -> None:
    there = {entry.name for entry in SOURCE.iterdir() if not entry.name.startswith("_") and entry.name != "py.typed"}
    assert there == set(ORDER)


@pytest.mark.parametrize("line", commands())
def test_every_command_of_the_readme_is_one(line: str) -> None:
    name, *words = shlex.split(line, comments=True)[1:]
    if name.startswith("--"):
        assert name in ("--version", "--help")
        return
    assert name in COMMANDS
    parser: Parser = importlib.import_module(f"fogwalk.cli.{name}").parser("")
    if "--help" not in words:
        parser.read(words)


def test_the_tour_runs_from_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    short = ["--preset", "tiny", "--training.steps", "4", "--minutes", "10"]
    assert main(["demo", *short]) == 0
    for line in commands():
        name, *words = shlex.split(line, comments=True)[1:]
        if (
            name in ("generate", "evaluate", "parameters", "runs", "verify", "config", "export")
            and "held-out.txt" not in words
        ):
            assert main([name, *words]) == 0, f"{line}: {capsys.readouterr().err}"


def test_every_command_is_in_the_readme() -> None:
    typed = {shlex.split(line, comments=True)[1] for line in commands()}
    assert set(COMMANDS) <= typed


if __name__ == "__main__":
    print(tree())
