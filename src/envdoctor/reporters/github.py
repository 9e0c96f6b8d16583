"""Annotations of GitHub Actions: workflow commands on standard output, and what belongs into the log beside them.

`::error file=requirements.txt,line=3,title=driver-too-old (torch)::The driver ...`. How a command is written is told in
"Workflow commands for GitHub Actions" (docs.github.com), how it is read in actions/runner, ActionCommand.cs and
ActionCommandManager.cs. The runner keeps 10 annotations of each level in a step and 4096 UTF-16 units of a message
(ExecutionContext.cs), the service 50 annotations in a job; the rest goes without a word, so it is left out here, the
least important first, and the last line says how much.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.model.finding import Severity, Verdict
from envdoctor.reporters.anchors import place_of
from envdoctor.reporters.lines import SENTENCE
from envdoctor.reporters.plain_text import safe, without_commands
from envdoctor.reporters.remarks import counted, counts, left_out, troubles, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.finding import Finding
    from envdoctor.model.place import Place
    from envdoctor.model.report import Report

MOST = 10
"""Annotations of one level that a step may show."""

LONGEST_MESSAGE = 4096
"""UTF-16 units of a message that the runner keeps."""

LONGEST_TITLE = 200
"""Characters of a title; a check run takes 255 (REST API, check runs, annotations)."""

LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


class Annotation(NamedTuple):
    """One annotation, before it is escaped; lines of `message` are harmless."""

    severity: Severity
    title: str
    message: str
    place: Place | None = None


def render(report: Report, *, width: int = 80, **_layout: object) -> str:
    """Return the annotations, the worst first, then the plan and the verdict for the log.

    Where the exit code is not 0, at least one annotation is an error and says why.
    """
    annotations = [*_all(report)]
    if report.exit_code and not any(one.severity is Severity.ERROR for one in annotations):
        annotations.insert(0, _why_it_fails(report))
    shown = _shown(annotations)
    lines = [_command(one) for one in shown]
    lines += [without_commands(line) for line in _log(report, width)]
    if len(shown) < len(annotations):
        lines.append(_command(_left_out(annotations, shown)))
    return "".join(f"{line}\n" for line in lines)


def _all(report: Report) -> Iterator[Annotation]:
    """Yield what is to be told, in no order but that among findings."""
    for one in troubles(report):
        yield Annotation(one.severity, one.name, one.message)
    for finding in worst_first(report):
        title = safe(f"{finding.rule} ({finding.subject})")[:LONGEST_TITLE]
        yield Annotation(finding.severity, title, _message(finding), place_of(finding, report))


def _why_it_fails(report: Report) -> Annotation:
    """Return the reason where what fails the run is no error by itself."""
    found = counts(report.diagnosis.findings)
    text = f"{found}: the lowest severity that fails here is {report.fail_on} (exit code {report.exit_code})."
    return Annotation(Severity.ERROR, "envdoctor", text)


def _message(finding: Finding) -> str:
    lines = [safe(finding.message, SENTENCE)]
    if finding.caused_by:
        lines.append(f"Follows from {safe(finding.caused_by)}.")
    replacement = [safe(line, SENTENCE) for line in (finding.replacement or "").split("\n") if line.strip()]
    if replacement:
        lines += ["As it should be:", *replacement]
    lines.append(f"More: envdoctor explain {safe(finding.rule)}")
    return "\n".join(lines)


def _shown(annotations: Sequence[Annotation]) -> list[Annotation]:
    """Return what the limits of a step leave, the worst first; where that is not all, a notice less."""
    whole = all(sum(one.severity is severity for one in annotations) <= MOST for severity in Severity)
    shown: list[Annotation] = []
    for severity in sorted(Severity, reverse=True):
        room = MOST if whole or severity is not Severity.NOTE else MOST - 1
        shown += [one for one in annotations if one.severity is severity][:room]
    return shown


def _left_out(annotations: Sequence[Annotation], shown: Sequence[Annotation]) -> Annotation:
    counted_out = Counter(one.severity for one in annotations)
    counted_out.subtract(one.severity for one in shown)
    left = [counted(number, severity.word) for severity, number in sorted(counted_out.items(), reverse=True) if number]
    text = (
        f"{', '.join(left)} left out of these annotations: GitHub shows {MOST} of each level for a step. The whole"
        ' report: -o github-summary="$GITHUB_STEP_SUMMARY", or -o json=report.json.'
    )
    return Annotation(Severity.NOTE, "envdoctor", text)


def _log(report: Report, width: int) -> Iterator[str]:
    """Yield the plan as people read it, and the verdict."""
    if not report.lint:
        from envdoctor.reporters.plan_lines import FITS, plan_lines
        from envdoctor.reporters.terminal import MENDS

        wrong = report.diagnosis.verdict in (Verdict.BROKEN, Verdict.WARNINGS)
        lines = [line.text for line in plan_lines(report.plan, MENDS if wrong else FITS, width, verbose=False)]
        yield from lines
        if lines and lines[-1]:
            yield ""
    found = counts(report.diagnosis.findings)
    ignored = f" {len(report.ignored)} ignored by policy." if report.ignored else ""
    without = f" {left_out(report)}." if left_out(report) else ""
    yield f"envdoctor: {report.diagnosis.verdict.value}, {found} (exit code {report.exit_code}).{ignored}{without}"


def _command(one: Annotation) -> str:
    """Return an annotation as one line; columns belong to a place of one line alone."""
    properties = {}
    if one.place:
        place = one.place
        properties = {"file": place.file, "line": str(place.line)}
        if place.last_line == place.line:
            properties["col"] = str(place.column)
        properties["endLine"] = str(place.last_line)
    properties["title"] = one.title
    written = ",".join(f"{name}={_escaped_property(value)}" for name, value in properties.items())
    return f"::{LEVELS[one.severity]} {written}::{_escaped(_fitting(one.message))}"


def _fitting(message: str) -> str:
    """Cut a message that the runner would cut without a word."""
    units = message.encode("utf-16-le", "backslashreplace")
    if len(units) <= 2 * LONGEST_MESSAGE:
        return message
    mark = " [...]"
    return units[: 2 * (LONGEST_MESSAGE - len(mark))].decode("utf-16-le", "ignore") + mark


def _escaped(data: str) -> str:
    return data.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escaped_property(value: str) -> str:
    return _escaped(value).replace(":", "%3A").replace(",", "%2C")
