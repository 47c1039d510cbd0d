"""The shape of the source: what may import what, what starts without torch, and what is said of every part."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import fogwalk

ROOT = Path(fogwalk.__file__).parent
# The path of the data. A file imports from its own folder and from what stands before it here.
ORDER = (  # noqa: SIM905  # read as one path
    "errors registry settings events runs cache data encoding hardware batches models generation objectives tasks training "
    "insight interop trainer scoring predicting explaining run verify observatory cli"
).split()
# run.py prints a training's progress, as the command does; loaded only then.
EXCEPTIONS = {("run.py", "fogwalk.cli.progress")}
MODULES = sorted(ROOT.rglob("*.py"), key=str)


def name(path: Path) -> str:
    """A module's path below the package, as tests and messages say it."""
    return path.relative_to(ROOT).as_posix()


def imports(tree: ast.AST, *, seen_by_type_checkers: bool = True) -> Iterator[str]:
    """The full name of every module, or of every thing, that a tree imports, inside functions too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written whole"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not seen_by_type_checkers:
            continue
        else:
            yield from imports(node, seen_by_type_checkers=seen_by_type_checkers)


def parsed(path: Path) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(part: str) -> int:
    """Where a folder or file stands on the path of the data."""
    assert part in ORDER, f"{part} has no place in the order: add it here and to docs/architecture.md"
    return ORDER.index(part)


@pytest.mark.parametrize(
    "path", [path for path in MODULES if path.parent != ROOT or not path.stem.startswith("__")], ids=name
)
def test_a_file_imports_from_its_own_folder_and_from_those_above_it(path: Path) -> None:
    own = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for imported in imports(parsed(path), seen_by_type_checkers=own not in ("interop", "cli")):
        parts = imported.split(".")
        if parts[0] != "fogwalk" or imported == "fogwalk.__version__":
            continue
        if any(name(path) == who and imported.startswith(what) for who, what in EXCEPTIONS):
            continue
        assert place(parts[1]) <= place(own), f"{name(path)} imports {imported}, which comes after it"


def test_every_folder_and_file_has_its_place_in_the_order() -> None:
    parts = {entry.stem for entry in ROOT.iterdir() if entry.suffix == ".py" or (entry / "__init__.py").is_file()}
    assert {part for part in parts if not part.startswith("__")} == set(ORDER)


def test_members_of_a_family_import_their_protocol_and_never_each_other() -> None:
    families = "tasks models/positions training/optimizers insight/measures insight/accounts"
    for family in families.split():
        members = [path for path in (ROOT / family).glob("*.py") if path.stem not in ("__init__", "protocol")]
        for path in members:
            for other in members:
                if other == path or (path.stem, other.stem) == ("muon", "adamw"):  # muon gives adamw what is no matrix
                    continue
                dotted = f"fogwalk.{family.replace('/', '.')}.{other.stem}"
                assert not any(found.startswith(dotted) for found in imports(parsed(path))), f"{path} imports {dotted}"


def loaded(code: str) -> set[str]:
    """The modules that a fresh Python holds after running some code."""
    code = f"import sys\n{code}\nprint('\\n' + '\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split("\n"))


WITHOUT_TORCH = {
    "--help": "from fogwalk.cli import main; assert main(['--help']) == 0",
    "--version": "from fogwalk.cli import main; assert main(['--version']) == 0",
    "a wrong command": "from fogwalk.cli import main; assert main(['trian']) == 2",
    "a wrong flag": "from fogwalk.cli import main; assert main(['train', 'book.txt', '--sede', '3']) == 2",
    "a wrong value": "from fogwalk.cli import main; assert main(['train', 'x', '--model.positions', 'rotery']) == 2",
    "runs": "from fogwalk.cli import main; assert main(['runs']) == 0",
    "runs --json": "from fogwalk.cli import main; assert main(['runs', '--json']) == 0",
    "a run that is not there": "from fogwalk.cli import main; assert main(['config', 'nowhere']) == 2",
    "the public door": "import fogwalk; fogwalk.FogwalkError",
    "errors to encoding": "import importlib\nfor name in {modules}: importlib.import_module(name)",
}


@pytest.mark.parametrize("what", WITHOUT_TORCH)
def test_torch_is_not_loaded_for(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    early = ORDER[: ORDER.index("hardware")]
    dotted = [
        ".".join(("fogwalk", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
        for path in MODULES
        if path.relative_to(ROOT).parts[0].removesuffix(".py") in early
    ]
    assert len(dotted) > 15
    heavy = {"torch", "transformers"} & loaded(WITHOUT_TORCH[what].replace("{modules}", repr(dotted)))
    assert not heavy


COMMANDS = json.loads(
    subprocess.run(
        [sys.executable, "-c", "import json; from fogwalk.cli import COMMANDS; print(json.dumps(list(COMMANDS)))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
)


def test_torch_is_not_loaded_for_the_help_of_any_command() -> None:
    calls = "\n".join(
        f"try: main([{command!r}, '--help'])\nexcept SystemExit as done: assert done.code == 0" for command in COMMANDS
    )
    assert not {"torch", "transformers", "tokenizers", "numpy"} & loaded(f"from fogwalk.cli import main\n{calls}")


def test_transformers_is_imported_in_interop_alone_and_only_when_called() -> None:
    for path in MODULES:
        found = [imported for imported in imports(parsed(path)) if imported.split(".")[0] == "transformers"]
        if path.relative_to(ROOT).parts[0] != "interop":
            assert not found, f"{name(path)} imports {found}"
    assert "transformers" not in loaded("import fogwalk.interop.huggingface, fogwalk.run, fogwalk.verify")


def test_no_pickle_anywhere() -> None:
    for path in MODULES:
        found = [
            imported for imported in imports(parsed(path)) if imported.split(".")[0] in ("pickle", "shelve", "dill")
        ]
        assert not found, name(path)
        calls = [ast.unparse(node.func) for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
        assert not {"torch.load", "torch.save", "np.load", "numpy.load"} & set(calls), name(path)


def test_the_public_names_are_sorted_complete_and_there() -> None:
    assert fogwalk.__all__ == sorted(fogwalk.__all__)
    assert dir(fogwalk) == fogwalk.__all__
    for public in fogwalk.__all__:
        assert getattr(fogwalk, public) is not None
        assert public == "__version__" or getattr(fogwalk, public).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        fogwalk.nonsense  # noqa: B018


def test_every_module_says_what_it_is() -> None:
    silent = [name(path) for path in MODULES if path.read_text().strip() and not ast.get_docstring(parsed(path))]
    assert silent == []


def test_every_public_function_and_class_says_what_one_gets() -> None:
    silent = []
    for path in MODULES:
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                silent += [f"{name(path)}: {node.name}"] * (ast.get_docstring(node) is None)
    assert silent == []


def test_no_file_is_longer_than_400_lines() -> None:
    long = {name(path): count for path in MODULES if (count := len(path.read_text().splitlines())) > 400}
    assert long == {}
