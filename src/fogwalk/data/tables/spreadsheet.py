"""The first sheet of an .xlsx file as a table. openpyxl reads it: the extra `spreadsheets`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fogwalk.data.tables.table import Say, Table, named
from fogwalk.errors import DataError, UsageError


def read(place: Path, encoding: str, say: Say) -> Table:
    """Columns of numbers, booleans, times or text, by what their cells hold; formulas give the value they had when saved."""
    try:
        import openpyxl
    except ImportError:
        raise UsageError(
            f"{place} is a spreadsheet, which openpyxl reads, and it is not installed",
            remedy="pip install 'fogwalk[spreadsheets]', or save the sheet as CSV.",
        ) from None
    try:
        book = openpyxl.load_workbook(place, read_only=True, data_only=True)
        sheet = book.worksheets[0]
        rows = [row for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row)]
        sheets = len(book.worksheets)
        book.close()
    except Exception as error:  # noqa: BLE001  # openpyxl raises whatever its parsers do
        raise DataError(f"{place} is not an .xlsx spreadsheet, or is damaged: {error}") from None
    if len(rows) < 2:
        raise DataError(f"the first sheet of {place} holds {'a header and no rows' if rows else 'nothing'}")
    if sheets > 1:
        say(f"{place.name} has {sheets} sheets; the first is read ('{sheet.title}')")
    # A column without a name and without a cell is the sheet's edge.
    filled = [at for at in range(len(rows[0])) if any(at < len(row) and row[at] is not None for row in rows)]
    header = named(place, ["" if rows[0][at] is None else str(rows[0][at]) for at in filled])
    cells = ([row[at] if at < len(row) else None for row in rows[1:]] for at in filled)
    return Table({name: _column(those) for name, those in zip(header, cells, strict=True)})


def _column(cells: list[Any]) -> Any:
    import pyarrow

    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds and kinds <= {int, float} and kinds != {int}:
        return pyarrow.array([None if cell is None else float(cell) for cell in cells])
    if len(kinds) == 1:
        try:
            return pyarrow.array(cells)
        except pyarrow.ArrowException:
            pass
    return pyarrow.array([None if cell is None else str(cell) for cell in cells], pyarrow.string())
