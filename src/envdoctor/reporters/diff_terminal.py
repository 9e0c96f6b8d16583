"""Two machines side by side, for people: what decides first, then the rest by kind."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.reporters.diff_words import answers, because, counted, headline, known_of_one, names, told_of_one
from envdoctor.reporters.lines import SENTENCE, Line, joined, styled, wrapped
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.difference import Difference, DiffReport

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow"}
MOST = 6
"""Differences of one kind that are shown unless all are asked for."""


def render_diff(report: DiffReport, *, width: int = 80, colour: bool = False, verbose: bool = False) -> str:
    """Return the comparison as text; `verbose` shows every difference."""
    return joined(_lines(report, max(width, 40), verbose), colour=colour)


def _lines(report: DiffReport, width: int, verbose: bool) -> Iterator[Line]:
    for name in names(report):
        yield from wrapped(name, width, "", "   ")
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
    rest = [row for row in report.differences if not row.turns and (verbose or not told_of_one(row))]
    for kind, group in groupby(rest, key=lambda row: row.kind):
        yield from _rows(f"Also different, {kind}:", list(group), width, None if verbose else MOST)
    one_sided = sum(told_of_one(row) for row in report.differences)
    if one_sided and not verbose:
        yield from wrapped(f"{known_of_one(one_sided)} (-v shows them).", width)
    yield from wrapped(counted(report), width)


def _rows(title: str, rows: Sequence[Difference], width: int, most: int | None = None) -> Iterator[Line]:
    """Yield one line for each pair of answers: a driver's release is told by several facts."""
    if not rows:
        return
    yield styled(title, "bold")
    alike: dict[tuple[str, str], list[Difference]] = {}
    for row in rows:
        alike.setdefault(answers(row), []).append(row)
    together = [*alike.items()] if most is not None else [(answers(row), [row]) for row in rows]
    for (a, b), same in together[:most]:
        more = f" and {len(same) - 1} more" if len(same) > 1 else ""
        yield from wrapped(f"{safe(same[0].name)}{more}: A {a}   B {b}", width, "  ", "      ")
    left = sum(len(same) for _, same in together[most:]) if most is not None else 0
    if left:
        yield Line(f"  and {left} more (-v shows them)")
    yield Line()
