"""The round table: rows add up to 1, nobody hears the future, and every number is the one that `explain` gives."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from fogwalk import load
from fogwalk.errors import DataError
from fogwalk.insight.accounts.protocol import number
from fogwalk.observatory.server import application
from fogwalk.observatory.work.round import _blocks, opening
from fogwalk.runs.log import read_all
from fogwalk.tasks.language import Language

PROMPT = "the cat"
AT = "layers.1.attention"


def numbers(page: TestClient, address: str, **asked: Any) -> np.ndarray:
    """The numbers of one answer of the server, in their shape."""
    answer = page.get(f"/api/runs/book/round/{address}", params={"prompt": PROMPT} | asked)
    assert answer.status_code == 200, answer.text
    return np.frombuffer(answer.content, "<f4").reshape([int(size) for size in answer.headers["x-shape"].split(",")])


def listener(page: TestClient, **asked: Any) -> Any:
    """The numbers of one listener."""
    answer = page.get("/api/runs/book/round/listener", params={"prompt": PROMPT, "at": AT} | asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_who_sits_at_the_table_is_told(page: TestClient, shelf: Path) -> None:
    told = page.get("/api/runs/book/round", params={"prompt": PROMPT}).json()
    answer = load(shelf / "book").explain_answer(PROMPT)
    assert told["listeners"] == told["speakers"] == answer.structure["tokens"]
    assert told["answers"][-1] == answer.structure["best_name"]
    assert told["step"] == answer.structure["step"]
    assert told["context"] == 8
    assert told["saved"] == load(shelf / "book").folder.steps_saved()
    assert set(told["steps"]) == {*told["saved"], 0, 5, 10, 15, 20}
    assert [(one["table"], one["head"]) for one in told["heads"]] == [
        (f"layers.{layer}.attention", head) for layer in (0, 1) for head in (0, 1)
    ]
    for one in told["heads"]:
        share = re.search(r"\((0\.\d\d|1\.00)\)$", one["said"])
        assert not share or float(share[1]) in [pytest.approx(size, abs=0.006) for size in one["numbers"].values()]


@pytest.mark.parametrize("step", [None, 10, 7])
def test_rows_add_up_to_1_and_nobody_hears_the_future(step: int | None, page: TestClient, shelf: Path) -> None:
    answer = load(shelf / "book").explain_answer(PROMPT, step=step)
    small = numbers(page, "thumbnails", step=step)
    for layer in (0, 1):
        for head in (0, 1):
            name = f"layers.{layer}.attention"
            shares = numbers(page, "head", step=step, at=name, head=head)
            assert np.abs(shares.sum(-1) - 1).max() < 1e-4
            assert not np.triu(shares, 1).any()
            assert np.array_equal(shares, answer.tensors[f"weights/{name}"][head].numpy())
            assert np.array_equal(small[2 * layer + head], shares)
            for measure in ("value", "effect"):
                assert not np.triu(numbers(page, "head", step=step, at=name, head=head, measure=measure), 1).any()


def test_what_speakers_add_is_what_explain_says_of_the_layer(page: TestClient, shelf: Path) -> None:
    parts = load(shelf / "book").explain_answer(PROMPT).structure["parts"]
    for layer in (0, 1):
        name = f"layers.{layer}.attention"
        added = sum(numbers(page, "head", at=name, head=head, measure="effect")[-1].sum() for head in (0, 1))
        assert added == pytest.approx(parts[name], rel=1e-3, abs=1e-5)
        told = listener(page, at=name, head=1)["effect"]
        assert told["layer"] == pytest.approx(parts[name], rel=1e-4, abs=1e-6)
        assert sum(told["heads"]) + told["bias"] == pytest.approx(told["layer"], rel=1e-4, abs=1e-6)
        assert abs(told["bias"]) < 1e-5, "this model has none"


@pytest.mark.parametrize(("place", "head"), [(0, 0), (3, 1), (6, 0)])
def test_the_numbers_of_a_listener_are_those_explain_prints(
    place: int, head: int, page: TestClient, shelf: Path
) -> None:
    run = load(shelf / "book")
    text = str(run.explain_answer(PROMPT).at(AT, place=place, head=head))
    told = listener(page, place=place, head=head)
    assert told["text"] == text
    assert told["opened"] == place + 1
    words = " ".join(text.split())
    for line in told["lines"]:
        assert f"{line['what']} {line['formula']} = {line['filled']} = {number(line['result'])}" in words
    printed = {
        int(found[1]): found[2].split()
        for found in (re.match(r"\s+(\d+)  '.'  +(.*)$", line) for line in text.splitlines())
        if found
    }
    assert set(printed) == set(range(place + 1)), "few enough to be printed whole"
    for speaker, columns in printed.items():
        row = told["speakers"][speaker]
        assert columns == [number(row[name]) for name in ("score", "share", "size", "heard")]
    assert sum(row["share"] for row in told["speakers"]) == pytest.approx(1, abs=1e-4)
    assert all(row["share"] == 0 for row in told["speakers"][place + 1 :])
    shares = numbers(page, "head", at=AT, head=head)[place]
    effects = numbers(page, "head", at=AT, head=head, measure="effect")[place]
    assert [row["share"] for row in told["speakers"]] == pytest.approx(shares.tolist(), abs=1e-6)
    assert [row["effect"] for row in told["speakers"]] == pytest.approx(effects.tolist(), abs=1e-6)


def test_query_key_value_and_what_is_fused_belong_together(page: TestClient, shelf: Path) -> None:
    seen = load(shelf / "book").explain_answer(PROMPT).seen
    assert seen is not None
    told = listener(page, place=5, head=1, speaker=2)
    values = {name: seen.values[f"{AT}.{name}"].value[0] for name in ("query", "key", "value", "mixed", "output")}
    assert told["speaker"] == 2
    assert told["query"] == pytest.approx(values["query"][1, 5].tolist(), abs=1e-5)
    assert told["key"] == pytest.approx(values["key"][1, 2].tolist(), abs=1e-5)
    assert told["value"] == pytest.approx(values["value"][1, 2].tolist(), abs=1e-5)
    assert told["heard"] == pytest.approx(values["mixed"][1, 5].tolist(), abs=1e-5)
    row = told["speakers"][2]
    assert row["dot"] == pytest.approx(sum(q * k for q, k in zip(told["query"], told["key"], strict=True)), abs=1e-4)
    assert row["scaled"] == pytest.approx(row["dot"] / told["width"] ** 0.5, abs=1e-5)
    assert told["lines"][0]["what"].startswith("head 1: query of 5 · key of 2")
    assert told["turned"] == "normalised in each head and turned by its place (rotary positions)"
    sizes = [abs(one["output"]) for one in told["fused"]["rows"]]
    assert sizes == sorted(sizes, reverse=True)
    for one in told["fused"]["rows"]:
        assert one["output"] == pytest.approx(float(values["output"][5, one["unit"]]), abs=1e-5)
        assert sum(one["parts"]) == pytest.approx(one["output"], abs=1e-5)


def test_a_text_to_begin_with_is_the_run_s_own_and_fits(
    page: TestClient, shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampled = [record for record in read_all(shelf / "book" / "events.jsonl") if record["event"] == "sampled"][-1]
    prompt = page.get("/api/runs/book/round/opening").json()["prompt"]
    said = sampled["text"].lstrip("\n").partition("\n")[0][:48].rstrip()
    whole = sampled["prompt"] + said if len(sampled["prompt"]) < 24 else sampled["prompt"]
    assert prompt == whole[-8:], "as much as it looks back over"
    assert "reads no text" in page.get("/api/runs/moons/round/opening").json()["error"]
    shutil.copytree(shelf / "book", tmp_path / "runs" / "book")
    events = tmp_path / "runs" / "book" / "events.jsonl"
    kept = [line for line in events.read_text().splitlines() if '"sampled"' not in line]
    events.write_text("\n".join(kept) + "\n")
    with TestClient(application(tmp_path / "runs"), base_url="http://localhost") as client:
        assert client.get("/api/runs/book/round/opening").json()["prompt"] == sampled["prompt"][-8:]

    def gone(task: Language) -> str:
        raise DataError("the text is gone")

    monkeypatch.setattr(Language, "opening", gone)
    first = load(shelf / "book").tokenizer.decode([0])
    assert opening(str(tmp_path / "runs" / "book")) == first, "the text is gone, its letters are not"


def test_a_long_text_is_sent_in_blocks_of_the_number_furthest_from_0() -> None:
    matrix = torch.zeros(1, 5, 5)
    matrix[0, 0, 1], matrix[0, 1, 0], matrix[0, 4, 4], matrix[0, 3, 2] = 2, -3, -1, 0.5
    assert _blocks(matrix, 3).tolist() == [[[-3, 0, 0], [0, 0.5, 0], [0, 0, -1]]]
    assert _blocks(matrix, 5) is matrix


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("?prompt=", 404, "the prompt is empty"),
        ("?prompt=the cat sat on", 404, "looks back over 8"),
        ("?prompt=~", 404, "which this model's text never did"),
        ("?prompt=the&step=21", 404, "has no step 21"),
        ("?prompt=the&step=-1", 404, "step cannot be '-1'"),
        ("/head?prompt=the&at=layers.1.atention", 404, "Did you mean layers.1.attention"),
        ("/head?prompt=the&at=head", 404, "head is no round table"),
        ("/head?prompt=the&at=layers.0.attention&head=2", 404, "head=2 is outside"),
        ("/head?prompt=the&at=layers.0.attention&measure=wieght", 404, "Did you mean weight"),
        ("/listener?prompt=the&at=layers.0.attention&place=3", 404, "place=3 is outside"),
        ("/listener?prompt=the&at=layers.0.attention&place=1&speaker=2", 404, "place 2 says nothing to place 1"),
    ],
)
def test_what_is_asked_wrongly_of_a_table_is_answered_in_words(
    address: str, status: int, words: str, page: TestClient
) -> None:
    answer = page.get(f"/api/runs/book/round{address}")
    assert answer.status_code == status
    assert words in answer.json()["error"]
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("name", ["moons", "digits"])
def test_a_model_without_a_table_is_told(name: str, page: TestClient) -> None:
    assert page.get(f"/api/runs/{name}/round?prompt=the").status_code in (404, 409)
