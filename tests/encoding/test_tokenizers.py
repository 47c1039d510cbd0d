"""Text <-> numbers: nothing is lost on the way, and other tools get the same ids from the saved file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library
from tokenizers import models, pre_tokenizers

from fogwalk.encoding.byte_pairs import END, BytePairs, pieces
from fogwalk.encoding.characters import UNKNOWN, Characters
from fogwalk.encoding.protocol import Tokenizer
from fogwalk.encoding.tokenizers import LARGE, choose, from_file, learn, load, vocabulary_for
from fogwalk.errors import DataError, FogwalkError, RunError, UsageError

UNICODE = st.text(st.characters(exclude_categories=["Cs"]))
LEARNED_FROM = "the cat sat on the mat. " * 300 + "naïve café — 日本語 😀\n\tdef f(x):\r\n    return x\0"
BYTES = BytePairs.bytes()
MERGED = BytePairs.learn([LEARNED_FROM], 290)


@given(UNICODE)
def test_any_unicode_text_comes_back_from_bytes_and_from_merged_pairs(text: str) -> None:
    for tokenizer in (BYTES, MERGED):
        assert tokenizer.decode(tokenizer.encode(text).tolist()) == text
        assert tokenizer.unknown(text) == {}


def test_the_mark_of_an_end_written_in_a_text_comes_back_too() -> None:
    for tokenizer in (BYTES, MERGED):
        assert tokenizer.decode(tokenizer.encode(f"one{END}two").tolist()) == f"one{END}two"
        assert tokenizer.encode(END).tolist() == [tokenizer.end]


def test_bytes_are_one_token_each() -> None:
    text = "naïve 😀\n"
    assert len(BYTES.encode(text)) == len(text.encode())
    assert BYTES.size == 257
    assert BYTES.end == 256


def test_merged_pairs_are_fewer_than_bytes_and_as_many_as_asked_for() -> None:
    assert MERGED.size == 290
    assert len(MERGED.encode(LEARNED_FROM)) < len(LEARNED_FROM.encode()) / 2


@given(st.data())
def test_text_over_their_alphabet_comes_back_from_characters(data: st.DataObject) -> None:
    learned = data.draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50))
    tokenizer = Characters.learn([learned], several=False)
    known = sorted(set(learned) - {UNKNOWN}) or [UNKNOWN]
    text = data.draw(st.text(st.sampled_from(known)))
    assert tokenizer.decode(tokenizer.encode(text).tolist()) == text
    assert tokenizer.unknown(text) == {} or known == [UNKNOWN]
    assert max(tokenizer.encode(text).tolist(), default=0) < tokenizer.size


def test_an_unseen_character_becomes_the_unknown_one_and_is_counted() -> None:
    tokenizer = Characters.learn(["abc"], several=False)
    assert tokenizer.decode(tokenizer.encode("aZb😀b").tolist()) == "a\ufffdb\ufffdb"
    assert tokenizer.unknown("aZb😀bZ") == {"Z": 2, "😀": 1}


def test_several_documents_bring_the_mark_of_an_end() -> None:
    assert Characters.learn(["abc"], several=False).end == -1
    tokenizer = Characters.learn(["abc"], several=True)
    assert tokenizer.alphabet[tokenizer.end] == "\x03"
    assert tokenizer.size == Characters.learn(["abc"], several=False).size + 1


def saved(tokenizer: Tokenizer, folder: Path) -> Library:
    """The library's own tokenizer on the file that was saved."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(folder)
    return Library.from_file(str(folder / "tokenizer.json"))


