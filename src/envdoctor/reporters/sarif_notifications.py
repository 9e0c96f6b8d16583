"""What a run of SARIF tells of itself: what was not judged and why, and what does not count (3.58: notification)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.reporters.inert import inert
from envdoctor.reporters.remarks import troubles

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.report import Report

CRASHED, UNDECIDED, NOT_RUN = "rule-crashed", "rule-undecided", "rules-left-out"
IGNORED, LEFT_OUT = "ignored-by-policy", "results-left-out"
"""Kinds of notification, beside those that `remarks.troubles` names."""

MOST_IGNORED = 100
"""Ignored findings that are told one by one; the properties of the run hold all of them."""


def notifications(report: Report, index: Mapping[str, int]) -> Iterator[Value]:
    """Yield what keeps the report from being whole, the worst first; `index` are the places of rules in their list."""
    for one in sorted(troubles(report), key=lambda one: -one.severity):
        if one.name in index:
            yield _notification(CRASHED, one.severity, f"{one.name}: {one.message}", one.name, index)
        else:
            yield _notification(one.name, one.severity, one.message)
    chosen = [inert(one.rule) for one in report.diagnosis.skipped if one.left_out]
    if chosen:
        text = f"Left out by choice, or for want of what the profile does not look at: {', '.join(chosen)}."
        yield _notification(NOT_RUN, Severity.NOTE, text)
    for skipped in report.diagnosis.skipped:
        if not skipped.left_out:
            reason = f"{inert(skipped.rule)} was not judged: {inert(skipped.reason)}"
            yield _notification(UNDECIDED, Severity.NOTE, reason, skipped.rule, index)
    for finding, by in report.ignored[:MOST_IGNORED]:
        until = f" until {inert(by.expires)}" if by.expires else ""
        text = f"{inert(finding.rule)} ({inert(finding.subject)}) is ignored{until}: {inert(by.reason)}"
        yield _notification(IGNORED, Severity.NOTE, text, finding.rule, index)


def left_out(findings: Sequence[Finding], most: int) -> Iterator[Value]:
    """Yield that findings have no place among the `most` results that are kept, if so."""
    if findings:
        counts = ", ".join(
            f"{number} of level {severity.word}"
            for severity in sorted(Severity, reverse=True)
            if (number := sum(one.severity is severity for one in findings))
        )
        text = f"{len(findings)} results left out beyond the first {most}: {counts}. -o json=FILE holds all of them."
        yield _notification(LEFT_OUT, Severity.WARNING, text)


def _notification(
    kind: str, severity: Severity, text: str, rule: str | None = None, index: Mapping[str, int] | None = None
) -> Value:
    told: dict[str, Value] = {
        "descriptor": {"id": kind},
        "level": severity.word,
        "message": {"text": inert(text, None)},
    }
    if rule is not None and index is not None and rule in index:
        told["associatedRule"] = {"id": inert(rule), "index": index[rule]}
    return told
