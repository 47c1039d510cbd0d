"""fogwalk evaluate: a model on held-out text beside what guessing and counting get; on held-out rows beside simpler methods."""

from __future__ import annotations

import argparse
from dataclasses import replace

from fogwalk.cli.parsing import Parser, add_json, add_run

SHOWN = 8  # characters it never met
FAMILIAR = 0.05  # of a text: so much that was learned from is said


def parser(summary: str) -> Parser:
    """Which run, on which text."""
    parser = Parser("evaluate", summary)
    add_run(parser)
    parser.add_argument(
        "--data", metavar="PATH", help="a text or a table to score (default: the run's own validation split)"
    )
    parser.add_argument("--data.encoding", dest="encoding", metavar="NAME", help="its encoding (default: the run's)")
    parser.add_argument("--data.column", dest="column", metavar="NAME", help="its column of text (default: the run's)")
    parser.add_argument("--step", type=int, help="the checkpoint to use (default: the best validated)")
    add_json(parser)
    return parser


def run(found: argparse.Namespace) -> int:
    """Print the score."""
    from fogwalk.batches.tokens import MOST_SCORED
    from fogwalk.cli.assessment import as_record, print_assessment
    from fogwalk.cli.tables import print_json, print_table, tell_damage, tell_end
    from fogwalk.objectives.ngram import MOST_COUNTED
    from fogwalk.predicting import Assessment
    from fogwalk.run import load

    run = load(found.run, step=found.step)
    tell_damage(run.damage, run.step)
    tell_end(run)
    result = run.evaluate(found.data, encoding=found.encoding, column=found.column)
    if isinstance(result, Assessment):
        record = {"run": str(run.path), "step": run.step, **as_record(result, run.classes)}
        print_json(record) if found.json else print_assessment(record, run.folder.name)
        return 0
    score, ngram = result.score, result.ngram
    if found.json:
        print_json(
            {
                "loss": score.loss,
                "perplexity": score.perplexity,
                "bits_per_byte": score.bits_per_byte,
                "bits_per_character": score.bits_per_character,
                "tokens": score.tokens,
                "context": score.context,
                "run": str(run.path),
                "source": result.source,
                "familiar": result.familiar,
                "step": run.step,
                "unknown_characters": sum(result.unknown.values()),
                "guessing": result.guessing,
                "frequencies": result.frequencies,
                "ngram": ngram and ngram.loss,
                "ngram_order": ngram and ngram.order,
            }
        )
        return 0
    print(
        f"{run.folder.name}, step {run.step}, on {result.source}: {score.tokens:,} tokens at context {score.context}\n"
    )
    rows = [("this model", score)]
    if ngram is not None:
        rows.append((f"n-gram of order {ngram.order}", replace(score, loss=ngram.loss)))
    if result.frequencies is not None:
        rows.append(("token frequencies", replace(score, loss=result.frequencies)))
    rows.append(("guessing", replace(score, loss=result.guessing)))
    print_table(
        ("", "loss (nats per token)", "perplexity", "bits per byte"),
        [
            (
                name,
                f"{row.loss:.4f}",
                f"{row.perplexity:,.2f}" if row.perplexity < 1e9 else f"{row.perplexity:.1e}",
                f"{row.bits_per_byte:.4f}",
            )
            for name, row in rows
        ],
        right=(1, 2, 3),
    )
    if result.learned:
        print("\nthis is the text it learned from: all but the validation split of it was seen in training")
    elif result.familiar >= FAMILIAR:
        print(f"\n{result.familiar:.0%} of this text stands in what it learned from: on a new one it will do worse")
    print(f"\nbits per character {score.bits_per_character:.4f}")
    if result.frequencies is None:
        print("the text it learned from is gone, or is another now, so that nothing can be counted on it")
    elif ngram is None:
        print(f"no n-gram model: it is counted for at most {MOST_SCORED:,} tokens to score")
    if ngram is not None and ngram.counted == MOST_COUNTED:
        print(f"the n-gram model is counted from the first {ngram.counted:,} training tokens")
    if ngram is not None and ngram.order == 1:
        print(
            "looking back even one token makes the n-gram model no better: it is the token frequencies, a little smoothed"
        )
    if result.unknown:
        shown = ", ".join(f"{letter!r} x {count}" for letter, count in list(result.unknown.items())[:SHOWN])
        shown += ", …" if len(result.unknown) > SHOWN else ""
        print(f"{sum(result.unknown.values())} characters stand in no text it learned from, scored as unknown: {shown}")
    return 0
