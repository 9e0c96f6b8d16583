"""The one place where findings fold into a verdict, and a verdict into an exit code (contract: exit codes)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envdoctor.model.finding import Diagnosis, Finding
    from envdoctor.model.fix import Outcome
    from envdoctor.model.smoke import Status

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


def diff_exit_code(explained: Iterable[Finding], *, fail_on: str = "error") -> int:
    """Return the exit code of a comparison, by the findings that only one of the two machines has."""
    limit = FAIL_ON[fail_on]
    return FOUND if limit is not None and any(one.severity >= limit for one in explained) else HEALTHY


def smoke_exit_code(
    statuses: Iterable[Status], *, started: bool, fail_on: str = "error", strict: bool = False, crashed: bool = False
) -> int:
    """Return the exit code of the battery, by how the tests ended that count; `crashed` where a rule of ours did.

    Under `strict` a battery in which nothing passed is no proof of anything.
    """
    from envdoctor.model.smoke import GOOD, Status  # which a check that runs no kernels does without

    ended = [*statuses]
    if not started:
        return UNDIAGNOSED
    if FAIL_ON[fail_on] is not None and any(status not in GOOD for status in ended):
        return FOUND
    if crashed or (strict and Status.PASSED not in ended):
        return UNDIAGNOSED
    return HEALTHY


def fix_exit_code(outcome: Outcome) -> int:
    """Return the exit code of a fix: 0 also for a dry run and for nothing to do, 1 rolled back, 2 refused."""
    from envdoctor.model.fix import Outcome  # which a check does without

    return {Outcome.ROLLED_BACK: FOUND, Outcome.REFUSED: UNUSABLE}.get(outcome, HEALTHY)
