"""Choices that do nothing are said; those that do something, and defaults, are not."""

from __future__ import annotations

import pytest

from fogwalk.settings import Source, preset, resolve, unused


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"optimizer.name": "sgd", "optimizer.beta1": "0.5"}, "optimizer.beta1"),
        ({"optimizer.name": "adamw", "optimizer.momentum": "0.5"}, "optimizer.momentum"),
        ({"optimizer.name": "adamw", "optimizer.other_learning_rate": "0.1"}, "optimizer.other-learning-rate"),
        ({"optimizer.schedule": "cosine", "optimizer.decay": "0.3"}, "optimizer.decay"),
        ({"data.tokenizer": "characters", "data.vocabulary": "500"}, "data.vocabulary"),
        ({"data.size": "32"}, "data.size"),
        ({"data.augment": "none"}, "data.augment"),
        ({"model.normalisation": "none", "model.norm_place": "after"}, "model.norm-place"),
    ],
)
def test_a_choice_that_does_nothing_is_said_with_what_it_goes_with(values: dict[str, str], key: str) -> None:
    (told,) = unused(resolve(Source("command line", values)))
    assert told.startswith(f"{key} does nothing here")
    assert f"--{key}" in told


def test_choices_that_count_defaults_and_presets_are_not_remarked_on() -> None:
    assert unused(resolve()) == []
    assert unused(resolve(preset("gpt2-style"))) == []
    values = {"optimizer.name": "muon", "optimizer.momentum": "0.9", "optimizer.beta1": "0.8", "data.vocabulary": "900"}
    assert unused(resolve(Source("command line", values))) == []
