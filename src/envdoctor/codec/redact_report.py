"""Redaction of a whole report: the findings and the plan quote the machine as the snapshot does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envdoctor.codec.redact import Redactor
from envdoctor.model.snapshot import Snapshot

if TYPE_CHECKING:
    from envdoctor.model.asking import PasteView
    from envdoctor.model.finding import Diagnosis, Evidence, Finding
    from envdoctor.model.fix import FixReport
    from envdoctor.model.linted import LintView
    from envdoctor.model.place import Place
    from envdoctor.model.plan import Plan, Step
    from envdoctor.model.policy import Ignore, Policy
    from envdoctor.model.report import Report
    from envdoctor.model.smoke import TestResult
    from envdoctor.model.smoke_report import SmokeReport


def redacted_report(
    report: Report, home: str | None, user: str | tuple[str, ...] | None, hostname: str | None
) -> Report:
    """Return `report` without names of people, hosts and devices, for saving; arguments as for `redacted`.

    Commands in it are for reading: a path below a home begins with `~`, which a quoted word does not expand.
    """
    redactor = Redactor(report.snapshot, home, user, hostname)
    diagnosis = _diagnosis(report.diagnosis, redactor)
    ignored = tuple(
        one._replace(finding=_finding(one.finding, redactor), by=_ignore(one.by, redactor)) for one in report.ignored
    )
    findings = (*diagnosis.findings, *(one.finding for one in ignored))
    return replace(
        report,
        snapshot=redactor.snapshot(report.snapshot),
        diagnosis=diagnosis,
        anchors={**report.anchors, **_anchors(report, findings)},
        plan=_plan(report.plan, redactor),
        overlay=report.overlay and report.overlay._replace(file=redactor.text(report.overlay.file)),
        lint=report.lint and _lint(report.lint, redactor),
        paste=report.paste and _paste(report.paste, redactor),
        policy=report.policy and _policy(report.policy, redactor),
        ignored=ignored,
    )


def _anchors(report: Report, after: tuple[Finding, ...]) -> dict[str, Place]:
    """Return the places of findings whose words, and so their fingerprints, are others now.

    The places stay as they are: they are names within the repository, which its readers have.
    """
    before = (*report.diagnosis.findings, *(one.finding for one in report.ignored))
    pairs = zip(before, after, strict=True) if report.anchors else ()
    found = {new.fingerprint: report.anchors.get(old.fingerprint) for old, new in pairs}
    return {fingerprint: place for fingerprint, place in found.items() if place}


def _policy(policy: Policy, redactor: Redactor) -> Policy:
    return replace(
        policy,
        profile=redactor.text(policy.profile),
        files=tuple(redactor.text(file) for file in policy.files),
        demands=tuple(
            one._replace(written=redactor.text(one.written), place=one.place and _place(one.place, redactor))
            for one in policy.demands
        ),
        ignores=tuple(_ignore(one, redactor) for one in policy.ignores),
    )


def _ignore(ignore: Ignore, redactor: Redactor) -> Ignore:
    return ignore._replace(
        reason=redactor.text(ignore.reason),
        subject=redactor.text(ignore.subject),
        place=ignore.place and _place(ignore.place, redactor),
    )


def _place(place: Place, redactor: Redactor) -> Place:
    return place._replace(file=redactor.text(place.file))


def _paste(paste: PasteView, redactor: Redactor) -> PasteView:
    return replace(paste, name=redactor.text(paste.name), beside=tuple(redactor.text(one) for one in paste.beside))


def _lint(lint: LintView, redactor: Redactor) -> LintView:
    return replace(
        lint,
        files=tuple(one._replace(file=redactor.text(one.file)) for one in lint.files),
        unread=tuple(one._replace(file=redactor.text(one.file), why=redactor.text(one.why)) for one in lint.unread),
        mended=tuple(one._replace(file=redactor.text(one.file), diff=redactor.text(one.diff)) for one in lint.mended),
    )


def redacted_smoke(
    report: SmokeReport, home: str | None, user: str | tuple[str, ...] | None, hostname: str | None
) -> SmokeReport:
    """Return what the battery gave without names of people, hosts and devices, for saving; arguments as above."""
    redactor = Redactor(report.snapshot, home, user, hostname)
    return replace(
        report,
        snapshot=redactor.snapshot(report.snapshot),
        tests=tuple(_test(test, redactor) for test in report.tests),
        diagnosis=_diagnosis(report.diagnosis, redactor),
        trouble=redactor.text(report.trouble),
        not_judged=tuple(redactor.text(sentence) for sentence in report.not_judged),
        overlay=report.overlay and report.overlay._replace(file=redactor.text(report.overlay.file)),
    )


def redacted_plan(
    plan: Plan, snapshot: Snapshot, home: str | None, user: str | tuple[str, ...] | None, hostname: str | None
) -> Plan:
    """Return a plan that is saved without its report, made for the machine of `snapshot`; arguments as above."""
    return _plan(plan, Redactor(snapshot, home, user, hostname))


def redacted_fix(
    report: FixReport,
    snapshot: Snapshot | None,
    home: str | None,
    user: str | tuple[str, ...] | None,
    hostname: str | None,
) -> FixReport:
    """Return what a fix did without names of people, hosts and devices; `snapshot` is None where nobody looked.

    The other arguments as above.
    """
    redactor = Redactor(snapshot or Snapshot({}), home, user, hostname)

    def text(said: str | None) -> str | None:
        return None if said is None else redactor.text(said)

    return replace(
        report,
        plan=_plan(report.plan, redactor),
        environment=text(report.environment),
        steps=tuple(_step(step, redactor) for step in report.steps),
        by_hand=tuple(_step(step, redactor) for step in report.by_hand),
        commands=tuple(tuple(redactor.text(word) for word in argv) for argv in report.commands),
        diffs=tuple(replace(one, file=redactor.text(one.file), diff=redactor.text(one.diff)) for one in report.diffs),
        proofs=tuple(replace(one, what=redactor.text(one.what), told=redactor.text(one.told)) for one in report.proofs),
        reason=redactor.text(report.reason),
        kept=text(report.kept),
        copy=text(report.copy),
        log=text(report.log),
        recovered=text(report.recovered),
        notes=tuple(redactor.text(note) for note in report.notes),
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
        location=finding.location and _place(finding.location, redactor),
        replacement=None if finding.replacement is None else redactor.text(finding.replacement),
    )


def _evidence(evidence: Evidence, redactor: Redactor) -> Evidence:
    value = redactor.value(evidence.fact, evidence.value)
    return replace(evidence, value=value, source=redactor.text(evidence.source))


def _test(test: TestResult, redactor: Redactor) -> TestResult:
    return test._replace(
        message=redactor.text(test.message),
        trace=tuple(redactor.text(frame) for frame in test.trace),
        output=redactor.text(test.output),
        warnings=tuple(redactor.text(warning) for warning in test.warnings),
    )


def _plan(plan: Plan, redactor: Redactor) -> Plan:
    def texts(lines: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(redactor.text(line) for line in lines)

    target, conflict = plan.target, plan.conflict
    if target and target.index_url:
        target = replace(target, index_url=redactor.text(target.index_url))
    if conflict:
        conflict = replace(conflict, constraints=texts(conflict.constraints), relax=texts(conflict.relax))
    return replace(
        plan,
        target=target,
        steps=tuple(_step(step, redactor) for step in plan.steps),
        alternatives=tuple(_plan(alternative, redactor) for alternative in plan.alternatives),
        because=texts(plan.because),
        would_not_help=texts(plan.would_not_help),
        conflict=conflict,
        candidates=tuple(replace(one, reasons=texts(one.reasons)) for one in plan.candidates),
    )


def _step(step: Step, redactor: Redactor) -> Step:
    edit = None
    if step.edit:
        edit = replace(step.edit, file=redactor.text(step.edit.file), text=redactor.text(step.edit.text))
    argv = tuple(redactor.text(word) for word in step.argv)
    return replace(step, why=redactor.text(step.why), argv=argv, edit=edit)
