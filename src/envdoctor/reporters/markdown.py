"""The report as Markdown: a reply to whoever pasted, or a summary; nothing of the text it judges acts in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity, Verdict
from envdoctor.model.plan import Status
from envdoctor.reporters.finding_order import told_in_order
from envdoctor.reporters.markdown_words import inline, paragraph
from envdoctor.reporters.paste_lines import machine
from envdoctor.reporters.plain_text import safe, without_commands
from envdoctor.reporters.plan_lines import (
    IMPOSSIBLE,
    NO_WHEEL,
    NO_WHEEL_FOR_ALL,
    RELAX,
    RELAX_ONE,
    UNDECIDED,
    command_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envdoctor.model.finding import Finding
    from envdoctor.model.plan import Plan, Step
    from envdoctor.model.report import Report

CALM = "I see nothing wrong with the environment in what was posted."
NOT_ENOUGH = "What was posted does not tell enough to say what is wrong."
FOOT = "judged by envdoctor {version} with its compatibility matrix of {revision}"


def render(report: Report, **_layout: object) -> str:
    """Return the report as GitHub Flavored Markdown, with a line break at its end."""
    return "".join(f"{without_commands(line)}\n" for line in _single_spaced(_lines(report)))


def _single_spaced(lines: Iterable[str]) -> Iterator[str]:
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
        yield from _foot(report)
        return
    findings = [one for one in report.diagnosis.findings if one.severity > Severity.NOTE]
    if not findings:
        yield paragraph(safe(_calm(report), 1000))
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
            yield f"- {inline(safe(ask.what))}{command} ({inline(safe(ask.why))})"
    yield from _foot(report)


def _calm(report: Report) -> str:
    if report.paste and report.paste.fine:
        return report.paste.fine
    undecided = report.diagnosis.verdict is Verdict.UNDETERMINED
    return NOT_ENOUGH if undecided and report.paste else CALM


def _foot(report: Report) -> Iterator[str]:
    told_of = machine(report.snapshot)
    yield ""
    seen = f"Read: {'; '.join(told_of)}. " if told_of else ""
    verdict = f"Verdict: {report.diagnosis.verdict.value}, "
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


def _plan(plan: Plan) -> Iterator[str]:
    """What to do, what else would do, and what would not help; where nothing serves, what stands against it."""
    if plan.status is Status.NOTHING_TO_DO:
        return
    if plan.status is Status.IMPOSSIBLE:
        yield from _impossible(plan)
    elif plan.steps:
        yield "To make it right:"
        yield ""
        yield from _steps(plan)
    for place, way in enumerate(plan.alternatives):
        if way.steps:
            yield "A way out:" if plan.status is Status.IMPOSSIBLE and place == 0 else "Or:"
            yield ""
            yield from _steps(way)
    if plan.would_not_help:
        yield from (f"- Would not help: {inline(safe(text, 1000))}" for text in plan.would_not_help)
        yield ""


def _impossible(plan: Plan) -> Iterator[str]:
    yield UNDECIDED if plan.undecided else IMPOSSIBLE
    yield ""
    conflict = plan.conflict
    for heading, told in (
        ("" if not conflict else NO_WHEEL_FOR_ALL if len(conflict.constraints) > 1 else NO_WHEEL,
         conflict.constraints if conflict else plan.because),
        (RELAX_ONE if conflict and len(conflict.relax) > 1 else RELAX, conflict.relax if conflict else ()),
    ):  # fmt: skip
        if told:
            yield from (heading, "") if heading else ()
            yield from (f"- {inline(safe(text, 1000))}" for text in told)
            yield ""
    yield from _steps(plan)


def _steps(plan: Plan) -> Iterator[str]:
    """The commands in one block, each with its reason as a comment; what a person does as sentences."""
    by_hand = [step for step in plan.steps if not step.argv and not step.edit]
    commands = [step for step in plan.steps if step.argv or step.edit]
    if by_hand:
        yield from (f"- {inline(safe(step.why, 1000))}" for step in by_hand)
        yield ""
    for step in commands:
        if step.edit:
            yield f"In {inline(safe(step.edit.file))}:"
            yield ""
        yield "```sh" if step.argv else "```"
        for line in _typed(step):
            yield line.replace("```", "'''")
        yield "```"
        yield ""


def _typed(step: Step) -> Iterator[str]:
    """The lines of one step that are copied: why, what is written into a file, and the command."""
    if step.argv:
        yield f"# {safe(step.why, 1000)}"
        yield command_line(step.argv).text.strip()
    if step.edit:
        yield from (safe(line.rstrip(), None) for line in step.edit.text.strip("\n").split("\n"))
