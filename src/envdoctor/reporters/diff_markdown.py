"""Two machines side by side as Markdown: the sentences, then a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.reporters.diff_words import answer, because, counted, headline
from envdoctor.reporters.markdown_words import inline, paragraph
from envdoctor.reporters.plain_text import safe, without_commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.difference import DiffReport

MOST = 60
"""Rows of the table; a comment has room for them."""


def render_diff(report: DiffReport, *, verbose: bool = False, **_layout: object) -> str:
    """Return the comparison as GitHub Flavored Markdown; `verbose` lists every difference."""
    return "".join(f"{without_commands(line)}\n" for line in _lines(report, verbose))


def _lines(report: DiffReport, verbose: bool) -> Iterator[str]:
    yield paragraph(headline(report))
    for one in report.explained:
        yield ""
        yield f"- **{inline(because(one, report))}** {inline(safe(one.finding.message, 1000))}"
    if report.differences:
        shown = report.differences if verbose else report.differences[:MOST]
        yield ""
        yield "| fact | A | B | decides |"
        yield "|---|---|---|---|"
        for row in shown:
            cells = (safe(row.name), answer(row.a), answer(row.b), ", ".join(row.turns))
            yield "| " + " | ".join(inline(cell) for cell in cells) + " |"
        if len(report.differences) > len(shown):
            yield ""
            yield f"{len(report.differences) - len(shown)} more differences."
    told = counted(report)
    if told:
        yield ""
        yield paragraph(told)
