"""Bad input: one clear message, the right exit code, nothing lost, no traceback.

Every case is a command a person could type in a folder with one book and one finished run; the checks that all share
stand in `check`.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import math
import os
import pickle
import re
import shutil
import struct
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError
from tokenizers import Tokenizer as Library
from tokenizers.models import BPE

from fogwalk.cli import main
from fogwalk.errors import SettingError
from fogwalk.settings import Transformer
from fogwalk.training.evaluation import Result

TINY = ("--preset", "tiny", "--training.steps", "2", "--training.compile", "off", "--threads", "1")


@dataclass(frozen=True)
class Case:
    """What is typed, the exit code, words the message must hold, and what is laid out beforehand."""

    name: str
    words: str | tuple[str, ...]
    code: int
    told: tuple[str, ...]
    before: Callable[[Path], object] = lambda place: None

    def typed(self) -> list[str]:
        """The words as the shell would hand them over."""
        return self.words.split() if isinstance(self.words, str) else list(self.words)


def write(name: str, content: bytes | str) -> Callable[[Path], object]:
    """A preparation that puts a file in the folder."""

    def lay(place: Path) -> None:
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)

    return lay


def truncated(name: str, *steps: str) -> Callable[[Path], object]:
    """A preparation that cuts a file of the finished run's checkpoints in half; of all of them when none is named."""

    def cut(place: Path) -> None:
        for checkpoint in (place / "runs/tiny/checkpoints").iterdir():
            if not steps or checkpoint.name in steps:
                content = (checkpoint / name).read_bytes()
                (checkpoint / name).write_bytes(content[: len(content) // 2])

    return cut


def trained(*words: str) -> Callable[[Path], object]:
    """A preparation that trains another run in the folder, on its own book."""
    return lambda place: main(["train", "book.txt", *TINY, *words])


def without_runs(place: Path) -> None:
    """A preparation that leaves no run."""
    shutil.rmtree(place / "runs")


def with_other_data(place: Path) -> None:
    """A run whose text changed after it began."""
    trained("--out", "runs/own")(place)
    with (place / "book.txt").open("a") as file:
        file.write("one more line.")


def with_its_data_gone(place: Path) -> None:
    """A run whose text was deleted."""
    trained("--out", "runs/own")(place)
    (place / "book.txt").unlink()


class Canary:
    """Unpickling this creates a file: if it is there, somebody opened the pickle."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, ("canary",))


def with_pickle(*names: str) -> Callable[[Path], object]:
    """A run folder that another program filled with pickled weights."""

    def lay(place: Path) -> None:
        run = place / "runs/foreign"
        for name in names:
            (run / name).parent.mkdir(parents=True, exist_ok=True)
            (run / name).write_bytes(pickle.dumps(Canary()))
        shutil.copy(place / "runs/tiny/settings.toml", run / "settings.toml")
        (run / "checkpoints").mkdir(exist_ok=True)

    return lay


PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR"
LATIN = "a plain line\nanother\nd\xe9j\xe0 vu\n".encode("latin-1") * 60
LONG = "x" * 300
GZIP = gzip.compress(b"the cat sat on the mat. " * 999)

DATA = [
    Case("a missing file with a near name", "train bok.txt", 3, ("no such file", "Did you mean", "book.txt")),
    Case("a missing file without a near name", "train zzz.txt", 3, ("no such file or folder", "zzz.txt")),
    Case("a file in a missing folder", "train nowhere/book.txt", 3, ("no such file", "nowhere does not exist either")),
    Case("an empty file", "train empty.txt", 3, ("empty.txt is empty", "should hold text"), write("empty.txt", b"")),
    Case("a file of whitespace", "train blank.txt", 3, ("holds nothing but blanks",), write("blank.txt", " \n\t\r\n" * 99)),
    Case("a file with nothing but a BOM", "train bom.txt", 3, ("is empty",), write("bom.txt", b"\xef\xbb\xbf")),
    Case("a binary file", "train some.bin", 3, ("binary, not text", "UTF-8"), write("some.bin", bytes(range(256)) * 9)),
    Case("a PNG image", "train a.png", 3, ("a PNG image, not text",), write("a.png", PNG)),
    Case("a JPEG image named as text", "train a.txt", 3, ("a JPEG image",), write("a.txt", b"\xff\xd8\xff\xe0rest")),
    Case("a ZIP archive", "train a.docx", 3, ("a ZIP archive",), write("a.docx", b"PK\x03\x04rest")),
    Case("a truncated gzip", "train a.gz", 3, ("a.gz", "compressed data ends early"), write("a.gz", GZIP[:-9])),
    Case("a damaged zstd", "train a.zst", 3, ("a.zst", "compressed data"), write("a.zst", b"\x28\xb5\x2f\xfdrest")),
    Case("a JSONL line that is not JSON", "train a.jsonl", 3, ("a.jsonl line 2 is not JSON",),
         write("a.jsonl", '{"text": "a"}\n{oops\n')),
    Case("a JSONL line that is a list", "train a.jsonl", 3, ("line 1 is JSON, but a list",), write("a.jsonl", "[1]")),
    Case("a JSONL line whose text is a number", "train a.jsonl", 3, ("a.jsonl line 2", "is a number, not text"),
         write("a.jsonl", '{"text": "a"}\n{"text": 1}\n')),
    Case("no such column", "train a.csv --data.column txet", 3, ("no column 'txet'", "Did you mean text?"),
         write("a.csv", "id,text\n1,a\n")),
    Case("a column that is not text", "train a.jsonl --data.column n", 3, ("'n'", "numbers, not text", "Columns of text: t"),
         write("a.jsonl", '{"n": 1, "t": "a"}\n')),
    Case("no column of text", "train a.jsonl", 2, ("without a column of text", "--target n"), write("a.jsonl", '{"n": 1}\n')),
    Case("a ragged CSV row", "train a.csv", 3, ("a.csv line 3 has 3 fields", "header has 2"),
         write("a.csv", "id,text\n1,a\n1,2,3\n")),
    Case("a CSV header with a name twice", "train a.csv", 3, ("'text' twice",), write("a.csv", "text,text\n1,2\n")),
    Case("a CSV header alone", "train a.csv", 3, ("a header and no rows",), write("a.csv", "id,text\n")),
    Case("a CSV quote never closed", "train a.csv", 3, ("is not CSV",), write("a.csv", 'text\n"open\n')),
    Case("a Parquet table that is none", "train a.parquet", 3, ("not a Parquet table",), write("a.parquet", "PAR1")),
    Case("an unknown encoding", "train book.txt --data.encoding utf-9", 2, ("unknown encoding", "--data.encoding")),
    Case("an encoding that is none", "train book.txt --data.encoding base64", 2, ("unknown encoding 'base64'",)),
    Case("the wrong encoding", "train l.txt --data.encoding ascii", 3, ("l.txt is not ascii", "0xe9 at line 3"),
         write("l.txt", LATIN)),
    Case("a folder of mixed encodings, all older", "train texts", 3, ("nothing to learn from", "a.txt (is not UTF-8"),
         write("texts/a.txt", LATIN)),
    Case("a pattern that matches nothing", "train *.pdf", 3, ("no file matches", "*.pdf")),
    Case("an empty path", ("train", "", *TINY), 3, ("the path of the text is empty", "`.` is the one you are in")),
    Case("an empty path of a text to score", ("evaluate", "--data", ""), 3, ("the path of the text is empty",)),
    Case("one path of two missing", "train book.txt zzz.txt", 3, ("no such file or folder", "zzz.txt")),
    Case("a link to itself", "train loop.txt", 3, ("loop.txt cannot be read", "symbolic links"),
         lambda place: (place / "loop.txt").symlink_to("loop.txt")),
    Case("a link to what is gone", "train link.txt", 3, ("link.txt is a link to nowhere.txt, which is not there",),
         lambda place: (place / "link.txt").symlink_to("nowhere.txt")),
    Case("a pipe", "train pipe", 3, ("pipe is a pipe or a device",), lambda place: os.mkfifo(place / "pipe")),
    Case("a PDF", "train a.pdf", 3, ("a PDF document",), write("a.pdf", b"%PDF-1.7 rest")),
    Case("Latin-1", "train l.txt", 3, ("not UTF-8", "0xe9 at line 3", "--data.encoding cp1252"), write("l.txt", LATIN)),
    Case("UTF-16 without its mark", "train u.txt", 3, ("looks like utf-16-le without its mark", "--data.encoding utf-16-le"),
         write("u.txt", "hello\n".encode("utf-16-le") * 99)),
    Case("UTF-16 called UTF-8", "train u.txt --data.encoding utf-8", 3, ("the mark of utf-16", "Leave --data.encoding out"),
         write("u.txt", "hello\n".encode("utf-16") * 99)),
    Case("a rate that is neither a number nor find", "train book.txt --optimizer.learning-rate fnd", 2, ("or find",)),
    Case("numbers where text was asked for", "train n.csv --data.column b", 3, ("holds numbers, not text", "of text: a"),
         write("n.csv", "a;b\nwords;1\nmore;2,5\n")),
    Case("nothing but numbers", "train n.csv", 2, ("without a column of text", "b, a", "--target b"),
         write("n.csv", "a,b\n1,2\n3,4.5\n")),
    Case("a text shorter than one context", "train s.txt --training.steps 1", 3, ("too short", "--model.context"),
         write("s.txt", "a short text. " * 4)),
    Case("a text of two letters", "train s.txt --training.steps 1", 3, ("too short", "Give more text"),
         write("s.txt", "ab")),
    Case("a context longer than the text", "train book.txt --training.steps 1 --model.context 100000", 3,
         ("too short", "model.context 100000 came from command line")),
    Case("too little held back", "train book.txt --preset tiny --training.steps 1 --data.validation 0.0001", 3,
         ("to validate on", "--data.validation")),
    Case("an empty folder", "train texts", 3, ("nothing to read in", "It holds no files"),
         lambda place: (place / "texts").mkdir()),
    Case("a folder of images", "train texts", 3, ("nothing to learn from in", "b.png (is a PNG image"),
         write("texts/b.png", PNG)),
    Case("an unknown sample", "train sample:python-dox", 3, ("unknown sample", "Did you mean sample:python-docs")),
    Case("a name longer than any file's", ("train", LONG), 3, ("cannot be read",)),
    Case("a text to score that is missing", "evaluate --data bok.txt", 3, ("no such file", "Did you mean book.txt")),
    Case("a text to score that is an image", "evaluate --data a.png", 3, ("a PNG image",), write("a.png", PNG)),
    Case("a text to score of one letter", "evaluate --data a.txt", 3, ("at least 2",), write("a.txt", "a")),
    Case("a tokenizer file that is none", "train book.txt --data.tokenizer t.json --training.steps 1", 3,
         ("not a tokenizer.json",), write("t.json", '{"model": 3}')),
    Case("data changed since the run began", "train --resume own --training.steps 3", 3,
         ("has changed since this run began", "Put the old text back"), with_other_data),
    Case("data gone since the run began", "train --resume own --training.steps 3", 3, ("no such file", "book.txt"),
         with_its_data_gone),
]  # fmt: skip

WORDS = [
    Case("nothing to learn from", "train", 2, ("nothing to learn from", "fogwalk train book.txt")),
    Case("a misspelled command", "trian book.txt", 2, ("no command 'trian'", "Did you mean train")),
    Case("no such command at all", "frobnicate", 2, ("no command 'frobnicate'", "generate")),
    Case("a misspelled flag", "train book.txt --model.lyers 3", 2, ("unknown option --model.lyers", "--model.layers")),
    Case("a flag without its section", "train book.txt --layers 3", 2, ("Did you mean --model.layers",)),
    Case("a flag like no other", "train book.txt --qqqqqqqq", 2, ("unknown option", "fogwalk train --help")),
    Case("a flag with its value attached", "train book.txt --sed=3", 2, ("unknown option --sed", "--seed")),
    Case("a flag without a value", "train book.txt --seed", 2, ("--seed needs a value",)),
    Case("one run too many", "evaluate tiny other", 2, ("'other' is one argument too many",)),
    Case("a path with bytes that are not UTF-8", ("train", "bad\udcff.txt"), 2, ("data.path", "Unicode")),
    Case("an unknown position", "train book.txt --model.positions rotery", 2, ("'rotery'", "Did you mean rotary")),
    Case("an unknown optimizer", "train book.txt --optimizer.name adm", 2, ("'adm'", "adamw")),
    Case("an unknown schedule", "train book.txt --optimizer.schedule cosin", 2, ("Did you mean cosine",)),
    Case("an unknown activation", "train book.txt --model.feed-forward rellu", 2, ("Did you mean relu",)),
    Case("an unknown number format", "train book.txt --training.precision fp99", 2, ("float32", "bfloat16")),
    Case("an unknown device", "train book.txt --device gpu", 2, ("device cannot be 'gpu'", "cuda")),
    Case("a device this machine lacks", "train book.txt --device mps", 2, ("no mps device", "It has: cpu")),
    Case("an unknown task", "train book.txt --task langage", 2, ("Did you mean language",)),
    Case("an unknown model kind", "train book.txt --model-kind transfomer", 2, ("Did you mean transformer",)),
    Case("an unknown preset", "train book.txt --preset tinny", 2, ("unknown preset 'tinny'", "Did you mean tiny")),
    Case("a tokenizer that learned nothing", "train book.txt --data.tokenizer t.json --training.steps 1", 3,
         ("a tokenizer without tokens", "trained first"), write("t.json", Library(BPE()).to_str())),
    Case("an unknown tokenizer", "train book.txt --data.tokenizer charaters", 2, ("charaters", "characters?")),
    Case("an unknown log format", "train book.txt --log-format xml", 2, ("--log-format", "xml", "json")),
    Case("a width that heads cannot share", "train book.txt --model.width 100", 2,
         ("width 100 cannot be shared equally by 3 heads", "96 or 102", "model.width came from command line",
          "model.heads came from the defaults")),
    Case("a width that a preset's heads cannot share", "train book.txt --preset tiny --model.width 65", 2,
         ("64 or 68", "model.heads came from preset 'tiny'")),
    Case("an odd head under rotary positions", "train book.txt --model.width 9 --model.heads 3", 2,
         ("rotary", "a head is 3 wide, an odd number", "other positions")),
    Case("key-value heads that do not divide", "train book.txt --model.key-value-heads 2", 2,
         ("3 heads cannot share 2 key-value heads", "came from command line")),
    Case("a flag of the mlp on a transformer", "train book.txt --model.hidden 64", 2,
         ("model kinds mlp", "this model is of the kind transformer", "--model-kind mlp")),
    Case("a flag of the transformer on an mlp", "train book.txt --model-kind mlp --model.layers 3", 2,
         ("model kinds transformer", "this model is of the kind mlp")),
    Case("a batch that portions cannot share", "train book.txt --training.accumulate 3", 2,
         ("a batch of 16 cannot be cut into 3", "divides 16")),
    Case("a vocabulary smaller than the bytes", "train book.txt --data.vocabulary 12", 2, ("at least 257",)),
    Case("a whole dropout", "train book.txt --model.dropout 1", 2, ("model.dropout cannot be 1", "below 1")),
    Case("warm-up and decay longer than the run", "train book.txt --optimizer.warmup 0.7", 2, ("sum at most 1",)),
    Case("a truth that is none", "train book.txt --model.tied maybe", 2, ("'maybe'", "true or false")),
    Case("an mlp without layers", "train book.txt --model-kind mlp --model.hidden=", 2, ("model.hidden",)),
    Case("more steps than any run makes", "train book.txt --training.steps 99999999999999999999", 2,
         ("training.steps cannot be 99999999999999999999", "at most 10,000,000")),
    *(
        Case(f"a learning rate of {value}", f"train book.txt --optimizer.learning-rate {value}", 2,
             (f"optimizer.learning-rate cannot be {shown}", "above 0 and at most 1,000"))
        for value, shown in (("-1e-3", "-0.001"), ("-inf", "-inf"), ("-nan", "nan"))
    ),
    *(
        Case(f"{flag} {value or 'empty'}", ("train", "book.txt", f"--{flag}={value}"), 2, told)
        for flag, values, told in (
            ("optimizer.learning-rate", ("0", "-1", "nan", "inf", "-inf", "abc"), ("optimizer.learning-rate cannot be",)),
            ("minutes", ("-1", "nan", "inf", "soon"), ("minutes cannot be",)),
            ("training.steps", ("0", "-5", "1.5", "abc", ""), ("training.steps cannot be", "It")),
            ("training.batch", ("0", "2.5"), ("training.batch cannot be",)),
            ("training.stop-below", ("0", "nan"), ("training.stop-below cannot be", "above 0")),
            ("data.validation", ("0", "1", "nan"), ("data.validation cannot be", "above 0 and below 1")),
            ("seed", ("-1", "x"), ("seed cannot be", "command line (--seed)")),
            ("model.context", ("1", "1e99"), ("model.context cannot be",)),
        )
        for value in values
    ),
]  # fmt: skip

FILES = [
    Case("a TOML syntax error", "train --config c.toml", 2, ("c.toml is not valid TOML", "line 2"),
         write("c.toml", "seed = 3\nminutes = = 4\n")),
    Case("an unknown key", "train --config c.toml", 2,
         ("unknown setting model.lyers", "Did you mean model.layers", "c.toml line 4"),
         write("c.toml", "seed = 3\n\n[model]\nlyers = 3\n")),
    Case("a key in the wrong section", "train --config c.toml", 2, ("training.layers", "model.layers", "line 2"),
         write("c.toml", "[training]\nlayers = 3\n")),
    Case("an unknown section", "train --config c.toml", 2,
         ("unknown section [modle]", "Did you mean model", "c.toml line 1"), write("c.toml", "[modle]\nlayers = 3\n")),
    Case("an unknown section without a key", "train --config c.toml", 2, ("unknown section [foo]", "c.toml line 2"),
         write("c.toml", "seed = 1\n[foo]\n")),
    Case("a section within a section", "train --config c.toml", 2, ("unknown section [model.deep]", "line 2"),
         write("c.toml", "[model.deep]\nlayers = 3\n")),
    Case("an empty section within a section", "train --config c.toml", 2, ("unknown section [model.deep]", "line 1"),
         write("c.toml", "[model.deep]\n")),
    Case("a list of sections", "train --config c.toml", 2, ("unknown setting foo", "c.toml line 1"),
         write("c.toml", "[[foo]]\n")),
    Case("a wrong type", "train --config c.toml", 2, ("model.layers cannot be true", "a whole number", "c.toml line 2"),
         write("c.toml", "[model]\nlayers = true\n")),
    Case("a value out of range", "train --config c.toml", 2, ("seed cannot be -1", "c.toml line 2"),
         write("c.toml", "# chance\nseed = -1\n")),
    Case("a whole number too large to print", "train --config c.toml", 2, ("seed cannot be", "at most"),
         write("c.toml", f"seed = {'9' * 400}\n")),
    Case("a path that is a number", "train --config c.toml", 2,
         ("data.path cannot be 3", "It is a text, or several in a list", "c.toml line 2"),
         write("c.toml", "[data]\npath = 3\n")),
    Case("a path with a NUL", "train --config c.toml", 2, ("data.path", "c.toml line 2"),
         write("c.toml", '[data]\npath = "a\\u0000b"\n')),
    Case("a folder for settings", "train --config .", 2, ("cannot be read as a settings file", "settings.toml")),
    Case("a pickle for a tokenizer", "train book.txt --data.tokenizer e.pt", 3, ("not a tokenizer.json", "leave"),
         write("e.pt", b"\x80")),
    Case("a tokenizer from nowhere", "train book.txt --data.tokenizer foo", 2,
         ("foo is neither", "data.tokenizer came from command line (--data.tokenizer)")),
    Case("a run inside a file", "train book.txt --out book.txt/x", 2, ("book.txt is a file", "another --out")),
    Case("nearly everything held back", "train book.txt --data.validation 0.9999", 3,
         ("data.validation 0.9999", "Hold back less")),
    Case("settings that are not UTF-8", "train --config c.toml", 2, ("c.toml is not UTF-8",),
         write("c.toml", b"# caf\xe9\n")),
    Case("settings that are missing", "train --config c.toml", 2, ("no such settings file: c.toml",)),
    Case("settings misspelled", "train --config rnu.toml", 2, ("no such settings file", "Did you mean run.toml"),
         write("run.toml", "")),
    Case("a folder as settings", "train --config runs", 2, ("runs cannot be read as a settings file",)),
    Case("settings below a file", "train --config book.txt/c.toml", 2, ("cannot be read as a settings file",)),
]  # fmt: skip

RUNS = [
    Case("a misspelled run", "generate tinny", 2, ("no run called tinny", "Did you mean tiny")),
    Case("last, misspelled", "evaluate lats", 2, ("Did you mean last",)),
    Case("a run like no other", "parameters qqqqqq", 2, ("no run called", "`fogwalk runs` lists")),
    Case("a prompt without its run", ("generate", "My lord"), 2, ("fogwalk generate last 'My lord'",)),
    Case("a long prompt without its run", ("generate", LONG), 2, ("no run called", "As a prompt")),
    Case("a pickle for a run", "generate evil.pt", 2, ("evil.pt is a file", "never opened"), write("evil.pt", b"\x80")),
    Case("a pickle to resume", "train --resume evil.pt", 2, ("never opened",), write("evil.pt", b"\x80")),
    Case("a file to verify", "verify book.txt", 2, ("book.txt is a file", "a run is a folder")),
    Case("a folder under runs that is no run", "generate hf", 2, ("runs/hf is a folder, but not a run",),
         lambda place: (place / "runs/hf").mkdir(parents=True)),
    Case("a folder that is no run", "generate texts", 2, ("not a run", "settings.toml"),
         lambda place: (place / "texts").mkdir()),
    Case("no run at all", "generate", 2, ("no runs under", "Train one first"), without_runs),
    Case("nothing to resume", "train --resume", 2, ("no runs under", "Train one first"), without_runs),
    Case("a run to resume that is not there", "train --resume tinny", 2, ("Did you mean tiny",)),
    Case("a comparison with nothing", "compare tiny tinny", 2, ("Did you mean tiny",)),
    Case("a comparison of one", "compare tiny", 2, ("second",)),
    Case("settings of no run", "config tinny --why", 2, ("Did you mean tiny",)),
    Case("verify of no run", "verify tinny", 2, ("Did you mean tiny",)),
    Case("fewer than no tokens", "generate tiny a --tokens=-1", 2, ("--tokens cannot be -1", "at least 0")),
    Case("tokens in words", "generate tiny a --tokens many", 2, ("--tokens cannot be 'many'", "whole number")),
    Case("a negative temperature", "generate tiny a --temperature=-1", 2, ("--temperature cannot be -1", "greedy")),
    Case("a temperature of NaN", "generate tiny a --temperature nan", 2, ("--temperature cannot be nan",)),
    Case("a warm temperature", "generate tiny a --temperature warm", 2, ("--temperature cannot be 'warm'", "number")),
    Case("top-p 0", "generate tiny a --top-p 0", 2, ("--top-p cannot be 0", "above 0")),
    Case("top-p 2", "generate tiny a --top-p 2", 2, ("--top-p cannot be 2", "at most 1")),
    Case("top-k 0", "generate tiny a --top-k 0", 2, ("--top-k cannot be 0", "at least 1")),
    Case("no samples", "generate tiny a --samples 0", 2, ("--samples cannot be 0",)),
    Case("an empty text to stop before", ("generate", "tiny", "a", "--stop", ""), 2, ("--stop cannot be empty",)),
    Case("a seed beyond 64 bits", f"generate tiny a --seed {2**64}", 2, ("--seed cannot be", "below")),
    Case("a negative seed", "generate tiny a --seed=-1", 2, ("--seed cannot be -1",)),
    Case("a step that was not saved", "generate tiny a --step 99", 2, ("no checkpoint of step 99", "It has: 0, 1, 2")),
    Case("a step to score that was not saved", "evaluate tiny --step 99", 2, ("no checkpoint of step 99",)),
    Case("unknown characters in a prompt", ("generate", "tiny", "Q€"), 2, ("'Q' (U+0051)", "'€' (U+20AC)", "bytes")),
    Case("an unknown form to export to", "export tiny --to huggingfase out", 2, ("Did you mean huggingface",)),
    Case("an export without a place", "export tiny --to huggingface", 2, ("--to", "2 values after it: FORMAT DIR")),
    Case("an export into a full folder", "export tiny --to huggingface runs", 2, ("runs is not empty", "new folder")),
    Case("an export onto a file", "export tiny --to huggingface book.txt", 2, ("book.txt",)),
    Case("an export below a file", "export tiny --to huggingface book.txt/out", 1, ("book.txt/out",)),
    Case("an export of learned positions", "export other --to huggingface out", 1,
         ("cannot hold model.positions learned", "rotary only"),
         trained("--out", "runs/other", "--model.positions", "learned")),
    Case("an export of an mlp", "export other --to huggingface out", 1, ("mlp", "holds transformers"),
         lambda place: main(["train", "book.txt", "--model-kind", "mlp", *TINY[2:], "--out", "runs/other"])),
    Case("a removal with nobody to ask", "remove tiny", 2, ("would delete runs/tiny", "--yes")),
    Case("a removal of nothing in particular", "remove --yes", 2, ("run",)),
    Case("a removal of what is not there", "remove tinny --yes", 2, ("Did you mean tiny",)),
    Case("a flag of no use", "runs --jsn", 2, ("unknown option --jsn", "Did you mean --json")),
    Case("an output that holds a run", ("train", "book.txt", *TINY, "--out", "runs/tiny"), 2,
         ("already holds a run", "--resume runs/tiny")),
    Case("an output that holds other things", ("train", "book.txt", *TINY, "--out", "mine"), 2,
         ("mine is in the way", "another --out"), write("mine/letter.txt", "dear")),
    Case("an output that is a file", ("train", "book.txt", *TINY, "--out", "book.txt"), 2, ("book.txt is in the way",)),
    Case("an output below a file", ("train", "book.txt", *TINY, "--out", "book.txt/run"), 2, ("book.txt is a file",)),
    Case("an output with too long a name", ("train", "book.txt", *TINY, "--out", LONG), 1, ("name too long",)),
    Case("a resume with another seed", "train --resume tiny --seed 9", 2,
         ("begun with seed 1, but 9 was asked for", "--training.steps", "command line (--seed)",
          "where its text lies (fogwalk train NEW-PLACE --resume RUN)")),
    Case("a resume with another width", "train --resume tiny --model.width 128", 2,
         ("begun with model.width 64, but 128 was asked for",)),
    Case("a resume with a width its heads would not share", "train --resume tiny --model.width 65", 2,
         ("begun with model.width 64, but 65 was asked for",)),
    Case("a context longer than the model's", "train --resume tiny --model.context 128", 2,
         ("begun with model.context 64, but 128 was asked for", "begin a new one", "command line (--model.context)")),
    Case("a resume with another kind", "train --resume tiny --model-kind mlp", 2, ("begun with model-kind transformer",)),
    Case("a resume with another optimizer", "train --resume tiny --optimizer.name sgd", 2, ("optimizer.name muon",)),
    Case("a resume on another text", "train other.txt --resume tiny", 3, ("this run learns from", "other.txt"),
         write("other.txt", "another text. " * 99)),
    Case("a resume elsewhere", "train --resume tiny --out runs/else", 2, ("begun with out",)),
    Case("a resume with a preset", "train --resume tiny --preset tiny", 2, ("--preset",)),
    Case("a resume to fewer steps than were made", "train --resume tiny --training.steps 1", 2, ("2", "1")),
    Case("every checkpoint gone, to resume", "train --resume tiny", 1,
         ("is empty", "had saved its step 2", "--config"),
         lambda place: [shutil.rmtree(step) for step in (place / "runs/tiny/checkpoints").iterdir()]),
    Case("every checkpoint truncated, to resume", "train --resume tiny --training.steps 4", 1,
         ("no checkpoint", "000002/model.safetensors", "bytes instead of"), truncated("model.safetensors")),
    Case("every checkpoint truncated, to generate", "generate tiny a", 1,
         ("no checkpoint", "000000/optimizer.safetensors"), truncated("optimizer.safetensors")),
    Case("the checkpoint asked for is truncated", "generate tiny a --step 1", 1, ("000001/model.safetensors",),
         truncated("model.safetensors", "000001")),
    Case("every manifest truncated", "evaluate tiny", 1, ("000002/manifest.json",), truncated("manifest.json")),
    Case("weights pickled by another program", "generate foreign a", 1, ("model.pt", "never opened"),
         with_pickle("model.pt")),
    Case("pickled checkpoints, to resume", "train --resume foreign", 1, ("pytorch_model.bin", "never opened"),
         with_pickle("checkpoints/pytorch_model.bin")),
    Case("a pickle where a checkpoint should be", "train --resume foreign", 1, ("000007/manifest.json", "missing"),
         with_pickle("checkpoints/000007/model.safetensors")),
    Case("a loss that is no number any more",
         ("train", "book.txt", *TINY, "--training.steps", "60", "--optimizer.name", "sgd", "--optimizer.learning-rate",
          "1000", "--optimizer.clip", "0", "--model.normalisation", "none", "--out", "runs/wild"),
         4, ("the loss is", "learning rate", "the last checkpoint is good", "--optimizer.learning-rate")),
]  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, small_text: str) -> Path:
    """A folder with a book and a finished run of two steps, to be copied."""
    place = tmp_path_factory.mktemp("finished")
    (place / "book.txt").write_text(small_text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("XDG_CACHE_HOME", str(place / ".cache"))
        assert main(["train", "book.txt", *TINY, "--out", "runs/tiny"]) == 0
    return place


@pytest.fixture
def workplace(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work in. The run still learns from the first folder's book."""
    place = tmp_path / "a folder named ünïcode"
    shutil.copytree(finished, place)
    monkeypatch.chdir(place)
    return place


def seen(place: Path) -> dict[str, str]:
    """Every file under runs/ that is not hidden, with the hash of its content."""
    files = (file for file in place.glob("runs/**/*") if file.is_file() and not file.name.startswith("."))
    return {str(file.relative_to(place)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def check(code: int, wanted: int, told: tuple[str, ...], out: str, err: str) -> None:
    """What holds of every refusal."""
    assert code == wanted, f"exit {code}: {out}{err}"
    missing = [words for words in told if words not in err]
    assert not missing, f"{missing} not in: {err}"
    assert "Traceback" not in out + err
    assert "fault of Fogwalk" not in err
    assert err.startswith("error: ")
    assert err.endswith("\n")
    assert not out or out.endswith("\n")
    assert not re.search(r"\berror: .*\n.*\berror: ", err), "one message, not two"


@pytest.mark.parametrize("case", [*DATA, *WORDS, *FILES, *RUNS], ids=lambda case: case.name)
def test_bad_input_is_answered_with_one_clear_message_and_nothing_is_lost(
    case: Case, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case.before(workplace)
    before, folders = seen(workplace), sorted(workplace.glob("runs/*"))
    capsys.readouterr()
    code = main(case.typed())
    out, err = capsys.readouterr()
    check(code, case.code, case.told, out, err)
    assert not (workplace / "canary").exists(), "a pickle was opened"
    assert not (workplace / "out").exists(), "a refused export left something"
    after = {name: digest for name, digest in seen(workplace).items() if not name.startswith("runs/wild/")}
    assert after == before, "files of a run changed"
    left = [folder for folder in sorted(workplace.glob("runs/*")) if folder.name != "wild"]
    assert left == folders, "a refused command left a folder"


def test_the_battery_is_large() -> None:
    assert len([*DATA, *WORDS, *FILES, *RUNS]) >= 100


def test_a_diverged_run_keeps_its_last_good_checkpoint(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wild = next(case for case in RUNS if case.code == 4)
    assert main(wild.typed()) == 4
    capsys.readouterr()
    assert main(["generate", "wild", "the", "--tokens", "3"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "wild"]) == 0
    assert "wild diverged at step " in capsys.readouterr().err, "its scores are those of weights from before"
    assert main(["verify", "wild"]) == 0
    assert '"state": "diverged"' in Path("runs/wild/status.json").read_text()


@pytest.mark.parametrize("loss", [math.inf, math.nan])
def test_a_validation_loss_that_is_no_number_ends_the_run_in_words_and_is_null_for_programs(
    loss: float, workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("fogwalk.training.evaluation", "fogwalk.scoring"):
        monkeypatch.setattr(f"{module}.evaluate", lambda *arguments: Result(loss, 100, {}))
    code = main(["train", "book.txt", *TINY, "--out", "runs/wild"])
    out, err = capsys.readouterr()
    check(code, 4, (f"step 2: the validation loss is {loss}", "lower rate (--optimizer.learning-rate)"), out, err)
    assert '"state": "diverged"' in Path("runs/wild/status.json").read_text()
    assert main(["evaluate", "wild", "--json"]) == 0
    score = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)  # Infinity and NaN are no JSON
    assert (score["loss"], score["bits_per_byte"], score["tokens"]) == (None, None, 100)


@pytest.mark.parametrize("letters", [5, 9, 20])
def test_what_is_advised_for_a_very_short_text_works(
    letters: int, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("s.txt").write_text("the cat sat on a mat"[:letters])
    words = ["train", "s.txt", *TINY, "--out", "runs/short"]
    assert main(words) == 3
    err = capsys.readouterr().err
    assert "Give more text" in err
    advised = re.findall(r"(--[a-z]+\.[a-z]+) (?:to at most )?(\d+(?:\.\d+)?)", err)
    assert [flag for flag, _ in advised] == ["--model.context"] * (letters == 20)
    for flag, value in advised:
        assert main([*words, flag, value]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(("width", "heads"), [(100, 3), (65, 2)])
def test_each_width_that_is_advised_is_one_that_heads_can_share_in_pairs(width: int, heads: int) -> None:
    with pytest.raises(SettingError) as raised:
        Transformer(width=width, heads=heads)
    (advised,) = re.findall(r"Set width to (\d+) or (\d+)", raised.value.remedy)
    for other in advised:
        Transformer(width=int(other), heads=heads)


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "progress.json", "manifest.json"])
def test_an_altered_checkpoint_is_passed_over_aloud_and_the_older_one_used(
    name: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Path("runs/tiny/checkpoints/000002/model.safetensors").read_bytes()
    file = Path("runs/tiny/checkpoints/000002", name)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)
    assert main(["verify", "tiny"]) == 1
    assert str(file) in capsys.readouterr().out
    assert main(["train", "--resume", "tiny"]) == 0
    out, _ = capsys.readouterr()
    assert "passed over a damaged checkpoint" in out
    assert str(file) in out
    assert Path("runs/tiny/checkpoints/000002/model.safetensors").read_bytes() == whole
    assert main(["verify", "tiny"]) == 0


def test_generate_uses_the_older_checkpoint_when_the_best_is_altered(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truncated("model.safetensors", "000002")(workplace)
    assert main(["generate", "tiny", "the", "--tokens", "2"]) == 0
    assert capsys.readouterr().out.startswith("the")


def test_a_run_in_use_by_another_process_is_refused_and_named(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with held("runs/tiny") as pid:
        for words in (["train", "--resume", "tiny", "--training.steps", "4"], ["remove", "tiny", "--yes"]):
            code = main(words)
            out, err = capsys.readouterr()
            check(code, 1, ("runs/tiny is in use by", f"process {pid}", "Ctrl+C"), out, err)
    assert Path("runs/tiny/settings.toml").is_file()


def test_a_second_training_into_one_new_folder_leaves_the_first_ones_files_alone(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The first process has made the folder and holds it, but has saved nothing yet.
    Path("runs/both").mkdir()
    with held("runs/both") as pid:
        code = main(["train", "book.txt", *TINY, "--out", "runs/both"])
        out, err = capsys.readouterr()
        check(code, 1, ("runs/both is in use by", f"process {pid}"), out, err)
        assert Path("runs/both/.lock").exists()


def test_a_read_only_folder_is_said_in_words_and_nothing_is_left(
    workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Path.mkdir

    def refuse(path: Path, *arguments: Any, **named: Any) -> None:
        if "sealed" in path.parts:
            raise OSError(30, os.strerror(30), str(path))
        made(path, *arguments, **named)

    monkeypatch.setattr(Path, "mkdir", refuse)
    code = main(["train", "book.txt", *TINY, "--out", "sealed/run"])
    out, err = capsys.readouterr()
    check(code, 1, ("sealed/run cannot be written: Read-only file system", "--out"), out, err)
    code = main(["export", "tiny", "--to", "huggingface", "sealed/out"])
    out, err = capsys.readouterr()
    check(code, 1, ("sealed/out cannot be written: Read-only file system",), out, err)


class Sealed:
    """From its making on nothing under a folder can be written, but for files of some names.

    `reason` is EROFS, as of a disk mounted read-only, or EACCES, as of a folder that is somebody else's.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, reason: int, but: tuple[str, ...] = ()) -> None:
        self.folder = folder.absolute()
        self.reason = reason
        self.but = but
        real, opened = os.open, Path.open

        def open_file(path: Any, flags: int, *rest: Any, **named: Any) -> int:
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self.refuse(path)
            return real(path, flags, *rest, **named)

        def open_path(path: Path, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if set(mode) & set("wax+"):
                self.refuse(path)
            return opened(path, mode, *rest, **named)

        monkeypatch.setattr(os, "open", open_file)
        monkeypatch.setattr(Path, "open", open_path)
        for name in ("unlink", "rmdir", "mkdir", "replace", "rename"):
            monkeypatch.setattr(os, name, self.refusing(name, getattr(os, name)))

    def refusing(self, name: str, change: Callable[..., None]) -> Callable[..., None]:
        """A change of a folder's list of names that is refused under the sealed one."""

        def refused(path: Any, *rest: Any, dir_fd: int | None = None, **named: Any) -> None:
            # shutil.rmtree steps down by descriptors
            whole = path if dir_fd is None else Path(os.readlink(f"/proc/self/fd/{dir_fd}"), path)
            if name != "unlink" or self.reason == errno.EROFS or os.path.lexists(whole):
                self.refuse(whole)
            change(path, *rest, **named, **({} if dir_fd is None else {"dir_fd": dir_fd}))

        return refused

    def refuse(self, path: Any) -> None:
        """Raise as the system does, when the path is one that cannot be written."""
        place = Path(path).absolute()
        if place.is_relative_to(self.folder) and place.name not in self.but:
            raise OSError(self.reason, os.strerror(self.reason), str(path))


FOR_WRITERS = ("train --resume tiny", "train --resume tiny --training.steps 4", "remove tiny --yes")


@pytest.mark.parametrize("words", FOR_WRITERS)
@pytest.mark.parametrize(
    ("reason", "but"),
    [(errno.EROFS, ()), (errno.EACCES, ()), (errno.EACCES, (".lock",))],
    ids=["read-only disk", "another's run", "another's folder"],
)
def test_a_run_that_cannot_be_written_is_refused_in_words_and_nothing_is_lost(
    reason: int,
    but: tuple[str, ...],
    words: str,
    workplace: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = seen(workplace)
    with monkeypatch.context() as patch:
        Sealed(Path("runs"), patch, reason, but)
        code = main(words.split())
    out, err = capsys.readouterr()
    check(code, 1, ("runs/tiny", f"cannot be written: {os.strerror(reason)}"), out, err)
    assert seen(workplace) == before
    assert main(["verify", "tiny"]) == 0


@pytest.mark.parametrize("words", FOR_WRITERS[:2])
def test_a_run_that_cannot_be_written_is_refused_in_words_after_a_kill_too(
    words: str, workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = seen(workplace)
    Path("runs/tiny/.holder").write_text("process 1 on some-host\n")  # as a killed process leaves it
    with monkeypatch.context() as patch:
        Sealed(Path("runs"), patch, errno.EACCES, (".lock",))
        code = main(words.split())
    out, err = capsys.readouterr()
    check(code, 1, ("runs/tiny", "cannot be written: Permission denied"), out, err)
    assert seen(workplace) == before


@pytest.mark.parametrize("words", FOR_WRITERS)
def test_a_run_that_cannot_be_written_is_not_told_to_go_where_it_cannot_go(
    words: str, workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        Sealed(Path("runs"), patch, errno.EROFS)
        assert main(words.split()) == 1
    err = capsys.readouterr().err
    assert "cannot be written" in err
    assert "--out" not in err, "a resume refuses --out, and a removal has none"


@pytest.mark.parametrize("reason", [errno.EROFS, errno.EACCES], ids=["read-only disk", "another's run"])
def test_a_run_that_cannot_be_written_still_speaks_and_is_scored_checked_and_exported(
    reason: int, workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = seen(workplace)
    with monkeypatch.context() as patch:
        Sealed(Path("runs"), patch, reason)
        for words in (
            "generate tiny the --tokens 5",
            "evaluate tiny",
            "evaluate tiny --data book.txt",
            "verify tiny --replay",
            "config tiny --why",
            "parameters tiny",
            "compare tiny tiny",
            "runs",
            "export tiny --to huggingface exported",
        ):
            code = main(words.split())
            out, err = capsys.readouterr()
            assert (code, err) == (0, ""), words
            assert "BAD" not in out
            assert out
    assert seen(workplace) == before


@pytest.mark.parametrize("reason", [errno.EROFS, errno.EACCES], ids=["read-only disk", "rights taken away"])
def test_a_disk_that_turns_read_only_while_training_costs_nothing_that_was_saved(
    reason: int, workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fogwalk.training import checkpoint

    saving = checkpoint.save
    words = ["train", "book.txt", *TINY[:2], "--training.steps", "4", *TINY[4:]]
    with monkeypatch.context() as patch:

        def save(folder: Any, state: Any, extras: Any) -> Any:
            if state.step == 2:
                Sealed(Path("runs"), patch, reason)
            return saving(folder, state, extras)

        patch.setattr(checkpoint, "save", save)
        code = main([*words, "--out", "runs/turned"])
    out, err = capsys.readouterr()
    check(code, 1, ("runs/turned", f"cannot be written: {os.strerror(reason)}"), out, err)
    assert main(["verify", "turned"]) == 0
    assert main(["train", "--resume", "turned"]) == 0
    assert main([*words, "--out", "runs/whole"]) == 0
    weights = [Path(f"runs/{name}/checkpoints/000004/model.safetensors").read_bytes() for name in ("turned", "whole")]
    assert weights[0] == weights[1]


def test_a_disk_that_is_full_before_the_first_step_of_a_resume_is_said_in_words(
    workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **named: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/tiny/encoding/tokenizer.json")

    before = seen(workplace)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", fail)
        patch.setattr(shutil, "copytree", fail)
        code = main(["train", "--resume", "tiny"])
    out, err = capsys.readouterr()
    check(code, 1, ("the disk is full", "runs/tiny"), out, err)
    assert main(["generate", "tiny", "the", "--tokens", "3"]) == 0
    assert main(["train", "--resume", "tiny"]) == 0
    assert seen(workplace) == before


def test_a_disk_too_small_for_the_first_checkpoint_leaves_no_empty_run(
    workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("fogwalk.runs.publish.shutil.disk_usage", lambda path: usage(10_000, 9_000, 1_000))
    code = main(["train", "book.txt", *TINY, "--out", "runs/big"])
    out, err = capsys.readouterr()
    check(code, 1, ("the disk is full", "1,000 are free", "Free some space"), out, err)
    assert not Path("runs/big").exists()


def test_a_write_that_fails_inside_safetensors_is_said_in_words(
    workplace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **named: Any) -> None:
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("fogwalk.training.checkpoint.save_file", fail)
    before = seen(workplace)
    code = main(["train", "--resume", "tiny", "--training.steps", "4"])
    out, err = capsys.readouterr()
    check(code, 1, ("step 3", "No space left", "--resume runs/tiny"), out, err)
    checkpoints = {name: digest for name, digest in before.items() if "/checkpoints/" in name}
    assert {name: digest for name, digest in seen(workplace).items() if "/checkpoints/" in name} == checkpoints
    assert not list(Path("runs/tiny/checkpoints").glob(".unfinished*"))
    monkeypatch.undo()


def test_a_full_disk_costs_nothing_that_was_saved_and_a_resume_goes_on_exactly(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = workplace / "disk"
    disk.mkdir()
    if shutil.which("mount") is None or _mount("-t", "tmpfs", "-o", "size=1200k", "tmpfs", str(disk)):
        pytest.skip("mounting a small disk needs root")
    try:
        words = ["train", "book.txt", *TINY[:2], "--training.steps", "4", "--training.keep", "4", *TINY[4:]]
        code = main([*words, "--out", "disk/run"])
        out, err = capsys.readouterr()
        check(code, 1, ("the disk is full", "bytes", "--resume"), out, err)
        assert main(["verify", "disk/run"]) == 0, "what was saved before is intact"
        assert _mount("-o", "remount,size=20m", str(disk)) == 0
        assert main(["train", "--resume", "disk/run"]) == 0
        assert main([*words, "--out", "runs/whole"]) == 0
        one, other = (
            Path(run, "checkpoints/000004/model.safetensors").read_bytes() for run in ("disk/run", "runs/whole")
        )
        assert one == other
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_words_that_the_console_cannot_hold_are_spelled_and_stop_nothing(workplace: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "fogwalk", "config", "bök⏎"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "no run called b\\xf6k\\u23ce" in done.stderr
    assert "fault of Fogwalk" not in done.stderr


def _mount(*words: str) -> int:
    return subprocess.run(["mount", *words], capture_output=True).returncode


class held:
    """Another process holds a run's lock; gives back its id."""

    def __init__(self, path: str) -> None:
        code = (
            "import sys; from pathlib import Path; from fogwalk.runs.lock import holding;"
            "from fogwalk.runs.folder import RunFolder\n"
            "with holding(RunFolder(Path(sys.argv[1]))):\n    print('held', flush=True); sys.stdin.read()"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> int:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"
        return self.process.pid

    def __exit__(self, *reason: object) -> None:
        self.process.communicate("")


@pytest.fixture(autouse=True)
def _no_run_is_left_running() -> Iterator[None]:
    """A message about bad input must not have changed how the process listens to Ctrl+C."""
    import signal

    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before
