"""The words of a comparison, the same in every format for people: what decides, and what each answer is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.difference import Difference, DiffReport, Explained
    from envdoctor.model.fact import Fact, Value

SHOWN = 90
"""Characters of one answer; the document in JSON has all of it."""

MOST = 3
"""Differences named in one sentence."""

FEW, ENTRY = 2, 30
"""Entries of a list that are shown, and characters of each."""


def answer(fact: Fact, other: Fact | None = None) -> str:
    """Return an answer in one line; of two lists, what the `other` does not have."""
    if isinstance(fact, Known):
        value = fact.value
        if isinstance(value, list):
            return safe(_own(value, other), SHOWN)
        return safe(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), SHOWN)
    return "none" if isinstance(fact, Absent) else "not known"


def _own(entries: list[Value], other: Fact | None) -> str:
    beside = other.value if isinstance(other, Known) and isinstance(other.value, list) else []
    own = [entry for entry in entries if entry not in beside]
    if not own:
        return "nothing more" if entries else "nothing"
    if any(isinstance(entry, (dict, list)) for entry in own):
        return f"{len(own)} {'entries' if len(own) > 1 else 'entry'}{' of its own' if beside else ''}"
    shown = ", ".join(_short(str(entry)) for entry in own[:FEW])
    return shown + (f" and {len(own) - FEW} more" if len(own) > FEW else "")


def _short(entry: str) -> str:
    return entry if len(entry) <= ENTRY else f"{entry[:ENTRY]}..."


def answers(row: Difference) -> tuple[str, str]:
    """Return both answers of a difference."""
    return answer(row.a, row.b), answer(row.b, row.a)


def told_of_one(row: Difference) -> bool:
    """Whether one of the two was not told, or not looked at: no difference between machines, as far as is known."""
    return not row.turns and (isinstance(row.a, Unknown) or isinstance(row.b, Unknown))


def names(report: DiffReport) -> tuple[str, str]:
    """Return what A and B stand for."""
    return f"A: {safe(report.a)}", f"B: {safe(report.b)}"


def headline(report: DiffReport) -> str:
    """Say in one sentence how the two come out."""
    if not report.differences:
        return "A and B are the same in everything that lasts."
    if report.verdict_a is report.verdict_b and not report.explained:
        same = f" ({', '.join(report.in_both)} in both)" if report.in_both else ""
        return f"A and B are both {report.verdict_a.value}{same}; no difference turns a verdict."
    if report.verdict_a is report.verdict_b:
        return f"A and B are both {report.verdict_a.value}, not for the same reasons."
    return f"A is {report.verdict_a.value}, B is {report.verdict_b.value}."


def because(one: Explained, report: DiffReport) -> str:
    """Say why one of the two has a finding."""
    side = one.side.upper()
    fails = "fails" if one.finding.severity.word == "error" else "differs"
    if not one.because:
        return f"{side} {fails}: {one.finding.rule}; {_of_evidence(one, report)}."
    rows = _rows(_in_its_order(one), report)
    if one.alone:
        # One of each kind: the driver's version and the CUDA it runs are told by one of them.
        shown = list({row.kind: row for row in reversed(rows)}.values())[::-1][:MOST]
        told = ", or because ".join(_side_by_side(row, side) for row in shown)
        told += "; ending either ends it" if len(shown) > 1 else ""
    else:
        told = " and ".join(_side_by_side(row, side) for row in rows[:MOST])
        told += f" and {len(rows) - MOST} more" if len(rows) > MOST else ""
    return f"{side} {fails} because {told}: {one.finding.rule}."


def _in_its_order(one: Explained) -> list[str]:
    """Return the facts that decide; the finding names its evidence in the order in which it decided."""
    evident = [evidence.fact for evidence in one.finding.evidence if evidence.fact in one.because]
    return [*dict.fromkeys((*evident, *one.because))]


def _rows(facts: Sequence[str], report: DiffReport) -> list[Difference]:
    """Return the differences of these facts; what a package requires is told by its release, where that differs."""
    by_fact: dict[str, list[Difference]] = {}
    for row in report.differences:
        by_fact.setdefault(row.fact, []).append(row)
    found: dict[str, Difference] = {}
    for fact in facts:
        version = f"{fact.removesuffix('.requires')}.version"
        for row in by_fact.get(version, []) if fact.endswith(".requires") else []:
            found.setdefault(row.name, row)
        if not (fact.endswith(".requires") and version in by_fact):
            found |= {row.name: row for row in by_fact.get(fact, []) if row.name not in found}
    return [*found.values()]


def _of_evidence(one: Explained, report: DiffReport) -> str:
    """Say what of the finding's evidence differs, where no trial could show what decides."""
    facts = [evidence.fact for evidence in one.finding.evidence]
    rows = _rows(facts, report)
    side = one.side.upper()
    differ = [row for row in rows if not told_of_one(row)]
    other = "B" if side == "A" else "A"
    if differ:
        return "of what it rests on, " + " and ".join(_side_by_side(row, side) for row in differ[:MOST])
    if rows:
        return f"{other} does not tell {', '.join(safe(row.name) for row in rows[:MOST])}"
    return "no single difference accounts for it"


def _side_by_side(row: Difference, side: str) -> str:
    a, b = answers(row)
    own, other = (a, b) if side == "A" else (b, a)
    return f"{safe(row.name)} is {own} (in {'B' if side == 'A' else 'A'} {other})"


def known_of_one(number: int) -> str:
    """Say how many answers only one of the two has."""
    return f"{number} answer{'s are' if number > 1 else ' is'} known of one of the two alone"


def counted(report: DiffReport) -> str:
    """Say what was left out and what both have."""
    told = []
    if report.in_both and report.explained:
        told.append(f"In both: {', '.join(report.in_both)}.")
    if report.left_out:
        many = report.left_out > 1
        told.append(
            f"{report.left_out} answer{'s' * many} that change{'s' * (not many)} from moment to moment or from board "
            f"to board {'were' if many else 'was'} left out."
        )
    return " ".join(told)
