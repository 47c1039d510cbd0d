"""What is held back: stable by hash, never on both sides, near the share, every character on exactly one side."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fogwalk.data import decoding, split
from fogwalk.data.corpus import Corpus
from fogwalk.data.split import Survey, sides, survey, training
from tests.data.support import documents, put


class Sides:
    """A corpus, its survey, and the text of both sides by document."""

    def __init__(self, path: Path, share: float = 0.1) -> None:
        self.corpus = Corpus([str(path)])
        self.survey = survey(self.corpus, share, 8_000_000)
        self.sides: tuple[dict[int, str], dict[int, str]] = ({}, {})
        for held, part in sides(self.corpus, self.survey.split):
            self.sides[held][part.document] = self.sides[held].get(part.document, "") + part.text
        self.training, self.validation = (set(side.values()) for side in self.sides)
        self.share = sum(map(len, self.sides[1].values())) / self.survey.characters


def lines(number: int) -> str:
    """A document unlike the others."""
    return f"document {number} " * 20


def folder(tmp_path: Path, numbers: range, name: str = "d{}.txt") -> Path:
    """A folder of so many documents."""
    return put(tmp_path, {name.format(number): lines(number) for number in numbers})


def test_a_single_text_gives_its_last_part(tmp_path: Path) -> None:
    text = "".join(map(str, range(1000)))
    put(tmp_path, {"a.txt": text})
    for source in (tmp_path / "a.txt", tmp_path):
        found = Sides(source)
        assert found.sides[0][0] + found.sides[1][0] == text
        assert len(found.sides[1][0]) == round(len(text) * 0.1)
        assert found.survey.split.words == "last 10% held back for validation"
        assert (found.survey.documents, found.survey.characters) == (1, len(text))
        assert found.survey.alphabet == "0123456789"


@given(st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\x00"), min_size=1), min_size=1))
@settings(max_examples=60)
def test_the_alphabet_holds_every_letter_once_in_order(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        rows = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        put(Path(name), {"a.jsonl": rows})
        found = survey(Corpus([f"{name}/a.jsonl"]), 0.1, 8_000_000)
    assert found.alphabet == "".join(sorted(set("".join(texts))))


def test_documents_are_split_by_hash_and_an_added_one_moves_next_to_none(tmp_path: Path) -> None:
    before = Sides(folder(tmp_path, range(100)))
    assert 0.05 < before.share < 0.15
    assert before.training.isdisjoint(before.validation)
    assert "of 100 documents, chosen by hash" in before.survey.split.words
    after = Sides(put(tmp_path, {"added.txt": lines(1000)}))
    assert len((before.validation ^ after.validation) - {lines(1000)}) <= 1


def test_the_split_does_not_look_at_names(tmp_path: Path) -> None:
    one = Sides(folder(tmp_path / "one", range(50)))
    files: dict[str, bytes | str] = {f"e{99 - number}.txt": lines(number) for number in range(50)}
    assert one.validation == Sides(put(tmp_path / "other", files)).validation


def test_equal_documents_are_never_on_both_sides(tmp_path: Path) -> None:
    for number in range(20):
        files: dict[str, bytes | str] = {
            f"d{copy}{place}.txt": lines(copy * 7 + number) for copy in range(10) for place in range(3)
        }
        found = Sides(put(tmp_path / str(number), files))
        assert found.training.isdisjoint(found.validation)


def test_a_text_that_stands_there_twice_and_is_cut_is_said(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": lines(1), "b.txt": lines(1)})
    words = Sides(tmp_path).survey.split.words
    assert "although that document stands there more than once: leave one out" in words
    put(tmp_path, {"b.txt": lines(2)})
    assert "more than once" not in Sides(tmp_path).survey.split.words


@pytest.mark.parametrize("tiny", ["a.txt", "z.txt"])
def test_one_huge_and_one_tiny_document_still_leave_a_tenth_to_validate_on(tmp_path: Path, tiny: str) -> None:
    found = Sides(put(tmp_path, {"m.txt": "huge " * 10_000, tiny: "tiny"}))
    assert found.share == pytest.approx(0.1, rel=0.01)
    assert all(text.startswith("huge") or text.endswith("huge ") for text in found.validation)
    assert "the end of the largest document" in found.survey.split.words


def test_two_documents_leave_something_on_both_sides(tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "one " * 100, "b.txt": "two " * 100})
    for share in (0.01, 0.1, 0.5, 0.9):
        found = Sides(tmp_path, share)
        assert found.training
        assert found.validation
        assert all(found.validation)


@settings(deadline=None)
@given(
    st.lists(st.text("ab\né\r", min_size=1, max_size=60), min_size=1, max_size=8),
    st.floats(0.02, 0.9),
    st.integers(1, 50),
    st.integers(0, 8),
)
def test_every_character_is_on_exactly_one_side(texts: list[str], share: float, piece: int, listed: int) -> None:
    # Pieces end at arbitrary places, also within the piece that the cut falls into.
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "PIECE", piece)
        patch.setattr(split, "LISTED", listed)
        names = {f"{number:03}.txt": "a" + text for number, text in enumerate(texts)}
        found = Sides(put(Path(place), dict(names)), share)
        for number, text in enumerate(names.values()):
            assert found.sides[0].get(number, "") + found.sides[1].get(number, "") == text
        assert documents(found.corpus) == list(names.values())


def many(tmp_path: Path, extra: int = 0) -> Path:
    """A JSON-lines file of 3,000 documents."""
    rows = [f'{{"text": "{lines(number)}"}}' for number in range(3000 + extra)]
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    return tmp_path / "a.jsonl"


def test_very_many_documents_are_each_judged_by_their_own_hash(tmp_path: Path) -> None:
    before = Sides(many(tmp_path))
    assert 0.08 < before.share < 0.12
    assert before.training.isdisjoint(before.validation)
    assert "of the documents, chosen by hash" in before.survey.split.words
    after = Sides(many(tmp_path, extra=200))
    assert before.validation <= after.validation


def test_a_thousand_crumbs_beside_one_huge_document_still_leave_enough_to_validate_on(tmp_path: Path) -> None:
    rows = [f'{{"text": "crumb {number}"}}' for number in range(1500)]
    (tmp_path / "a.jsonl").write_text("\n".join([*rows, f'{{"text": "{"huge " * 100_000}"}}']))
    assert Sides(tmp_path / "a.jsonl").share == pytest.approx(0.1, rel=0.01)


def test_a_survey_comes_back_from_the_cache_as_it_was(tmp_path: Path) -> None:
    found = survey(Corpus([str(folder(tmp_path, range(30)))]), 0.1, 8_000_000)
    assert Survey.from_json(found.to_json()) == found


def test_a_sample_of_the_training_side_is_stable_and_about_as_large_as_asked(tmp_path: Path) -> None:
    found = Sides(many(tmp_path))
    total = found.survey.characters
    whole = "".join(training(found.corpus, found.survey.split))
    assert len(whole) == sum(map(len, found.sides[0].values()))
    one, other = ("".join(training(found.corpus, found.survey.split, total // 3, total)) for _ in range(2))
    assert one == other
    assert len(one) == pytest.approx(len(whole) / 3, rel=0.1)


def test_of_very_many_documents_with_few_different_texts_both_sides_get_some(tmp_path: Path) -> None:
    for kinds in (2, 3, 5, 40):
        rows = [f'{{"text": "{lines(number % kinds)}"}}' for number in range(2000)]
        (tmp_path / "a.jsonl").write_text("\n".join(rows))
        found = Sides(tmp_path / "a.jsonl")
        assert found.training.isdisjoint(found.validation)
        assert len(found.training) + len(found.validation) == kinds
        assert found.validation
        assert found.training
        assert found.share <= (0.15 if kinds == 40 else 1 / 2 + 0.01 if kinds == 2 else 1 / 3 + 0.02)
        assert f"of {kinds} different texts among 2,000 documents" in found.survey.split.words


def test_a_text_that_most_documents_are_is_learned_from(tmp_path: Path) -> None:
    for common in range(8):  # whichever hash is lower
        rows = [f'{{"text": "{lines(common)}"}}'] * 1900 + [f'{{"text": "{lines(99)}"}}'] * 100
        (tmp_path / "a.jsonl").write_text("\n".join(rows))
        found = Sides(tmp_path / "a.jsonl")
        assert 0.02 < found.share < 0.15
        assert found.training
    assert Survey.from_json(found.survey.to_json()) == found.survey


def test_of_very_many_equal_documents_one_is_cut_and_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join([f'{{"text": "{lines(1)}"}}'] * 2000))
    found = Sides(tmp_path / "a.jsonl")
    assert found.validation
    assert "stands there more than once" in found.survey.split.words
