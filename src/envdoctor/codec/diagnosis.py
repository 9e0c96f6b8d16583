"""`envdoctor.diagnosis/1`: the whole report as one document, snapshot and plan inside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec import plan as plan_document
from envdoctor.codec import snapshot as snapshot_document
from envdoctor.codec.json_value import to_json
from envdoctor.codec.overlay import encode_overlay
from envdoctor.codec.policy import encode_ignore, encode_place, encode_policy

if TYPE_CHECKING:
    from envdoctor.model.asking import PasteView
    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Evidence, Finding
    from envdoctor.model.linted import LintView
    from envdoctor.model.report import Report

SCHEMA = "envdoctor.diagnosis/1"


def encode(report: Report) -> dict[str, Value]:
    """Return the document; findings keep the order of the diagnosis, root cause first."""
    diagnosis = report.diagnosis
    return {
        "schema": SCHEMA,
        "verdict": diagnosis.verdict.value,
        "exit_code": report.exit_code,
        "findings": [encode_finding(finding) for finding in diagnosis.findings],
        "skipped": [
            {"rule": skipped.rule, "reason": to_json(skipped.reason), "fact": skipped.fact}
            for skipped in diagnosis.skipped
        ],
        "crashed": [{"rule": crashed.rule, "reason": to_json(crashed.reason)} for crashed in diagnosis.crashed],
        "plan": plan_document.encode(report.plan),
        "snapshot": snapshot_document.encode(report.snapshot),
        "matrix": {
            "revision": report.matrix_revision,
            "newest_torch": report.newest_torch,
            "overlay": encode_overlay(report.overlay),
        },
        "envdoctor": report.envdoctor,
        "paste": _encode_paste(report.paste) if report.paste else None,
        "lint": _encode_lint(report.lint) if report.lint else None,
        "policy": encode_policy(report.policy),
        "ignored": [{"finding": encode_finding(one.finding), **encode_ignore(one.by)} for one in report.ignored],
    }


def _encode_paste(paste: PasteView) -> dict[str, Value]:
    return {
        "file": to_json(paste.name),
        "formats": [{"format": name, "line": line} for name, line in paste.formats],
        "beside": [to_json(sentence) for sentence in paste.beside],
        "ask_for": [{"what": ask.what, "command": ask.command or None, "why": ask.why} for ask in paste.asks],
        "lines_read": paste.cut,
    }


def _encode_lint(lint: LintView) -> dict[str, Value]:
    return {
        "files": [{"file": to_json(one.file), "format": one.format, "cases": one.cases} for one in lint.files],
        "unread": [{"file": to_json(one.file), "why": to_json(one.why)} for one in lint.unread],
        "corrections": [
            {"file": to_json(one.file), "diff": to_json(one.diff), "lines": one.corrections, "written": one.written}
            for one in lint.mended
        ],
        "target": to_json(lint.target) or None,
    }


def encode_finding(finding: Finding) -> dict[str, Value]:
    """Return one finding as every document holds it.

    `location` and `replacement` are null where a machine is judged, and not a line of a file.
    """
    return {
        "rule": finding.rule,
        "severity": finding.severity.word,
        "confidence": finding.confidence.value,
        "subject": to_json(finding.subject),
        "message": to_json(finding.message),
        "caused_by": finding.caused_by,
        "evidence": [_encode_evidence(evidence) for evidence in finding.evidence],
        "location": encode_place(finding.location),
        "replacement": to_json(finding.replacement),
        "explain": f"envdoctor explain {finding.rule}",
        "fingerprint": finding.fingerprint,
    }


def _encode_evidence(evidence: Evidence) -> dict[str, Value]:
    return {
        "fact": evidence.fact,
        "value": to_json(evidence.value),
        "source": to_json(evidence.source),
    }
