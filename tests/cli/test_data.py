"""`fogwalk data inspect`: what a text is, how it would be split and tokenised, told before anything is learned."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fogwalk.cli import main
from fogwalk.cli.parsing import Parser, add_settings
from fogwalk.data.corpus import Corpus
from fogwalk.data.inspection import File, inspect
from fogwalk.data.split import survey
from fogwalk.encoding.characters import Characters
from fogwalk.errors import DataError
from fogwalk.registry import TASKS
from fogwalk.settings import Source, resolve
from tests.data.support import put

LATIN = "a plain line\nd\xe9j\xe0 vu\n".encode("latin-1") * 60
KEYS = {
    "": "paths files left_out notes bytes documents shortest_document longest_document characters distinct_characters "
    "sha256 split tokenizer epoch guessing frequencies missing unused doubts examples",
    "split": "words cut training validation",
    "tokenizer": "kind why vocabulary end tokens characters_per_token bytes_per_token unknown_characters",
    "epoch": "context windows batch steps",
    "examples": "training validation first_line frequent",
}

Inspect = Callable[..., str]
Record = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, small_text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To stand in a folder with a book."""
    put(tmp_path, {"book.txt": small_text})
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Inspect:
    """What an inspection that goes well prints."""

    def run(*words: str) -> str:
        capsys.readouterr()
        code = main(["data", "inspect", *words])
        out, err = capsys.readouterr()
        assert (code, err) == (0, ""), f"{words}: exit {code}: {out}{err}"
        return out

    return run


@pytest.fixture
def record(told: Inspect) -> Record:
    """The same for a program."""
    return lambda *words: json.loads(told(*words, "--json"))


