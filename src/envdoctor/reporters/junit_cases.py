"""What a report is as tests: a case for each rule that was asked, for files that were not read, for each kernel test.

What a case is worth was decided before:

- a failure is a finding that makes the exit code 1; lesser findings are in the output of a case that passed;
- an error is what makes the exit code 2 or 3, or a bug of ours: files that were not read, rules that raised, and under
  `--strict` rules that lacked a fact;
- skipped is what was left out, is ignored by the policy, or could not be decided.
"""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.finding import Severity
from envdoctor.model.smoke import GOOD, Status, result_of
from envdoctor.reporters.anchors import place_of
from envdoctor.reporters.inert import inert, inert_value
from envdoctor.reporters.plain_text import LONGEST
from envdoctor.reporters.remarks import UNDIAGNOSED, troubles, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.finding import Finding, Skipped
    from envdoctor.model.place import Place
    from envdoctor.model.report import Report
    from envdoctor.model.smoke import TestResult

PASSED, FAILURE, ERROR, SKIPPED = "", "failure", "error", "skipped"

MOST_TOLD = 500
"""Findings of one rule that are told in full: GitLab reads no text of 10 MB (its issue 25357)."""

TOOL = "envdoctor"
"""Begins the class of every case."""

MOST_OUTPUT = 50
"""Lines of what a kernel test wrote; the last say how it ended."""

KERNELS, SLOW = "smoke.tests", "smoke-slow"
"""The fact that holds how kernels ended, and the rule about slow ones."""

NEVER = "never"
"""The word of `--fail-on` under which nothing fails."""

NOT_READ = "file-not-read"
"""The name `remarks.troubles` has for files that could not be read or written."""


class Case(NamedTuple):
    """One test: how it ended, the sentence that says why, more lines of the same, and what it printed beside it.

    All texts are harmless. `group` is the class it stands in, `place` where a file of the repository declares it.
    """

    group: str
    name: str
    end: str = PASSED
    message: str = ""
    lines: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    place: Place | None = None
    seconds: float | None = None


def what_is_judged(report: Report) -> str:
    """Return one word for what the report is about."""
    return "triage" if report.paste else "lint" if report.lint else "check"


class _Said(NamedTuple):
    """All that a report says of one rule; `ignored` are sentences."""

    findings: list[Finding]
    crashed: list[str]
    skipped: list[Skipped]
    ignored: list[str]


def cases(report: Report) -> Iterator[Case]:
    """Yield the cases; names stand once in each group."""
    group = f"{TOOL}.{what_is_judged(report)}"
    unread = [inert(one.message, None) for one in troubles(report) if one.name == NOT_READ]
    if unread:
        yield Case(group, NOT_READ, ERROR, unread[0], tuple(unread))
    for rule, said in sorted(_by_rule(report).items()):
        yield _of_rule(group, rule, said, report)
    yield from _of_kernels(report)


def _by_rule(report: Report) -> dict[str, _Said]:
    """Return what is said of each rule that was asked, or is spoken of."""
    told = {card.name: _Said([], [], [], []) for card in report.rules if card.asked}

    def of(rule: str) -> _Said:
        return told.setdefault(rule, _Said([], [], [], []))

    for finding in worst_first(report):
        of(finding.rule).findings.append(finding)
    for crashed in report.diagnosis.crashed:
        of(crashed.rule).crashed.append(f"A bug in envdoctor: {inert(crashed.reason)}")
    for skipped in report.diagnosis.skipped:
        of(skipped.rule).skipped.append(skipped)
    for finding, by in report.ignored:
        until = f" until {inert(by.expires)}" if by.expires else ""
        about = f"{inert(finding.subject)}: {inert(finding.message)}"
        of(finding.rule).ignored.append(f"Ignored by policy{until}: {inert(by.reason)} ({about})")
    return told


