"""fogwalk data inspect: what a text is, how it would be split and tokenised, with examples; or what a table or images hold."""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fogwalk.cli.parsing import Parser, add_json, add_settings, sources
from fogwalk.errors import UsageError
from fogwalk.registry import nearest

if TYPE_CHECKING:  # with the task comes torch
    from fogwalk.data.inspection import Inspection, Side
    from fogwalk.tasks.language import Language

ACTIONS = ("inspect",)
LISTED = 12  # files, notes and things left out that a person is shown; --json has them all
SHOWN = 160  # characters of an opening that a person is shown
CUT = 32  # tokens of the first line that a person is shown
FREQUENT = 10

_FORMATS = {"jsonl": "JSON lines", "csv": "CSV", "parquet": "Parquet"}
_MARKS = str.maketrans({"\n": "⏎", "\r": "␍", "\t": "⇥"})


def parser(summary: str) -> Parser:
    """Which text, and how train would be told to read it."""
    parser = Parser("data", summary, "example:\n  fogwalk data inspect book.txt --data.tokenizer bpe")
    parser.add_argument("action", metavar="inspect", type=_action, help="look at a text as train would read it")
    parser.add_argument("path", nargs="+", help="files, folders, patterns such as 'notes/*.md', or sample:python-docs")
    add_settings(parser, ("data",))
    add_json(parser)
    return parser


def _action(word: str) -> str:
    if word not in ACTIONS:
        raise UsageError(
            f"fogwalk data cannot '{word}'",
            expected="It is followed by what to do and a text: fogwalk data inspect book.txt",
            remedy="Did you mean inspect?" if nearest(word, ACTIONS) else "",
        )
    return word


def run(found: argparse.Namespace) -> int:
    """Print what the text is."""
    from fogwalk.data.recognise import settled

    settings = settled(*sources(found))
    if settings.task != "language":
        from fogwalk.cli.records import inspect_records

        return inspect_records(settings, as_json=found.json)
    from fogwalk.cli.tables import print_json
    from fogwalk.data.inspection import inspect
    from fogwalk.settings import unused
    from fogwalk.tasks.language import Language

    task = Language(settings, may_be_short=True)
    seen = inspect(task.corpus, task.survey.split)
    record = {
        **_whole(task, seen),
        "split": _split(task, seen),
        "tokenizer": _tokenizer(task),
        "epoch": _epoch(task),
        "guessing": task.facts["guessing"],
        "frequencies": task.facts["frequencies"],
        "missing": str(task.shortage() or "") or None,
        "unused": unused(settings),
        "doubts": task.doubts(),
        "examples": _examples(task),
    }
    if found.json:
        print_json(record)
    else:
        _print(record)
    return 0


# -- what there is to say ----------------------------------------------------------------------------------------------


def _whole(task: Language, seen: Inspection) -> dict[str, Any]:
    """What it is."""
    return {
        "paths": list(task.corpus.paths),
        "files": [
            {
                "name": file.name,
                "format": file.format,
                "packed": file.packed or None,
                "bytes": file.bytes,
                "encoding": file.encoding or None,
            }
            for file in seen.files
        ],
        "left_out": list(seen.left_out),
        "notes": list(seen.notes),
        "bytes": sum(file.bytes for file in seen.files),
        "documents": seen.documents,
        "shortest_document": seen.shortest,
        "longest_document": seen.longest,
        "characters": task.survey.characters,
        "distinct_characters": len(task.survey.alphabet),
        "sha256": task.digest,
    }


def _split(task: Language, seen: Inspection) -> dict[str, Any]:
    """Both sides; of what is held back only so many tokens are scored."""

    def side(name: str, of: Side) -> dict[str, Any]:
        return {
            "documents": of.documents,
            "characters": of.characters,
            "share": of.characters / max(task.survey.characters, 1),
            "tokens": task.tokens.counts[name].tokens,
            "tokenised_characters": task.tokens.counts[name].characters,
        }

    return {
        "words": task.survey.split.words,
        "cut": task.survey.split.cut_document >= 0,
        "training": side("training", seen.training),
        "validation": side("validation", seen.validation),
    }


