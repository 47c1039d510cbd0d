"""Scores and losses equal scikit-learn's and torch's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from fogwalk.objectives.losses import class_loss, number_loss
from fogwalk.objectives.scores import confusion, of_classes, of_numbers


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(8, 60))
def test_scores_of_classes_are_those_of_scikit_learn(seed: int, classes: int, rows: int) -> None:
    chance = np.random.default_rng(seed)
    right = np.concatenate([np.arange(classes), chance.integers(0, classes, rows)])
    chances = chance.dirichlet(np.ones(classes), len(right)).round(2 if seed % 2 else 12) + 1e-9
    chances /= chances.sum(1, keepdims=True)
    told = chances.argmax(1)
    found = of_classes(right, chances)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(right, told))
    assert found["balanced accuracy"] == pytest.approx(metrics.balanced_accuracy_score(right, told))
    assert found["F1"] == pytest.approx(metrics.f1_score(right, told, average="macro"))
    scores = chances[:, 1] if classes == 2 else chances
    assert found["ROC AUC"] == pytest.approx(metrics.roc_auc_score(right, scores, multi_class="ovr"))
    assert found["cross-entropy"] == pytest.approx(metrics.log_loss(right, chances, labels=range(classes)), rel=1e-6)
    assert (confusion(right, told, classes) == metrics.confusion_matrix(right, told, labels=range(classes))).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 50))
def test_scores_of_numbers_are_those_of_scikit_learn(seed: int, rows: int) -> None:
    right, told = np.random.default_rng(seed).normal(0, 10, (2, rows))
    found = of_numbers(right, told)
    assert found["RMSE"] == pytest.approx(metrics.root_mean_squared_error(right, told))
    assert found["MAE"] == pytest.approx(metrics.mean_absolute_error(right, told))
    assert found["R²"] == pytest.approx(metrics.r2_score(right, told))


def test_what_cannot_be_told_is_not_a_number() -> None:
    one_class = of_classes(np.zeros(3, dtype=np.int64), np.full((3, 2), 0.5))
    assert math.isnan(one_class["ROC AUC"])
    assert math.isnan(of_numbers(np.ones(3), np.ones(3))["R²"])


def test_the_loss_of_classes_is_what_its_formula_says() -> None:
    logits, targets = (
        torch.randn(7, 3, generator=torch.Generator().manual_seed(0)).double().float(),
        torch.arange(7) % 3,
    )
    chances = logits.double().softmax(1)
    each = -chances[range(7), targets].log()
    assert float(class_loss(logits, targets)) == pytest.approx(float(each.mean()), rel=1e-6)
    weights = torch.tensor([1.0, 2.0, 4.0])
    weighted = (each * weights[targets]).sum() / weights[targets].sum()
    assert float(class_loss(logits, targets, weights)) == pytest.approx(float(weighted), rel=1e-6)
    smooth = 0.9 * each.mean() - 0.1 * chances.log().mean()
    assert float(class_loss(logits, targets, None, 0.1)) == pytest.approx(float(smooth), rel=1e-6)


def test_the_losses_of_numbers_are_what_their_formulas_say() -> None:
    off = torch.tensor([0.5, -2.0, 0.0])
    zero = torch.zeros(3)
    assert float(number_loss("mean-squared", off, zero)) == pytest.approx((0.25 + 4) / 3)
    assert float(number_loss("mean-absolute", off, zero)) == pytest.approx(2.5 / 3)
    assert float(number_loss("huber", off, zero)) == pytest.approx((0.125 + 1.5) / 3)


@pytest.mark.parametrize("name", ["mean-squared", "mean-absolute", "huber"])
def test_gradients_of_number_losses_match_finite_differences(name: str) -> None:
    outputs = torch.tensor([0.3, -1.7, 2.2], dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64)

    def loss(values: torch.Tensor) -> torch.Tensor:
        losses = {"mean-squared": torch.nn.functional.mse_loss, "mean-absolute": torch.nn.functional.l1_loss}
        return losses.get(name, torch.nn.functional.huber_loss)(values, targets)

    ours = outputs.detach().float().requires_grad_()
    found = number_loss(name, ours, targets.float())
    found.backward()
    assert float(found.detach()) == pytest.approx(float(loss(outputs.detach())), rel=1e-6)
    assert ours.grad is not None
    for place in range(len(outputs)):
        step = torch.zeros_like(outputs)
        step[place] = 1e-6
        wanted = float(loss(outputs.detach() + step) - loss(outputs.detach() - step)) / 2e-6
        assert float(ours.grad[place]) == pytest.approx(wanted, rel=1e-4)
