"""Settings as TOML: what is written reads back equal, and what is wrong is told with its file and line."""

from __future__ import annotations

import dataclasses
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogwalk.errors import FogwalkError, UsageError
from fogwalk.settings import Declared, Settings, Source, declared, file, load_settings, resolve, write_toml
from fogwalk.settings.tree import GROUPS, MODEL_GROUPS

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
ODD = [
    '"',
    "\\",
    "\n",
    "\t\r",
    "\x7f",
    "\x1b[31m",
    "'''",
    '"""',
    "#",
    "[model]",
    "a = 1",
    "\u2028seed = 4",
    "é€😀",
    " \ufeff",
]
KINDS: dict[Any, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False) | st.integers(-100, 100).map(float),
    str: TEXTS | st.sampled_from(ODD),
    tuple[int, ...]: st.lists(st.integers(1, 65536), min_size=1, max_size=5).map(tuple),
    tuple[str, ...]: st.lists(TEXTS | st.sampled_from(ODD), max_size=3).map(tuple),
}


def limits_of(item: Declared, kind: str) -> Any:
    """The limits that stand beside a setting's declaration."""
    group, _, name = item.key.rpartition(".")
    owner = Settings if not group else GROUPS[group] or MODEL_GROUPS[kind]
    return next(field.metadata for field in dataclasses.fields(owner) if field.name == name)


def accepted(item: Declared, kind: str) -> st.SearchStrategy[Any]:
    """Values that the setting takes."""
    limits = limits_of(item, kind)
    values = KINDS[item.type]
    if limits["choices"]:
        values = st.sampled_from(sorted(limits["choices"]))
    elif item.type in (int, float):
        least = limits["least"] if limits["least"] is not None else limits["above"]
        most = limits["most"] if limits["most"] is not None else limits["below"]
        if item.type is int:
            values = st.integers(-(2**63) if least is None else int(least), 2**63 - 1 if most is None else int(most))
        else:
            values = st.floats(
                least,
                most,
                exclude_min=limits["above"] is not None,
                exclude_max=limits["below"] is not None,
                allow_nan=False,
                allow_infinity=False,
            )
    return values | st.none() if item.optional else values


@st.composite
def chosen_settings(draw: st.DrawFn) -> Settings:
    """Settings with many values chosen at random, each within its limits."""
    kind = draw(st.sampled_from(sorted(MODEL_GROUPS)))
    values: dict[str, Any] = {}
    for key, item in declared().items():
        if key != "model_kind" and (item.kinds is None or kind in item.kinds) and draw(st.booleans()):
            values[key] = draw(accepted(item, kind))
    settings = resolve(Source("test", {"model_kind": kind}))
    for key, value in values.items():
        try:
            settings = settings.replacing({key: value}, "test")
        except FogwalkError:
            continue  # it contradicts another: width and heads, batch and portions, warm-up and decay
    return settings


@given(chosen_settings())
def test_every_setting_written_reads_back_equal(settings: Settings) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "settings.toml")
        path.write_text(write_toml(settings), encoding="utf-8", newline="")
        assert resolve(file(path)) == settings
        again = load_settings(path)
    assert again == settings
    written = [key for key, value in settings.flat().items() if value is not None]
    assert [again.origin(key) for key in written] == [settings.origin(key) for key in written]


@given(TEXTS | st.sampled_from(ODD))
def test_any_text_survives(text: str) -> None:
    settings = resolve(Source("test", {"training.sample_prompt": text, "data.path": text}))
    assert tomllib.loads(write_toml(settings))["training"]["sample-prompt"] == text


def test_every_declared_setting_has_a_help_sentence_and_appears_in_the_file() -> None:
    assert all(len(item.help) > 10 for item in declared().values())
    written = tomllib.loads(write_toml(resolve()))
    for key, value in resolve().flat().items():
        section, _, name = key.rpartition(".")
        table = written[section] if section else written
        assert (name.replace("_", "-") in table) == (value is not None), key