def _of_rule(group: str, rule: str, said: _Said, report: Report) -> Case:
    """Sort what is said of a rule under the end that it has: what failed first, what passed last."""
    name = inert(rule)
    failing = [one for one in said.findings if _fails(one, report)]
    lesser = _lines([one for one in said.findings if not _fails(one, report)], report)
    reasons = tuple(inert(one.reason) or "no reason given" for one in said.skipped)
    output = (*said.crashed, *reasons, *lesser, *said.ignored[:MOST_TOLD])
    if failing:
        more = f" (and {len(failing) - 1} more)" if len(failing) > 1 else ""
        message = f"{inert(failing[0].message)}{more}"
        return Case(group, name, FAILURE, message, _lines(failing, report), output, place_of(failing[0], report))
    if said.crashed:
        return Case(group, name, ERROR, said.crashed[0], tuple(said.crashed), output[len(said.crashed) :])
    if reasons:
        end = ERROR if any(_is_needed(one, report) for one in said.skipped) else SKIPPED
        return Case(group, name, end, reasons[0], reasons, output[len(reasons) :])
    if said.ignored and not said.findings:
        return Case(group, name, SKIPPED, said.ignored[0], output)
    return Case(group, name, output=output)


def _fails(finding: Finding, report: Report) -> bool:
    """Whether a finding makes the exit code 1."""
    return report.fail_on != NEVER and finding.severity >= Severity[report.fail_on.upper()]


def _is_needed(skipped: Skipped, report: Report) -> bool:
    """Whether what a rule lacks makes the exit code 3."""
    if not report.strict or report.exit_code != UNDIAGNOSED or not skipped.fact or skipped.left_out:
        return False
    severities = report.policy.severities if report.policy else {}
    return severities.get(skipped.rule, skipped.worst) is Severity.ERROR


def _lines(findings: Sequence[Finding], report: Report) -> tuple[str, ...]:
    told = [line for one in findings[:MOST_TOLD] for line in _told(one, report)]
    if len(findings) > MOST_TOLD:
        told.append(f"and {len(findings) - MOST_TOLD} more of this rule; -o json=FILE holds all of them")
    return tuple(told)


def _told(finding: Finding, report: Report) -> Iterator[str]:
    """Yield a finding as lines: the place, what is wrong and what it rests on."""
    place = place_of(finding, report) or finding.location
    where = f"{inert(place.file)}:{place.line}: " if place else ""
    follows = f", follows from {inert(finding.caused_by)}" if finding.caused_by else ""
    yield f"{where}{finding.severity.word} {inert(finding.rule)} ({inert(finding.subject)}){follows}"
    yield f"  {inert(finding.message)}"
    for one in finding.evidence:
        value = "is absent" if one.value is None else f"= {inert_value(one.value)}"
        yield f"  seen: {inert(one.fact)} {value} ({inert(one.source, LONGEST)})"
    for line in (finding.replacement or "").split("\n"):
        if line.strip():
            yield f"  + {inert(line.strip())}"


def _of_kernels(report: Report) -> Iterator[Case]:
    """Yield a case for each kernel test on each device; what failed and does not count is skipped, and says so."""
    failing = [one for one in report.diagnosis.findings if _fails(one, report)]
    slow_counts = any(one.rule == SLOW for one in failing)
    counts = any(one.rule != SLOW and any(fact.fact == KERNELS for fact in one.evidence) for one in failing)
    had: set[str] = set()
    for row in report.snapshot.known_rows(KERNELS):
        try:
            test = result_of(row)
        except ValueError:  # somebody wrote the snapshot by hand
            continue
        name = inert(f"{test.name} on {test.device}")
        if name not in had:
            had.add(name)
            yield _of_kernel(name, test, slow_counts if test.status is Status.SLOW else counts)


def _of_kernel(name: str, test: TestResult, counts: bool) -> Case:
    said = f"{test.status.value}: {inert(test.message)}" if test.message else test.status.value
    lines = tuple(inert(line) for line in (said, *(test.trace or ()), *test.output.splitlines()[-MOST_OUTPUT:]))
    seconds = test.seconds if test.seconds is not None and isfinite(test.seconds) else None
    if test.status in GOOD:
        end = SKIPPED if test.status is Status.SKIPPED else PASSED
        message, told = (said, lines) if end else ("", ())
        return Case(f"{TOOL}.smoke", name, end, message, told, seconds=seconds)
    if not counts:
        said = f"{said} (no finding of this counts)"
    return Case(f"{TOOL}.smoke", name, FAILURE if counts else SKIPPED, said, lines, seconds=seconds)
