"""What the page is told of one step is what `explain` has and what torch computes; a wrong question is answered in words."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from fogwalk import load
from fogwalk.insight import nudge

NAMES = ["book", "moons", "digits"]


@pytest.mark.parametrize("name", NAMES)
def test_a_weight_moved_and_tried_is_what_insight_finds(name: str, page: TestClient, shelf: Path) -> None:
    step = load(shelf / name).explain(7).step
    told = page.get(f"/api/runs/{name}/steps/7/nudge?name=head.weight&at=1,2").json()
    assert told["gradient"] == float(step.moved["head.weight"].gradient[1, 2])
    assert told["slope"] == pytest.approx(told["gradient"], rel=1e-2)
    assert told["slope"] == (told["up"] - told["down"]) / (2 * told["h"])
    assert page.get(f"/api/runs/{name}/steps/7/nudge?name=head.weight&at=1,2&by=0.01").json()["h"] == 0.01
    told = page.get(f"/api/runs/{name}/steps/7/tried?name=head.weight&at=1,2&value=-0.7").json()
    found = nudge.tried(step, "head.weight", (1, 2), -0.7)
    assert told == {"loss": found.loss, "value": -0.7, "old": found.old, "before": found.before}


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nudge?name=hed.weight&at=0,0", "Did you mean head.weight"),
        ("nudge?name=head.weight&at=0", "has no entry [0]"),
        ("nudge?name=head.weight&at=0,x", "at cannot be '0,x'"),
        ("nudge?name=head.weight&at=0,0&by=far", "by cannot be 'far'"),
        ("nudge?name=head.weight&at=0,0&by=-1", "a number above 0"),
        ("tried?name=head.weight&at=0,0", "no value is given"),
        ("tried?name=head.weight&at=0,0&value=inf", "It is a number"),
    ],
)
def test_a_weight_that_cannot_be_moved_is_told(address: str, words: str, page: TestClient) -> None:
    answer = page.get(f"/api/runs/moons/steps/7/{address}")
    assert answer.status_code == 404
    assert words in answer.json()["error"]
