"""Tokens on the disk: encoded once in a stream, equal to the whole text's, and checked on opening."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogwalk.batches import tokens
from fogwalk.batches.tokens import Stream, tokenise
from fogwalk.cache import cache_folder
from fogwalk.data import decoding
from fogwalk.data.corpus import Corpus
from fogwalk.data.split import Split, sides
from fogwalk.encoding.byte_pairs import BytePairs
from fogwalk.encoding.characters import Characters
from fogwalk.encoding.protocol import Ids, Tokenizer
from fogwalk.runs.publish import problems

HELD = Split(held=(2,))


class Counting(Characters):
    """A tokenizer that counts how often it was asked."""

    asked = 0

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        self.asked += 1
        return super().encode_many(texts)

    def encode(self, text: str) -> Ids:
        self.asked += 1
        return super().encode(text)


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def tokenizer() -> Counting:
    """The alphabet a, b, c and the mark of an end."""
    found = Counting.learn("abc", several=True)
    assert isinstance(found, Counting)
    return found


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Three documents, the last of them held back."""
    (tmp_path / "texts").mkdir()
    for name, text in (("1", "abc"), ("2", "cab"), ("3", "ba")):
        (tmp_path / "texts" / name).write_text(text)
    return tmp_path / "texts"


def text_of(stream: Stream, tokenizer: Tokenizer) -> str:
    """The characters of a stream."""
    return tokenizer.decode(stream.tolist())


def kept(place: Path, tokenizer: Tokenizer, split: Split = HELD, several: bool = True) -> tokens.Tokens:
    """The tokens of a folder."""
    return tokenise(Corpus([str(place)]), split, several, tokenizer)


def test_each_side_is_its_texts_in_order_each_ended_where_there_are_several(tokenizer: Counting, texts: Path) -> None:
    found = kept(texts, tokenizer)
    assert text_of(found.training, tokenizer) == "abc\x03cab\x03"
    assert text_of(found.validation, tokenizer) == "ba\x03"
    assert text_of(kept(texts, tokenizer, several=False).training, tokenizer) == "abccab"
    assert (found.counts["training"].tokens, found.counts["training"].characters) == (8, 6)
    assert found.counts["validation"].opening == "ba"


def test_very_many_short_documents_are_taken_in_portions_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "many.jsonl").write_text('"a"\n' * 1000)
    monkeypatch.setattr(tokens, "_AT_ONCE", 5_000)
    portions = list(tokens._portions(Corpus([str(tmp_path / "many.jsonl")]), Split()))
    assert sum(map(len, portions)) == 1000
    assert max(map(len, portions)) <= 50, "a document takes its place in memory, however short its text"
    found = kept(tmp_path / "many.jsonl", Characters.learn("a", several=True), Split())
    assert found.counts["training"].opening == "a", "documents do not run into one another"


def test_the_second_time_nothing_is_encoded(tokenizer: Counting, texts: Path) -> None:
    one = kept(texts, tokenizer)
    asked = tokenizer.asked
    assert asked
    other = kept(texts, tokenizer)
    assert tokenizer.asked == asked
    assert isinstance(other.training, np.memmap)
    assert np.array_equal(one.training, other.training)
    assert one.counts == other.counts


def test_another_text_another_split_or_another_tokenizer_is_encoded_anew(tokenizer: Counting, texts: Path) -> None:
    asked = [tokenizer.asked]
    for split, several, content in (
        (HELD, True, "ba"),
        (Split(held=(1,)), True, "ba"),
        (HELD, False, "ba"),
        (HELD, True, "ab"),
    ):
        (texts / "3").write_text(content)
        kept(texts, tokenizer, split, several)
        asked.append(tokenizer.asked)
    assert sorted(set(asked)) == asked, "each anew"
    other = Counting("\ufffdcba\x03")
    assert text_of(kept(texts, other).training, other) == "abc\x03cab\x03"
    assert len(list((cache_folder() / "tokens").iterdir())) == 5


