"""The one place where findings fold into a verdict, and a verdict into an exit code (contract: exit codes)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.model.finding import Diagnosis, Finding

HEALTHY, FOUND, UNUSABLE, UNDIAGNOSED = 0, 1, 2, 3

FAIL_ON = {"error": Severity.ERROR, "warning": Severity.WARNING, "note": Severity.NOTE, "never": None}
"""The words of `--fail-on` and the severity from which each fails."""


def verdict_of(findings: Iterable[Finding], required_unknown: bool) -> Verdict:
    """Fold findings; `required_unknown` when a rule that may find an error lacked a fact."""
    worst = max((finding.severity for finding in findings), default=Severity.NOTE)
    if worst is Severity.ERROR:
        return Verdict.BROKEN
    if required_unknown:
        return Verdict.UNDETERMINED
    return Verdict.WARNINGS if worst is Severity.WARNING else Verdict.HEALTHY


def exit_code(diagnosis: Diagnosis, *, fail_on: str = "error", strict: bool = False) -> int:
    """Return the exit code of a diagnosis.

    A crash of ours is 3 where nothing was found that fails anyway; under `strict` so is an unknown required
    fact.
    """
    limit = FAIL_ON[fail_on]
    if limit is not None and any(finding.severity >= limit for finding in diagnosis.findings):
        return FOUND
    if diagnosis.crashed or (strict and diagnosis.verdict is Verdict.UNDETERMINED):
        return UNDIAGNOSED
    return HEALTHY
