"""`envdoctor.matrix/1`: tables of the compatibility matrix; each row is an object with the keys of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec.json_value import to_json
from envdoctor.codec.overlay import encode_overlay
from envdoctor.model.sheet import Items

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.sheet import Cell, Sheet, Table

SCHEMA = "envdoctor.matrix/1"


def encode(sheet: Sheet) -> dict[str, Value]:
    """Return the document; what the matrix does not know is null."""
    return {
        "schema": SCHEMA,
        "title": to_json(sheet.title),
        "matrix": {
            "revision": sheet.revision,
            "newest_torch": sheet.newest_torch,
            "overlay": encode_overlay(sheet.overlay),
        },
        "notes": [to_json(note) for note in sheet.notes],
        "tables": [_encode_table(table) for table in sheet.tables],
    }


def _encode_table(table: Table) -> dict[str, Value]:
    keys = [column.key for column in table.columns]
    return {
        "name": table.name,
        "title": to_json(table.title),
        "columns": [{"key": column.key, "title": to_json(column.title)} for column in table.columns],
        "rows": [dict(zip(keys, map(_encode_cell, row), strict=True)) for row in table.rows],
        "notes": [to_json(note) for note in table.notes],
    }


def _encode_cell(cell: Cell) -> Value:
    return [to_json(item) for item in cell.items] if isinstance(cell, Items) else to_json(cell)
