"""A corpus of a gigabyte, in several formats, and a file of as much in a single line: in under 1 GB of anonymous memory.

Its words are drawn by Zipf's law from 2.2 million, so that counting them, the alphabet of pairs and the windows are as large
as in a corpus a person has. A third corpus is what is worst to hold: a table in one row group, documents of 40 million
characters, millions of one word. Anonymous memory is what a process has asked for: the file's own pages are not in it.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from fogwalk.batches.windows import TrainingWindows
from fogwalk.training import waypoints
from tests.trials.battery import Battery, Outcome

SIZE = 1_000_000_000  # bytes
DISTINCT = 2_200_000
MOST_HELD = 1_000_000_000  # bytes of RssAnon
MOST_SHARE = 0.02
# Bytes of one row group, characters of one document, bytes of documents of one word: two million of them.
WIDE, LONG, SHORT = 200_000_000, 40_000_000, 12_000_000
DRAWN_AT_ONCE = 10_000_000
SHAPE = ["--model.layers", "2", "--model.width", "64", "--model.heads", "1", "--training.compile", "off"]
SHAPE += ["--training.sample-every", "0", "--training.evaluate-every", "1000000", "--data.validation", "0.001"]


def words() -> NDArray[np.bytes_]:
    """Distinct words of up to four syllables, the frequent ones short, each with the space behind it; the first ends a line."""
    letters = np.array([a + b for a in "bcdfghjklmnpqrstvwxz" for b in "aeiou"], dtype="S2")
    ranks = np.arange(DISTINCT)
    spelled = letters[ranks % 100].astype("S12")
    for place in (100, 10_000, 1_000_000):
        rest = ranks // place
        more = np.char.add(letters[(rest - 1) % 100], spelled)
        spelled = np.where(rest > 0, more, spelled)
    spelled[::50] = np.char.add(spelled[::50], "é".encode())
    spelled = np.char.add(spelled, b" ")
    spelled[0] = b".\n"
    return spelled


def portions() -> Iterator[bytes]:
    """The corpus, some tens of megabytes at a time, the same on every machine."""
    table = words()
    chances = np.cumsum(1 / np.arange(1, DISTINCT + 1))
    chances /= chances[-1]
    generator = np.random.default_rng(0)
    size = 0
    while size < SIZE:
        drawn = np.searchsorted(chances, generator.random(DRAWN_AT_ONCE))
        portion = table[np.minimum(drawn, DISTINCT - 1)].tobytes().replace(b"\0", b"")
        yield portion
        size += len(portion)


def written(folder: Path) -> tuple[Path, Path]:
    """The corpus as a folder of a text, JSONL, CSV and a compressed text; and as a file of one line."""
    several, single = folder / "corpus", folder / "one line.txt"
    several.mkdir()
    with (
        (several / "a.txt").open("wb") as text,
        (several / "b.jsonl").open("w", encoding="utf-8") as lines,
        (several / "c.csv").open("w", encoding="utf-8") as rows,
        gzip.open(several / "d.txt.gz", "wb", compresslevel=1) as packed,
        single.open("wb") as whole,
    ):
        rows.write("length,text\n")
        for number, portion in enumerate(portions()):
            whole.write(portion.replace(b"\n", b" "))
            if number % 10 < 6:
                text.write(portion)
            elif number % 10 == 6:
                packed.write(portion)
            else:
                documents = portion.decode("utf-8", "ignore").split("\n")
                for document in (" ".join(documents[at : at + 20]) for at in range(0, len(documents), 20)):
                    if number % 10 == 9:
                        rows.write(f'{len(document)},"{document}"\n')
                    else:
                        lines.write(json.dumps({"text": document}) + "\n")
    return several, single


@dataclass
class Started:
    """A training of the corpus: its exit code and words, wall seconds, and the most anonymous memory it held."""

    code: int
    errors: str
    seconds: float
    held: int

    def outcome(self, phase: str) -> Outcome:
        """Whether it ended well, within its memory."""
        fine = self.code == 0 and 0 < self.held < MOST_HELD
        return Outcome(
            fine, phase, f"exit {self.code}, {self.held / 1e6:.0f} MB at most, {self.seconds:.0f} s {self.errors}"
        )


def start(command: list[str], cache: Path) -> Started:
    """Run a command and look at its memory fifty times a second."""
    began, held = time.monotonic(), 0
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            for line in status.read_text(encoding="utf-8").splitlines():
                if line.startswith("RssAnon"):
                    held = max(held, int(line.split()[1]) * 1024)
            time.sleep(0.02)
        assert process.stderr
        errors = process.stderr.read()[-300:]
    return Started(process.returncode, errors, time.monotonic() - began, held)


def train(path: Path, out: Path, steps: int) -> list[str]:
    """The command."""
    command = [sys.executable, "-m", "fogwalk", "train", str(path), "--out", str(out), *SHAPE]
    return [*command, "--training.steps", str(steps)]


@dataclass
class Huge:
    """Both corpora, and the first training of the one of several files, whose cache the later ones find."""

    folder: Path
    several: Path
    single: Path

    @property
    def cache(self) -> Path:
        """Where the tokens are kept."""
        return self.folder / "cache"

    @cached_property
    def first(self) -> Started:
        """Nothing is cached yet."""
        return start(train(self.several, self.folder / "first", 50), self.cache)


def prepare(folder: Path) -> Huge:
    """Write the corpora."""
    return Huge(folder, *written(folder))


# Seconds that a step waits for its windows, beside the seconds between two steps.
_SHARE = """
import sys, time
from pathlib import Path
from fogwalk import cli
from fogwalk.batches.windows import TrainingWindows
from fogwalk.runs.log import read_story
plain, spent = TrainingWindows.at, 0.0
def at(self, step):
    global spent
    began = time.perf_counter()
    batch = plain(self, step)
    spent += time.perf_counter() - began
    return batch
