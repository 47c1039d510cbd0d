"""Whether a corpus is tokenised at least as fast as the tokenizers library used plainly does it, side by side in one run.

Usage: python -m benchmarks.tokenising [--turns 5]
The text is `sample:python-source`, twice: as one document and as its paragraphs in a JSONL file. Plainly is: read the file, then
`encode` for the one text or `encode_batch` for the many, and the ids put into an array on the disk. Ours streams, splits
training from validation, counts, and writes checksummed shards, in a cache that is empty. Both use byte pairs learned before.
The best of each is compared.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer as Library

from benchmarks.machine import described
from fogwalk.batches.tokens import tokenise
from fogwalk.data.corpus import Corpus
from fogwalk.data.samples import sample
from fogwalk.data.split import survey
from fogwalk.encoding.byte_pairs import BytePairs

VOCABULARY = 4096


def plainly(path: Path, library: Library, out: Path) -> int:
    """What a person writes with the library's documentation open; gives back the number of ids."""
    if path.suffix == ".jsonl":
        texts = [json.loads(line)["text"] for line in path.open(encoding="utf-8")]
        ids = np.concatenate([np.array(found.ids, dtype=np.uint16) for found in library.encode_batch(texts)])
    else:
        ids = np.array(library.encode(path.read_text(encoding="utf-8")).ids, dtype=np.uint16)
    ids.tofile(out)
    return len(ids)


def ours(path: Path, tokenizer: BytePairs) -> int:
    """What a training does; gives back the number of ids, documents' ends not counted."""
    corpus = Corpus((str(path),))
    found = survey(corpus, 0.1, 6_000_000)
    tokens = tokenise(corpus, found.split, found.documents > 1, tokenizer)
    ends = found.documents if found.documents > 1 else 0
    return len(tokens.training) + len(tokens.validation) - ends


def timed(work: Callable[..., int], *on: Any) -> tuple[float, int]:
    """Seconds, and what came out."""
    began = time.perf_counter()
    count = work(*on)
    return time.perf_counter() - began, count


def main() -> int:
    """Print the table; exit 1 when the library alone is faster."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    text = sample("sample:python-source")
    print(f"{described()}; {len(text):,} characters, {VOCABULARY} tokens\n")
    print("| text | plainly | ours, with survey and checksums | ratio |\n|---|---|---|---|")
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tokenizer = BytePairs.learn([text[:4_000_000]], VOCABULARY)
        one, many = folder / "one.txt", folder / "many.jsonl"
        one.write_text(text, encoding="utf-8")
        paragraphs = (part for part in text.split("\n\n") if part)
        many.write_text("".join(json.dumps({"text": part}) + "\n" for part in paragraphs), encoding="utf-8")
        for path in (one, many):
            times: dict[str, list[float]] = {"plainly": [], "ours": []}
            for turn in range(turns):
                os.environ["XDG_CACHE_HOME"] = str(folder / f"cache {path.name} {turn}")
                seconds, plain_count = timed(plainly, path, tokenizer.library, folder / "plain.bin")
                times["plainly"].append(seconds)
                seconds, count = timed(ours, path, tokenizer)
                times["ours"].append(seconds)
                assert abs(count - plain_count) <= 1  # the one text is cut into its two sides, perhaps within a token
            best = {who: min(found) for who, found in times.items()}
            slowest = max(slowest, best["ours"] / best["plainly"])
            print(
                f"| {path.name} | {best['plainly']:.2f} s | {best['ours']:.2f} s | {best['ours'] / best['plainly']:.2f} |"
            )
    print(f"\nslowest {slowest:.2f} times the library's seconds (goal: at most 1)")
    return int(slowest > 1)


if __name__ == "__main__":
    sys.exit(main())
