"""The words of a comparison, the same in every format for people: what decides, and what each answer is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from envdoctor.model.difference import Difference, DiffReport, Explained
    from envdoctor.model.fact import Fact

SHOWN = 90
"""Characters of one answer; the document in JSON has all of it."""

MOST = 3
"""Differences named in one sentence."""


def answer(fact: Fact) -> str:
    """Return an answer in one line."""
    if isinstance(fact, Known):
        value = fact.value
        return safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), SHOWN)
    return "none" if isinstance(fact, Absent) else "not known"


def headline(report: DiffReport) -> str:
    """Say in one sentence how the two come out."""
    a, b = f"A ({safe(report.a)})", f"B ({safe(report.b)})"
    if not report.differences:
        return f"{a} and {b} are the same in everything that lasts."
    if report.verdict_a is report.verdict_b and not report.explained:
        return f"{a} and {b} are both {report.verdict_a.value}; no difference turns a verdict."
    return f"{a} is {report.verdict_a.value}, {b} is {report.verdict_b.value}."


def because(one: Explained, report: DiffReport) -> str:
    """Say why one of the two has a finding."""
    side = one.side.upper()
    fails = "fails" if one.finding.severity.word == "error" else "differs"
    if not one.because:
        return f"{side} {fails}: {one.finding.rule}; no single difference accounts for it."
    # The finding names its evidence in the order in which it decided.
    names = [name for name in (evidence.fact for evidence in one.finding.evidence) if name in one.because]
    rows = [row for name in dict.fromkeys((*names, *one.because)) for row in report.differences if row.fact == name]
    shown = rows[:1] if one.alone else rows[:MOST]
    more = f" and {len(rows) - len(shown)} more" if len(rows) > len(shown) and not one.alone else ""
    return (
        f"{side} {fails} because {' and '.join(_side_by_side(row, side) for row in shown)}{more}: {one.finding.rule}."
    )


def _side_by_side(row: Difference, side: str) -> str:
    own, other = (row.a, row.b) if side == "A" else (row.b, row.a)
    return f"{safe(row.name)} is {answer(own)} (in {'B' if side == 'A' else 'A'} {answer(other)})"


def counted(report: DiffReport) -> str:
    """Say what was left out and what both have."""
    told = []
    if report.in_both:
        told.append(f"In both: {', '.join(report.in_both)}.")
    if report.left_out:
        told.append(
            f"{report.left_out} answers that change from moment to moment or from board to board were left out."
        )
    return " ".join(told)
