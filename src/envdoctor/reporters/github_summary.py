"""The summary of a step of GitHub Actions: the verdict, a table of what was found, and what to type.

GitHub Flavored Markdown for the file that $GITHUB_STEP_SUMMARY names ("Adding a job summary", docs.github.com). GitHub
shows nothing at all of a step that writes more than 1 MiB there, so the table is cut before, the worst findings kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.reporters.anchors import place_of
from envdoctor.reporters.lines import SENTENCE
from envdoctor.reporters.lint_markdown import mended_markdown
from envdoctor.reporters.markdown import foot, single_spaced
from envdoctor.reporters.markdown_words import inline
from envdoctor.reporters.plain_text import safe, without_commands
from envdoctor.reporters.plan_markdown import plan_markdown
from envdoctor.reporters.policy_lines import why_ignored
from envdoctor.reporters.remarks import counts, troubles, worst_first

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envdoctor.model.finding import Finding
    from envdoctor.model.policy import Ignored
    from envdoctor.model.report import Report

MOST_BYTES = 1024 * 1024
"""What GitHub takes of one step."""

RESERVE = 4096
"""Bytes of it that are left for our own sentences, and for a line of somebody else in the same step."""

MOST_LISTED = 50
"""Items of a list; only findings are told as far as there is room."""


def render(report: Report, **_layout: object) -> str:
    """Return the summary, at most `MOST_BYTES` in UTF-8, with a line break at its end."""
    head = _text(_head(report))
    below = _text([*_remedies(report), *_ignored(report.ignored), *foot(report)])
    room = MOST_BYTES - RESERVE - _size(head)
    if _size(below) > room // 2:
        said = "What to do is too long for a summary; the report on a terminal has all of it."
        below = _text(["", said, *foot(report)])
    return f"{head}{_text(_table(report, room - _size(below)))}{below}"


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{without_commands(line)}\n" for line in single_spaced(lines))


def _size(text: str) -> int:
    return len(text.encode())


def _head(report: Report) -> Iterator[str]:
    """Yield the verdict, and what keeps the report from being whole."""
    verdict = report.diagnosis.verdict.value
    yield f"## envdoctor: {verdict}"
    yield ""
    lint = report.lint
    files = f" in {len(lint.files)} file{'s' * (len(lint.files) != 1)}" if lint else ""
    ignored = f", {len(report.ignored)} ignored by policy" if report.ignored else ""
    yield f"{counts(report.diagnosis.findings).capitalize()}{files}{ignored}; exit code {report.exit_code}."
    yield ""
    told = [*troubles(report)]
    yield from (f"- {one.severity.word}: **{inline(one.name)}** {inline(one.message)}" for one in told[:MOST_LISTED])
    yield from _more(told)
    yield ""


def _table(report: Report, room: int) -> Iterator[str]:
    """Yield the findings, the worst first, as far as `room` in bytes reaches."""
    findings = worst_first(report)
    if not findings:
        return
    placed = any(place_of(one, report) for one in findings)
    yield f"| Severity | Rule | Subject | {'Where | ' * placed}What |"
    yield f"| --- | --- | --- | {'--- | ' * placed}--- |"
    for number, finding in enumerate(findings):
        row = _row(finding, report, placed=placed)
        room -= _size(row) + 1
        if room < 0:
            yield ""
            yield f"{_others(findings[number:])} left out: a summary holds 1 MiB. `--format json` has all of them."
            break
        yield row
    yield ""


def _row(finding: Finding, report: Report, *, placed: bool) -> str:
    place = place_of(finding, report)
    where = f"{inline(place.file)}:{place.line}" if place else ""
    after = f"Follows from {inline(safe(finding.caused_by))}. " if finding.caused_by else ""
    lines = [inline(safe(line.strip(), SENTENCE)) for line in (finding.replacement or "").split("\n") if line.strip()]
    replacement = f"<br>As it should be: {'<br>'.join(lines)}" if lines else ""
    what = f"{after}{inline(safe(finding.message, SENTENCE))}{replacement}"
    cells = [finding.severity.word, inline(safe(finding.rule)), inline(safe(finding.subject))]
    return without_commands(f"| {' | '.join([*cells, *([where] if placed else []), what])} |")


def _others(findings: Sequence[Finding]) -> str:
    return f"{counts(findings)} {'is' if len(findings) == 1 else 'are'}"


def _remedies(report: Report) -> Iterator[str]:
    """Yield what to do: the commands, or what would be written into the files."""
    if report.lint:
        for mended in report.lint.mended:
            yield from mended_markdown(mended)
    else:
        yield from plan_markdown(report.plan)


def _ignored(ignored: Sequence[Ignored]) -> Iterator[str]:
    if not ignored:
        return
    yield ""
    yield "Ignored by policy:"
    yield ""
    yield from (f"- {one.finding.severity.word} {inline(why_ignored(one))}" for one in ignored[:MOST_LISTED])
    yield from _more(ignored)


def _more(listed: Sequence[object]) -> Iterator[str]:
    if len(listed) > MOST_LISTED:
        yield f"- and {len(listed) - MOST_LISTED} more"
