"""A diagnosis as a policy weighs it: other severities, findings that do not count, and the verdict anew."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.diagnose.verdict import verdict_of
from envdoctor.model.finding import Severity
from envdoctor.model.policy import Ignored
from envdoctor.model.snapshot import NOT_ASKED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envdoctor.model.finding import Diagnosis, Finding, Skipped
    from envdoctor.model.policy import Ignore, Policy

ANY_SUBJECT = ("", "*")


class Governed(NamedTuple):
    """What is left of a diagnosis, and what was taken out of it."""

    diagnosis: Diagnosis
    ignored: tuple[Ignored, ...] = ()


def govern(diagnosis: Diagnosis, policy: Policy, today: str) -> Governed:
    """Weigh a diagnosis by a policy; `today` is a day as ISO 8601 writes it ("2026-11-22").

    An ignore whose last day is over takes nothing out: the finding says until when it was ignored, and why.
    """
    if not (policy.severities or policy.ignores or policy.without):
        return Governed(diagnosis)
    kept: list[Finding] = []
    ignored: list[Ignored] = []
    for finding in diagnosis.findings:
        by = _ignore_of(finding, policy.ignores, today)
        weighed = replace(finding, severity=policy.severities.get(finding.rule, finding.severity))
        if by is None:
            kept.append(weighed)
        elif _is_over(by, today):
            reason = " ".join(by.reason.split()).rstrip(".")
            kept.append(replace(weighed, message=f"{weighed.message} It was ignored until {by.expires}: {reason}."))
        else:
            ignored.append(Ignored(weighed, by))
    findings = _in_order(_unlinked(kept))
    skipped = tuple(_weighed(one, policy, today) for one in diagnosis.skipped)
    hidden = any(one.is_gap and not one.left_out and one.worst is Severity.ERROR for one in skipped)
    verdict = verdict_of(findings, hidden)
    return Governed(replace(diagnosis, findings=findings, skipped=skipped, verdict=verdict), tuple(ignored))


def _ignore_of(finding: Finding, ignores: Iterable[Ignore], today: str) -> Ignore | None:
    """Return what takes a finding out: one that still holds before one that is over."""
    from fnmatch import fnmatchcase

    meant = [one for one in ignores if one.rule == finding.rule and fnmatchcase(finding.subject, one.subject or "*")]
    return min(meant, key=lambda one: _is_over(one, today), default=None)


def _is_over(ignore: Ignore, today: str) -> bool:
    return ignore.expires is not None and ignore.expires < today


def _unlinked(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings without causes that do not count any more, or count less than what they explain.

    A finding stands by itself then: what was ignored answers for nothing.
    """
    worst: dict[str, Severity] = {}
    for one in findings:
        worst[one.rule] = max(one.severity, worst.get(one.rule, one.severity))

    def stands_alone(one: Finding) -> bool:
        return one.caused_by is not None and worst.get(one.caused_by, 0) < one.severity

    return [replace(one, caused_by=None) if stands_alone(one) else one for one in findings]


def _in_order(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Put the worst root cause first again, and after it what it explains; what weighs the same keeps its order."""
    causes = {one.rule: one.caused_by for one in reversed(findings)}
    first: dict[str, tuple[int, int]] = {}
    for place, one in enumerate(findings):
        if one.caused_by is None:
            first[one.rule] = min((-one.severity, place), first.get(one.rule, (0, place)))

    def rank(item: tuple[int, Finding]) -> tuple[tuple[int, int], int, int, int]:
        place, one = item
        root, cause, depth = one.rule, one.caused_by, 0
        while cause is not None and depth <= len(causes):  # the bound: two rules might name each other
            root, cause, depth = cause, causes.get(cause), depth + 1
        return first.get(root, (0, place)), depth, -one.severity, place

    return tuple(one for _, one in sorted(enumerate(findings), key=rank))


def _weighed(skipped: Skipped, policy: Policy, today: str) -> Skipped:
    """Return what did not decide with what it might have counted.

    One that lacks what the profile does not look at was not asked. What is ignored whatever it finds hides nothing.
    """
    left_out = skipped.left_out or (bool(policy.without) and skipped.reason == NOT_ASKED)
    ignored = any(
        one.rule == skipped.rule and one.subject in ANY_SUBJECT and not _is_over(one, today) for one in policy.ignores
    )
    worst = Severity.NOTE if ignored else policy.severities.get(skipped.rule, skipped.worst)
    return replace(skipped, left_out=left_out, worst=worst)
