"""The tutorial's pictures: each that `make pictures` takes is there, is small, and is shown with words on what is seen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from docs.pictures import MOST_BYTES, MOST_OF_ALL, PICTURES, PLACE, WIDE, Picture

TUTORIAL = (Path(__file__).parents[1] / "docs" / "tutorial.md").read_text(encoding="utf-8")
SHOWN = {name: words for words, name in re.findall(r"!\[([^\]]*)\]\(pictures/([\w-]+)\.png\)", TUTORIAL)}


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.name)
def test_a_picture_is_there_small_and_told_in_words(picture: Picture) -> None:
    file = PLACE / f"{picture.name}.png"
    assert file.stat().st_size < MOST_BYTES, "run: make pictures"
    with Image.open(file) as image:
        assert image.width == WIDE
        assert len(image.getcolors(WIDE * image.height) or []) > 5, "it is not blank"
    assert len(SHOWN[picture.name]) > 40


def test_no_other_picture_lies_about_and_all_are_small() -> None:
    files = list(PLACE.iterdir())
    assert {file.stem for file in files} == {picture.name for picture in PICTURES} == set(SHOWN)
    assert sum(file.stat().st_size for file in files) < MOST_OF_ALL
