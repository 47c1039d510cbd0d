"""What the language task says of a text."""

from __future__ import annotations

from pathlib import Path

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


def test_tokens_that_stand_too_seldom_to_be_learned_are_told(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(" ".join(map(str, range(6_000))), encoding="utf-8")
    told = words(text, data__tokenizer="bpe", data__vocabulary="1500")
    assert "too seldom to be learned well (--data.vocabulary 1024, or --data.tokenizer characters)" in told
    assert "seldom" not in words(text)
