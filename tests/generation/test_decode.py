"""Text from a model: the cache changes nothing, the window slides, characters come whole, stop strings never show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as Library
from tokenizers import decoders, models, pre_tokenizers
from torch import Tensor, nn

from fogwalk.encoding.byte_pairs import BytePairs
from fogwalk.encoding.characters import Characters
from fogwalk.encoding.protocol import Ids, Tokenizer
from fogwalk.errors import UsageError
from fogwalk.generation.decode import Answer, Piece, Speaks, _Spoken, generate, next_scores, prompt_ids
from fogwalk.generation.sampling import Sampling
from fogwalk.models.attention import Cache
from fogwalk.models.mlp import PlainLanguageModel
from fogwalk.models.transformer import LanguageModel
from fogwalk.registry import POSITIONS
from fogwalk.settings import Mlp, Transformer

GREEDY = Sampling(temperature=0)
LETTERS = Characters.learn("abcdefghij\n", several=False)
BYTES = BytePairs.bytes()
SETTINGS = settings(deadline=None, max_examples=150, derandomize=True)


pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass
class Scripted:
    """A model that says what it was told to, token by token, and remembers what it read."""

    script: Sequence[int]
    vocabulary: int
    context: int = 1000
    read: list[list[int]] = field(default_factory=list)

    def __call__(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        scores = torch.zeros(1, tokens.shape[1], self.vocabulary)
        scores[0, -1, self.script[len(self.read)]] = 50.0
        self.read.append(tokens[0].tolist())
        return scores

    def empty_cache(self, batch: int) -> None:
        """It keeps nothing."""
        return


class Words:
    """A tokenizer whose tokens are the given pieces of text."""

    kind = "words"
    unsaid = -1
    end = -1
    mark = None

    def __init__(self, words: Sequence[str]) -> None:
        self.words = words
        self.size = len(words)

    def encode(self, text: str) -> Ids:
        return np.array([self.words.index(text or self.words[0])], dtype=np.uint32)

    def encode_many(self, texts: Sequence[str]) -> list[Ids]:
        return [self.encode(text) for text in texts]

    def decode(self, ids: list[int]) -> str:
        return "".join(self.words[number] for number in ids)

    def unknown(self, text: str) -> dict[str, int]:
        return {}

    def description(self) -> str:
        return "words"

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def told(
    model: Speaks, tokenizer: Tokenizer, prompt: str, how: Sampling = GREEDY, seed: int = 1, **more: Any
) -> tuple[list[Piece], Answer]:
    answer = Answer(prompt)
    generator = torch.Generator().manual_seed(seed)
    given_tokens = {"tokens": 100, **more}
    pieces = list(generate(model, tokenizer, prompt, how=how, generator=generator, answer=answer, **given_tokens))
    assert "".join(piece.text for piece in pieces) == answer.text
    assert [piece.token for piece in pieces if piece.token >= 0] == answer.token_ids
    return pieces, answer


def said(text: str, tokenizer: Tokenizer = LETTERS, **more: Any) -> tuple[list[Piece], Answer]:
    """What is told of a model that says `text`."""
    script = tokenizer.encode(text).tolist()
    return told(Scripted(script, tokenizer.size), tokenizer, "a", tokens=len(script), **more)


def plain_scores(model: LanguageModel, window: Sequence[int]) -> Tensor:
    """What a whole pass over the window gives for the token after it, without the one that is never said."""
    with torch.no_grad():
        scores: Tensor = model(torch.tensor([list(window)]))[0, -1]
    scores[LETTERS.unsaid] = -torch.inf
    return scores


def transformer(**option: Any) -> LanguageModel:
    shape = Transformer(**{"layers": 2, "width": 16, "heads": 4, "context": 16, **option})
    model = LanguageModel(shape, LETTERS.size)
    generator = torch.Generator().manual_seed(3)
    for name, value in model.named_parameters():
        if "norm" not in name:
            nn.init.normal_(
                value, std=value.shape[-1] ** -0.5 * (3 if name == "head.weight" else 1), generator=generator
            )
    return model.eval()


EVERY_MODEL = pytest.mark.parametrize(
    "option",
    [{"positions": name} for name in POSITIONS] + [{"key_value_heads": heads} for heads in (2, 1)],
    ids=[*POSITIONS, "grouped heads", "one key-value head"],
)


@EVERY_MODEL
@pytest.mark.parametrize("attention", ["exact", "fused"])
def test_cached_scores_equal_uncached_ones(option: dict[str, Any], attention: str) -> None:
    model = transformer(**option)
    model.use_attention(attention)
    tokens = torch.randint(LETTERS.size, (16,), generator=torch.Generator().manual_seed(4)).tolist()
    cpu, cache = torch.device("cpu"), model.empty_cache(1)
    with torch.no_grad():
        for length in (5, 6, 7, 12, 16):
            cached, plain = (
                next_scores(model, tokens[:length], cache, cpu),
                next_scores(model, tokens[:length], None, cpu),
            )
            assert (cached - plain).abs().max() <= 1e-5
            assert cache.length == length


@EVERY_MODEL
@pytest.mark.parametrize("prompt", ["abc", "abcdefghijabcdefghij"], ids=["short prompt", "prompt beyond the context"])
def test_cached_and_uncached_decoding_say_the_same_also_past_the_context(option: dict[str, Any], prompt: str) -> None:
    model = transformer(**option)
    for how in (GREEDY, Sampling(temperature=1.0, top_k=6)):
        pieces, cached = told(model, LETTERS, prompt, how, tokens=40)
        plainly, uncached = told(model, LETTERS, prompt, how, tokens=40, cached=False)
        assert cached == uncached
        assert cached.slid
        assert len(cached.token_ids) == 40
        chances = [piece.probability for piece in plainly]
        assert [piece.probability for piece in pieces] == pytest.approx(chances, abs=1e-5)


@pytest.mark.parametrize(("tokens", "slid"), [(13, False), (14, False), (15, True)])
def test_sliding_is_said_only_when_it_happens(tokens: int, slid: bool) -> None:
    # Three of sixteen places are the prompt's; the last token said is never read.
    _, answer = told(transformer(), LETTERS, "abc", tokens=tokens)
    assert answer.slid == slid


def test_past_the_context_the_last_three_quarters_are_read_afresh() -> None:
    model = transformer()
    _, answer = told(model, LETTERS, "abc", tokens=40)
    window = LETTERS.encode("abc").tolist()
    expected = []
    for _ in range(40):
        if len(window) > 16:
            window = window[-12:]
        window.append(int(plain_scores(model, window).argmax()))
        expected.append(window[-1])
    assert answer.token_ids == expected


def test_a_model_without_a_cache_forgets_one_token_at_a_time() -> None:
    script = LETTERS.encode("cdefghij").tolist()
    model = Scripted(script, LETTERS.size, context=4)
    _, answer = told(model, LETTERS, "ab", tokens=8)
    assert answer.slid
    assert [LETTERS.decode(read) for read in model.read] == [
        "ab",
        "abc",
        "abcd",
        "bcde",
        "cdef",
        "defg",
        "efgh",
        "fghi",
    ]


def test_the_plain_network_speaks_too() -> None:
    model = PlainLanguageModel(Mlp(hidden=(8,), embedding=4, context=3), LETTERS.size)
    _, answer = told(model, LETTERS, "abcab", tokens=9)
    assert len(answer.token_ids) == 9
    assert answer.slid


@torch.no_grad()
def test_the_id_of_unknown_characters_is_never_said() -> None:
    _, answer = told(Scripted([LETTERS.unsaid] * 50, LETTERS.size), LETTERS, "a", Sampling(temperature=1.0), tokens=50)
    assert "\ufffd" not in answer.text
    assert len(answer.token_ids) == 50
    assert len(set(answer.token_ids)) > 5  # all others are as likely as each other


def test_greedy_says_the_likeliest_each_time() -> None:
    model = transformer()
    pieces, answer = told(model, LETTERS, "abc", tokens=10)
    window = LETTERS.encode("abc").tolist()
    for piece in pieces:
        assert piece.token == int(plain_scores(model, window).argmax())
        assert piece.probability == pytest.approx(float(plain_scores(model, window).softmax(0)[piece.token]), abs=1e-6)
        window.append(piece.token)
    assert answer.stop_reason == "length"


def test_the_same_seed_says_the_same_and_another_does_not() -> None:
    model, how = transformer(), Sampling(temperature=2.0)
    first, again, other = (told(model, LETTERS, "a", how, seed=seed, tokens=30)[1] for seed in (1, 1, 2))
    assert first == again
    assert first.text != other.text


def test_rivals_are_the_likeliest_with_their_chances() -> None:
    model, how = transformer(), Sampling(temperature=0.7)
    piece, *_ = told(model, LETTERS, "abc", how, tokens=1, rivals=4)[0]
    chances = (plain_scores(model, LETTERS.encode("abc").tolist()) / 0.7).softmax(0)
    best = chances.topk(4)
    assert [number for number, _ in piece.rivals] == best.indices.tolist()
    assert [chance for _, chance in piece.rivals] == pytest.approx(best.values.tolist(), abs=1e-6)
    assert piece.probability == pytest.approx(float(chances[piece.token]), abs=1e-6)
    assert len(told(model, LETTERS, "abc", how, tokens=1, rivals=99)[0][0].rivals) == LETTERS.size


def test_no_tokens_say_nothing() -> None:
    pieces, answer = told(transformer(), LETTERS, "abc", tokens=0)
    assert pieces == []
    assert (answer.text, answer.token_ids, answer.stop_reason, answer.slid) == ("", [], "length", False)


def test_an_empty_prompt_begins_as_a_document_does() -> None:
    several = Characters.learn("ab", several=True)
    for tokenizer, first in ((LETTERS, LETTERS.encode("\n").tolist()), (several, [several.end]), (BYTES, [BYTES.end])):
        model = Scripted(tokenizer.encode("b").tolist(), tokenizer.size)
        _, answer = told(model, tokenizer, "", tokens=1)
        assert model.read == [first]
        assert answer.text == "b"


@pytest.mark.parametrize("unknown", [None, "[UNK]"])
@pytest.mark.parametrize(("vocabulary", "first"), [({"a": 0, "b": 1}, 0), ({"a": 0, "\n": 1, "[UNK]": 2}, 1)])
def test_nothing_has_a_beginning_whatever_the_tokenizer(
    unknown: str | None, vocabulary: dict[str, int], first: int
) -> None:
    library = Library(models.WordLevel({**vocabulary, "[UNK]": 2}, unk_token=unknown or "none"))
    for splitter in (pre_tokenizers.Whitespace(), pre_tokenizers.Split("", "isolated")):
        library.pre_tokenizer = splitter
        ids = prompt_ids(BytePairs(library), "")
        if isinstance(splitter, pre_tokenizers.Whitespace):
            assert ids == [0]  # a line's end has no token
        else:
            assert ids == [first if "\n" in vocabulary or unknown is None else 2]


def test_a_word_that_a_persons_own_tokenizer_lacks_may_stand_in_a_prompt() -> None:
    # Its unknown token was learned: a sample's prompt is the beginning of the text, cut in the middle of a word.
    library = Library(models.WordLevel({"[UNK]": 0, "the": 1}, unk_token="[UNK]"))
    library.pre_tokenizer = pre_tokenizers.Whitespace()
    assert prompt_ids(BytePairs(library), "the dog") == [1, 0]


def test_a_prompt_with_an_unknown_character_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"'é' \(U\+00E9\), 'Z' \(U\+005A\)"):
        told(transformer(), LETTERS, "abéZ")
    assert told(Scripted(BYTES.encode("!").tolist(), BYTES.size), BYTES, "abéZ", tokens=1)[1].text == "!"


def test_the_end_of_the_document_ends_the_answer() -> None:
    script = [*BYTES.encode("fin").tolist(), BYTES.end, *BYTES.encode("more").tolist()]
    _, answer = told(Scripted(script, BYTES.size), BYTES, "a")
    assert (answer.text, answer.stop_reason) == ("fin", "end")
    assert answer.token_ids == script[:3]


def test_what_a_stop_string_held_back_is_told_when_the_document_ends() -> None:
    script = [*BYTES.encode("one EN").tolist(), BYTES.end]
    _, answer = told(Scripted(script, BYTES.size), BYTES, "a", stop=["END"])
    assert (answer.text, answer.stop_reason) == ("one EN", "end")


# Characters of several bytes


def test_characters_of_several_bytes_come_whole_and_as_soon_as_they_are_known() -> None:
    text = "né 日本 🙂!"
    pieces, answer = said(text, BYTES)
    assert answer.text == text
    assert len(pieces) == len(text.encode())
    expected = []
    for character in text:
        expected += [""] * (len(character.encode()) - 1) + [character]
    assert [piece.text for piece in pieces] == expected


def bytes_ids(content: bytes) -> list[int]:
    """The tokens of single bytes, whether or not they form characters."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    rest = [byte for byte in range(256) if byte not in printable]
    letters = {byte: chr(byte) for byte in printable} | {byte: chr(256 + place) for place, byte in enumerate(rest)}
    return [cast(int, BYTES.library.token_to_id(letters[byte])) for byte in content]


