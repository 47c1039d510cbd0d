"""fogwalk predict: a table in, the same table out with the model's answers beside its columns."""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from fogwalk.cli.parsing import Parser, add_json
from fogwalk.errors import RunError, UsageError

SHOWN = 10


def parser(summary: str) -> Parser:
    """Which run, for which rows, to where."""
    parser = Parser("predict", summary, "example:\n  fogwalk predict last new.csv --out answers.csv")
    parser.add_argument("run", help="a run's name or folder; last is the newest")
    parser.add_argument("path", help="a table with the columns that the model was trained on")
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="a .csv file to write, in UTF-8 and with commas (default: the first rows are shown)",
    )
    parser.add_argument("--force", action="store_true", help="write over a file that is there")
    parser.add_argument("--data.encoding", dest="encoding", metavar="NAME", help="its encoding (default: the run's)")
    parser.add_argument("--step", type=int, help="the checkpoint to use (default: the best validated)")
    add_json(parser)
    return parser


def run(found: argparse.Namespace) -> int:
    """Answer, and write or show it."""
    out = Path(found.out).expanduser() if found.out else None
    if out is not None and out.suffix.lower() != ".csv":
        raise UsageError(
            f"--out {found.out}: answers are written as a .csv file", remedy=f"--out {out.with_suffix('.csv')}"
        )
    if out is not None and out.exists() and not found.force:
        raise UsageError(f"{out} is there already", remedy="Name another file, or add --force to write over it.")
    from fogwalk.cli.plain import printable
    from fogwalk.cli.tables import print_json, print_table, tell_damage, tell_end
    from fogwalk.predicting import with_answers
    from fogwalk.run import load

    run = load(found.run, step=found.step)
    tell_damage(run.damage, run.step)
    tell_end(run)
    table, answers = run.predict(
        found.path, encoding=found.encoding, say=lambda words: print(printable(words), file=sys.stderr)
    )
    whole = with_answers(table, answers)
    rows = zip(*(values.to_pylist() for values in whole.columns.values()), strict=True)
    if out is not None:
        _write(out, whole.names, rows)
        print(f"{len(whole):,} rows with their answers in {out}")
        return 0
    if found.json:
        print_json([dict(zip(whole.names, row, strict=True)) for row in rows])
        return 0
    new = [name for name in whole.names if name not in table.columns]
    kept = table.names[: max(1, 6 - len(new))]
    shown = [[_cell(whole.columns[name][at].as_py()) for name in [*kept, *new]] for at in range(min(SHOWN, len(whole)))]
    print_table((*kept, *new), [tuple(row) for row in shown])
    if len(whole) > SHOWN:
        print(f"and {len(whole) - SHOWN:,} more rows; --out answers.csv writes them all", file=sys.stderr)
    return 0


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def _write(out: Path, names: list[str], rows: object) -> None:
    fresh = out.with_name(f".{out.name}.unfinished")
    try:
        with fresh.open("w", encoding="utf-8", newline="", errors="surrogatepass") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerows(rows)  # type: ignore[arg-type]  # rows of cells
        fresh.replace(out)
    except OSError as error:
        raise RunError(f"{out} cannot be written: {error.strerror}") from None
