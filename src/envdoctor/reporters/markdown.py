"""The report as Markdown: a reply to whoever pasted, or a summary; nothing of the text it judges acts in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity, Verdict
from envdoctor.model.plan import Status
from envdoctor.reporters.finding_order import told_in_order
from envdoctor.reporters.markdown_words import inline, paragraph
from envdoctor.reporters.paste_lines import machine
from envdoctor.reporters.plain_text import safe, without_commands
from envdoctor.reporters.plan_lines import command_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.finding import Finding
    from envdoctor.model.plan import Plan
    from envdoctor.model.report import Report

CALM = "I see nothing wrong with the environment in what was posted."
NOT_ENOUGH = "What was posted does not tell enough to say what is wrong."
FOOT = "judged by envdoctor {version} with its compatibility matrix of {revision}"


def render(report: Report, **_layout: object) -> str:
    """Return the report as GitHub Flavored Markdown, with a line break at its end."""
    return "".join(f"{without_commands(line)}\n" for line in _lines(report))


def _lines(report: Report) -> Iterator[str]:
    if report.lint:
        from envdoctor.reporters.lint_markdown import lint_markdown

        yield from lint_markdown(report, report.lint)
        yield from _foot(report)
        return
    findings = [one for one in report.diagnosis.findings if one.severity > Severity.NOTE]
    if not findings:
        undecided = report.diagnosis.verdict is Verdict.UNDETERMINED
        yield NOT_ENOUGH if undecided and report.paste else CALM
    for told in told_in_order(findings):
        yield from _finding(told.finding, told.depth)
    yield from _plan(report.plan)
    notes = [one for one in report.diagnosis.findings if one.severity is Severity.NOTE]
    if notes:
        yield ""
        yield from (f"- note: {inline(safe(one.message, 1000))} ({inline(one.rule)})" for one in notes)
    if report.paste and report.paste.asks:
        yield ""
        yield "To be surer, could you add:"
        yield ""
        for ask in report.paste.asks:
            command = f": `{ask.command}`" if ask.command else ""
            yield f"- {inline(ask.what)}{command} ({inline(ask.why)})"
    yield from _foot(report)


def _foot(report: Report) -> Iterator[str]:
    told_of = machine(report.snapshot)
    yield ""
    seen = f"Read: {'; '.join(told_of)}. " if told_of else ""
    verdict = f"Verdict: {report.diagnosis.verdict.value}, "
    yield f"<sub>{inline(seen + verdict)}{inline(FOOT.format(version=safe(report.envdoctor), revision=safe(report.matrix_revision)))}.</sub>"


def _finding(finding: Finding, depth: int) -> Iterator[str]:
    line = f" (line {finding.location.line})" if finding.location else ""
    if depth:
        yield f"{'  ' * (depth - 1)}- from which follows {inline(finding.rule)}: {inline(safe(finding.message, 1000))}"
        return
    yield f"**{inline(finding.rule)}**{line}"
    yield ""
    yield paragraph(safe(finding.message, 1000))
    yield ""


def _plan(plan: Plan) -> Iterator[str]:
    """The commands in one block, each with its reason as a comment; what a person does as sentences."""
    if plan.status is not Status.SOLVED or not plan.steps:
        return
    commands = [step for step in plan.steps if step.argv]
    by_hand = [step for step in plan.steps if not step.argv]
    yield "To make it right:"
    yield ""
    for step in by_hand:
        yield f"- {inline(safe(step.why, 1000))}"
    if commands:
        yield from ("",) * bool(by_hand)
        yield "```sh"
        for step in commands:
            yield f"# {safe(step.why, 1000)}".replace("```", "'''")
            yield command_line(step.argv).text.strip().replace("```", "'''")
        yield "```"
    yield ""
