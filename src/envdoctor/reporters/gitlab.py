"""GitLab code quality: a JSON array of what is wrong, each entry with a file and a line.

The properties are those of "Code Quality report format" (docs.gitlab.com/ci/testing/code_quality): description,
check_name, fingerprint, severity, location.path and location.lines.begin; without a byte order mark. GitLab stops at
the first entry that is not valid (lib/gitlab/ci/parsers/codequality/code_climate.rb) and keeps the last of equal
fingerprints (lib/gitlab/ci/reports/codequality_reports.rb): each entry is whole, each fingerprint stands once.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from envdoctor.codec.json_value import document_text
from envdoctor.model.finding import Severity
from envdoctor.model.place import Place
from envdoctor.reporters.anchors import place_of
from envdoctor.reporters.lines import SENTENCE
from envdoctor.reporters.plain_text import safe
from envdoctor.reporters.remarks import troubles, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.fact import Value
    from envdoctor.model.finding import Finding
    from envdoctor.model.report import Report

SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.NOTE: "info"}
"""Of info, minor, major, critical and blocker. No finding is a blocker: what blocks is the exit code of the job."""

NOWHERE = Place(".gitlab-ci.yml", 1)
"""Where a finding stands that no file declares: an entry needs a path, and this job is declared there."""


def render(report: Report, **_layout: object) -> str:
    """Return the array in ASCII, the worst first, with a line break at its end; empty where nothing is wrong."""
    return document_text(_with_own_fingerprints(_entries(report))) + "\n"


def _entries(report: Report) -> Iterator[dict[str, Value]]:
    for one in troubles(report):
        digest = sha256(f"{one.name}\0{one.message}".encode(errors="surrogatepass")).hexdigest()[:16]
        yield _entry(one.name, one.message, digest, one.severity, NOWHERE)
    for finding in worst_first(report):
        place = place_of(finding, report)
        text = _description(finding, placed=place is not None)
        yield _entry(safe(finding.rule), text, finding.fingerprint, finding.severity, place or NOWHERE)


def _entry(name: str, description: str, fingerprint: str, severity: Severity, place: Place) -> dict[str, Value]:
    return {
        "description": description,
        "check_name": name,
        "fingerprint": fingerprint,
        "severity": SEVERITIES[severity],
        "location": {"path": place.file, "lines": {"begin": max(place.line, 1)}},
    }


def _description(finding: Finding, *, placed: bool) -> str:
    """Return the sentence; where the place cannot be shown, it begins with what the place is called."""
    location = finding.location
    where = f"{safe(location.file)}, line {location.line}: " if location and not placed else ""
    after = f" Follows from {safe(finding.caused_by)}." if finding.caused_by else ""
    line = f" As it should be: {safe(finding.replacement.strip())}" if finding.replacement else ""
    return f"{where}{safe(finding.message, SENTENCE)}{after}{line}"


def _with_own_fingerprints(entries: Iterator[dict[str, Value]]) -> list[dict[str, Value]]:
    """Return the entries, a number mixed into the fingerprint of each that another had before."""
    had: dict[str, int] = {}
    found = []
    for entry in entries:
        fingerprint = str(entry["fingerprint"])
        number = had[fingerprint] = had.get(fingerprint, 0) + 1
        if number > 1:
            entry["fingerprint"] = sha256(f"{fingerprint}\0{number}".encode()).hexdigest()[:16]
        found.append(entry)
    return found
