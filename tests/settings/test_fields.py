"""One setting: its type, its limits, and the words that say what they are."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fogwalk.errors import SettingError
from fogwalk.settings import Mlp, Optimizer, Settings, Source, Training, Transformer, declared, resolve
from fogwalk.settings.fields import convert, flag, range_in_words


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "inf", "-inf", "1e9", 0, -0.5, math.nan, math.inf])
def test_a_rate_that_is_zero_negative_or_no_number_is_refused(rate: Any) -> None:
    with pytest.raises(SettingError, match=r"optimizer.learning-rate cannot be") as caught:
        resolve(Source("command line", {"optimizer.learning_rate": rate}))
    assert "above 0 and at most 1,000." in str(caught.value)
    assert "optimizer.learning-rate came from command line (--optimizer.learning-rate)." in str(caught.value)


@pytest.mark.parametrize(
    ("group", "values", "words"),
    [
        (Transformer, {"width": 100, "heads": 8}, "width 100 cannot be shared equally by 8 heads"),
        (Transformer, {"width": 9, "heads": 3}, "an odd number"),
        (Transformer, {"heads": 3, "key_value_heads": 2}, "3 heads cannot share 2 key-value heads"),
        (Transformer, {"dropout": 1.0}, "model.dropout cannot be 1"),
        (Transformer, {"layers": 0}, "It must be at least 1 and at most 1,000"),
        (Mlp, {"hidden": ()}, "model.hidden is empty"),
        (Mlp, {"hidden": (8, 0)}, "model.hidden cannot be 0"),
        (Mlp, {"activation": "gated-silu"}, "model.activation cannot be 'gated-silu'"),
        (Optimizer, {"warmup": 0.6, "decay": 0.5}, "more than the whole run"),
        (Training, {"batch": 16, "accumulate": 3}, "cannot be cut into 3 equal portions"),
        (Training, {"keep": 1}, "training.keep cannot be 1"),
    ],
)
def test_settings_are_checked_where_they_are_made(group: type, values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError) as caught:
        group(**values)
    assert words in str(caught.value)


def test_an_odd_head_is_fine_without_rotary_positions() -> None:
    assert Transformer(width=9, heads=3, positions="learned").width == 9


def test_warm_up_and_decay_may_overlap_where_the_schedule_has_no_decay() -> None:
    assert Optimizer(schedule="cosine", warmup=0.7).warmup == 0.7


def test_the_nearest_choice_is_named_beside_all_of_them() -> None:
    with pytest.raises(SettingError) as caught:
        Transformer(positions="rotery")
    told = str(caught.value)
    assert "Did you mean rotary?" in told
    assert "It can be: rotary, learned, sinusoidal, alibi, none." in told


@given(st.integers(-(10**9), 10**9))
def test_whole_numbers_come_back_from_their_text(number: int) -> None:
    assert convert("seed", str(number), int, False) == number
    assert convert("seed", f"{number:_}", int, False) == number


@given(st.floats(allow_nan=False))
def test_numbers_come_back_from_their_text(number: float) -> None:
    assert convert("minutes", repr(number), float, True) == number


@pytest.mark.parametrize("value", ["1.5", "", "abc", "nan", "inf", "1e999", "0x10", True, 1.0, None, [1]])
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(SettingError, match="a whole number"):
        convert("seed", value, int, False)


@pytest.mark.parametrize("value", ["a\0b", "\udcff", 3, None, True])
def test_what_is_no_text_a_file_could_hold_is_refused(value: Any) -> None:
    with pytest.raises(SettingError, match=r"data.path cannot be"):
        convert("data.path", value, str, False)


def test_none_is_kept_where_a_setting_may_be_left_open() -> None:
    assert convert("minutes", None, float, True) is None


def test_only_what_is_open_by_default_may_be_left_open() -> None:
    # A file cannot say None: what it leaves out is the default.
    defaults = Settings().flat() | {f"model.{key}": value for key, value in vars(Mlp()).items()}
    assert [key for key, item in declared().items() if item.optional and defaults[key] is not None] == []


def test_limits_are_told_in_words() -> None:
    limits = {"least": 0, "above": None, "most": 2**63 - 1, "below": None}
    assert range_in_words(limits) == "at least 0 and at most 9,223,372,036,854,775,807"
    assert range_in_words(dict.fromkeys(limits)) == ""


def test_a_flag_is_spelled_with_dashes_and_no_two_settings_share_one() -> None:
    assert flag("training.save_every") == "training.save-every"
    flags = [item.flag for item in declared().values()]
    assert len(set(flags)) == len(flags)
    assert not any("_" in spelled for spelled in flags)


def test_only_what_leaves_a_steps_arithmetic_alone_may_change_on_resume() -> None:
    resumable = {key for key, item in declared().items() if item.resumable}
    assert resumable == {
        *("data.path", "device"),  # the text is compared by its digest
        *("training.steps", "training.stop_below", "training.save_every", "training.keep"),
        "insight.every",
    }


def test_huge_numbers_are_refused_and_not_choked_on() -> None:
    with pytest.raises(SettingError, match="It must be"):
        Settings(seed=10**400)
    with pytest.raises(SettingError, match="a number"):
        resolve(Source("test", {"minutes": 10**400}))
