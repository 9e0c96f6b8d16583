"""Tables of the matrix for a terminal or a pipe: columns that fit, or rows one below the other where none would."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.reporters.lines import Line, joined, styled, wrapped
from envdoctor.reporters.sheet_text import LEGEND, basis, cell_text, heading, speaking, speaks_of_the_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.sheet import Column, Sheet, Table

HEADING = "bold"
GAP = "  "
NARROW = 14
"""A column is not wrapped to less than this, unless it never was wider: then its neighbours give way."""


class Grid(NamedTuple):
    """The columns of a table that fit a width: their texts by row, how wide each is, and the titles left out."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[int, ...]
    left_out: tuple[str, ...]


def render_sheet(sheet: Sheet, *, width: int = 80, colour: bool = False) -> str:
    """Return the sheet as text of at most `width` columns (40 or more), words that are longer excepted."""
    return joined(_lines(sheet, max(width, 40)), colour=colour)


def render_table(table: Table, *, width: int = 80, colour: bool = False) -> str:
    """Return one table by itself, as above."""
    return joined(_table(table, max(width, 40)), colour=colour)


def _lines(sheet: Sheet, width: int) -> Iterator[Line]:
    yield from (styled(line.text, HEADING) for line in wrapped(heading(sheet), width))
    yield from wrapped(basis(sheet), width)
    for note in sheet.notes:
        yield from wrapped(cell_text(note), width)
    for table in sheet.tables:
        yield Line()
        if table.title:
            yield from (styled(line.text, HEADING) for line in wrapped(cell_text(table.title), width))
        yield from _table(table, width)
        for note in table.notes:
            yield from wrapped(cell_text(note), width, GAP, GAP)
    if speaks_of_the_unknown(sheet):
        yield Line()
        yield from wrapped(LEGEND, width)


def _table(table: Table, width: int) -> Iterator[Line]:
    if not table.rows:
        yield Line(f"{GAP}nothing")
        return
    grid = None if len(table.rows) == 1 else fitted(table, width)
    if grid is None:
        yield from _stacked(table, width)
        return
    yield from (styled(line.text, HEADING) for line in wrapped_row(grid.titles, grid.widths))
    for row in grid.rows:
        yield from wrapped_row(row, grid.widths)
    if grid.left_out:
        yield from wrapped(f"Left out for want of width: {', '.join(grid.left_out)}.", width, GAP, GAP)


def fitted(table: Table, width: int) -> Grid | None:
    """Return as many columns as the width takes, those left out that can be spared; None where the rest is wider."""
    speak = speaking(table)
    kept = list(speak)
    while True:
        columns = [table.columns[place] for place in kept]
        titles = tuple(cell_text(column.title) for column in columns)
        rows = tuple(tuple(cell_text(row[place]) for place in kept) for row in table.rows)
        widths = _widths((titles, *rows), width - len(GAP) * (len(kept) - 1))
        if widths is not None:
            left_out = tuple(cell_text(table.columns[place].title) for place in speak if place not in kept)
            return Grid(titles, rows, widths, left_out)
        spare = max(columns, key=lambda column: column.spare)
        if not spare.spare:
            return None
        kept.remove(_last(table.columns, spare.spare, kept))


def _last(columns: Sequence[Column], spare: int, kept: Sequence[int]) -> int:
    return max(place for place in kept if columns[place].spare == spare)


def _widths(rows: Sequence[tuple[str, ...]], room: int) -> tuple[int, ...] | None:
    """Return the width of each column within `room`, the widest wrapped first; None where words are too long for it."""
    columns = list(zip(*rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    least = [min(wide, max(NARROW, _longest_word(column))) for wide, column in zip(widths, columns, strict=True)]
    least[0] = widths[0]  # what names a row stays in one piece
    if sum(least) > room:
        return None
    while sum(widths) > room:
        give = [wide if wide > low else 0 for wide, low in zip(widths, least, strict=True)]
        place = give.index(max(give))
        widths[place] = max(least[place], widths[place] - (sum(widths) - room))
    return tuple(widths)


def _longest_word(texts: Sequence[str]) -> int:
    return max((len(word) for text in texts for word in text.split()), default=0)


def wrapped_row(row: Sequence[str], widths: Sequence[int]) -> Iterator[Line]:
    """Yield one row of a grid, or of its titles, in as many lines as its longest cell takes."""
    cells = [_filled(text, wide) for text, wide in zip(row, widths, strict=True)]
    for number in range(max(map(len, cells))):
        yield Line(_row([cell[number] if number < len(cell) else "" for cell in cells], widths))


def _row(texts: Sequence[str], widths: Sequence[int]) -> str:
    return GAP.join(text.ljust(wide) for text, wide in zip(texts, widths, strict=True)).rstrip()


def _filled(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]


def _stacked(table: Table, width: int) -> Iterator[Line]:
    """Yield each row as a block, a cell a line; what a row has nothing to say about is not there."""
    titles = [cell_text(column.title) for column in table.columns]
    indent = max(map(len, titles)) + len(GAP) * 2
    for place, row in enumerate(table.rows):
        if place:
            yield Line()
        for title, cell in zip(titles, row, strict=True):
            text = cell_text(cell)
            if text:
                first = f"{GAP}{title}".ljust(indent)
                yield from wrapped(text, width, first, " " * indent)
