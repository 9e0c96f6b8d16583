"""Two machines side by side as Markdown: the sentences, then a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.reporters.diff_words import answers, because, counted, headline, known_of_one, names, told_of_one
from envdoctor.reporters.markdown_words import inline, paragraph
from envdoctor.reporters.plain_text import safe, without_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.difference import DiffReport

MOST = 30
"""Rows of the table; a comment has room for them."""


def render_diff(report: DiffReport, *, verbose: bool = False, **_layout: object) -> str:
    """Return the comparison as GitHub Flavored Markdown; `verbose` lists every difference."""
    return "".join(f"{without_commands(line)}\n" for line in _lines(report, verbose))


def _lines(report: DiffReport, verbose: bool) -> Iterator[str]:
    yield paragraph(headline(report))
    yield ""
    for name in names(report):
        yield f"- {inline(name)}"
    for one in report.explained:
        yield ""
        yield f"**{inline(because(one, report))}** {inline(safe(one.finding.message, 1000))}"
    told = [row for row in report.differences if verbose or not told_of_one(row)]
    if told:
        shown = told if verbose else told[:MOST]
        yield ""
        yield "| fact | A | B | decides |"
        yield "|---|---|---|---|"
        for row in shown:
            cells = (safe(row.name), *answers(row), ", ".join(row.turns))
            yield "| " + " | ".join(inline(cell) for cell in cells) + " |"
        if len(told) > len(shown):
            yield ""
            yield f"{len(told) - len(shown)} more differences."
    left = len(report.differences) - len(told)
    if left:
        yield ""
        yield f"{known_of_one(left)}."
    rest = counted(report)
    if rest:
        yield ""
        yield paragraph(rest)
