"""What a platform is told: the findings, the worst first, and whatever keeps a report from being whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.finding import Severity, Verdict
from envdoctor.reporters.finding_order import told_in_order
from envdoctor.reporters.lines import SENTENCE
from envdoctor.reporters.lint_lines import NOT_WRITTEN
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envdoctor.model.finding import Finding
    from envdoctor.model.report import Report

UNDIAGNOSED = 3
"""The exit code of a run that could not judge (contract: exit codes)."""

FEW = 3
"""Facts that are named in the one sentence about all that are unknown."""


class Trouble(NamedTuple):
    """What is no defect of the machine: a crash of ours, a file that was not read, facts that are not known.

    `name` is the rule, or says of what kind it is; `message` is one harmless line.
    """

    name: str
    severity: Severity
    message: str


def worst_first(report: Report) -> list[Finding]:
    """Return the findings by severity; among equal ones root causes come before what follows from them."""
    told = told_in_order(report.diagnosis.findings)
    return [one.finding for one in sorted(told, key=lambda one: (-one.finding.severity, one.depth))]


def counts(findings: Iterable[Finding]) -> str:
    """Return how many there are of each severity: "2 errors, 1 note"."""
    severities = [one.severity for one in findings]
    found = [(severities.count(severity), severity) for severity in sorted(Severity, reverse=True)]
    return ", ".join(counted(number, severity.word) for number, severity in found if number) or "no findings"


def left_out(report: Report) -> str:
    """Return "3 rules left out": not run by choice, or for want of what the profile does not look at; "" for none."""
    number = sum(one.left_out for one in report.diagnosis.skipped)
    return f"{counted(number, 'rule')} left out" if number else ""


def counted(number: int, word: str) -> str:
    """Return "1 error", "2 errors"."""
    return f"{number} {word}{'s' * (number != 1)}"


def troubles(report: Report) -> Iterator[Trouble]:
    """Yield what keeps the report from being whole: an error where that is why the run fails."""
    undiagnosed = report.exit_code == UNDIAGNOSED
    for crashed in report.diagnosis.crashed:
        text = f"A bug in envdoctor: this rule raised {safe(crashed.reason, SENTENCE)}. The other rules still ran."
        yield Trouble(safe(crashed.rule), Severity.ERROR if undiagnosed else Severity.WARNING, text)
    for one in report.lint.unread if report.lint else ():
        words = safe(one.why) if one.why.startswith(NOT_WRITTEN) else f"not read: {safe(one.why)}"
        yield Trouble("file-not-read", Severity.ERROR, f"{safe(one.file)}: {words}")
    if report.diagnosis.verdict is Verdict.UNDETERMINED:
        yield Trouble("not-judged", Severity.ERROR if undiagnosed else Severity.NOTE, _unknown(report))


def _unknown(report: Report) -> str:
    """Say which facts keep back an error, in one sentence."""
    unknown = [one for one in report.diagnosis.skipped if one.fact is not None and not one.left_out]
    # A policy may have made errors of what is less elsewhere.
    gaps = [one for one in unknown if one.worst is Severity.ERROR] or unknown
    why = list(dict.fromkeys(f"{safe(one.fact or '')} ({safe(one.reason)})" for one in gaps))
    others = f" and {len(why) - FEW} more" if len(why) > FEW else ""
    rules = "1 rule that could find an error" if len(gaps) == 1 else f"{len(gaps)} rules that could find an error"
    strictly = " Under --strict that fails." if report.exit_code == UNDIAGNOSED else ""
    return f"Not judged: {rules}, because these facts are not known: {', '.join(why[:FEW])}{others}.{strictly}"
