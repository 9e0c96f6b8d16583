"""Cells and headings of the matrix as words, for the formats that people read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.sheet import NONE, Items
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from envdoctor.model.sheet import Cell, Sheet, Table

UNKNOWN = "?"
LEGEND = f'"{UNKNOWN}": the matrix does not know; "{NONE}": there is none.'


def cell_text(cell: Cell) -> str:
    """A cell in one line; texts of an organisation's file are made harmless."""
    if cell is None:
        return UNKNOWN
    if isinstance(cell, Items):
        return safe(cell.short or " ".join(cell.items))
    return safe(str(cell))


def heading(sheet: Sheet) -> str:
    """What the tables are about."""
    return safe(sheet.title)


def basis(sheet: Sheet) -> str:
    """Which matrix says so."""
    overlay = f", with {safe(str(sheet.overlay))} laid over it" if sheet.overlay else ""
    return f"Compatibility matrix of {safe(sheet.revision)}{overlay}; newest torch {safe(sheet.newest_torch)}."


def speaks_of_the_unknown(sheet: Sheet) -> bool:
    """Whether any cell has to be explained by `LEGEND`."""
    return any(cell is None or cell_text(cell) == NONE for table in sheet.tables for row in table.rows for cell in row)


def speaking(table: Table) -> list[int]:
    """The places of the columns in which some row has anything to say."""
    return [place for place in range(len(table.columns)) if any(cell_text(row[place]) for row in table.rows)]
