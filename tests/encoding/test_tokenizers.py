"""Text <-> numbers: nothing is lost on the way, and other tools get the same ids from the saved file."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library
from tokenizers import decoders, models, pre_tokenizers, processors

from benchmarks import sweeps
from fogwalk.encoding import byte_pairs
from fogwalk.encoding.byte_pairs import END, BytePairs, pieces
from fogwalk.encoding.characters import UNKNOWN, Characters
from fogwalk.encoding.protocol import LONGEST, Tokenizer, safe_cut
from fogwalk.encoding.tokenizers import LARGE, choose, from_file, learn, load, vocabulary_for
from fogwalk.errors import DataError, FogwalkError, RunError, UsageError

SWEEPS = Path(sweeps.__file__).parent
UNICODE = st.text(st.characters(exclude_categories=["Cs"]))
LEARNED_FROM = "the cat sat on the mat. " * 300 + "naïve café — 日本語 😀\n\tdef f(x):\r\n    return x\0"
BYTES = BytePairs.bytes()
MERGED = BytePairs.learn([LEARNED_FROM], 290)


@given(UNICODE)
def test_any_unicode_text_comes_back_from_bytes_and_from_merged_pairs(text: str) -> None:
    for tokenizer in (BYTES, MERGED):
        assert tokenizer.decode(tokenizer.encode(text).tolist()) == text
        assert tokenizer.unknown(text) == {}


def test_a_hundred_thousand_random_strings_come_back() -> None:
    chance = random.Random(0)
    planes = ((0, 0x7F), (0, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF))
    texts = []
    for _ in range(100_000):
        low, high = chance.choice(planes)
        texts.append("".join(chr(chance.randint(low, high)) for _ in range(chance.randint(0, 12))))
    for tokenizer in (BYTES, MERGED):
        for text, ids in zip(texts, tokenizer.encode_many(texts), strict=True):
            assert tokenizer.decode(ids.tolist()) == text


def test_the_mark_of_an_end_written_in_a_text_comes_back_too() -> None:
    for tokenizer in (BYTES, MERGED):
        assert tokenizer.decode(tokenizer.encode(f"one{END}two").tolist()) == f"one{END}two"
        assert tokenizer.encode(END).tolist() == [tokenizer.end]


def test_a_mark_that_joins_texts_is_read_as_their_end_and_cuts_them(tmp_path: Path) -> None:
    texts = ["one two", "", " three\n", "<|endoftext|", "|>\n\n", "x  "]
    for tokenizer in (BYTES, MERGED, Characters.learn("".join(texts), several=True)):
        saved(tokenizer, tmp_path / tokenizer.kind)
        for same in (tokenizer, load(tmp_path / tokenizer.kind)):
            assert same.mark is not None
            apart = [number for text in texts for number in [*same.encode(text).tolist(), same.end]]
            assert same.encode("".join(text + same.mark for text in texts)).tolist() == apart
    assert Characters.learn("ab", several=False).mark is None
    for name, made in own_files().items():
        assert not isinstance(made, Library) or BytePairs(made).mark is None, f"who knows how {name} cuts"


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
    tokenizer = Characters.learn(learned, several=False)
    known = sorted(set(learned) - {UNKNOWN}) or [UNKNOWN]
    text = data.draw(st.text(st.sampled_from(known)))
    assert tokenizer.decode(tokenizer.encode(text).tolist()) == text
    assert tokenizer.unknown(text) == {} or known == [UNKNOWN]
    assert max(tokenizer.encode(text).tolist(), default=0) < tokenizer.size


def test_an_unseen_character_becomes_the_unknown_one_and_is_counted() -> None:
    tokenizer = Characters.learn("abc", several=False)
    assert tokenizer.decode(tokenizer.encode("aZb😀b").tolist()) == "a\ufffdb\ufffdb"
    assert tokenizer.unknown("aZb😀bZ") == {"Z": 2, "😀": 1}


def test_several_documents_bring_the_mark_of_an_end() -> None:
    assert Characters.learn("abc", several=False).end == -1
    tokenizer = Characters.learn("abc", several=True)
    assert tokenizer.alphabet[tokenizer.end] == "\x03"
    assert tokenizer.size == Characters.learn("abc", several=False).size + 1


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
    alphabet = Characters.learn("abc <unk>\n\r\u0301", several=True)
    for name, tokenizer in {"characters": alphabet, "bytes": BYTES, "bpe": MERGED}.items():
        library = saved(tokenizer, base / name)
        assert library.encode(text).ids == tokenizer.encode(text).tolist(), name


@given(UNICODE)
def test_a_tokenizer_loaded_again_is_the_same(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    base = tmp_path_factory.getbasetemp() / "again"
    for name, tokenizer in {
        "characters": Characters.learn("abc" + text, several=True),
        "bytes": BYTES,
        "bpe": MERGED,
    }.items():
        saved(tokenizer, base / name)
        again = load(base / name)
        assert (again.kind, again.size, again.end) == (name, tokenizer.size, tokenizer.end)
        assert np.array_equal(again.encode(text), tokenizer.encode(text))


def test_saved_twice_is_equal_byte_for_byte(tmp_path: Path) -> None:
    for name, tokenizer in {"characters": Characters.learn("héllo", several=False), "bpe": MERGED}.items():
        for place in ("one", "other"):
            saved(tokenizer, tmp_path / place / name)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            assert (tmp_path / "one" / name / file).read_bytes() == (tmp_path / "other" / name / file).read_bytes()


def test_the_saved_configuration_names_the_class_and_the_marks(tmp_path: Path) -> None:
    saved(Characters.learn("abc", several=True), tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    assert (config["eos_token"], config["unk_token"]) == ("\x03", UNKNOWN)


def test_small_texts_get_characters_and_large_or_many_lettered_ones_get_pairs() -> None:
    assert choose(1000, 60)[0] == "characters"
    assert choose(LARGE, 60)[0] == "bpe"
    assert choose(1000, 1001)[0] == "bpe"
    assert "too small to learn parts of words" in choose(1000, 60)[1]
    sizes = [vocabulary_for(length) for length in (10, 10**6, 10**7, 3 * 10**7, 10**9)]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 8192


@pytest.mark.parametrize(
    ("table", "characters"),
    [
        ("docs", 373_103),
        ("tinyshakespeare", 1_115_394),
        ("source-three-million", 3_000_000),
        ("source", 12_118_697),
    ],
)
def test_the_rule_chooses_what_was_best_in_the_sweeps(table: str, characters: int) -> None:
    rows = (SWEEPS / f"{table}-vocabulary.md").read_text(encoding="utf-8").splitlines()[4:]
    cells = [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in rows]
    best = min(cells, key=lambda row: float(row[-1]))[0].split("data.")[1]
    name, _ = choose(characters, 100)
    rule = f"vocabulary={vocabulary_for(characters * 9 // 10)}" if name == "bpe" else f"tokenizer={name}"
    assert rule == best


def test_merges_are_learned_from_training_alone_and_the_alphabet_from_the_whole() -> None:
    characters = learn("characters", "abcxyz", lambda: ["abc"], 3, None, several=False)
    assert characters.unknown("xyz") == {}
    # The whole also holds "zyxzyxzyx ", which training does not: nothing but its letters may be known.
    alphabet = "".join(set(LEARNED_FROM + "zyx"))
    one = learn("bpe", alphabet, lambda: iter([LEARNED_FROM]), len(LEARNED_FROM), 300, several=False)
    assert np.array_equal(one.encode("zyxzyx the cat"), BytePairs.learn([LEARNED_FROM], 300).encode("zyxzyx the cat"))
    assert len(one.encode("zyxzyx")) == 6
    assert learn("bpe", "a", lambda: ["a a"], 3, None, several=False).size <= vocabulary_for(3)


def test_a_long_text_is_encoded_in_pieces_that_are_the_text() -> None:
    for text in ("a line\n" * 400_000, "a word " * 400_000, "a line\r\n" * 300_000, "x" * (1 << 20), ""):
        parts = list(pieces(text))
        assert "".join(parts) == text
        assert all(0 < len(part) <= 1 << 20 for part in parts)
    # Where nothing can be cut a piece grows, but not for ever.
    for letters, number in ((2_500_000, 1), (2 * LONGEST + 9, 3)):
        parts = list(pieces("x" * letters))
        assert "".join(parts) == "x" * letters
        assert len(parts) == number
        assert all(0 < len(part) <= LONGEST + 1 for part in parts)


FRAGMENTS = st.sampled_from(
    [
        *(
            "the",
            "cat",
            "sat",
            "mat.",
            "é",
            "日本",
            "🙂",
            "12",
            "'s",
            "'",
            ",",
            "-",
            "\x1c",
            "\x85",
            "\u3000",
            "\u200b",
        ),
        *(" ", "  ", "\n", "\n\n", "\r\n", "\t", " \n", "\xa0", END),
    ]
)
TEXTS = st.lists(FRAGMENTS, max_size=40).map("".join) | UNICODE


@settings(deadline=None, max_examples=300, derandomize=True)
@given(text=TEXTS, size=st.integers(1, 12))
def test_pieces_have_the_tokens_of_the_whole_text(text: str, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(byte_pairs, "_PIECE", size)
        for tokenizer in (BYTES, MERGED):
            assert tokenizer.encode(text).tolist() == tokenizer.library.encode(text).ids


@settings(deadline=None, max_examples=200, derandomize=True)
@given(text=TEXTS, end=st.none() | st.integers(0, 20))
def test_a_text_is_cut_where_its_tokens_are(text: str, end: int | None) -> None:
    cut = safe_cut(text, end)
    assert cut <= (len(text) if end is None else end)
    both = [*MERGED.library.encode(text[:cut]).ids, *MERGED.library.encode(text[cut:]).ids]
    assert both == MERGED.library.encode(text).ids


def test_a_text_without_line_ends_is_cut_before_its_last_word() -> None:
    assert safe_cut("one two three") == len("one two")
    assert safe_cut("one\r\ntwo  three") == 0
    assert safe_cut("x" * (LONGEST + 1)) == LONGEST + 1


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
    tokenizer = learn(str(own(tmp_path)), "", list, 0, None, several=False)
    assert tokenizer.encode("the cat sat the dog").tolist() == [1, 2, 3, 1, 0]
    saved(tokenizer, tmp_path / "encoding")
    again = load(tmp_path / "encoding")
    assert again.encode("the cat sat the dog").tolist() == [1, 2, 3, 1, 0]
    assert again.size == 4


def own_files() -> dict[str, Library | Tokenizer]:
    """Every sort of tokenizer.json that a person may give."""
    words = Library(models.WordLevel({"[UNK]": 0, "the": 1, "cat": 2, "\ufffd": 3}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    bert = Library(models.WordPiece({"[UNK]": 0, "[CLS]": 1, "the": 2, "c": 3, "##at": 4}, unk_token="[UNK]"))
    bert.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    bert.decoder = decoders.WordPiece()
    bert.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 1)])
    pieces_of = [("<unk>", 0.0), *((letter, -1.0) for letter in "▁thecas"), ("▁the", -0.5)]
    sentence = Library(models.Unigram(pieces_of, 0, False))
    sentence.pre_tokenizer = pre_tokenizers.Metaspace()
    sentence.decoder = decoders.Metaspace()
    letters = Library(models.BPE({"t": 0, "h": 1, "e": 2, " ": 3}, []))
    nearly = Library(models.WordLevel({UNKNOWN: 0, "t": 1, "the": 2}, unk_token=UNKNOWN))
    ended = Library.from_str(json.dumps(Characters.learn("the cat\x03", several=True).content()))
    ended.add_special_tokens([END])
    return {
        "characters": Characters.learn("the cat", several=False),
        "characters of several documents": Characters.learn("the cat", several=True),
        "bytes": BYTES,
        "bpe": MERGED,
        "own words": words,
        "own word pieces": bert,
        "own unigram": sentence,
        "own letters": letters,
        "words with our unknown mark": nearly,
        "our characters with a mark added": ended,
    }


@pytest.mark.parametrize("name", list(own_files()))
def test_a_file_is_the_same_tokenizer_given_by_a_person_saved_and_opened_again(name: str, tmp_path: Path) -> None:
    made = own_files()[name]
    (tmp_path / "given").mkdir()
    if isinstance(made, Library):
        made.save(str(tmp_path / "given" / "tokenizer.json"))
    else:
        made.save(tmp_path / "given")
    given = from_file(str(tmp_path / "given" / "tokenizer.json"))
    saved(given, tmp_path / "run")
    others = [load(tmp_path / "given"), load(tmp_path / "run"), from_file(str(tmp_path / "run" / "tokenizer.json"))]
    if not isinstance(made, Library):
        others.append(made)
    for other in others:
        assert type(other) is type(given)
        assert (other.kind, other.size, other.end) == (given.kind, given.size, given.end)
        assert other.mark == given.mark
        for text in ("the", "the the", "", "tthe"):
            ids = given.encode(text).tolist()
            assert other.encode(text).tolist() == ids
            assert other.decode(ids) == given.decode(ids)
            assert other.unknown(text) == given.unknown(text)


def test_marks_put_around_every_text_are_left_out_and_out_of_the_saved_file(tmp_path: Path) -> None:
    library = own_files()["own word pieces"]
    assert isinstance(library, Library)
    assert library.encode("the cat").ids == [1, 2, 3, 4]
    tokenizer = BytePairs(library)
    assert tokenizer.encode("the cat").tolist() == [2, 3, 4]
    assert saved(tokenizer, tmp_path).encode("the cat").ids == [2, 3, 4]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("own words", "the dog", {"d": 1, "o": 1, "g": 1}),
        ("own words", "the cat the", {}),
        ("own word pieces", "the cat dé", {"d": 1, "é": 1}),
        ("own unigram", "the Zebra", {"Z": 1, "b": 1, "r": 1}),
        ("own unigram", "the cat sat", {}),
        ("own letters", "the", {}),
    ],
)
def test_what_a_persons_own_tokenizer_has_no_token_for_is_counted(
    name: str, text: str, expected: dict[str, int]
) -> None:
    library = own_files()[name]
    assert isinstance(library, Library)
    assert BytePairs(library).unknown(text) == expected


def test_the_unknown_mark_written_in_a_text_is_known() -> None:
    library = own_files()["own words"]
    assert isinstance(library, Library)
    library.add_special_tokens(["[UNK]"])
    assert BytePairs(library).unknown("the [UNK] cat") == {}


def test_a_persons_own_file_that_lacks_a_token_for_the_text_says_so(tmp_path: Path) -> None:
    library = Library(models.WordLevel({"the": 0, "cat": 1}, unk_token="[UNK]"))
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    library.save(str(tmp_path / "own.json"))
    tokenizer = from_file(str(tmp_path / "own.json"))
    assert tokenizer.encode("the cat").tolist() == [0, 1]
    with pytest.raises(DataError, match=r"the tokenizer \(wordlevel\) has no token for some of this text"):
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
