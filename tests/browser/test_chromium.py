"""Without a browser nothing is skipped: it is said in one sentence how to come by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import chromium


def test_without_a_browser_it_is_said_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(chromium.NoBrowser, match="apt-get install chromium"):
        chromium.executable()
    assert chromium.main() == 1, "no apt-get is on this PATH"
    assert "make test CHROMIUM=" in capsys.readouterr().err
    with pytest.raises(chromium.NoBrowser, match="apt-get install chromium"), chromium.chromium():
        pass


def test_a_browser_that_is_named_is_taken_and_a_wrong_name_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    mine.write_text("#!/bin/sh\n", encoding="utf-8")
    mine.chmod(0o755)
    monkeypatch.setenv("CHROMIUM", str(mine))
    assert chromium.executable() == str(mine)
    monkeypatch.setenv("CHROMIUM", str(tmp_path / "none"))
    with pytest.raises(chromium.NoBrowser, match="which is no program"):
        chromium.executable()