FRAGMENTS = st.sampled_from(
    [b"a", b" ", "é".encode(), "日".encode(), "🙂".encode(), b"\xff", b"\xf0\x9f", b"\xc3", b"\xe6\x97", b"\x80"]
)


@SETTINGS
@given(content=st.lists(FRAGMENTS, max_size=12).map(b"".join) | st.binary(max_size=12))
def test_bytes_in_any_order_are_told_as_the_whole_would_be(content: bytes) -> None:
    script = bytes_ids(content)
    _, answer = told(Scripted(script, BYTES.size), BYTES, "a", tokens=len(script))
    assert answer.text == BYTES.decode(script) == content.decode("utf-8", "replace")


def test_many_broken_bytes_do_not_swallow_the_character_after_them() -> None:
    script = bytes_ids(b"\xff\xff\xff\xff" + "é!".encode())
    assert told(Scripted(script, BYTES.size), BYTES, "a", tokens=len(script))[1].text == "\ufffd\ufffd\ufffd\ufffdé!"


def test_a_character_left_unfinished_is_told_as_broken_at_the_end() -> None:
    script = bytes_ids(b"a\xf0\x9f")
    pieces, answer = told(Scripted(script, BYTES.size), BYTES, "a", tokens=3)
    assert answer.text == "a\ufffd"
    assert [piece.text for piece in pieces] == ["a", "", "", "\ufffd"]


