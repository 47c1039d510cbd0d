"""Every command on a tiny run, as a person and as a program calls it, and the same from Python."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import fogwalk
from fogwalk.cli import COMMANDS, main
from fogwalk.cli import __name__ as cli_name
from fogwalk.errors import UsageError
from fogwalk.runs.folder import RunFolder
from fogwalk.runs.log import loss_trace, read_all, read_story
from fogwalk.settings import load_settings, write_toml
from fogwalk.tasks.language import Language
from fogwalk.training import checkpoint
from fogwalk.training.state import begin

TINY = ("--preset", "tiny", "--training.steps", "4", "--training.compile", "off", "--threads", "1")
NAMES = {"planned", "step", "evaluated", "sampled", "saved", "warned", "resumed", "stopped"}

Call = Callable[..., str]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, small_text: str) -> Path:
    """A folder with a book and one finished run, called first."""
    place = tmp_path_factory.mktemp("shop")
    (place / "book.txt").write_text(small_text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("XDG_CACHE_HOME", str(place / ".cache"))
        assert main(["train", "book.txt", *TINY, "--out", "runs/first"]) == 0
    return place


@pytest.fixture
def reading(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """To work in that folder and change nothing."""
    monkeypatch.chdir(shop)
    return shop


@pytest.fixture
def changing(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """To work in a copy of it."""
    place = tmp_path / "copy"
    shutil.copytree(shop, place)
    monkeypatch.chdir(place)
    return place


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command that must go well; gives back what it printed."""

    def run(*words: str) -> str:
        capsys.readouterr()
        code = main(list(words))
        out, err = capsys.readouterr()
        assert code == 0, f"{words}: exit {code}: {out}{err}"
        assert out.endswith("\n")
        return out

    return run


def weights(run: str, step: int) -> bytes:
    """The bytes of a checkpoint's weights."""
    return Path(run, f"checkpoints/{step:06d}/model.safetensors").read_bytes()


# -- training ----------------------------------------------------------------------------------------------------------


def test_train_tells_its_choices_its_progress_and_what_to_type_next(changing: Path, call: Call) -> None:
    out = call("train", "book.txt", *TINY, "--out", "runs/second")
    for words in ("data    ", "model   transformer 2 layers", "plan    4 steps x 16 x 64", "chance  loss", "val     "):
        assert words in out
    assert "~ sample @" in out
    assert "done    4 steps in" in out
    assert "fogwalk generate second" in out.split("next    ")[1]
    for line in ("fogwalk evaluate second", "fogwalk export second --to huggingface exported"):
        assert line in out


def test_two_equal_runs_give_byte_equal_weights_and_losses(changing: Path, call: Call) -> None:
    call("train", "book.txt", *TINY, "--out", "runs/second")
    for step in (0, 4):
        assert weights("runs/first", step) == weights("runs/second", step)
    traces = [loss_trace(Path(f"runs/{name}/events.jsonl")) for name in ("first", "second")]
    assert traces[0] == traces[1]
    assert sorted(traces[0]) == [1, 2, 3, 4]
    call("train", "book.txt", *TINY, "--seed", "2", "--out", "runs/third")
    assert weights("runs/first", 4) != weights("runs/third", 4)


def test_settings_fed_back_repeat_the_run_byte_for_byte(changing: Path, call: Call) -> None:
    Path("copy.toml").write_text(call("config", "first"))
    for number, file in enumerate(
        ("runs/first/settings.toml", "runs/first/checkpoints/000004/settings.toml", "copy.toml")
    ):
        call("train", "--config", file, "--out", f"runs/again{number}")
        assert weights("runs/first", 4) == weights(f"runs/again{number}", 4)


def test_a_run_without_a_name_is_given_one_and_is_the_last(changing: Path, call: Call) -> None:
    call("train", "book.txt", *TINY)
    (name,) = {entry.name for entry in Path("runs").iterdir()} - {"first"}
    assert call("config").startswith("# Every value of this run")
    assert json.loads(call("runs", "--json"))[-1]["name"] == name


def test_resume_of_a_finished_run_says_so_and_changes_nothing(changing: Path, call: Call) -> None:
    def files() -> dict[Path, bytes]:
        found = (path for path in Path("runs/first").rglob("*") if path.is_file() and path.name != ".lock")
        return {path: path.read_bytes() for path in found}

    before = files()
    assert "runs/first is finished: 4 of 4 steps" in call("train", "--resume", "last")
    assert "runs/first is finished" in call("train", "--resume")
    assert files() == before


