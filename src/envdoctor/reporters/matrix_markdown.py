"""Tables of the matrix as Markdown that GitHub shows as tables; texts of others stay text in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.reporters.plain_text import without_commands
from envdoctor.reporters.sheet_text import LEGEND, basis, cell_text, heading, speaking, speaks_of_the_unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.sheet import Sheet, Table

# GitHub Flavored Markdown 0.29, sections 4.10, 6.1, 6.5 and 6.9. An underscore inside a word means nothing there.
_ACTING = re.compile(r"[\\`*|\[\]~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=\])\(")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}


def render_sheet(sheet: Sheet, **_layout: object) -> str:
    """Return the sheet under a heading of the second level, with a line break at its end."""
    return "".join(f"{without_commands(line)}\n" for line in _lines(sheet))


def inline(words: str) -> str:
    """Return words that Markdown shows as they are: no link, no mention, no HTML, no end of a cell."""
    plain = "".join(_ENTITIES.get(letter, letter) for letter in words)
    plain = _ACTING.sub(lambda found: f"\\{found[0]}", plain)
    return plain.replace("://", "&#58;//").replace("www.", "www&#46;")  # links by their look alone


def paragraph(words: str) -> str:
    """Return words that are a paragraph of their own: no heading, list or quotation begins with them."""
    return re.sub(r"^(\s*)([#+=-]|\d+(?=[.)]))", r"\1&#8203;\2", inline(words))


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