@pytest.mark.parametrize("harm", ["flipped", "cut", "missing", "manifest"])
def test_a_damaged_cache_is_built_anew(tokenizer: Counting, texts: Path, harm: str) -> None:
    kept(texts, tokenizer)
    (place,) = (cache_folder() / "tokens").iterdir()
    file = place / ("manifest.json" if harm == "manifest" else "training.bin")
    content = bytearray(file.read_bytes())
    file.unlink()
    if harm != "missing":
        content[0] ^= 1
        file.write_bytes(content[:-2] if harm == "cut" else content)
    assert text_of(kept(texts, tokenizer).training, tokenizer) == "abc\x03cab\x03"
    assert problems(place) == []
    assert [entry.name for entry in place.parent.iterdir()] == [place.name]


@pytest.mark.parametrize(("size", "kind"), [(65_536, np.uint16), (65_537, np.uint32), (200_000, np.uint32)])
def test_ids_take_two_bytes_as_long_as_they_fit(tokenizer: Counting, texts: Path, size: int, kind: type) -> None:
    tokenizer.size = size
    found = kept(texts, tokenizer)
    assert found.training.dtype == kind
    assert found.training.nbytes == 8 * np.dtype(kind).itemsize


def test_an_empty_side_is_an_empty_stream(tokenizer: Counting, texts: Path) -> None:
    for _ in range(2):
        assert len(kept(texts, tokenizer, Split()).validation) == 0


LEARNED = BytePairs.learn(["the cat sat on the mat.\nthe hat is fat.\n" * 50], 300)
TOKENIZERS: dict[str, Callable[[], Tokenizer]] = {
    "characters": lambda: Characters.learn("the catson.\nmé", several=True),
    "bytes": BytePairs.bytes,
    "bpe": lambda: LEARNED,
}


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(deadline=None, max_examples=40)
@given(
    texts=st.lists(
        st.lists(
            st.sampled_from(["the cat", " ", "\n", "\n\n", "sat.", "é", "\r\n", "'s", "  on", "<|endoftext", "|>"]),
            max_size=30,
        ).map(lambda parts: "a" + "".join(parts)),
        min_size=1,
        max_size=6,
    ),
    piece=st.integers(1, 40),
    together=st.integers(1, 100),
    cut=st.integers(0, 60),
)
def test_a_streamed_corpus_has_the_tokens_of_its_whole_documents(
    name: str, texts: list[str], piece: int, together: int, cut: int
) -> None:
    tokenizer = TOKENIZERS[name]()
    split = Split(cut_document=0, cut=cut, held=(2, 3, 5))
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", f"{place}/cache")
        folder = Path(place, "texts")
        folder.mkdir()
        for number, text in enumerate(texts):
            (folder / str(number)).write_bytes(text.encode())
        whole: dict[tuple[bool, int], str] = {}
        for held, part in sides(Corpus([str(folder)]), split):
            whole[held, part.document] = whole.get((held, part.document), "") + part.text
        patch.setattr(decoding, "PIECE", piece)
        patch.setattr(tokens, "_AT_ONCE", together)
        found = kept(folder, tokenizer, split)
        for held, stream in ((False, found.training), (True, found.validation)):
            wanted = [[*tokenizer.encode(text), tokenizer.end] for (side, _), text in whole.items() if side == held]
            assert stream.tolist() == [number for ids in wanted for number in ids]


@pytest.mark.parametrize("name", ["characters", "bytes"])
def test_validation_ends_at_its_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(tokens, "MOST_SCORED", 50)
    tokenizer = TOKENIZERS[name]()
    (tmp_path / "texts").mkdir()
    for number, text in enumerate(["the cat\n" * 9, "the mat " * 99, "sat.\n"]):
        (tmp_path / "texts" / str(number)).write_text(text)
    found = kept(tmp_path / "texts", tokenizer, Split(held=(1, 2)))
    held = found.counts["validation"].tokens
    assert 45 <= held <= 50
    assert text_of(found.validation, tokenizer) == ("the mat " * 99)[:held]
    assert found.counts["validation"].characters == held
    assert len(found.training) == 73
    found = kept(tmp_path / "texts", tokenizer, Split(held=(2, 0)))
    assert 45 <= found.counts["validation"].tokens <= 50, "the first document is cut, and what follows is left out"