def test_a_finished_run_is_extended_by_asking_for_more_steps(changing: Path, call: Call) -> None:
    out = call("train", "--resume", "first", "--training.steps", "6")
    assert "resume  from step 4 of 6; equal to the bit" in out
    assert "\ndone " in out
    assert sorted(loss_trace(Path("runs/first/events.jsonl"))) == [1, 2, 3, 4, 5, 6]
    assert "is finished: 6 of 6" in call("train", "--resume", "first")
    told = call("config", "first", "--why")
    assert "training.steps" in told
    assert "command line (--training.steps)" in told
    assert call("verify", "first").count("BAD") == 0


def test_a_resume_may_name_the_folder_that_the_run_is_in(changing: Path, call: Call) -> None:
    out = call("train", "--resume", "first", "--out", "runs/first", "--training.steps", "5")
    assert "resume  from step 4 of 5" in out
    assert "is finished: 5 of 5" in call("train", "--resume", "first", "--out", str(changing / "runs/first"))


def test_events_carry_the_promised_names(reading: Path) -> None:
    records = list(read_all(Path("runs/first/events.jsonl")))
    assert {record["event"] for record in records} <= NAMES
    assert {"planned", "step", "evaluated", "sampled", "saved", "stopped"} <= {record["event"] for record in records}
    for record in records:
        assert isinstance(record["step"], int)
        assert isinstance(record["seconds"], float)
    assert all(isinstance(r["loss"], float) for r in records if r["event"] == "step")
    assert all(isinstance(r["validation_loss"], float) for r in records if r["event"] == "evaluated")
    assert records[0]["event"] == "planned"
    assert records[0]["settings"]["training.steps"] == 4
    assert next(r["step"] for r in records if r["event"] == "saved") == 0
    assert (records[-1]["event"], records[-1]["reason"]) == ("stopped", "steps")
    for step in (2, 4):  # saved before it is validated
        order = [r["event"] for r in records if r["step"] == step and r["event"] in ("saved", "evaluated")]
        assert order[:1] == ["saved"]


def test_the_first_loss_is_that_of_guessing(reading: Path) -> None:
    planned = next(read_all(Path("runs/first/events.jsonl")))
    assert loss_trace(Path("runs/first/events.jsonl"))[1] == pytest.approx(planned["data"]["guessing"], abs=0.1)


def test_the_log_as_json_is_the_events_themselves(changing: Path, call: Call) -> None:
    out = call("train", "book.txt", *TINY, "--out", "runs/json", "--log-format", "json")
    records = [json.loads(line) for line in out.splitlines()]
    assert records == list(read_all(Path("runs/json/events.jsonl")))


def test_a_path_with_spaces_and_unicode_works_from_end_to_end(changing: Path, call: Call) -> None:
    Path("mes textes été").mkdir()
    shutil.copy("book.txt", "mes textes été/à lire.txt")
    call("train", "mes textes été", *TINY, "--out", "runs/un été 🎈")
    assert call("generate", "un été 🎈", "the ", "--tokens", "3").startswith("the ")
    call("evaluate", "runs/un été 🎈")
    assert "is finished" in call("train", "--resume", "un été 🎈")