# However long the answer


class Counted:
    """A tokenizer that counts the ids it decodes."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.ids = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tokenizer, name)

    def decode(self, ids: list[int]) -> str:
        self.ids += len(ids)
        return self.tokenizer.decode(ids)


def streamed(tokenizer: Tokenizer, ids: list[int], stop: Sequence[str] = ()) -> str:
    told = _Spoken(tokenizer, stop)
    return "".join(told.add(token) for token in ids) + told.rest()


@pytest.mark.parametrize(
    "content",
    [
        b"a plain text. " * 200,
        "日本語🙂é ".encode() * 200,
        b"\xff" * 3000,
        b"\xf0\x9f\x98" * 1000,
        "\ufffd".encode() * 1000,
        "\ufffdé".encode() * 600,
    ],
    ids=["plain", "several bytes", "broken", "never finished", "the broken character itself", "mixed"],
)
def test_each_id_is_decoded_a_few_times_whatever_the_length(content: bytes) -> None:
    ids = bytes_ids(content)
    for length in (len(ids) // 4, len(ids)):
        counted = Counted(BYTES)
        assert streamed(cast(Tokenizer, counted), ids[:length]) == BYTES.decode(ids[:length])
        assert counted.ids <= 60 * length


def test_plain_text_is_decoded_a_dozen_times_at_most() -> None:
    counted = Counted(LETTERS)
    ids = [1 + number % 9 for number in range(8000)]
    assert streamed(cast(Tokenizer, counted), ids, stop=["abd"]) == LETTERS.decode(ids)
    assert counted.ids <= 12 * 8000


@SETTINGS
@given(content=st.lists(FRAGMENTS, max_size=150).map(b"".join) | st.binary(min_size=30, max_size=120))
def test_long_answers_of_broken_bytes_are_told_as_the_whole_would_be(content: bytes) -> None:
    ids = bytes_ids(content)
    assert streamed(BYTES, ids) == BYTES.decode(ids)


def sentence_pieces() -> BytePairs:
    """As Llama's: `▁` for a space, bytes for the rest, and the first space left out."""
    words = ["▁", "▁the", "the", "▁▁", "s", ".", "日", *(f"<0x{byte:02X}>" for byte in range(256))]
    library = Library(models.BPE({word: number for number, word in enumerate(words)}, [], byte_fallback=True))
    library.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return BytePairs(library)