def read(tmp_path: Path, text: str) -> Settings:
    """The settings of a file with this text."""
    path = tmp_path / "c.toml"
    path.write_text(text, encoding="utf-8")
    return resolve(file(path))


def refused(tmp_path: Path, text: str) -> str:
    """The message that such a file is refused with."""
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text)
    return str(caught.value)


def test_dashes_and_underscores_are_one(tmp_path: Path) -> None:
    for spelling in ("learning-rate", "learning_rate", '"learning-rate"'):
        assert read(tmp_path, f"[optimizer]\n{spelling} = 0.5\n").optimizer.learning_rate == 0.5
    assert read(tmp_path, "model-kind = 'mlp'").model_kind == read(tmp_path, "model_kind = 'mlp'").model_kind
    assert read(tmp_path, "optimizer.learning-rate = 0.5").optimizer.learning_rate == 0.5
    assert read(tmp_path, "optimizer = { learning-rate = 0.5 }").optimizer.learning_rate == 0.5


def test_an_unknown_key_is_told_with_file_and_line(tmp_path: Path) -> None:
    told = refused(tmp_path, "seed = 1\n\n[training]\n# so long\nstesp = 5\n")
    assert "unknown setting training.stesp" in told
    assert "Did you mean training.steps" in told
    assert f"{tmp_path / 'c.toml'} line 5" in told


@pytest.mark.parametrize("text", ["[foo]\n", "[foo]\nx = 1\n", "[foo.bar]\nx = 1\n", "[foo.bar]\n", "foo = {}\n"])
def test_an_unknown_section_is_refused_even_when_it_is_empty(tmp_path: Path, text: str) -> None:
    told = refused(tmp_path, text)
    assert "unknown section [foo" in told
    assert "c.toml" in told


def test_an_empty_known_section_is_fine(tmp_path: Path) -> None:
    assert read(tmp_path, "[model]\n[training]\n") == resolve()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seed = 'x'\n", "seed cannot be 'x'"),
        ("seed = 1.5\n", "It is a whole number"),
        ("seed = true\n", "It is a whole number"),
        ("seed = [1]\n", "It is a whole number"),
        ("minutes = 'soon'\n", "It is a number"),
        ("minutes = false\n", "It is a number"),
        ("task = 3\n", "It is a text"),
        ("out = 2020-01-01\n", "It is a text"),
        ("[model]\ntied = 1\n", "It is true or false"),
        ("[model]\ntied = 'perhaps'\n", "It is true or false"),
        ("model-kind = 'mlp'\n[model]\nhidden = 64\n", "whole numbers"),
        ("model-kind = 'mlp'\n[model]\nhidden = ['a']\n", "a whole number"),
    ],
)
def test_a_wrong_type_is_told_with_what_is_right_and_the_line(tmp_path: Path, text: str, told: str) -> None:
    message = refused(tmp_path, text)
    assert told in message
    assert f"c.toml line {text.count(chr(10))}" in message


def test_lines_are_counted_as_an_editor_counts_them(tmp_path: Path) -> None:
    told = refused(tmp_path, 'out = "a\u2028b\u0085c"\r\nsede = 3\n')
    assert "c.toml line 2" in told


def test_a_syntax_error_names_file_and_line(tmp_path: Path) -> None:
    told = refused(tmp_path, "seed = 1\nminutes = = 2\n")
    assert "c.toml is not valid TOML" in told
    assert "line 2" in told


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeffseed = 4\n").seed == 4


def test_an_origins_table_that_is_none_stops_nothing(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text("origins = 3\n", encoding="utf-8")
    assert load_settings(path) == resolve()


def test_very_large_and_very_small_numbers_are_written_as_toml_knows_them() -> None:
    for number in (1e300, 5e-324, 1e16, 1e22):
        settings = resolve().replacing({"optimizer.clip": number}, "test")
        assert tomllib.loads(write_toml(settings))["optimizer"]["clip"] == number
