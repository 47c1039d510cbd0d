"""The texts that every Python carries: long enough, without repeats, and the same each time."""

from __future__ import annotations

import pytest

from fogwalk.data.corpus import Corpus
from fogwalk.data.samples import SAMPLES, handbook, python_docs, python_source, sample
from fogwalk.errors import DataError

DIGEST = "7c71e80608c62e30b5113bcf59fa8021deeba64867d4b418c63f019a60459c5b"  # the carried run learned from this


def test_python_docs_are_long_english_text_without_a_repeated_paragraph() -> None:
    text = python_docs()
    assert len(text) > 300_000
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n")]
    assert len(set(paragraphs)) == len(paragraphs)
    assert text.count(" the ") > 1000


def test_python_docs_are_the_same_each_time() -> None:
    assert python_docs() == python_docs()
    assert Corpus(["sample:python-docs"]).digest == Corpus(["sample:python-docs"]).digest


def test_python_source_is_the_standard_library_without_its_tests() -> None:
    text = python_source()
    assert len(text) > 8_000_000
    assert "class ArgumentParser(" in text
    assert "class OrderedDict(" in text
    assert text.count("support.run_unittest") < 5
    assert "class TestBasicOps" not in text
    assert "site-packages" not in text.split("\n")[0]
    assert text == python_source()


def test_the_handbook_is_the_same_everywhere() -> None:
    text = handbook()
    assert text.startswith("The lowest loss")
    assert Corpus(["sample:handbook"]).digest == DIGEST
    assert 140_000 < len(text) < 141_000


def test_an_unknown_sample_names_the_nearest() -> None:
    with pytest.raises(DataError, match="Did you mean sample:python-docs"):
        sample("sample:pyton-docs")
    assert sorted(SAMPLES) == ["sample:handbook", "sample:python-docs", "sample:python-source"]
