"""Defaults < preset < file < command line, and every value knows where it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from fogwalk.errors import SettingError, UsageError
from fogwalk.settings import (
    Mlp,
    Settings,
    Source,
    Transformer,
    file,
    load_settings,
    nested,
    preset,
    resolve,
    write_toml,
)


def typed(**values: object) -> Source:
    """Flags as the command line hands them over; `_of_` stands for the dot."""
    return Source("command line", {key.replace("_of_", "."): value for key, value in values.items()})


def test_what_nobody_chose_is_the_default() -> None:
    settings = resolve()
    assert settings == Settings()
    assert settings.origin("model.width") == "default"


def test_each_source_wins_over_the_weaker_ones_and_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("seed = 5\n[model]\nlayers = 7\nheads = 4\n", encoding="utf-8")
    settings = resolve(preset("tiny"), file(path), typed(model_of_layers="9"))
    assert isinstance(settings.model, Transformer)
    assert (settings.model.layers, settings.model.heads, settings.model.width, settings.seed) == (9, 4, 64, 5)
    assert settings.origin("model.layers") == "command line (--model.layers)"
    assert settings.origin("model.heads") == f"{path} line 4"
    assert settings.origin("model.width") == "preset 'tiny'"
    assert settings.origin("seed") == f"{path} line 1"
    assert settings.origin("data.path") == "default"


def test_text_from_the_command_line_becomes_the_type_of_the_setting() -> None:
    settings = resolve(
        typed(model_kind="mlp", model_of_hidden="128,64", minutes="1.5", training_of_steps="2e3", seed="1_000")
    )
    assert settings.model == Mlp(hidden=(128, 64))
    assert (settings.minutes, settings.training.steps, settings.seed) == (1.5, 2000, 1000)
    for word, value in {"true": True, "on": True, "YES": True, "off": False, "No": False, "false": False}.items():
        assert resolve(typed(model_of_tied=word)).flat()["model.tied"] is value


def test_python_arguments_are_groups_as_dicts_with_dashes_or_underscores() -> None:
    one = resolve(nested({"seed": 7, "model": {"key-value-heads": 1}, "training": {"save_every": 3}}))
    assert (one.seed, one.flat()["model.key_value_heads"], one.training.save_every) == (7, 1, 3)
    assert one.origin("training.save_every") == "arguments"
    with pytest.raises(UsageError, match=r"unknown setting training.save-evry"):
        resolve(nested({"training": {"save_evry": 3}}))


def test_a_misspelled_setting_names_the_nearest_and_where_it_was_written() -> None:
    with pytest.raises(UsageError) as caught:
        resolve(typed(data_of_vocabulry="1"))
    assert str(caught.value) == (
        "unknown setting data.vocabulry\n  Did you mean data.vocabulary?\n"
        "  It came from command line (--data.vocabulry)."
    )


def test_a_setting_in_the_wrong_section_names_the_right_one() -> None:
    with pytest.raises(UsageError, match=r"Did you mean model.dropout"):
        resolve(typed(training_of_dropout="0.1"))


def test_a_setting_of_another_model_kind_names_both_kinds() -> None:
    with pytest.raises(SettingError) as caught:
        resolve(typed(model_of_hidden="64"))
    assert (
        "model.hidden belongs to the model kinds mlp and plain and convolutional, but this model is of the kind transformer"
        in str(caught.value)
    )
    with pytest.raises(SettingError, match="model kinds transformer and vision, but this model is of the kind mlp"):
        resolve(typed(model_kind="mlp", model_of_layers="3"))


def test_a_setting_that_two_kinds_share_is_taken_by_both() -> None:
    for kind in ("transformer", "mlp"):
        assert resolve(typed(model_kind=kind, model_of_context="32")).model.context == 32


def test_a_contradiction_tells_where_both_values_came_from() -> None:
    with pytest.raises(SettingError) as caught:
        resolve(preset("tiny"), typed(model_of_width="100", model_of_heads="8"))
    told = str(caught.value)
    assert told.startswith("width 100 cannot be shared equally by 8 heads (100 / 8 = 12.5)")
    assert "Set width to 96 or 112" in told
    assert "model.width came from command line (--model.width); model.heads came from" in told
    with pytest.raises(SettingError, match=r"model.heads came from preset 'tiny'"):
        resolve(preset("tiny"), typed(model_of_width="65"))
    with pytest.raises(SettingError, match=r"model.heads came from the defaults"):
        resolve(typed(model_of_width="100"))


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean tiny"):
        preset("tinny")


def test_settings_loaded_again_remember_their_origins(tmp_path: Path) -> None:
    settings = resolve(preset("tiny"), typed(seed="3")).replacing({"training.steps": 5}, "measured: 3 ms a step")
    path = tmp_path / "settings.toml"
    path.write_text(write_toml(settings), encoding="utf-8")
    again = load_settings(path)
    assert again == settings
    for key in settings.flat():
        assert again.origin(key) == settings.origin(key), key


def test_origins_fed_back_are_not_taken_for_settings(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(write_toml(resolve(preset("tiny"), typed(seed="3"))), encoding="utf-8")
    settings = resolve(file(path))
    assert settings.seed == 3
    assert settings.origin("seed").startswith(f"{path} line ")
    assert not any("origins" in key for key in settings.flat())


def test_settings_cannot_be_changed_in_place_and_replacing_checks_again() -> None:
    settings = resolve()
    with pytest.raises(AttributeError):
        settings.seed = 2  # type: ignore[misc]
    with pytest.raises(SettingError, match="cannot be shared equally"):
        settings.replacing({"model.width": 100}, "test")
    assert settings.replacing({"model.width": 96}, "test").origin("model.width") == "test"
    assert settings.origin("model.width") == "default"


def test_a_rate_that_is_typed_stands_above_a_rate_to_be_found_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text('[optimizer]\nlearning-rate = "find"\n', encoding="utf-8")
    found = resolve(file(path))
    assert found.optimizer.find_rate
    assert found.origin("optimizer.find_rate").startswith(f"{path} line ")
    given = resolve(file(path), typed(optimizer_of_learning_rate="0.01"))
    assert not given.optimizer.find_rate
    assert given.optimizer.learning_rate == 0.01
    assert resolve(typed(optimizer_of_learning_rate="0.01"), file(path)).optimizer.find_rate
    path.write_text(write_toml(found), encoding="utf-8")
    assert resolve(file(path)).optimizer.find_rate, "a run that died while planning still wants its rate found"