TrainingWindows.at = at
code = cli.main(sys.argv[2:])
seconds = [record["seconds"] for record in read_story(Path(sys.argv[1])) if record["event"] == "step"]
print(code, spent / (seconds[-1] - seconds[0]))
"""


def trial(shared: object, number: int, folder: Path) -> Outcome:
    """One of six questions."""
    assert isinstance(shared, Huge)
    return (_cold, _warm, _waiting, _every_window, _one_line, _unwieldy)[number](shared, folder)


def _cold(shared: Huge, folder: Path) -> Outcome:
    return shared.first.outcome("tokenising and training")


def _made(cache: Path) -> dict[Path, int]:
    """When each file was made from the corpus; what a run keeps of its own steps is its own."""
    made = {file: file.stat().st_mtime_ns for file in cache.rglob("*") if file.is_file()}
    own = cache / "fogwalk" / waypoints.KIND
    assert any(made), "there is a cache"
    return {file: when for file, when in made.items() if own not in file.parents}


def _warm(shared: Huge, folder: Path) -> Outcome:
    before = shared.first
    made = _made(shared.cache)
    again = start(train(shared.several, folder / "run", 50), shared.cache)
    same = bool(made) and made == _made(shared.cache)
    outcome = again.outcome("a second start")
    told = f"{outcome.details}; the first took {before.seconds:.0f} s; cache {'reused' if same else 'made again'}"
    return Outcome(outcome.passed and same and again.seconds < before.seconds / 2, outcome.phase, told)


def _waiting(shared: Huge, folder: Path) -> Outcome:
    assert shared.first.code == 0, shared.first.errors
    out = folder / "run"
    command = [sys.executable, "-c", _SHARE, str(out / "events.jsonl"), *train(shared.several, out, 300)[3:]]
    environment = os.environ | {"XDG_CACHE_HOME": str(shared.cache)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    share = float(done.stdout.split()[-1]) if done.returncode == 0 else 1.0
    return Outcome(share < MOST_SHARE, "loading windows", f"{share:.2%} of the steps' seconds {done.stderr[-300:]}")


class _Numbered:
    """A stream in which every token is its own place."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        assert places.min() >= 0
        assert places.max() < self.length
        return places


def _every_window(shared: Huge, folder: Path) -> Outcome:
    assert shared.first.code == 0, shared.first.errors
    context, batch = 128, 512
    length = max(file.stat().st_size for file in shared.cache.rglob("training.bin")) // 2
    drawn = TrainingWindows(_Numbered(length), context, batch, seed=1)  # type: ignore[arg-type]
    seen = np.zeros(length, dtype=bool)
    twice = 0
    for step in range(drawn.per_epoch // batch):
        starts = drawn.at(step).inputs[:, 0].numpy()
        for place in range(context):
            twice += int(np.count_nonzero(seen[starts + place]))
            seen[starts + place] = True
    left = 1 - float(seen.mean())
    told = f"{drawn.per_epoch:,} windows of {length:,} tokens: {twice} tokens drawn twice, {left:.4%} not drawn"
    return Outcome(twice == 0 and left * length < (batch + 2) * context, "one epoch", told)


def _one_line(shared: Huge, folder: Path) -> Outcome:
    return start(train(shared.single, folder / "run", 20), folder / "cache").outcome("one line of a gigabyte")


def _unwieldy(shared: Huge, folder: Path) -> Outcome:
    corpus = folder / "corpus"
    corpus.mkdir()
    with shared.single.open("rb") as whole:
        texts = [whole.read(size).decode("utf-8", "ignore") for size in (WIDE, 2 * LONG, SHORT)]
    rows = [texts[0][at : at + 2000] for at in range(0, len(texts[0]), 2000)]
    table = pyarrow.table({"id": list(range(len(rows))), "text": rows})
    pyarrow.parquet.write_table(table, corpus / "a.parquet", row_group_size=len(rows), use_dictionary=False)
    with (corpus / "b.jsonl").open("w", encoding="utf-8") as lines:
        for at in range(0, len(texts[1]), LONG):
            lines.write(json.dumps({"text": texts[1][at : at + LONG]}) + "\n")
    with (corpus / "c.csv").open("w", encoding="utf-8") as lines:
        lines.write("text\n")
        lines.writelines(f"{word}\n" for word in texts[2].split() if word.isalpha())
    command = [*train(corpus, folder / "run", 20), "--data.tokenizer", "bytes"]  # the most tokens that a text can be
    return start(command, folder / "cache").outcome("one row group, long documents, millions of short ones")


HUGE = Battery(
    "a corpus of a gigabyte",
    "2.2 million distinct words are tokenised and trained on within 1 GB of anonymous memory, a second start reuses the "
    "cache, loading takes under 2 % of a step, and no token is drawn twice in an epoch",
    6,
    prepare,
    trial,
    alone=True,
    draws=2,
)
