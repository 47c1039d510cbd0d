"""How a recogniser did, for a person and for programs: its scores beside its rivals', who was taken for whom, which columns
mattered."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # with it comes torch
    from fogwalk.predicting import Assessment

SHOWN = 12  # classes and columns that a person is shown; --json has them all


def as_record(result: Assessment, classes: tuple[str, ...]) -> dict[str, Any]:
    """Plain numbers and text; what cannot be told is None."""
    return {
        "source": result.source,
        "rows": result.rows,
        "unit": result.unit,
        "measure": result.measure,
        "scores": {
            name: {key: None if math.isnan(value) else value for key, value in row.items()}
            for name, row in result.scores.items()
        },
        "classes": list(classes),
        "confusion": None if result.confusion is None else result.confusion.tolist(),
        "importance": {name: {"mean": mean, "deviation": spread} for name, (mean, spread) in result.importance.items()},
        "notes": list(result.notes),
    }


def print_assessment(record: dict[str, Any], name: str) -> None:
    """Tables for a person."""
    from fogwalk.cli.plain import printable
    from fogwalk.cli.tables import print_table

    things = f"{record['rows']:,} {record['unit']}{'s' * (record['rows'] != 1)}"
    print(f"{name}, step {record['step']}, on {record['source']}: {things}\n")
    measures = list(record["scores"]["this model"])
    rows = [
        (
            who,
            *(
                "" if row[one] is None else f"{row[one]:,.4g}" if one in ("RMSE", "MAE") else f"{row[one]:.4f}"
                for one in measures
            ),
        )
        for who, row in record["scores"].items()
    ]
    print_table(("", *measures), rows, right=tuple(range(1, len(measures) + 1)))
    if (taken := record["confusion"]) is not None and len(taken) <= SHOWN:
        classes = [printable(one) for one in record["classes"]]
        print("\nwho was taken for whom (down: what it is; across: what the model says)")
        print_table(
            ("", *classes),
            [(one, *(f"{count:,}" for count in row)) for one, row in zip(classes, taken, strict=True)],
            right=tuple(range(1, len(classes) + 1)),
        )
    told = [
        (printable(column), f"{row['mean']:+.4f}", f"± {row['deviation']:.4f}")
        for column, row in record["importance"].items()
    ]
    if told:
        print(f"\nwhich columns mattered: {record['measure']} lost when a column's cells are shuffled among the rows")
        print_table(("column", "lost", ""), told[:SHOWN], right=(1, 2))
    if len(told) > SHOWN:
        print(f"and {len(told) - SHOWN} more columns (--json has them all)")
    for words in record["notes"]:
        print(printable(f"\n{words}"))
