"""The range test of the learning rate: its ladder, its choice, and a real one that lands near what trains best."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from fogwalk import trainer
from fogwalk.settings import Source, load_settings, resolve
from fogwalk.training.finder import choose, drawn, rising


def valley(rate: float) -> float:
    """A loss that falls until the rate 0.1 and rises steeply beyond."""
    return 2.0 + 0.3 * abs(math.log10(rate / 0.1)) if rate < 0.1 else 2.0 + 3 * math.log10(rate / 0.1)


def test_rates_rise_by_one_factor() -> None:
    rate = rising(1e-4, 1.0, 5)
    assert [rate(step) for step in range(5)] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0])


def test_the_choice_lies_safely_below_the_lowest_loss() -> None:
    rates = [rising(1e-4, 10.0, 101)(step) for step in range(101)]
    found = choose(rates, [valley(rate) for rate in rates], 0.5, 0.02)
    assert found.edge == pytest.approx(0.1, rel=0.2)
    assert found.rate == pytest.approx(found.edge / 2, rel=0.05)


def test_without_a_curve_the_default_is_kept() -> None:
    assert choose([], [], 0.5, 0.02).rate == 0.02
    assert choose([0.1], [math.nan], 0.5, 0.02).rate == 0.02


def test_the_curve_is_drawn_with_the_choice_marked() -> None:
    rates = [rising(1e-4, 10.0, 101)(step) for step in range(101)]
    lines = drawn(rates, [valley(rate) for rate in rates], 0.05)
    assert all(len(line) <= 56 for line in lines)
    assert sum("·" in line for line in lines) >= 6
    assert any("|" in line for line in lines)
    assert "5.0e-02" in lines[-1]
    assert lines[0].startswith("  3.4")


def test_find_on_the_command_line_trains_at_the_rate_it_found(book: Path, tmp_path: Path) -> None:
    values = {
        "data.path": str(book),
        "out": str(tmp_path / "run"),
        "model.layers": "1",
        "model.width": "32",
        "model.heads": "2",
        "model.context": "32",
        "training.batch": "4",
        "training.steps": "20",
        "training.compile": "off",
        "optimizer.learning_rate": "find",
    }
    told: list[str] = []
    folder = trainer.train(resolve(Source("command line", values)), tell=lambda line: told.append(line.words))
    curve = json.loads((folder.path / "rates.json").read_text(encoding="utf-8"))
    settings = load_settings(folder.settings)
    assert settings.optimizer.learning_rate == curve["rate"]
    assert settings.optimizer.find_rate is False  # fed back, the settings repeat the run and look for nothing
    assert settings.origin("optimizer.learning_rate") == "found by a range test"
    assert 0.001 < curve["rate"] < 0.3  # the default that sweeps found best is 0.02
    assert len(curve["rates"]) == len(curve["losses"]) > 30
    assert any("overshoots" in words for words in told)
    assert folder.foreign() == []
