"""Where a finding is shown in the files of a project, for the formats that point at lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from envdoctor.model.finding import Finding
    from envdoctor.model.place import Place
    from envdoctor.model.report import Report


def place_of(finding: Finding, report: Report) -> Place | None:
    """Return the place of a finding in a file of the repository, None where it has none.

    The file is as `Report.anchors` has it: relative to the root, "/" between folders. A name that could not be written
    as it is (control characters, credentials, workflow commands) is no place: another name would point elsewhere.
    """
    anchor = report.anchors.get(finding.fingerprint)
    if anchor is None or safe(anchor.file, None) != anchor.file:
        return None
    # One sentence about two lines of a file has one fingerprint: the line is the finding's own.
    return finding.location._replace(file=anchor.file) if finding.location else anchor
