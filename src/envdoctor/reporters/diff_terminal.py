"""Two machines side by side, for people: what decides first, then the rest by kind."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.reporters.diff_words import answer, because, counted, headline
from envdoctor.reporters.lines import SENTENCE, Line, joined, styled, wrapped
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.difference import Difference, DiffReport

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow"}
MOST = 6
"""Differences of one kind that no rule reads, shown unless all are asked for."""


def render_diff(report: DiffReport, *, width: int = 80, colour: bool = False, verbose: bool = False) -> str:
    """Return the comparison as text; `verbose` shows every difference."""
    return joined(_lines(report, max(width, 40), verbose), colour=colour)


def _lines(report: DiffReport, width: int, verbose: bool) -> Iterator[Line]:
    yield from (styled(line.text, "bold") for line in wrapped(headline(report), width))
    yield Line()
    for one in report.explained:
        first, *others = wrapped(because(one, report), width, "", "  ")
        yield styled(first.text, STYLES[one.finding.severity])
        yield from others
        yield from wrapped(safe(one.finding.message, SENTENCE), width, "  ", "  ")
        yield Line()
    deciding = [row for row in report.differences if row.turns]
    yield from _rows("What decides:", deciding, width)
    others_ = [row for row in report.differences if not row.turns]
    for kind, group in groupby(others_, key=lambda row: row.kind):
        yield from _rows(f"Also different, {kind}:", list(group), width, None if verbose else MOST)
    yield from wrapped(counted(report), width)


def _rows(title: str, rows: Sequence[Difference], width: int, most: int | None = None) -> Iterator[Line]:
    if not rows:
        return
    yield styled(title, "bold")
    shown = rows if most is None else rows[:most]
    for row in shown:
        yield from wrapped(f"{safe(row.name)}: A {answer(row.a)}   B {answer(row.b)}", width, "  ", "      ")
    if len(rows) > len(shown):
        yield Line(f"  and {len(rows) - len(shown)} more (-v shows them)")
    yield Line()