def worded(decoder: Any, words: Sequence[str]) -> BytePairs:
    library = Library(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token=words[0]))
    library.decoder = decoder
    return BytePairs(library)


SPACED = {
    "metaspace": worded(decoders.Metaspace(), ["▁", "▁the", "the", "▁▁", "s", "."]),
    "word pieces": worded(decoders.WordPiece(), ["the", "##s", ".", "n't", "##.", "do", "'s"]),
    "word ends": worded(decoders.BPEDecoder(), ["the", "s</w>", ".</w>", "the</w>", "</w>"]),
    "words": worded(None, ["the", "s", "."]),
    "sentence pieces": sentence_pieces(),
}


@pytest.mark.parametrize("name", list(SPACED))
@SETTINGS
@given(numbers=st.lists(st.integers(0, 6), max_size=40))
def test_spaces_between_tokens_are_told_as_the_whole_would_have_them(name: str, numbers: list[int]) -> None:
    tokenizer = SPACED[name]
    ids = [number for number in numbers if number < tokenizer.size]
    assert streamed(tokenizer, ids) == tokenizer.decode(ids)


@SETTINGS
@given(text=st.text(st.sampled_from(" the日本🙂é."), max_size=30))
def test_characters_of_several_byte_tokens_are_told_as_the_whole_would_be(text: str) -> None:
    tokenizer = SPACED["sentence pieces"]
    ids = [7 + byte for byte in text.encode()]
    assert streamed(tokenizer, ids) == tokenizer.decode(ids)
    mixed = [*ids, 1, *ids, 0, 1]
    assert streamed(tokenizer, mixed) == tokenizer.decode(mixed)