def _tokenizer(task: Language) -> dict[str, Any]:
    counts = task.tokens.counts.values()
    tokens = sum(count.tokens for count in counts)
    return {
        "kind": task.tokenizer.kind,
        "why": task.reason or f"--data.tokenizer {task.settings.data.tokenizer}",
        "vocabulary": task.tokenizer.size,
        "end": task.tokenizer.end if task.several and task.tokenizer.end >= 0 else None,
        "tokens": tokens,
        "characters_per_token": sum(count.characters for count in counts) / max(tokens, 1),
        "bytes_per_token": sum(count.bytes for count in counts) / max(tokens, 1),
        "unknown_characters": _unknown(task),
    }


def _unknown(task: Language) -> dict[str, int]:
    """The characters that a tokenizer of the person's own lacks; one made for this text lacks none."""
    from fogwalk.encoding.tokenizers import NAMES

    lacking: Counter[str] = Counter()
    if task.settings.data.tokenizer not in ("auto", *NAMES):
        for part in task.corpus.parts():
            lacking.update(task.tokenizer.unknown(part.text))
    return dict(lacking.most_common())


def _epoch(task: Language) -> dict[str, int]:
    """Going through the training text once, with a model and a batch of the default size."""
    context, batch = task.settings.context, task.settings.training.batch
    windows = task.training().per_epoch if len(task.tokens.training) > context else 0
    return {"context": context, "windows": windows, "batch": batch, "steps": math.ceil(windows / batch)}


def _examples(task: Language) -> dict[str, Any]:
    import numpy as np

    from fogwalk.objectives.metrics import counted

    openings = {name: count.opening for name, count in task.tokens.counts.items()}
    line = _first_line(openings["training"] or openings["validation"])
    counts = counted(task.tokens.training, task.tokenizer.size)
    commonest = [int(number) for number in np.argsort(-counts, kind="stable")[:FREQUENT] if counts[number]]
    return {
        **openings,
        "first_line": [_token(task, int(number)) for number in task.tokenizer.encode(line)],
        "frequent": [
            {**_token(task, number), "count": int(counts[number]), "share": float(counts[number] / counts.sum())}
            for number in commonest
        ],
    }


def _first_line(text: str) -> str:
    """The first line that is not empty, with its end."""
    text = text.lstrip("\r\n")
    return text[: text.find("\n") + 1] or text


def _token(task: Language, number: int) -> dict[str, Any]:
    """A token with its id; its text is None where it is only a part of a character."""
    text = task.tokenizer.decode([number])
    return {"token": None if "\ufffd" in text and number != task.tokenizer.unsaid else text, "id": number}


# -- how a person is told ----------------------------------------------------------------------------------------------


def _print(record: dict[str, Any]) -> None:
    from fogwalk.cli.plain import printable
    from fogwalk.cli.tables import print_table, size

    tokenizer, examples = record["tokenizer"], record["examples"]
    if len(record["files"]) > 1:
        rows = [(file["name"], _format(file), size(file["bytes"]), file["encoding"] or "") for file in record["files"]]
        print_table(("file", "format", "size", "encoding"), rows[:LISTED], right=(2,))
        print(f"and {len(rows) - LISTED:,} more files\n" if len(rows) > LISTED else "")
    print_table(("data", "what it is"), list(_data_rows(record)))
    print()
    print_table(("split", "training", "validation"), list(_split_rows(record["split"])), right=(1, 2))
    print(printable(record["split"]["words"]) + "\n")
    print_table(("tokens", "how it would be tokenised"), list(_token_rows(record)))
    print()
    openings = [(f"{name} begins", _quoted(examples[name])) for name in ("training", "validation")]
    print_table(("examples", ""), [*openings, ("first line", _line(examples["first_line"], tokenizer["end"]))])
    print()
    frequent = [
        (_visible(row, tokenizer["end"]), row["id"], f"{row['count']:,}", f"{row['share']:.1%}")
        for row in examples["frequent"]
    ]
    print_table(("most frequent", "id", "count", "share"), frequent, right=(1, 2, 3))
    print("(· is a space, ⏎ a line's end, ⇥ a tab, \ufffd a part of a character)")
    for words in (*record["unused"], *record["doubts"]):
        print(printable(f"\n{words}"))
    if record["missing"]:
        print(printable(f"\nIt cannot be trained on as it is: {record['missing']}"))