def test_a_folder_of_texts_is_split_by_document_and_says_what_it_left_out(changing: Path, call: Call) -> None:
    Path("texts").mkdir()
    for number in range(20):
        Path(f"texts/{number}.txt").write_text(f"letter {number}: the cat sat on the mat. " * 12)
    Path("texts/picture.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    out = call("train", "texts", *TINY, "--out", "runs/texts")
    assert "documents, chosen by hash, are held back for validation" in out
    assert "left out 1" in out
    assert "picture.png (is a PNG image" in out
    assert json.loads(call("evaluate", "texts", "--json"))["loss"] > 0


@pytest.mark.parametrize(
    "words",
    [
        ("--data.tokenizer", "bytes"),
        ("--data.tokenizer", "bpe", "--data.vocabulary", "270"),
        ("--model.positions", "alibi", "--model.normalisation", "layernorm", "--model.tied", "true"),
        ("--optimizer.name", "adamw", "--optimizer.learning-rate", "3e-4", "--optimizer.schedule", "cosine"),
        ("--training.accumulate", "4", "--training.precision", "float32", "--model.dropout", "0.1"),
        ("--training.epochs", "0.5"),
        ("--training.tokens", "2000"),
        ("--training.stop-below", "100"),
    ],
    ids=" ".join,
)
def test_options_train_and_verify(changing: Path, call: Call, words: tuple[str, ...]) -> None:
    call("train", "book.txt", *TINY, *words, "--out", "runs/other")
    assert "BAD" not in call("verify", "other", "--replay")
    assert "is finished" in call("train", "--resume", "other")


def test_the_layered_net_trains_and_speaks(changing: Path, call: Call) -> None:
    call("train", "book.txt", "--model-kind", "mlp", "--model.hidden", "32,16", *TINY[2:], "--out", "runs/net")
    assert call("generate", "net", "the ", "--tokens", "5").startswith("the ")
    names = [row["name"] for row in json.loads(call("parameters", "net", "--json"))]
    assert any("embedding" in name for name in names)


# -- using -------------------------------------------------------------------------------------------------------------


def test_generate_goes_on_from_a_prompt_and_repeats_itself(reading: Path, call: Call) -> None:
    one = call("generate", "last", "the cat", "--tokens", "20", "--seed", "3")
    assert one.startswith("the cat")
    assert len(one) == len("the cat") + 20 + 1
    assert call("generate", "first", "the cat", "--tokens", "20", "--seed", "3") == one
    assert call("generate", "first", "the cat", "--tokens", "20", "--seed", "4") != one
    assert call("generate", "--tokens", "0") == "\n"


def test_generate_for_programs_gives_text_ids_and_why_it_stopped(reading: Path, call: Call) -> None:
    answer = json.loads(call("generate", "first", "the", "--tokens", "12", "--json"))
    assert list(answer) == ["text", "token_ids", "stop_reason"]
    assert (len(answer["token_ids"]), answer["stop_reason"]) == (12, "length")
    assert fogwalk.load("first").tokenizer.decode(answer["token_ids"]) == answer["text"]
    assert call("generate", "first", "the", "--tokens", "12").rstrip("\n") == "the" + answer["text"]


def test_generate_stops_before_a_stop_string(reading: Path, call: Call) -> None:
    words = ("generate", "first", "the", "--tokens", "60", "--temperature", "1.5", "--json")
    whole = json.loads(call(*words))["text"]
    stop = whole[20:22]
    answer = json.loads(call(*words, "--stop", stop))
    assert answer["stop_reason"] == "stop"
    assert answer["text"] == whole[: whole.index(stop)]
    assert json.loads(call(*words, "--stop", "\\n\\n"))["text"] == whole


def test_a_line_end_of_windows_is_a_stop_string(changing: Path, call: Call) -> None:
    Path("ends.txt").write_bytes(b"a\r\n" * 1000)
    call("train", "ends.txt", *TINY, "--out", "runs/ends")
    words = ("generate", "ends", "a", "--tokens", "60", "--json")
    whole = json.loads(call(*words))["text"]
    answer = json.loads(call(*words, "--stop", "\\r\\n"))
    assert (answer["stop_reason"], answer["text"]) == ("stop", whole[: whole.index("\r\n")])


def test_several_samples_are_the_seeds_counting_up(reading: Path, call: Call) -> None:
    words = ("generate", "first", "the", "--tokens", "9", "--json")
    answers = json.loads(call(*words, "--samples", "3", "--seed", "5"))
    assert [answer["text"] for answer in answers] == [
        json.loads(call(*words, "--seed", str(seed)))["text"] for seed in (5, 6, 7)
    ]


def test_greedy_answers_ignore_the_seed_and_top_k_1_is_greedy(reading: Path, call: Call) -> None:
    words = ("generate", "first", "the", "--tokens", "15")
    greedy = call(*words, "--temperature", "0")
    assert call(*words, "--temperature", "0", "--seed", "9") == greedy
    assert call(*words, "--top-k", "1", "--seed", "4") == greedy
    assert call(*words, "--top-p", "0.0001", "--seed", "4") == greedy


def test_each_tokens_probability_is_shown_with_its_rivals(reading: Path, call: Call) -> None:
    out = call("generate", "first", "the", "--tokens", "5", "--show-probs")
    assert [title in out for title in ("token", "probability", "rivals")] == [True] * 3
    assert out.count("%") > 10
    assert len([line for line in out.splitlines() if "%" in line]) == 5


def test_past_the_context_it_slides_and_says_so(reading: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "first", "the", "--tokens", "100"]) == 0
    out, err = capsys.readouterr()
    assert len(out) == 3 + 100 + 1
    assert "longer than the context of 64 tokens" in err