@SETTINGS
@given(
    text=st.text(st.sampled_from("ab é日"), max_size=60),
    stop=st.lists(st.text("ab é", min_size=1, max_size=6), max_size=2),
)
def test_long_answers_end_before_the_first_stop_string(text: str, stop: list[str]) -> None:
    told = _Spoken(BYTES, stop)
    answer = ""
    for token in BYTES.encode(text).tolist():
        answer += told.add(token)
        if told.stopped:
            break
    else:
        answer += told.rest()
    assert text.startswith(answer)
    assert not any(word in answer for word in stop)
    assert told.stopped == any(word in text for word in stop)
    assert told.stopped or answer == text


# Stop strings


@pytest.mark.parametrize(
    ("text", "stop", "expected"),
    [
        ("abcdef", ["cd"], "ab"),
        ("abcabd", ["abd"], "abc"),
        ("aabaac", ["aac"], "aab"),
        ("aaaab", ["aab"], "aa"),
        ("abcdef", ["f"], "abcde"),
        ("abcdef", ["a"], ""),
        ("abcdef", ["x", "ef", "de"], "abc"),
        ("abcdef", ["cde", "d"], "abc"),
        ("abcdef", [""], "abcdef"),
        ("abcdef", ["fg"], "abcdef"),
        ("ab\n\ncd", ["\n\n"], "ab"),
    ],
)
def test_text_ends_before_a_stop_string(text: str, stop: list[str], expected: str) -> None:
    _, answer = said(text, stop=stop)
    assert answer.text == expected
    assert answer.stop_reason == ("length" if expected == text else "stop")


def test_what_may_become_a_stop_string_is_held_back_and_told_once_it_does_not() -> None:
    pieces, _ = said("abcabd", stop=["abd"])
    assert [piece.text for piece in pieces] == ["", "", "abc", "", "", ""]
    pieces, _ = said("abab", stop=["abd"])
    assert [piece.text for piece in pieces] == ["", "", "ab", "", "ab"]


STOPS = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=3)


@SETTINGS
@given(text=st.text("ab", max_size=14), stop=STOPS)
def test_one_letter_at_a_time_text_ends_where_the_first_stop_string_is_complete(text: str, stop: list[str]) -> None:
    expected = text
    for end in range(1, len(text) + 1):
        if complete := [len(word) for word in stop if text[:end].endswith(word)]:
            expected = text[: end - max(complete)]
            break
    answer = said(text, stop=stop)[1]
    assert answer.text == expected
    assert (answer.stop_reason == "stop") == any(word in text for word in stop)


WORDS = ["a", "b", "ab", "ba", "aab", "bab", "abba", "baab"]


@SETTINGS
@given(script=st.lists(st.integers(0, len(WORDS) - 1), max_size=6), stop=STOPS)
def test_tokens_of_several_letters_never_show_a_stop_string(script: list[int], stop: list[str]) -> None:
    _, answer = told(Scripted(script, len(WORDS)), Words(WORDS), "a", tokens=len(script), stop=stop)
    whole = "".join(WORDS[number] for number in script)
    assert whole.startswith(answer.text)
    assert not any(word in answer.text for word in stop)
    if answer.stop_reason == "stop":
        assert any(whole[len(answer.text) :].startswith(word) for word in stop)
    else:
        assert answer.text == whole


def test_of_two_stop_strings_in_one_token_the_first_in_the_text_ends_it() -> None:
    words = Words(["one END two STOP", "x"])
    assert told(Scripted([0], 2), words, "x", tokens=1, stop=["STOP", "END"])[1].text == "one "


def test_a_stop_string_may_hold_characters_of_several_bytes() -> None:
    pieces, answer = said("a日b日本c", BYTES, stop=["日本"])
    assert (answer.text, answer.stop_reason) == ("a日b", "stop")
    assert "".join(piece.text for piece in pieces) == "a日b"
