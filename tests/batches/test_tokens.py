"""Tokens on the disk: encoded once, checked on opening, and in memory where nothing can be kept."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fogwalk.batches import tokens
from fogwalk.batches.tokens import Stream, cache_folder, tokenise
from fogwalk.encoding.characters import Characters
from fogwalk.encoding.protocol import Ids
from fogwalk.runs.publish import problems

PARTS = {"training": ["abc", "cab"], "validation": ["ba"]}


class Counting(Characters):
    """A tokenizer that counts how often it was asked, and can claim to be large."""

    asked = 0

    def encode(self, text: str) -> Ids:
        self.asked += 1
        return super().encode(text)


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def tokenizer() -> Counting:
    """The alphabet a, b, c and the mark of an end."""
    found = Counting.learn(["abc"], several=True)
    assert isinstance(found, Counting)
    return found


@pytest.fixture
def encoding(tokenizer: Counting, tmp_path: Path) -> Path:
    """The folder the tokenizer is saved in."""
    folder = tmp_path / "encoding"
    folder.mkdir()
    tokenizer.save(folder)
    return folder


def text_of(stream: Stream, tokenizer: Counting) -> str:
    """The characters of a stream."""
    return tokenizer.decode(stream.tolist())


def test_each_part_is_its_texts_in_order_each_ended_where_there_are_several(
    tokenizer: Counting, encoding: Path
) -> None:
    streams = tokenise(PARTS, tokenizer, encoding, several=True)
    assert text_of(streams["training"], tokenizer) == "abc\x03cab\x03"
    assert text_of(streams["validation"], tokenizer) == "ba\x03"
    streams = tokenise(PARTS, tokenizer, encoding, several=False)
    assert text_of(streams["training"], tokenizer) == "abccab"


def test_the_second_time_nothing_is_encoded(tokenizer: Counting, encoding: Path) -> None:
    one = tokenise(PARTS, tokenizer, encoding, several=True)
    asked = tokenizer.asked
    other = tokenise(PARTS, tokenizer, encoding, several=True)
    assert tokenizer.asked == asked == 3
    assert isinstance(other["training"], np.memmap)
    assert np.array_equal(one["training"], other["training"])


def test_another_text_another_split_or_another_tokenizer_is_encoded_anew(
    tokenizer: Counting, encoding: Path, tmp_path: Path
) -> None:
    tokenise(PARTS, tokenizer, encoding, several=True)
    for parts in (
        {"training": ["abc", "cab"], "validation": ["ab"]},
        {"training": ["abccab"], "validation": ["ba"]},
        {"training": ["abc"], "validation": ["cab", "ba"]},
    ):
        before = tokenizer.asked
        tokenise(parts, tokenizer, encoding, several=True)
        assert tokenizer.asked > before
    other = Counting("\ufffdcba\x03")
    (tmp_path / "other").mkdir()
    other.save(tmp_path / "other")
    streams = tokenise(PARTS, other, tmp_path / "other", several=True)
    assert text_of(streams["training"], other) == "abc\x03cab\x03"
    assert len(list(cache_folder().iterdir())) == 5


@pytest.mark.parametrize("harm", ["flipped", "cut", "missing", "manifest"])
def test_a_damaged_cache_is_built_anew(tokenizer: Counting, encoding: Path, harm: str) -> None:
    tokenise(PARTS, tokenizer, encoding, several=True)
    (place,) = cache_folder().iterdir()
    file = place / ("manifest.json" if harm == "manifest" else "training.bin")
    content = bytearray(file.read_bytes())
    file.unlink()
    if harm != "missing":
        content[0] ^= 1
        file.write_bytes(content[:-2] if harm == "cut" else content)
    streams = tokenise(PARTS, tokenizer, encoding, several=True)
    assert text_of(streams["training"], tokenizer) == "abc\x03cab\x03"
    assert problems(place) == []
    assert [entry.name for entry in cache_folder().iterdir()] == [place.name]


def test_where_no_cache_can_be_kept_the_tokens_stay_in_memory(
    tokenizer: Counting, encoding: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    streams = tokenise(PARTS, tokenizer, encoding, several=True)
    assert not isinstance(streams["training"], np.memmap)
    assert streams["training"].dtype == np.uint16
    assert text_of(streams["training"], tokenizer) == "abc\x03cab\x03"


def test_a_full_disk_leaves_the_tokens_in_memory_and_nothing_in_the_cache(
    tokenizer: Counting, encoding: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("fogwalk.runs.publish.os.fsync", fail)
    streams = tokenise(PARTS, tokenizer, encoding, several=True)
    assert text_of(streams["validation"], tokenizer) == "ba\x03"
    assert list(cache_folder().iterdir()) == []


@pytest.mark.parametrize(("size", "kind"), [(65_536, np.uint16), (65_537, np.uint32), (200_000, np.uint32)])
def test_ids_take_two_bytes_as_long_as_they_fit(tokenizer: Counting, encoding: Path, size: int, kind: type) -> None:
    tokenizer.size = size
    streams = tokenise(PARTS, tokenizer, encoding, several=True)
    assert streams["training"].dtype == kind
    assert streams["training"].nbytes == 8 * np.dtype(kind).itemsize


def test_an_empty_part_is_an_empty_stream(tokenizer: Counting, encoding: Path) -> None:
    for _ in range(2):
        streams = tokenise({"training": ["abc"], "validation": []}, tokenizer, encoding, several=False)
        assert len(streams["validation"]) == 0


def test_two_processes_that_tokenise_one_text_do_not_disturb_each_other(
    tokenizer: Counting, encoding: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The second begins, and ends, while the first is in the middle of writing.
    encoded, first = tokens._encoded, iter([True])

    def interrupted(*arguments: object) -> Iterator[Ids]:
        for number, ids in enumerate(encoded(*arguments)):  # type: ignore[arg-type]
            if number == 1 and next(first, False):
                with monkeypatch.context() as patch:
                    patch.setattr(os, "getpid", lambda: 1)
                    tokenise(PARTS, tokenizer, encoding, several=True)
            yield ids

    monkeypatch.setattr(tokens, "_encoded", interrupted)
    streams = tokenise(PARTS, tokenizer, encoding, several=True)
    assert text_of(streams["training"], tokenizer) == "abc\x03cab\x03"
    (place,) = cache_folder().iterdir()
    assert problems(place) == []


def test_what_a_killed_process_left_is_removed_after_a_day(tokenizer: Counting, encoding: Path) -> None:
    for name, age in (("old", 2), ("new", 0)):
        folder = cache_folder() / f".unfinished-1-{name}"
        folder.mkdir(parents=True)
        when = time.time() - age * 86_400
        os.utime(folder, (when, when))
    tokenise(PARTS, tokenizer, encoding, several=True)
    assert {entry.name for entry in cache_folder().glob(".*")} == {".unfinished-1-new"}
