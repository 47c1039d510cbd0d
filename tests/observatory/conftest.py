"""The page's server, asked without a network about the runs of tests/conftest.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from fogwalk.observatory.server import application


@pytest.fixture
def page(shelf: Path) -> Iterator[TestClient]:
    """Asks as a browser on this machine would."""
    with TestClient(application(shelf), base_url="http://127.0.0.1:8777") as client:
        yield client
