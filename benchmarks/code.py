"""Whether a model writes code: of functions it writes from a `def` prompt, the share that Python can parse, beside the n-gram
model's.

Usage: python -m benchmarks.code [--minutes 5] [--functions 100] [--seed 1] [--run RUN] [--show 2]
Trained on `sample:python-source`, the plan untouched; with --run a finished training is used. Both models go on from the same
prompt through the same `generate`, at the command's own temperature; function number n is drawn with seed n. A function is
what is written up to the first line that is not indented; one that does not end within the tokens is what there is of it.
Goal: 20 points more than the n-gram model, of the order that scores best on the validation split.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import sys
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import fogwalk
from benchmarks.machine import described
from benchmarks.training import train
from fogwalk.batches.tokens import Stream
from fogwalk.generation.decode import Answer, Speaks, generate
from fogwalk.generation.sampling import Sampling
from fogwalk.models.attention import Cache
from fogwalk.run import Run
from fogwalk.scoring import Evaluation
from fogwalk.tasks.language import Language

GOAL = 0.20
# No space behind it: to byte pairs ` name` is one token.
PROMPT = "\ndef"
TOKENS = 400
HOW = Sampling(temperature=0.8)


class NGramWriter:
    """The interpolated n-gram model (Witten and Bell 1991, method C; see objectives/ngram.py), asked for what comes next.

    The places of the training text where the history stands are looked up anew for each token: slow, and small.
    """

    def __init__(self, training: Stream, vocabulary: int, order: int) -> None:
        self.training = np.asarray(training)
        self.vocabulary = vocabulary
        self.context = max(order - 1, 1)
        self.order = order
        by_token = np.argsort(self.training[:-1], kind="stable")
        ends = np.searchsorted(self.training[:-1][by_token], np.arange(vocabulary + 1))
        self._after = [by_token[start:end] + 1 for start, end in itertools.pairwise(ends)]
        self._single = self._mixed(np.full(vocabulary, 1 / vocabulary), np.arange(len(self.training)))

    def empty_cache(self, batch: int) -> Cache | None:
        """It keeps none."""
        return None

    def __call__(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Log-probabilities of what comes after the last token. [1, 1, vocabulary]"""
        return torch.from_numpy(np.log(self.after(tokens[0].tolist())))[None, None].float()

    def after(self, history: Sequence[int]) -> NDArray[np.float64]:
        """The probability of each token after a history. [vocabulary]"""
        chances, places = self._single, np.empty(0, dtype=np.int64)
        for back in range(1, min(self.order - 1, len(history)) + 1):
            token = history[-back]
            # Places of the token after the history: first where it is one token long, then those with one more before.
            places = self._after[token] if back == 1 else places[places >= back]
            places = places[self.training[places - back] == token]
            if not len(places):
                break
            chances = self._mixed(chances, places)
        return chances

    def _mixed(self, shorter: NDArray[np.float64], places: NDArray[np.int64]) -> NDArray[np.float64]:
        counts = np.bincount(self.training[places], minlength=self.vocabulary)
        kinds = np.count_nonzero(counts)
        mixed: NDArray[np.float64] = (counts + kinds * shorter) / (len(places) + kinds)
        return mixed


def function_in(text: str) -> str:
    """A text's first function: its first line, and what is indented below it."""
    first, *rest = text.lstrip("\n").splitlines()
    body = []
    for line in rest:
        if line.strip() and not line[0].isspace():
            break
        body.append(line)
    return "\n".join([first, *body]).rstrip() + "\n"


def parses(code: str) -> bool:
    """Whether Python can parse it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(code)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def written(model: Speaks, run: Run, number: int) -> str:
    """The function that a model writes with this seed."""
    answer = Answer(PROMPT)
    for _ in generate(
        model,
        run.tokenizer,
        PROMPT,
        tokens=TOKENS,
        how=HOW,
        generator=torch.Generator().manual_seed(number),
        answer=answer,
    ):
        text = PROMPT + answer.text
        if function_in(text).count("\n") < text.strip("\n").count("\n"):
            break  # something stands below it that is not indented
    return function_in(PROMPT + answer.text)


def main() -> int:
    """Print both shares and what some functions look like; exit 1 when the goal is missed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--functions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run")
    parser.add_argument("--show", type=int, default=2)
    found = parser.parse_args()
    print(f"{described()}\n\n$ fogwalk train sample:python-source --minutes {found.minutes:g} --seed {found.seed}\n")
    with tempfile.TemporaryDirectory() as folder:
        path = found.run
        if path is None:
            words = ["sample:python-source", "--minutes", f"{found.minutes:g}", "--seed", str(found.seed)]
            path = train(words, Path(folder) / "run", cache=Path(folder) / "cache").out
        run = fogwalk.load(path)
        score = run.evaluate()
        assert isinstance(score, Evaluation)
        task = Language(run.settings, run.checkpoint / "encoding")
        assert score.ngram
        counted = NGramWriter(task.tokens.training, run.tokenizer.size, score.ngram.order)
        shares = {}
        for name, model in (("the model", run.model), (f"n-gram of order {score.ngram.order}", counted)):
            codes = [written(model, run, number) for number in range(found.functions)]  # type: ignore[arg-type]
            good = [code for code in codes if parses(code)]
            shares[name] = len(good) / len(codes)
            print(f"## {name}: {len(good)} of {len(codes)} parse\n", flush=True)
            for code in codes[: found.show]:
                print(f"{'parses' if parses(code) else 'does not parse'}:\n\n```python\n{code}```\n")
    print(
        f"{run.settings.model.describe()}, {run.settings.training.steps:,} steps; loss {score.score.loss:.4f} ", end=""
    )
    print(f"nats per token at context {score.score.context}, n-gram {score.ngram.loss:.4f}")
    ours, theirs = shares.values()
    print(f"{ours - theirs:+.0%} (goal: {GOAL:+.0%})")
    return int(ours - theirs < GOAL)


if __name__ == "__main__":
    sys.exit(main())
