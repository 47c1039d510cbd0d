"""fogwalk generate: a trained model goes on from a prompt, shown as it is written."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fogwalk.cli.parsing import Parser, add_run
from fogwalk.errors import UsageError

if TYPE_CHECKING:
    from fogwalk.encoding.protocol import Tokenizer
    from fogwalk.generation.decode import Piece


def parser(summary: str) -> Parser:
    """Sampling as the field names it."""
    parser = Parser("generate", summary)
    add_run(parser)
    parser.add_argument("prompt", nargs="?", default=None, help="how the text begins")
    parser.add_argument("--tokens", type=int, default=200, metavar="N", help="at most this many tokens (default 200)")
    parser.add_argument(
        "--temperature", type=float, default=0.8, help="0 takes the likeliest, 1 the model's own odds (default 0.8)"
    )
    parser.add_argument("--top-k", type=int, metavar="K", help="draw only from the K likeliest tokens")
    parser.add_argument(
        "--top-p", type=float, metavar="P", help="draw only from the fewest tokens that reach probability P"
    )
    parser.add_argument("--seed", type=int, default=1, help="equal seeds, equal texts (default 1)")
    parser.add_argument("--samples", type=int, default=1, metavar="N", help="how many texts, with seeds counting up")
    parser.add_argument(
        "--stop",
        action="append",
        default=[],
        metavar="TEXT",
        help="end before this text; \\n \\r \\t are line ends and tab",
    )
    parser.add_argument("--show-probs", action="store_true", help="each token's probability and its rivals")
    parser.add_argument("--step", type=int, help="the checkpoint to use (default: the best validated)")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    return parser


def run(found: argparse.Namespace) -> int:
    """Print one or several answers."""
    if found.samples < 1:
        raise UsageError(f"--samples cannot be {found.samples}", expected="It must be at least 1.")
    if not 0 <= found.seed < 2**63 - found.samples:
        raise UsageError(f"--seed cannot be {found.seed}", expected="It must be at least 0 and below 2**63.")
    from fogwalk.cli.plain import printable
    from fogwalk.cli.tables import print_json, tell_damage
    from fogwalk.generation.decode import Answer, prompt_ids
    from fogwalk.run import load

    run = load(_named(found), step=found.step)
    prompt_ids(run.tokenizer, found.prompt or "")  # what the prompt cannot hold is told before anything is printed
    tell_damage(run.damage, run.step)
    answers = []
    for number in range(found.samples):
        answer = Answer(found.prompt or "")
        pieces = run.stream(
            answer.prompt,
            tokens=found.tokens,
            temperature=found.temperature,
            top_k=found.top_k,
            top_p=found.top_p,
            seed=found.seed + number,
            stop=[_unescaped(text) for text in found.stop],
            rivals=5 if found.show_probs else 0,
            answer=answer,
        )
        shown: list[dict[str, object]] = []
        if found.show_probs:
            shown = _probabilities(pieces, run.tokenizer)
        elif found.json:
            list(pieces)
        else:
            print(printable(answer.prompt), end="", flush=True)
            for piece in pieces:
                print(printable(piece.text), end="", flush=True)
            print("\n" if number + 1 < found.samples else "")
        if shown and not found.json:
            _print_probabilities(shown)
        if answer.slid and not found.json:
            context = run.settings.context
            print(f"(longer than the context of {context} tokens: the oldest were forgotten)", file=sys.stderr)
        record = {"text": answer.text, "token_ids": answer.token_ids, "stop_reason": answer.stop_reason}
        answers.append(record | ({"probabilities": shown} if found.show_probs else {}))
    if found.json:
        print_json(answers[0] if found.samples == 1 else answers)
    return 0


def _named(found: argparse.Namespace) -> str:
    """The run's name; one word that names no run may have been meant as a prompt, and is told how to be one."""
    from fogwalk.runs.folder import find

    name: str = found.run
    try:
        find(name)
    except UsageError as error:
        if found.prompt is None and name != "last":
            as_prompt = f"As a prompt for the newest run: fogwalk generate last {shlex.quote(name)}"
            raise UsageError(error.found, expected=error.expected, remedy=error.remedy, origin=as_prompt) from None
        raise
    return name


def _probabilities(pieces: Iterable[Piece], tokenizer: Tokenizer) -> list[dict[str, object]]:
    """For each token drawn: what it is, how likely it was, and its likeliest rivals."""
    from fogwalk.encoding.tokenizers import spelled

    return [
        {
            "token": spelled(tokenizer, piece.token),
            "probability": piece.probability,
            "rivals": {
                spelled(tokenizer, token): chance
                for token, chance in piece.rivals
                if token != piece.token and chance > 0
            },
        }
        for piece in pieces
        if piece.token >= 0
    ]


def _print_probabilities(shown: list[dict[str, object]]) -> None:
    from typing import cast

    from fogwalk.cli.tables import print_table

    rows = []
    for row in shown:
        rivals = cast(dict[str, float], row["rivals"])
        told = "  ".join(f"{token!r} {chance:.1%}" for token, chance in rivals.items())
        rows.append((repr(row["token"]), f"{row['probability']:.1%}", told))
    print_table(("token", "probability", "rivals"), rows, right=(1,))


def _unescaped(text: str) -> str:
    if not text:
        raise UsageError("--stop cannot be empty", remedy='It is the text to end before, such as --stop "\\n\\n".')
    return text.replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t")
