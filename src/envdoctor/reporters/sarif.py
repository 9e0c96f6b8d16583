"""SARIF 2.1.0 for code scanning: one run, all rules with their help, the worst findings first.

The format is the OASIS standard of that name with errata 01; what GitHub makes of it, and its limits, is told in "SARIF
support for code scanning" (docs.github.com). Where the one is wider than the other, this is written so that nothing is
lost on either:

- GitHub refuses the whole file for one result without a location (github/codeql-action, issues 1738 and 2459). What no
  file of the repository declares stands at `environment`, which is no file, and alerts show without code.
- It shows results with `suppressions` as open alerts (github/codeql-action, issue 1230). What a policy ignores is no
  result here: it is in `properties.ignored`, with who says so, and among the notifications.
- It keeps 5,000 results of a run: the others are left out here, the lightest, and a notification says how many.
- `automationDetails` is left to whoever uploads: upload-sarif makes it of the category, or of workflow, job and matrix,
  and only where a file has none (codeql-action, upload-lib.ts), so that jobs of a matrix keep their alerts apart.
- `primaryLocationLineHash` is left to it too, which warns of any other than its own (fingerprints.ts), save where
  there is no line to make it of.
- There are no `fixes`: a corrected line as it stands here lacks the credentials and names that were taken out of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from envdoctor.codec.json_value import document_text
from envdoctor.reporters.anchors import place_of
from envdoctor.reporters.inert import inert, inert_value
from envdoctor.reporters.plain_text import LONGEST
from envdoctor.reporters.plan_lines import command_line
from envdoctor.reporters.remarks import worst_first
from envdoctor.reporters.sarif_notifications import left_out, notifications
from envdoctor.reporters.sarif_rules import descriptor, listed_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Evidence, Finding
    from envdoctor.model.place import Place
    from envdoctor.model.policy import Ignored
    from envdoctor.model.report import Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

MOST_RESULTS = 5000
"""Results of a run that GitHub shows; from 25,000 on it refuses the file."""

MOST_EVIDENCE = 20
"""Facts of one finding; rules name some few."""

LONGEST_COMMAND = 4000
"""Characters of a command of the plan: a system takes no longer path."""

NOWHERE = "environment"
"""The URI of what no file of the repository declares."""

FOUND = (0, 1)
"""Exit codes of a run that judged (contract: exit codes)."""


def render(report: Report, **_layout: object) -> str:
    """Return the log in ASCII, with a line break at its end."""
    run = _run(report)
    document: dict[str, Value] = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    # "<" stands in strings alone: a page that a log is put into takes none of it for markup.
    return document_text(document).replace("<", "\\u003c") + "\n"


def _run(report: Report) -> dict[str, Value]:
    cards = listed_rules(report)
    index = {card.name: number for number, card in enumerate(cards)}
    findings = worst_first(report)
    version = inert(report.envdoctor)
    driver: dict[str, Value] = {"name": "envdoctor"}
    if version:
        driver["version"] = version
    if re.fullmatch(r"\d{1,9}\.\d{1,9}\.\d{1,9}", version):
        driver["semanticVersion"] = version
    driver["rules"] = [descriptor(card) for card in cards]
    invocation: dict[str, Value] = {
        "executionSuccessful": report.exit_code in FOUND and not report.diagnosis.crashed,
        "exitCode": report.exit_code,
        "exitCodeDescription": report.diagnosis.verdict.value,
        "toolExecutionNotifications": [
            *left_out(findings[MOST_RESULTS:], MOST_RESULTS),
            *notifications(report, index),
        ],
    }
    return {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [invocation],
        "results": [_result(one, report, index) for one in findings[:MOST_RESULTS]],
        "properties": _properties(report),
    }


def _properties(report: Report) -> dict[str, Value]:
    """Return what the report says beside its findings."""
    commands: list[Value] = [
        inert(command_line(step.argv).text.strip(), LONGEST_COMMAND) for step in report.plan.steps if step.argv
    ]
    return {
        "verdict": report.diagnosis.verdict.value,
        "matrixRevision": inert(report.matrix_revision),
        "failOn": report.fail_on,
        "strict": report.strict,
        "plan": commands,
        "ignored": [_ignored(one) for one in report.ignored[:MOST_RESULTS]],
    }


def _ignored(one: Ignored) -> Value:
    return {
        "ruleId": inert(one.finding.rule),
        "subject": inert(one.finding.subject),
        "level": one.finding.severity.word,
        "message": inert(one.finding.message),
        "fingerprint": one.finding.fingerprint,
        "justification": inert(one.by.reason),
        "expires": one.by.expires and inert(one.by.expires),
    }


def _result(finding: Finding, report: Report, index: Mapping[str, int]) -> dict[str, Value]:
    place = place_of(finding, report)
    fingerprints: dict[str, Value] = {"envdoctor/v1": finding.fingerprint}
    if place is None:
        fingerprints["primaryLocationLineHash"] = f"{finding.fingerprint}:1"
    properties: dict[str, Value] = {
        "confidence": finding.confidence.value,
        "evidence": [_evidence(one) for one in finding.evidence[:MOST_EVIDENCE]],
    }
    if finding.caused_by:
        properties["causedBy"] = inert(finding.caused_by)
    if finding.location and place is None:
        properties["file"], properties["line"] = inert(finding.location.file), finding.location.line
    if finding.replacement:
        properties["replacement"] = [*_lines(finding.replacement)]
    return {
        "ruleId": inert(finding.rule),
        "ruleIndex": index[finding.rule],
        "level": finding.severity.word,
        "message": {"text": _message(finding, placed=place is not None)},
        "locations": [_location(finding, place)],
        "partialFingerprints": fingerprints,
        "properties": properties,
    }


def _message(finding: Finding, *, placed: bool) -> str:
    """Return the sentence, which alert lists show as far as the first full stop, and what follows."""
    where = finding.location
    file = "standard input" if where and where.file == "-" else inert(where.file if where else "")
    before = f"{file}, line {where.line}: " if where and not placed else ""
    after = f" It follows from {inert(finding.caused_by)}." if finding.caused_by else ""
    line = f" As it should be: {' / '.join(_lines(finding.replacement))}" if finding.replacement else ""
    return f"{before}{inert(finding.message)}{after}{line}" or inert(finding.rule)


def _lines(replacement: str) -> list[str]:
    return [inert(line.strip()) for line in replacement.split("\n") if line.strip()]


def _location(finding: Finding, place: Place | None) -> Value:
    artifact: dict[str, Value] = {"uri": NOWHERE}
    region: dict[str, Value] = {"startLine": 1, "startColumn": 1, "endLine": 1}
    if place:
        artifact = {"uri": quote(place.file), "uriBaseId": "%SRCROOT%"}
        first = max(place.line, 1)
        region = {"startLine": first, "startColumn": max(place.column, 1), "endLine": max(place.last_line, first)}
    return {
        "physicalLocation": {"artifactLocation": artifact, "region": region},
        "logicalLocations": [{"name": inert(finding.subject) or inert(finding.rule), "kind": "resource"}],
    }


def _evidence(one: Evidence) -> Value:
    return {"fact": inert(one.fact), "value": inert_value(one.value), "source": inert(one.source, LONGEST)}