@given(
    UNICODE
    | st.sampled_from(["<unk>", "a<unk>b", UNKNOWN, "a\ufffd\ufffdb", END, "\r\n", "\0", " \u2028", "e\u0301", ""])
)
def test_the_library_gives_equal_ids_on_the_saved_file(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    base = tmp_path_factory.getbasetemp() / "ids"
    alphabet = Characters.learn(["abc <unk>\n\r\u0301"], several=True)
    for name, tokenizer in {"characters": alphabet, "bytes": BYTES, "bpe": MERGED}.items():
        library = saved(tokenizer, base / name)
        assert library.encode(text).ids == tokenizer.encode(text).tolist(), name


@given(UNICODE)
def test_a_tokenizer_loaded_again_is_the_same(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    base = tmp_path_factory.getbasetemp() / "again"
    for name, tokenizer in {
        "characters": Characters.learn(["abc", text], several=True),
        "bytes": BYTES,
        "bpe": MERGED,
    }.items():
        saved(tokenizer, base / name)
        again = load(base / name)
        assert (again.kind, again.size, again.end) == (name, tokenizer.size, tokenizer.end)
        assert np.array_equal(again.encode(text), tokenizer.encode(text))
        assert again.description() == tokenizer.description()


def test_saved_twice_is_equal_byte_for_byte(tmp_path: Path) -> None:
    for name, tokenizer in {"characters": Characters.learn(["héllo"], several=False), "bpe": MERGED}.items():
        for place in ("one", "other"):
            saved(tokenizer, tmp_path / place / name)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            assert (tmp_path / "one" / name / file).read_bytes() == (tmp_path / "other" / name / file).read_bytes()


def test_the_saved_configuration_names_the_class_and_the_marks(tmp_path: Path) -> None:
    saved(Characters.learn(["abc"], several=True), tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert (config["eos_token"], config["unk_token"]) == ("\x03", UNKNOWN)


def test_small_texts_get_characters_and_large_or_many_lettered_ones_get_pairs() -> None:
    assert choose(["x" * 1000], 60)[0] == "characters"
    assert choose(["x" * LARGE], 60)[0] == "bpe"
    assert choose(["x" * 1000], 1001)[0] == "bpe"
    assert "too small to learn whole words" in choose(["x" * 1000], 60)[1]
    sizes = [vocabulary_for(length) for length in (10, 10**6, 10**7, 3 * 10**7, 10**9)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 16_384


def test_merges_are_learned_from_training_alone_and_the_alphabet_from_the_whole() -> None:
    characters = learn("characters", ["abc"], ["abc", "xyz"], None, several=False)
    assert characters.unknown("xyz") == {}
    one = learn("bpe", [LEARNED_FROM], [LEARNED_FROM, "zyxzyxzyx " * 500], 300, several=False)
    other = learn("bpe", [LEARNED_FROM], [LEARNED_FROM], 300, several=False)
    assert np.array_equal(one.encode("zyxzyx the cat"), other.encode("zyxzyx the cat"))


def test_a_long_text_is_encoded_in_pieces_that_are_the_text() -> None:
    for text in ("a line\n" * 400_000, "x" * 2_500_000, "x" * (1 << 20), ""):
        parts = list(pieces(text))
        assert "".join(parts) == text
        assert all(0 < len(part) <= 1 << 20 for part in parts)


def own(tmp_path: Path) -> Path:
    """A tokenizer.json of the person's own, which cuts and fills texts as one for BERT does."""
    library = Library(models.WordLevel({"[UNK]": 0, "the": 1, "cat": 2, "sat": 3}, unk_token="[UNK]"))
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    library.enable_truncation(2)
    library.enable_padding(length=8)
    path = tmp_path / "own.json"
    library.save(str(path))
    return path


def test_a_persons_own_file_is_used_and_loaded_again_whatever_its_kind(tmp_path: Path) -> None:
    tokenizer = learn(str(own(tmp_path)), [], [], None, several=False)
    assert tokenizer.encode("the cat sat the dog").tolist() == [1, 2, 3, 1, 0]
    saved(tokenizer, tmp_path / "encoding")
    again = load(tmp_path / "encoding")
    assert again.encode("the cat sat the dog").tolist() == [1, 2, 3, 1, 0]
    assert again.size == 4


def test_a_persons_own_file_that_lacks_a_token_for_the_text_says_so(tmp_path: Path) -> None:
    library = Library(models.WordLevel({"the": 0, "cat": 1}, unk_token="[UNK]"))
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    library.save(str(tmp_path / "own.json"))
    tokenizer = from_file(str(tmp_path / "own.json"))
    assert tokenizer.encode("the cat").tolist() == [0, 1]
    with pytest.raises(DataError, match=r"the tokenizer own.json has no token for some of this text"):
        tokenizer.encode("the dog")


@pytest.mark.parametrize("content", ["", "{}", "[1]", "not json", '{"model": {"type": "WordLevel"}}'])
def test_a_file_that_is_no_tokenizer_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"is not a tokenizer.json"):
        from_file(str(path))
    with pytest.raises(RunError, match="is damaged"):
        load(tmp_path)


def test_a_missing_file_of_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"tokenizer.json is missing"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("charaters", "Did you mean characters?"),
        ("bits", "Did you mean bytes?"),
        ("nowhere.json", "Name a tokenizer.json that exists."),
        ("x" * 300, "Name a tokenizer.json that exists."),
    ],
)
def test_an_unknown_name_names_the_nearest(name: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_file(name)
    assert words in str(caught.value)
    assert isinstance(caught.value, FogwalkError)