def test_a_chosen_checkpoint_speaks_as_it_did_then(reading: Path, call: Call) -> None:
    texts = {call("generate", "first", "the", "--tokens", "30", "--step", str(step)) for step in (0, 2, 4)}
    assert len(texts) == 3


def test_evaluate_gives_exactly_the_runs_own_best_validation_loss(reading: Path, call: Call) -> None:
    result = json.loads(call("evaluate", "first", "--json"))
    assert {"loss", "perplexity", "bits_per_byte", "tokens"} <= result.keys()
    told = [record for record in read_story(Path("runs/first/events.jsonl")) if record["event"] == "evaluated"]
    best = min(told, key=lambda record: record["validation_loss"])
    assert (result["loss"], result["tokens"], result["step"]) == (
        best["validation_loss"],
        best["examples"],
        best["step"],
    )
    assert result["context"] == best["context"] == 64
    assert json.loads(call("runs", "--json"))[0]["best_validation_loss"] == result["loss"]
    for record in told:
        if Path(f"runs/first/checkpoints/{record['step']:06d}").is_dir():
            again = json.loads(call("evaluate", "first", "--step", str(record["step"]), "--json"))
            assert again["loss"] == record["validation_loss"]


def test_evaluate_on_another_text_counts_the_characters_it_never_saw(reading: Path, call: Call, tmp_path: Path) -> None:
    text = "the cat sat € on the Mat. "
    (tmp_path / "other.txt").write_text(text * 10, encoding="utf-8")
    words = ("evaluate", "first", "--data", str(tmp_path / "other.txt"))
    result = json.loads(call(*words, "--json"))
    assert result["unknown_characters"] == 20
    assert result["tokens"] == len(text) * 10 - 1
    bits = result["loss"] * result["tokens"] / 0.6931471805599453
    assert result["bits_per_byte"] == pytest.approx(bits / (len(text.encode()) * 10 - 1))
    assert result["bits_per_character"] == pytest.approx(bits / (len(text) * 10 - 1))
    out = call(*words)
    assert "20 characters stand in no text it learned from" in out
    assert "'€' x 10" in out
    for words_ in ("this model", "token frequencies", "guessing", "context 64", "nats per token"):
        assert words_ in out
    assert "counted from the first" not in out, "it is counted from all of them"


