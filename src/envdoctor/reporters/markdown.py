"""The report as Markdown: a reply to whoever pasted, or a summary; nothing of the text it judges acts in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity, Verdict
from envdoctor.reporters.finding_order import told_in_order
from envdoctor.reporters.markdown_words import inline, paragraph
from envdoctor.reporters.paste_lines import machine
from envdoctor.reporters.plain_text import safe, without_commands
from envdoctor.reporters.plan_markdown import plan_markdown
from envdoctor.reporters.policy_lines import ignored_in_words, policy_in_words, why_ignored
from envdoctor.reporters.remarks import left_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envdoctor.model.finding import Finding
    from envdoctor.model.report import Report

CALM = "I see nothing wrong with the environment in what was posted."
NOT_ENOUGH = "What was posted does not tell enough to say what is wrong."
FOOT = "judged by envdoctor {version} with its compatibility matrix of {revision}"


def render(report: Report, **_layout: object) -> str:
    """Return the report as GitHub Flavored Markdown, with a line break at its end."""
    return "".join(f"{without_commands(line)}\n" for line in single_spaced(_lines(report)))


def single_spaced(lines: Iterable[str]) -> Iterator[str]:
    """Leave out an empty line below another, save in a block that is copied."""
    before, block = "", False
    for line in lines:
        block ^= line.startswith("```")
        if line or before or block:
            yield line
        before = line


def _lines(report: Report) -> Iterator[str]:
    if report.lint:
        from envdoctor.reporters.lint_markdown import lint_markdown

        yield from lint_markdown(report, report.lint)
        yield from _ignored(report)
        yield from foot(report)
        return
    findings = [one for one in report.diagnosis.findings if one.severity > Severity.NOTE]
    if not findings:
        yield paragraph(safe(_calm(report), 1000))
    for told in told_in_order(findings):
        yield from _finding(told.finding, told.depth)
    yield from plan_markdown(report.plan)
    notes = [one for one in report.diagnosis.findings if one.severity is Severity.NOTE]
    if notes:
        yield ""
        yield from (f"- note: {inline(safe(one.message, 1000))} ({inline(one.rule)})" for one in notes)
    yield from _ignored(report)
    if report.paste and report.paste.asks:
        yield ""
        yield "To be surer, could you add:"
        yield ""
        for ask in report.paste.asks:
            command = f": `{ask.command}`" if ask.command else ""
            yield f"- {inline(safe(ask.what))}{command} ({inline(safe(ask.why))})"
    yield from foot(report)


def _calm(report: Report) -> str:
    if not report.paste:
        from envdoctor.reporters.terminal import calm_sentence

        return calm_sentence(report)
    if report.paste.fine:
        return report.paste.fine
    if report.diagnosis.verdict is Verdict.UNDETERMINED:
        return NOT_ENOUGH
    ignored = ignored_in_words(report.ignored)
    return f"{CALM.replace('nothing', 'nothing else', 1).rstrip('.')}; {ignored}." if ignored else CALM


def _ignored(report: Report) -> Iterator[str]:
    if report.ignored:
        yield ""
        yield from (f"- ignored by policy: {inline(why_ignored(one))}" for one in report.ignored)


def foot(report: Report) -> Iterator[str]:
    """Yield the last line: what was read, the verdict, and who judged by what."""
    told_of = machine(report.snapshot)
    yield ""
    seen = f"Read: {'; '.join(told_of)}. " if told_of else ""
    policy = policy_in_words(report)
    seen += f"Held to {policy}. " if policy else ""
    without = f"{left_out(report)}, " if left_out(report) else ""
    verdict = f"Verdict: {report.diagnosis.verdict.value}, {without}"
    foot = FOOT.format(version=safe(report.envdoctor), revision=safe(report.matrix_revision))
    yield f"<sub>{inline(seen + verdict + foot)}.</sub>"


def _finding(finding: Finding, depth: int) -> Iterator[str]:
    line = f" (line {finding.location.line})" if finding.location else ""
    if depth:
        yield f"{'  ' * (depth - 1)}- from which follows {inline(finding.rule)}: {inline(safe(finding.message, 1000))}"
        return
    yield f"**{inline(finding.rule)}**{line}"
    yield ""
    yield paragraph(safe(finding.message, 1000))
    yield ""
