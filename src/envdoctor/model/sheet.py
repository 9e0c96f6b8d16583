"""What `envdoctor matrix show` shows, whatever the format: tables of cells, with nothing left to ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from envdoctor.model.overlay import OverlayName

NONE = "none"
"""The cell of what is known not to be there: NCCL in a build for Windows, a torchaudio that was never released."""


@dataclass(frozen=True, slots=True)
class Items:
    """A list in one cell; `short` is how people write it ("3.10-3.14" for five Pythons), "" for one after another."""

    items: tuple[str, ...]
    short: str = ""


Cell: TypeAlias = "str | int | Items | None"
"""None is what the matrix does not know, "" what there is nothing to say about."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: `key` names it in JSON, `title` for people.

    Where a line is too narrow, columns of the highest `spare` are left out first; those of 0 never are.
    """

    key: str
    title: str
    spare: int = 0


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of as many cells as there are columns; `notes` are sentences below it."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """One answer: `revision` and `newest_torch` are those of the matrix, `notes` are sentences before the tables."""

    title: str
    revision: str
    newest_torch: str
    overlay: OverlayName | None
    notes: tuple[str, ...]
    tables: tuple[Table, ...]