def test_evaluate_tells_what_an_n_gram_model_gets_between_the_model_and_the_frequencies(
    reading: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = json.loads(call("evaluate", "first", "--json"))
    assert list(result)[-4:] == ["guessing", "frequencies", "ngram", "ngram_order"]
    assert 0 < result["ngram"] < result["frequencies"] < result["guessing"]
    assert 2 <= result["ngram_order"] <= 8
    ours, theirs, counted, guessed = call("evaluate", "first").splitlines()[4:8]
    assert ours.startswith("this model  ")
    assert theirs.startswith(f"n-gram of order {result['ngram_order']}  ")
    assert f" {result['ngram']:.4f} " in theirs
    assert counted.startswith("token frequencies  ")
    assert guessed.startswith("guessing  ")
    monkeypatch.setattr("fogwalk.objectives.ngram.MOST_COUNTED", 1000)
    assert "the n-gram model is counted from the first 1,000 training tokens" in call("evaluate", "first")


def test_evaluate_says_where_looking_back_does_not_help_the_n_gram_model(
    reading: Path, call: Call, tmp_path: Path
) -> None:
    text = Path("book.txt").read_text(encoding="utf-8")
    letters = sorted(set(text) - set(" \n"))
    apart = next(a + b for a in letters for b in letters if a + b not in text and b + a not in text)
    (tmp_path / "strange.txt").write_text(apart * 40, encoding="utf-8")
    out = call("evaluate", "first", "--data", str(tmp_path / "strange.txt"))
    assert "n-gram of order 1  " in out
    assert "looking back even one token makes the n-gram model no better" in out
    assert "looking back" not in call("evaluate", "first")


def test_evaluate_reads_a_text_in_the_encoding_that_is_named(
    reading: Path, call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "latin.txt").write_bytes("déjà vu, said the cat\n".encode("cp1252") * 9)
    words = ["evaluate", "first", "--data", str(tmp_path / "latin.txt")]
    assert main(words) == 3
    remedy = capsys.readouterr().err
    assert "--data.encoding cp1252" in remedy
    assert json.loads(call(*words, "--data.encoding", "cp1252", "--json"))["loss"] > 0


def test_evaluate_says_so_when_the_text_is_what_it_learned_from(reading: Path, call: Call, tmp_path: Path) -> None:
    assert "the text it learned from" in call("evaluate", "first", "--data", "book.txt")
    (tmp_path / "other.txt").write_text("another text " * 9, encoding="utf-8")
    assert "it learned from:" not in call("evaluate", "first", "--data", str(tmp_path / "other.txt"))
    own = Path("book.txt").read_text(encoding="utf-8")
    (tmp_path / "half.txt").write_text("quite another beginning. " * 9 + own[: len(own) // 2], encoding="utf-8")
    told = call("evaluate", "first", "--data", str(tmp_path / "half.txt"))
    assert "% of this text stands in what it learned from: on a new one it will do worse" in told


def test_evaluate_without_the_text_it_learned_from_has_nothing_to_count(changing: Path, call: Call) -> None:
    call("train", "book.txt", *TINY, "--out", "runs/own")
    Path("book.txt").rename("moved.txt")
    words = ("evaluate", "own", "--data", "moved.txt")
    result = json.loads(call(*words, "--json"))
    assert (result["frequencies"], result["ngram"], result["ngram_order"]) == (None, None, None)
    out = call(*words)
    assert "guessing" in out
    assert "n-gram" not in out


def test_evaluate_does_not_count_on_a_text_that_was_changed_since(changing: Path, call: Call) -> None:
    call("train", "book.txt", *TINY, "--out", "runs/own")
    Path("held.txt").write_text("never seen before, all of it. " * 9, encoding="utf-8")
    before = json.loads(call("evaluate", "own", "--data", "held.txt", "--json"))
    assert before["frequencies"] > 0
    with Path("book.txt").open("a", encoding="utf-8") as book:
        book.write(Path("held.txt").read_text(encoding="utf-8"))
    for words in ("held.txt", "book.txt"):
        result = json.loads(call("evaluate", "own", "--data", words, "--json"))
        assert (result["frequencies"], result["ngram"]) == (None, None)
        out = call("evaluate", "own", "--data", words)
        assert "this is the text it learned from" not in out
        assert "is another now" in out


def test_evaluate_leaves_the_n_gram_model_out_where_there_is_too_much_to_score(
    reading: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fogwalk.scoring.MOST_SCORED", 10)
    result = json.loads(call("evaluate", "first", "--json"))
    assert result["ngram"] is None
    assert result["frequencies"] > 0
    assert "no n-gram model" in call("evaluate", "first")


def test_a_text_that_begins_with_an_unknown_character_is_spread_over_its_own_bytes(
    reading: Path, call: Call, tmp_path: Path
) -> None:
    (tmp_path / "other.txt").write_text("éthe cat sat on the mat. ", encoding="utf-8")
    result = json.loads(call("evaluate", "first", "--data", str(tmp_path / "other.txt"), "--json"))
    assert (result["unknown_characters"], result["tokens"]) == (1, 24)
    # é is read and not scored, and 24 bytes are left of 26.
    bits = result["loss"] / 0.6931471805599453
    assert result["bits_per_byte"] == result["bits_per_character"] == pytest.approx(bits)


def test_parameters_are_all_counted(reading: Path, call: Call) -> None:
    rows = json.loads(call("parameters", "first", "--json"))
    assert all(list(row) == ["name", "shape", "count", "bytes"] for row in rows)
    model = fogwalk.load("first").model
    assert sum(row["count"] for row in rows) == sum(value.numel() for value in model.parameters())
    assert {row["name"]: row["shape"] for row in rows} == {n: list(v.shape) for n, v in model.named_parameters()}
    out = call("parameters", "first")
    assert f"{sum(row['count'] for row in rows):,}" in out
    assert "layers.1.attention.queries.weight" in out


# -- looking after runs ------------------------------------------------------------------------------------------------


def test_runs_are_listed_under_the_promised_names(reading: Path, call: Call) -> None:
    (record,) = json.loads(call("runs", "--json"))
    assert {"name", "path", "task", "state", "step", "best_validation_loss", "bytes"} <= record.keys()
    assert (record["name"], record["path"], record["state"]) == ("first", "runs/first", "finished")
    assert (record["task"], record["step"]) == ("language", 4)
    assert record["bytes"] > 100_000
    out = call("runs")
    assert "first" in out
    assert "4/4" in out


def test_a_folder_without_runs_says_how_to_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    monkeypatch.chdir(tmp_path)
    assert "Begin with: fogwalk demo" in call("runs")
    assert json.loads(call("runs", "--json")) == []


def test_compare_tells_what_was_set_differently_and_what_came_of_it(shop: Path, changing: Path, call: Call) -> None:
    call("train", str(shop / "book.txt"), *TINY, "--seed", "2", "--model.positions", "none", "--out", "runs/second")
    result = json.loads(call("compare", "first", "second", "--json"))
    assert result["settings"] == {"seed": [1, 2], "model.positions": ["rotary", "none"]}
    assert result["results"]["step"] == [4, 4]
    assert all(loss > 0 for loss in result["results"]["best validation loss"])
    out = call("compare", "first", "second")
    assert "model.positions" in out
    assert "rotary" in out
    assert "Every setting is the same." in call("compare", "first", "first")


def test_config_tells_every_value_and_where_it_came_from(reading: Path, call: Call) -> None:
    values = json.loads(call("config", "first", "--json"))
    assert values["model.width"] == {"value": 64, "origin": "preset 'tiny'"}
    assert values["training.steps"] == {"value": 4, "origin": "command line (--training.steps)"}
    assert values["optimizer.name"] == {"value": "muon", "origin": "default"}
    assert "found" in values["training.precision"]["origin"]
    why = call("config", "first", "--why")
    assert all(key in why for key in values)
    assert any(line.split()[:2] == ["model.query-key-norm", "true"] for line in why.splitlines())
    assert call("config", "first") == Path("runs/first/settings.toml").read_text()


def test_verify_checks_every_checkpoint_and_replays_the_last_interval(reading: Path, call: Call) -> None:
    out = call("verify", "first", "--replay")
    assert "BAD" not in out
    assert "checksums of checkpoint 4" in out
    assert "resume state: step 4" in out
    assert "equal to the bit" in out
    checks = json.loads(call("verify", "first", "--json"))
    assert all(check["passed"] is True for check in checks)
    assert [list(check) for check in checks] == [["check", "passed", "details"]] * len(checks)


def _log_with_a_garbage_line(run: Path) -> None:
    events = run / "events.jsonl"
    events.write_text(events.read_text(encoding="utf-8").replace("\n", "\ngarbage\n", 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_log_with_a_garbage_line, "lines of runs/first/events.jsonl are no events"),
        (lambda run: (run / "events.jsonl").unlink(), "events: runs/first/events.jsonl is missing"),
        (lambda run: shutil.rmtree(run / "encoding"), "encoding: runs/first/encoding differs from checkpoint 4"),
        (lambda run: (run / "encoding/tokenizer.json").write_text("{}"), "encoding: runs/first/encoding differs"),
    ],
    ids=["a garbage line in the log", "no log", "no encoding", "another encoding"],
)
def test_verify_says_bad_of_what_stands_beside_the_checkpoints(
    damage: Callable[[Path], object], told: str, changing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(Path("runs/first"))
    assert main(["verify", "first"]) == 1
    (bad,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("BAD")]
    assert told in bad


def test_a_replay_that_gives_other_losses_or_weights_is_told(
    changing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = Path("runs/first/events.jsonl")
    lines = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    for record in lines:
        if record["event"] == "step" and record["step"] == 4:
            record["loss"] += 1e-7
    events.write_text("".join(json.dumps(record) + "\n" for record in lines), encoding="utf-8")
    assert main(["verify", "first", "--replay"]) == 1
    assert "loss of step 4 and 0 more differ" in capsys.readouterr().out

    folder = RunFolder(Path("runs/first"))
    settings = load_settings(folder.checkpoint(4) / "settings.toml")
    task = Language(settings, folder.encoding)
    state = begin(task.model(), settings, torch.device("cpu"))
    checkpoint.restore(folder, state, 4)
    with torch.no_grad():
        next(iter(state.model.parameters()))[0, 0] += 1e-6
    extras = checkpoint.Extras(
        settings=lambda: write_toml(settings), save_encoding=task.save_encoding, digest=task.digest, fingerprint={}
    )
    checkpoint.save(folder, state, extras)  # whole by its checksums, but not what training gave
    assert main(["verify", "first", "--replay"]) == 1
    out = capsys.readouterr().out
    assert "checksums of checkpoint 4" in out
    assert "embedding.weight" in out


@pytest.mark.parametrize("width", [12, 45, 200])
def test_no_name_and_no_number_is_cut_in_two_on_a_narrow_terminal(
    width: int, reading: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda stream: True)
    words = re.sub(r"\x1b\[\d*m", "", call("runs") + call("evaluate", "first")).split()
    assert {"first", "finished", "language", "perplexity", "frequencies"} <= set(words)


def test_doctor_tells_what_this_machine_has(reading: Path, call: Call) -> None:
    rows = json.loads(call("doctor", "--json"))
    assert rows["fogwalk"] == fogwalk.__version__
    assert rows["torch"] == str(torch.__version__)
    assert "free disk" in call("doctor")


def test_remove_asks_where_there_is_somebody_and_deletes(
    changing: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Person:
        """Somebody at a terminal."""

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Person())
    monkeypatch.setattr("builtins.input", lambda question: "n")
    assert call("remove", "first") == "kept\n"
    assert Path("runs/first").is_dir()
    monkeypatch.setattr("builtins.input", lambda question: "y")
    assert "removed runs/first" in call("remove", "first")
    assert not Path("runs/first").exists()


def test_remove_with_yes_does_not_ask(changing: Path, call: Call) -> None:
    assert "removed runs/first" in call("remove", "first", "--yes")
    assert list(Path("runs").iterdir()) == []


def test_version_usage_and_help_of_every_command(call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == f"fogwalk {fogwalk.__version__}\n"
    usage = call("--help")
    assert call() == usage
    for command, summary in COMMANDS.items():
        assert command in usage
        with pytest.raises(SystemExit) as done:
            main([command, "--help"])
        assert done.value.code == 0
        out = capsys.readouterr().out
        assert f"fogwalk {command}" in out
        assert summary[:30] in out
    assert cli_name == "fogwalk.cli"


def test_every_flag_of_the_issue_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    out = capsys.readouterr().out
    for flag in (
        *(f"training.{name}" for name in ("steps", "batch", "save-every", "stop-below")),
        *(f"model.{name}" for name in ("layers", "width", "heads", "context", "positions", "dropout")),
        *("data.tokenizer", "optimizer.name", "optimizer.learning-rate", "device", "seed", "minutes", "out"),
        *("preset", "config", "resume"),
    ):
        assert f"--{flag} " in out, flag


def test_every_table_can_be_had_as_json() -> None:
    import importlib

    for command in ("generate", "evaluate", "parameters", "runs", "compare", "config", "verify", "doctor"):
        parser = importlib.import_module(f"fogwalk.cli.{command}").parser("")
        assert any("--json" in action.option_strings for action in parser._actions), command


def test_a_reader_who_goes_away_is_no_error(reading: Path) -> None:
    command = f"{sys.executable} -m fogwalk config first | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True)
    assert done.stdout == "# Every value of this run. `fogwalk train --config THIS-FILE` repeats it.\n"
    assert done.stderr == ""


def test_control_characters_from_data_never_drive_the_terminal(changing: Path, call: Call) -> None:
    Path("wild.txt").write_text(Path("book.txt").read_text() + "\x1b]0;owned\x07\x1b[2J\u202e" * 80)
    out = call("train", "wild.txt", *TINY, "--out", "runs/wild", "--data.validation", "0.15")
    out += call("generate", "wild", "the\x1b[2J\u202e", "--tokens", "50")
    out += call("generate", "wild", "the", "--tokens", "20", "--show-probs") + call("evaluate", "wild")
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "\u202e" not in out, "it turns the order of the letters behind it"


def test_export_writes_what_transformers_reads_and_says_where(changing: Path, call: Call) -> None:
    out = call("export", "first", "--to", "huggingface", "exported")
    assert "wrote exported (huggingface), the model of first at step 4" in out
    names = {entry.name for entry in Path("exported").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"} <= names


# -- from Python -------------------------------------------------------------------------------------------------------


def small(**more: Any) -> dict[str, Any]:
    """Settings of a tiny run, as Python arguments."""
    return {
        "preset": "tiny",
        "quiet": True,
        "training": {"steps": 2, "compile": "off"},
        "threads": 1,
        "out": "runs/python",
    } | more


def test_train_from_python_gives_a_run_that_speaks(changing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = fogwalk.train("book.txt", **small())
    assert capsys.readouterr() == ("", "")
    assert run.path == Path("runs/python")
    answer = run.generate("the ", tokens=8, temperature=0.0)
    assert (len(answer.token_ids), answer.prompt) == (8, "the ")
    assert isinstance(run.model, torch.nn.Module)
    assert not run.model.training
    assert run.settings.model.context == 64
    assert repr(run) == "Run('runs/python', step 2)"
    assert run.events()[-1]["event"] == "stopped"
    assert run.evaluate().score.loss == run.events()[-1]["best_validation_loss"]


def test_paths_may_be_paths_and_none_is_no_text(changing: Path) -> None:
    assert fogwalk.train(Path("book.txt"), **small(out=Path("runs/python"))).path == Path("runs/python")
    with pytest.raises(UsageError, match="the data to learn from cannot be None"):
        fogwalk.train(None, **small())  # type: ignore[arg-type]  # as a person may


def test_load_opens_a_run_by_name_folder_or_as_the_last(reading: Path) -> None:
    for name in ("first", "runs/first", Path("runs/first"), "last"):
        assert fogwalk.load(name).step == 4
    assert fogwalk.load().step == 4
    assert fogwalk.load("first", step=0).step == 0
    assert "".join(piece.text for piece in fogwalk.load("first").stream("the", tokens=5, seed=2)) == (
        fogwalk.load("first").generate("the", tokens=5, seed=2).text
    )


def test_training_leaves_the_callers_chance_and_threads_alone(changing: Path) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    fogwalk.train("book.txt", **small())
    assert torch.equal(torch.rand(3), wanted)
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_from_python_mistakes_are_the_same_errors(changing: Path) -> None:
    with pytest.raises(fogwalk.FogwalkError, match=r"Did you mean .*book.txt"):
        fogwalk.train("bok.txt", **small())
    with pytest.raises(fogwalk.FogwalkError, match=r"unknown setting model.lyers"):
        fogwalk.train("book.txt", **small(model={"lyers": 3}))
    with pytest.raises(fogwalk.FogwalkError, match="no run called"):
        fogwalk.load("nowhere")
    with pytest.raises(fogwalk.FogwalkError, match="unknown setting sede"):
        fogwalk.train("book.txt", **small(sede=3))
    assert not Path("runs/python").exists()


def test_the_module_is_the_command(reading: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fogwalk", "runs"], capture_output=True, text=True, env=dict(os.environ)
    )
    assert done.returncode == 0
    assert "first" in done.stdout
    assert done.stderr == ""


# -- what would be trained -------------------------------------------------------------------------------------------------


def test_plan_tells_what_would_be_trained_and_trains_nothing(changing: Path, call: Call) -> None:
    before = sorted(Path("runs").iterdir())
    out = call("plan", "book.txt", *TINY)
    for label in (
        "data    ",
        "model   transformer 2 layers",
        "plan    4 steps x 16 x 64",
        "chance  ",
        "memory  about",
        "time  ",
    ):
        assert label in out
    told = json.loads(call("plan", "book.txt", *TINY, "--json"))
    assert told["steps"] == 4
    assert told["seconds"] > 0
    assert 200e6 < told["memory_bytes"] < 2e9
    assert told["settings"]["model.width"] == 64
    assert sorted(Path("runs").iterdir()) == before
    assert main(["plan"]) == 2
