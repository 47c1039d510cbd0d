"""The finder of the learning rate: its search, its choice, and a real one that lands near what trains best."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from fogwalk import trainer
from fogwalk.settings import Source, load_settings, resolve
from fogwalk.training.finder import FARTHEST, drawn, lowest, search


def valley(rate: float) -> float:
    """A loss that falls until the rate 0.1 and rises beyond, over the logarithm of the rate."""
    return 2.0 + math.log10(rate / 0.1) ** 2


@pytest.mark.parametrize("best", [0.0005, 0.004, 0.02, 0.05, 3.0])
def test_the_lowest_place_of_a_smooth_valley_is_found_wherever_it_lies(best: float) -> None:
    tried = search(lambda rate: math.log(rate / best) ** 2, default=0.02)
    assert lowest(tried) == pytest.approx(best, rel=0.03)
    assert len(tried) <= 10


def test_a_rate_that_diverges_is_a_neighbour_and_no_place_to_look_further() -> None:
    tried = search(lambda rate: valley(rate) if rate < 0.15 else math.inf, default=0.02)
    assert 0.05 < lowest(tried) < 0.15
    assert len(tried) <= 8


def test_where_the_first_rates_diverge_colder_ones_are_tried() -> None:
    tried = search(lambda rate: valley(rate * 1000) if rate < 0.004 else math.inf, default=0.02)
    assert 0.00005 < lowest(tried) < 0.0002


def test_where_every_rate_diverges_the_search_ends_at_the_coldest() -> None:
    tried = search(lambda rate: math.inf, default=0.02)
    assert min(tried) == pytest.approx(0.02 / FARTHEST)
    assert len(tried) <= 8


def test_no_rate_is_tried_once_the_time_is_up() -> None:
    times = iter([False, False, True])
    assert sorted(search(valley, 0.02, lambda: next(times))) == [0.005, 0.02, 0.08]


def test_the_search_ends_on_a_loss_that_only_falls() -> None:
    assert len(search(lambda rate: -rate, default=0.02)) <= 9


def test_the_curve_is_drawn_with_the_choice_marked() -> None:
    rates = tuple(0.02 * 2.0**power for power in range(-4, 5))
    losses = (*(valley(rate) for rate in rates[:-1]), None)
    lines = drawn(rates, losses, 0.1)
    assert all(len(line) <= 56 for line in lines)
    assert sum(line.count("·") for line in lines) == 8
    assert lines[0].endswith("↑"), "the one that diverged"
    assert any("|" in line for line in lines)
    assert "1.0e-01" in lines[-1]


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
    assert settings.origin("optimizer.learning_rate") == "found by trying rates"
    assert 0.001 < curve["rate"] < 0.3  # the default that sweeps found best is 0.02
    assert len(curve["rates"]) == len(curve["losses"]) >= 5
    assert any("overshoots" in words for words in told)
    assert folder.foreign() == []