def _data_rows(record: dict[str, Any]) -> Iterable[tuple[str, str]]:
    files, several = record["files"], record["documents"] > 1
    if len(files) == 1:
        yield "file", files[0]["name"]
    formats = _kinds(map(_format, files))
    yield ("format", formats) if len(files) == 1 else ("files", f"{len(files):,} ({formats})")
    yield "size", f"{record['bytes']:,} bytes"
    if encodings := _kinds(file["encoding"] for file in files if file["encoding"]):
        yield "encoding", encodings
    lengths = f", of {record['shortest_document']:,} to {record['longest_document']:,} characters" if several else ""
    yield "documents", f"{record['documents']:,}{lengths}"
    yield "characters", f"{record['characters']:,}, {record['distinct_characters']:,} distinct"
    for label, told in (("read", record["notes"]), ("left out", record["left_out"])):
        yield from ((label, words) for words in told[:LISTED])
        if len(told) > LISTED:
            yield label, f"and {len(told) - LISTED:,} more"
    yield "digest", f"sha256 {record['sha256']} (of the files and of how they are read)"


def _split_rows(split: dict[str, Any]) -> Iterable[tuple[str, str, str]]:
    learned, held = split["training"], split["validation"]
    end = "the end of 1" if split["cut"] and held["documents"] else f"{held['documents']:,}"
    yield "documents", f"{learned['documents']:,}", end
    yield "characters", f"{learned['characters']:,}", f"{held['characters']:,}"
    yield "share", f"{learned['share']:.1%}", f"{held['share']:.1%}"
    scored = " scored" if held["tokenised_characters"] < held["characters"] else ""
    yield "tokens", f"{learned['tokens']:,}", f"{held['tokens']:,}{scored}"


def _token_rows(record: dict[str, Any]) -> Iterable[tuple[str, str]]:
    tokenizer, epoch = record["tokenizer"], record["epoch"]
    yield "tokenizer", f"{tokenizer['kind']} ({tokenizer['why']})"
    yield "vocabulary", f"{tokenizer['vocabulary']:,} tokens"
    ends = ", one at each document's end among them" if tokenizer["end"] is not None else ""
    yield "tokens", f"{tokenizer['tokens']:,}{ends}"
    yield "a token", f"{tokenizer['characters_per_token']:.2f} characters, {tokenizer['bytes_per_token']:.2f} bytes"
    if unknown := tokenizer["unknown_characters"]:
        shown = ", ".join(f"{letter!r} x {count:,}" for letter, count in list(unknown.items())[:8])
        yield "unknown", f"{sum(unknown.values()):,} characters that the tokenizer lacks: {shown}"
    windows, steps = epoch["windows"], epoch["steps"]
    yield (
        "an epoch",
        f"{windows:,} window{'s' * (windows != 1)} of {epoch['context']} tokens: {steps:,} step{'s' * (steps != 1)} of "
        f"{epoch['batch']} windows",
    )
    yield "guessing", f"loss {record['guessing']:.2f} nats per token = ln {tokenizer['vocabulary']:,}"
    if not math.isnan(record["frequencies"]):
        yield "frequencies", f"loss {record['frequencies']:.2f} nats per token from how frequent each is, measured here"


def _kinds(kinds: Iterable[str]) -> str:
    """Each kind and how often, where there are several: '3 text, 1 CSV'."""
    counts = Counter(kinds).most_common()
    return counts[0][0] if len(counts) == 1 else ", ".join(f"{count:,} {kind}" for kind, count in counts)


def _format(file: dict[str, Any]) -> str:
    name = _FORMATS.get(file["format"], file["format"])
    return f"{name}, {file['packed']}" if file["packed"] else name


def _quoted(text: str) -> str:
    return f"“{text[:SHOWN].translate(_MARKS)}{'…' if len(text) > SHOWN else ''}”"


def _line(tokens: list[dict[str, Any]], end: int | None) -> str:
    """Each token between marks, its id after it."""
    more = [f"and {len(tokens) - CUT:,} more"] if len(tokens) > CUT else []
    return " ".join([*(f"‹{_visible(token, end)}›{token['id']}" for token in tokens[:CUT]), *more])


def _visible(token: dict[str, Any], end: int | None) -> str:
    """A token so that nothing of it is invisible."""
    if token["id"] == end:
        return "end of document"
    text: str = "\ufffd" if token["token"] is None else token["token"]
    return text.replace(" ", "·").translate(_MARKS)
