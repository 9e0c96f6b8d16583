"""Tables of the matrix as Markdown that GitHub shows as tables; texts of others stay text in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.reporters.markdown_words import inline, paragraph
from envdoctor.reporters.plain_text import without_commands
from envdoctor.reporters.sheet_text import LEGEND, basis, cell_text, heading, speaking, speaks_of_the_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.sheet import Sheet, Table


def render_sheet(sheet: Sheet, **_layout: object) -> str:
    """Return the sheet under a heading of the second level, with a line break at its end."""
    return "".join(f"{without_commands(line)}\n" for line in _lines(sheet))


def _lines(sheet: Sheet) -> Iterator[str]:
    yield f"## {inline(heading(sheet))}"
    yield ""
    yield paragraph(basis(sheet))
    for note in sheet.notes:
        yield ""
        yield paragraph(cell_text(note))
    for table in sheet.tables:
        yield ""
        if table.title:
            yield f"### {inline(cell_text(table.title))}"
            yield ""
        yield from _table(table)
        for note in table.notes:
            yield ""
            yield paragraph(cell_text(note))
    if speaks_of_the_unknown(sheet):
        yield ""
        yield paragraph(LEGEND)


def _table(table: Table) -> Iterator[str]:
    kept = speaking(table)
    if not kept:
        yield "nothing"
        return
    yield _row(inline(cell_text(table.columns[place].title)) for place in kept)
    yield _row("---" for _ in kept)
    for row in table.rows:
        yield _row(inline(cell_text(row[place])) for place in kept)


def _row(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"