def refused(capsys: pytest.CaptureFixture[str], code: int, *words: str) -> str:
    """The message that words after `fogwalk data` are refused with."""
    assert main(["data", *words]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert "fault of Fogwalk" not in err
    return err


def row(out: str, label: str) -> list[str]:
    """The cells of the first table row that begins with a label."""
    line = next(line for line in out.splitlines() if line.startswith(f"{label} "))
    return [cell.strip() for cell in line.removeprefix(label).split("   ") if cell.strip()]


# -- what it is --------------------------------------------------------------------------------------------------------


def test_a_text_file_is_told_from_its_size_to_its_commonest_token(told: Inspect, small_text: str) -> None:
    out = told("book.txt")
    characters, letters = f"{len(small_text):,}", len(set(small_text))
    assert row(out, "file") == ["book.txt"]
    assert row(out, "format") == ["text"]
    assert row(out, "size") == [f"{characters} bytes"]
    assert row(out, "encoding") == ["utf-8"]
    assert row(out, "documents") == ["1"]
    assert row(out, "characters") == [f"{characters}, {letters} distinct"]
    split = out.split("\nsplit ")[1]
    assert row(split, "documents") == ["1", "the end of 1"]
    assert row(split, "share") == ["90.0%", "10.0%"]
    assert "last 10% held back for validation" in out
    assert row(out, "tokenizer") == [
        f"characters (a text of {characters} characters is too small to learn parts of words)"
    ]
    assert row(out, "vocabulary") == [f"{letters + 1} tokens"]
    assert row(out, "a token") == ["1.00 characters, 1.00 bytes"]
    assert row(out, "guessing")[0].endswith(f"= ln {letters + 1}")
    assert "loss" in row(out, "frequencies")[0]
    assert "‹t›" in row(out, "first line")[0]
    assert "‹·›" in row(out, "first line")[0]
    assert f"“{small_text[:100]}" in out
    assert row(out, "t")[0] == str(
        sorted({"\ufffd", *small_text}, key=lambda letter: (letter != "\ufffd", letter)).index("t")
    )


def test_what_is_told_is_what_training_does(record: Record, small_text: str) -> None:
    found = record("book.txt")
    task = TASKS.get("language")(resolve(Source("test", {"data.path": ("book.txt",)})))
    assert found["sha256"] == task.digest
    assert found["split"]["training"]["tokens"] == task.facts["training_tokens"] == len(task.tokens.training)
    assert found["split"]["validation"]["tokens"] == task.facts["validation_tokens"]
    assert (found["guessing"], found["frequencies"]) == (task.facts["guessing"], task.facts["frequencies"])
    windows = task.training().per_epoch
    assert found["epoch"] == {"context": 128, "windows": windows, "batch": 16, "steps": -(-windows // 16)}
    share = found["split"]["training"]["share"]
    assert share + found["split"]["validation"]["share"] == pytest.approx(1)
    assert share == pytest.approx(0.9, abs=0.001)
    cut = found["split"]["training"]["characters"]
    assert found["examples"]["training"] == small_text[:200]
    assert found["examples"]["validation"] == small_text[cut : cut + 200]


def test_the_commonest_tokens_are_counted_in_what_is_learned_from(record: Record, small_text: str) -> None:
    found = record("book.txt")
    learned = small_text[: found["split"]["training"]["characters"]]
    frequent = found["examples"]["frequent"]
    assert len(frequent) == 10
    counts = sorted((learned.count(letter) for letter in set(learned)), reverse=True)
    assert [token["count"] for token in frequent] == counts[:10]
    assert all(learned.count(token["token"]) == token["count"] for token in frequent)
    assert frequent[0]["share"] == frequent[0]["count"] / len(learned)


def test_a_folder_tells_each_file_and_what_was_left_out(told: Inspect, record: Record, tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {f"texts/{n}.txt": f"letter {n}: the cat sat. " * (n + 3) for n in range(14)}
    put(tmp_path, {**files, "texts/old.txt": LATIN, "texts/picture.png": b"\x89PNG\r\n\x1a\n"})
    out = told("texts")
    assert row(out, "0.txt") == ["text", "69 bytes", "utf-8"]
    assert "and 2 more files" in out
    assert row(out, "files") == ["14 (text)"]
    assert "old.txt (is not UTF-8: byte 0xe9 at line 2)" in out
    assert "picture.png (is a PNG image, not text)" in out
    assert "documents, chosen by hash, are held back for validation" in out
    found = record("texts")
    assert [file["name"] for file in found["files"]] == sorted(Path(name).name for name in files)
    assert found["bytes"] == found["characters"] == sum(map(len, files.values()))
    assert len(found["left_out"]) == 2
    assert (found["documents"], found["split"]["cut"]) == (14, False)
    assert sum(found["split"][side]["documents"] for side in ("training", "validation")) == 14
    lengths = [len(text) for text in files.values()]
    assert (found["shortest_document"], found["longest_document"]) == (min(lengths), max(lengths))
    assert found["split"]["training"]["tokens"] == (
        found["split"]["training"]["characters"] + found["split"]["training"]["documents"]
    )


def test_what_was_moved_is_told_by_its_new_name(record: Record, tmp_path: Path) -> None:
    put(tmp_path, {"a.jsonl": '{"body": "the cat sat on the mat"}\n' * 40})
    assert record("a.jsonl")["notes"] == ["text from the field 'body' of a.jsonl (by its name)"]
    Path("a.jsonl").rename("b.jsonl")
    assert record("b.jsonl")["notes"] == ["text from the field 'body' of b.jsonl (by its name)"]


def test_json_lines_tell_the_column_that_was_guessed(told: Inspect, tmp_path: Path) -> None:
    lines = (json.dumps({"id": str(n), "body": f"note {n}: déjà vu. " * 4}) for n in range(30))
    put(tmp_path, {"a.jsonl": "\n".join(lines)})
    out = told("a.jsonl")
    assert row(out, "format") == ["JSON lines"]
    assert row(out, "read") == ["text from the field 'body' of a.jsonl (by its name)"]
    assert "30, of 68 to 72 characters" in out
    assert "one at each document's end among them" in out


def test_csv_is_read_from_the_column_that_was_asked_for(told: Inspect, record: Record, tmp_path: Path) -> None:
    rows = "".join(f'{n},short,"the long text, number {n}"\n' for n in range(60))
    put(tmp_path, {"a.csv": f"id,text,story\n{rows}"})
    assert "text from the column 'story' of a.csv (asked for)" in told("a.csv", "--data.column", "story")
    assert record("a.csv", "--data.column", "story")["characters"] == sum(
        len(f"the long text, number {n}") for n in range(60)
    )
    assert record("a.csv")["characters"] == 60 * len("short")
    assert "CSV" in told("a.csv")


def test_files_of_several_kinds_and_encodings_are_told_apart(record: Record, told: Inspect, tmp_path: Path) -> None:
    put(tmp_path, {
        "mark.txt": "the cat sat on the mat. ".encode("utf-16"),
        "a.jsonl.gz": gzip.compress(b'{"text": "a dog ran over the hill"}\n' * 40),
    })  # fmt: skip
    found = record("book.txt", "mark.txt", "a.jsonl.gz", "sample:python-docs")
    assert [(file["name"], file["format"], file["packed"], file["encoding"]) for file in found["files"]] == [
        ("sample:python-docs", "sample", None, None),
        ("book.txt", "text", None, "utf-8"),
        ("mark.txt", "text", None, "utf-16"),
        ("a.jsonl.gz", "jsonl", "gzip", "utf-8"),
    ]
    assert row(told("book.txt", "mark.txt", "a.jsonl.gz"), "a.jsonl.gz")[0] == "JSON lines, gzip"


def test_json_lines_marked_as_utf_16_are_told_so(record: Record, tmp_path: Path) -> None:
    put(tmp_path, {"a.jsonl": ('{"text": "the cat sat on the mat"}\n' * 99).encode("utf-16")})
    assert record("a.jsonl")["files"][0]["encoding"] == "utf-16"


def test_an_older_encoding_is_told_when_it_is_named(record: Record, tmp_path: Path) -> None:
    put(tmp_path, {"old.txt": LATIN})
    found = record("old.txt", "--data.encoding", "cp1252")
    assert found["files"][0]["encoding"] == "cp1252"
    assert found["bytes"] == found["characters"] == len(LATIN)


# -- how it would be tokenised -----------------------------------------------------------------------------------------


def test_byte_pairs_show_whole_words_with_their_ids(told: Inspect, record: Record) -> None:
    words = ("book.txt", "--data.tokenizer", "bpe", "--data.vocabulary", "300")
    found = record(*words)
    assert found["tokenizer"]["kind"] == "bpe"
    assert found["tokenizer"]["vocabulary"] == 300
    assert found["tokenizer"]["why"] == "--data.tokenizer bpe"
    assert found["tokenizer"]["characters_per_token"] == pytest.approx(
        found["characters"] / found["tokenizer"]["tokens"]
    )
    assert found["tokenizer"]["characters_per_token"] > 1.5
    tokens = found["examples"]["first_line"]
    assert "".join(token["token"] for token in tokens) == found["examples"]["training"]
    assert any(len(token["token"]) > 2 for token in tokens)
    assert f"‹{tokens[0]['token']}›{tokens[0]['id']} ‹{tokens[1]['token'].replace(' ', '·')}›" in told(*words)


def test_bytes_that_are_only_a_part_of_a_character_are_told(told: Inspect, record: Record, tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "déjà vu\n" * 200})
    words = ("a.txt", "--data.tokenizer", "bytes")
    found = record(*words)
    assert found["tokenizer"]["vocabulary"] == 257
    assert found["tokenizer"]["bytes_per_token"] == 1
    assert found["tokenizer"]["characters_per_token"] == pytest.approx(0.8)
    assert [token["token"] for token in found["examples"]["first_line"]] == [
        *"d",
        None,
        None,
        "j",
        None,
        None,
        *" vu\n",
    ]
    assert "‹d›67 ‹\ufffd›" in told(*words)
    assert "‹⏎›" in told(*words)


def test_the_characters_that_a_persons_own_tokenizer_lacks_are_counted(told: Inspect, record: Record) -> None:
    Characters.learn("abcdefghijklmnopqrstuvwxyz", several=False).save(Path())
    words = ("book.txt", "--data.tokenizer", "tokenizer.json")
    lacking = record(*words)["tokenizer"]["unknown_characters"]
    text = Path("book.txt").read_text(encoding="utf-8")
    assert lacking == {" ": text.count(" "), ".": text.count(".")}
    assert "characters that the tokenizer lacks: ' ' x" in told(*words)


def test_a_choice_that_does_nothing_is_said(told: Inspect) -> None:
    assert "data.vocabulary does nothing here" in told(
        "book.txt", "--data.tokenizer", "bytes", "--data.vocabulary", "300"
    )


def test_the_flags_are_those_of_train() -> None:
    def flags(*sections: tuple[str, ...]) -> dict[str, tuple[Any, Any]]:
        parser = Parser("x", "")
        add_settings(parser, *sections)
        return {action.option_strings[0]: (action.help, action.metavar) for action in parser._actions}

    of_data = flags(("data",))
    assert {flag for flag in of_data if flag.startswith("--data.")} == {
        f"--data.{name}"
        for name in (
            "encoding",
            "target",
            "group",
            "size",
            "augment",
            "column",
            "tokenizer",
            "vocabulary",
            "validation",
        )
    }
    assert of_data.items() <= flags().items()
    assert "--config" not in of_data


# -- too little, or nothing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a", "ab", "a short text. " * 4])
def test_a_text_too_short_to_train_on_is_inspected_and_what_it_lacks_is_said(
    text: str, told: Inspect, record: Record, tmp_path: Path
) -> None:
    put(tmp_path, {"s.txt": text})
    for tokenizer in ("auto", "bytes", "bpe"):
        found = record("s.txt", "--data.tokenizer", tokenizer)
        assert found["characters"] == len(text)
        assert found["epoch"]["windows"] == found["epoch"]["steps"] == 0
        assert "s.txt is too short" in found["missing"]
        assert (found["frequencies"] is None) == (found["split"]["validation"]["tokens"] < 2)
    out = told("s.txt")
    assert "It cannot be trained on as it is: s.txt is too short" in out
    assert "Give more text" in out
    assert "0 windows of 128 tokens: 0 steps" in out


def test_enough_text_lacks_nothing(record: Record, told: Inspect) -> None:
    assert record("book.txt")["missing"] is None
    assert "cannot be trained" not in told("book.txt")


def test_training_still_refuses_what_inspecting_shows(tmp_path: Path) -> None:
    put(tmp_path, {"s.txt": "ab"})
    settings = resolve(Source("test", {"data.path": ("s.txt",)}))
    task = TASKS.get("language")
    with pytest.raises(DataError, match="too short"):
        task(settings)
    assert "too short" in str(task(settings, may_be_short=True).shortage())


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("inspect", "empty.txt"), 3, "empty.txt is empty"),
        (("inspect", "bok.txt"), 3, "Did you mean book.txt?"),
        (("inspect", "sample:python-dox"), 3, "Did you mean sample:python-docs"),
        (("inspect", "book.txt", "--data.encoding", "utf-9"), 2, "unknown encoding"),
        (("inpsect", "book.txt"), 2, "Did you mean inspect?"),
        (("book.txt",), 2, "fogwalk data inspect book.txt"),
        (("inspect",), 2, "required: path"),
        ((), 2, "required: inspect, path"),
        (("inspect", "book.txt", "--data.tokenisr", "bpe"), 2, "Did you mean --data.tokenizer"),
        (("inspect", "book.txt", "--data.tokenizer", "charaters"), 2, "Did you mean characters?"),
        (("inspect", "book.txt", "--data.vocabulary", "12"), 2, "at least 257"),
        (("inspect", "book.txt", "--model.layers", "3"), 2, "unknown option --model.layers"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_cannot_be_inspected_is_refused_in_words(
    words: tuple[str, ...], code: int, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    put(tmp_path, {"empty.txt": b""})
    assert said in refused(capsys, code, *words)


# -- how it is printed -------------------------------------------------------------------------------------------------


def test_control_characters_never_drive_the_terminal(told: Inspect, record: Record, tmp_path: Path) -> None:
    wild = "\x1b]0;owned\x07\x1b[2J\u202e evil\ttext that goes on and on, so that it is no binary file\r\n"
    put(tmp_path, {"wild/\x1b[2J.txt": wild * 40, "wild/b.csv": f'text,"a\x1b[2J"\n"{wild * 40}",x\n'})
    out = told("wild") + told("wild", "--data.tokenizer", "bytes") + told("wild", "--json")
    for driving in "\x1b\x07\u202e\r":
        assert driving not in out
    assert "‹\\x1b›" in out
    assert "‹⇥›" in out
    assert record("wild")["examples"]["first_line"][0]["token"] == "\x1b"


def test_the_ends_of_lines_from_windows_are_visible(told: Inspect, tmp_path: Path) -> None:
    put(tmp_path, {"a.txt": "one\r\ntwo\r\n" * 90})
    out = told("a.txt")
    assert "“one␍⏎two␍⏎one" in out
    assert "‹e›3 ‹␍›2 ‹⏎›1" in out


@pytest.mark.parametrize(("width", "tables"), [(45, 5), (80, 6)])  # the sixth would be cut: paragraphs
def test_a_narrow_terminal_wraps_the_tables(
    width: int, tables: int, told: Inspect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put(tmp_path, {"more.txt": "日本 the cat sat on the mat\n" * 50})
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda stream: True)
    out = told("book.txt", "more.txt")
    rules = [line for line in out.splitlines() if line.startswith("──")]
    assert len(rules) == tables
    assert max(map(len, rules)) <= width
    assert "held back" in out


def test_programs_get_the_promised_names(record: Record) -> None:
    found = record("book.txt")
    for part, keys in KEYS.items():
        assert list(found[part] if part else found) == keys.split(), part
    for side in ("training", "validation"):
        assert list(found["split"][side]) == ["documents", "characters", "share", "tokens", "tokenised_characters"]
    assert list(found["files"][0]) == ["name", "format", "packed", "bytes", "encoding"]
    assert list(found["examples"]["frequent"][0]) == ["token", "id", "count", "share"]
    assert list(found["examples"]["first_line"][0]) == ["token", "id"]


def test_what_is_held_back_beyond_what_is_scored_is_told(
    told: Inspect, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fogwalk.batches.tokens.MOST_SCORED", 100)
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path("own").absolute()))
    validation = record("book.txt")["split"]["validation"]
    assert validation["tokens"] == validation["tokenised_characters"] == 100 < validation["characters"]
    assert "100 scored" in told("book.txt")


def test_inspecting_writes_nothing_beside_the_text(told: Inspect, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    told("book.txt")
    assert sorted(tmp_path.rglob("*")) == before


# -- the counting by itself --------------------------------------------------------------------------------------------


def test_documents_and_characters_are_counted_on_both_sides(tmp_path: Path) -> None:
    texts = {f"texts/{n:02}.txt": f"{n:02} " * (10 + n) for n in range(20)}
    put(tmp_path, dict(texts))
    corpus = Corpus([str(tmp_path / "texts")])
    split = survey(corpus, 0.2, 10**6).split
    seen = inspect(corpus, split)
    assert seen.documents == 20
    assert (seen.shortest, seen.longest) == (30, 87)
    assert seen.validation.documents == len(split.held)
    assert seen.training.documents == 20 - len(split.held)
    held = [text for number, text in enumerate(texts.values()) if number in split.held]
    assert seen.validation.characters == sum(map(len, held))
    assert seen.training.characters + seen.validation.characters == sum(map(len, texts.values()))
    assert seen.files[0] == File(name="00.txt", format="text", packed="", bytes=30, encoding="utf-8")


def test_a_document_that_is_cut_counts_on_both_sides(tmp_path: Path) -> None:
    put(tmp_path, {"one.txt": "the cat sat on the mat. " * 100})
    corpus = Corpus([str(tmp_path / "one.txt")])
    seen = inspect(corpus, survey(corpus, 0.25, 10**6).split)
    assert (seen.documents, seen.shortest, seen.longest) == (1, 2400, 2400)
    assert (seen.training.documents, seen.validation.documents) == (1, 1)
    assert (seen.training.characters, seen.validation.characters) == (1800, 600)
