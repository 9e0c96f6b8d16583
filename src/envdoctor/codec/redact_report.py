"""Redaction of a whole report: the findings and the plan quote the machine as the snapshot does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.codec.redact import Redactor

if TYPE_CHECKING:
    from envdoctor.model.finding import Diagnosis, Evidence, Finding
    from envdoctor.model.plan import Plan
    from envdoctor.model.report import Report


def redacted_report(
    report: Report, home: str | None, user: str | tuple[str, ...] | None, hostname: str | None
) -> Report:
    """Return `report` without names of people, hosts and devices, for saving; arguments as for `redacted`.

    Commands in it are for reading: a path below a home begins with `~`, which a quoted word does not expand.
    """
    redactor = Redactor(report.snapshot, home, user, hostname)
    return replace(
        report,
        snapshot=redactor.snapshot(report.snapshot),
        diagnosis=_diagnosis(report.diagnosis, redactor),
        plan=_plan(report.plan, redactor),
    )


def _diagnosis(diagnosis: Diagnosis, redactor: Redactor) -> Diagnosis:
    return replace(
        diagnosis,
        findings=tuple(_finding(finding, redactor) for finding in diagnosis.findings),
        skipped=tuple(replace(one, reason=redactor.text(one.reason)) for one in diagnosis.skipped),
        crashed=tuple(replace(one, reason=redactor.text(one.reason)) for one in diagnosis.crashed),
    )


def _finding(finding: Finding, redactor: Redactor) -> Finding:
    # The subject stays as it is: with the rule it makes the fingerprint, and rules name parts, not people.
    return replace(
        finding,
        message=redactor.text(finding.message),
        evidence=tuple(_evidence(evidence, redactor) for evidence in finding.evidence),
    )


def _evidence(evidence: Evidence, redactor: Redactor) -> Evidence:
    value = redactor.value(evidence.fact, evidence.value)
    return replace(evidence, value=value, source=redactor.text(evidence.source))


def _plan(plan: Plan, redactor: Redactor) -> Plan:
    steps = tuple(
        replace(step, why=redactor.text(step.why), argv=tuple(redactor.text(word) for word in step.argv))
        for step in plan.steps
    )
    target = plan.target
    if target and target.index_url:
        target = replace(target, index_url=redactor.text(target.index_url))
    return replace(
        plan,
        target=target,
        steps=steps,
        alternatives=tuple(_plan(alternative, redactor) for alternative in plan.alternatives),
        because=tuple(redactor.text(constraint) for constraint in plan.because),
    )
