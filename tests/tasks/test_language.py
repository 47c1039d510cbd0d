"""What the language task says of a text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fogwalk.encoding.byte_pairs import BytePairs
from fogwalk.errors import DataError
from fogwalk.settings import Source, resolve
from fogwalk.tasks.language import Language
from fogwalk.training import plan


def words(path: Path, **changes: str) -> str:
    values = {"data.path": str(path), "model.context": "8", **{k.replace("__", "."): v for k, v in changes.items()}}
    return "\n".join(Language(plan.close_before_data(resolve(Source("command line", values)))).words())


def test_a_vocabulary_larger_than_the_text_can_fill_is_told(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("one two three four five six. " * 300, encoding="utf-8")
    told = words(text, data__tokenizer="bpe", data__vocabulary="5000")
    assert "a vocabulary of 5,000 was asked for; this text has no more than 2" in told
    text.write_text(" ".join(map(str, range(6_000))), encoding="utf-8")
    told = words(text, data__tokenizer="bpe", data__vocabulary="50000")
    assert "no more than" in told
    assert "too seldom to be learned well" in told, "what there is may be too many still"


def test_tokens_that_stand_too_seldom_to_be_learned_are_told(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(" ".join(map(str, range(6_000))), encoding="utf-8")
    told = words(text, data__tokenizer="bpe", data__vocabulary="1500")
    assert "too seldom to be learned well (--data.vocabulary 512, or --data.tokenizer characters)" in told
    assert "seldom" not in words(text)
    text.write_text("".join(map(chr, range(0x4E00, 0x4E00 + 1_200))) * 3, encoding="utf-8")
    assert "learned well (--data.tokenizer bytes)" in words(text), "single characters are too many too"


def test_of_a_tokenizer_of_the_persons_own_only_what_it_lacks_is_told(tmp_path: Path) -> None:
    made = BytePairs.learn(["the cat sat on the mat. " * 9], 300).library
    own = json.loads(made.to_str())
    own["added_tokens"] = []
    own["model"]["vocab"] = {token: number - 1 for token, number in own["model"]["vocab"].items() if number}
    (tmp_path / "own.json").write_text(json.dumps(own), encoding="utf-8")
    (tmp_path / "texts").mkdir()
    for number in range(3):
        (tmp_path / "texts" / f"{number}.txt").write_text(
            "the cat sat on the mat. " * 9 + str(number), encoding="utf-8"
        )
    told = words(tmp_path / "texts", data__tokenizer=str(tmp_path / "own.json"), data__vocabulary="5000")
    assert "one document follows the other without a mark between them" in told
    assert "asked for; this text" not in told
    assert "seldom" not in told
    assert "without a mark" not in words(tmp_path / "texts")


def test_what_was_read_is_told_by_the_names_that_are_there_now(tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text(
            '{"body": "a few words to learn from, and some more of them"}\n' * 9, encoding="utf-8"
        )
    assert "b.jsonl" in words(tmp_path)
    (tmp_path / "b.jsonl").rename(tmp_path / "c.jsonl")
    (tmp_path / "d").symlink_to(tmp_path / "nowhere")
    told = words(tmp_path)
    assert "b.jsonl" not in told
    assert "c.jsonl" in told
    assert "left out 1: d (" in told


def test_what_was_read_as_a_folder_is_not_taken_for_files_that_were_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the cat sat on the mat. " * 30, encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"text": "x"}\n{"text": "x"', encoding="utf-8")
    assert "left out 1: b.jsonl" in words(tmp_path)
    named = {"data.path": (str(tmp_path / "a.txt"), str(tmp_path / "b.jsonl")), "model.context": "8"}
    with pytest.raises(DataError, match=r"b.jsonl line 2 is not JSON"):
        Language(plan.close_before_data(resolve(Source("command line", named))))


def test_a_column_without_a_table_is_said_to_do_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the cat sat on the mat. " * 30, encoding="utf-8")
    assert "data.column does nothing here" in words(tmp_path / "a.txt", data__column="text")
    (tmp_path / "b.jsonl").write_text('{"text": "the cat sat"}\n' * 9, encoding="utf-8")
    assert "does nothing here" not in words(tmp_path, data__column="text")
