"""Findings about files as Markdown: each with its place, its sentence, and the line as it should be in a diff."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.reporters.lint_lines import MOST_DIFF, NO_FILES, NOT_WRITTEN, NOTHING_DECLARED
from envdoctor.reporters.markdown_words import inline, paragraph
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.finding import Finding
    from envdoctor.model.linted import FileMended, LintView
    from envdoctor.model.report import Report


def lint_markdown(report: Report, lint: LintView) -> Iterator[str]:
    """Yield the lines of a report about files, in the order of files and lines; nothing of the files acts in it."""
    against = f" against {inline(safe(lint.target))}" if lint.target else ""
    if not report.diagnosis.findings:
        calm = f"Nothing{' else' if report.ignored else ''} is wrong in what these files declare{against}."
        yield calm if lint.about_torch else NOTHING_DECLARED if lint.files else NO_FILES
    elif lint.target:
        yield f"Judged{against}."
        yield ""
    for finding in report.diagnosis.findings:
        yield from _finding(finding)
    for one in lint.unread:
        words = one.why if one.why.startswith(NOT_WRITTEN) else f"not read: {one.why}"
        yield f"- {paragraph(safe(one.file))}: {inline(safe(words))}"
    for mended in lint.mended:
        yield from mended_markdown(mended)


def _finding(finding: Finding) -> Iterator[str]:
    place = finding.location
    where = f"`{_code(safe(place.file))}:{place.line}` " if place else ""
    after = f", follows from {inline(finding.caused_by)}" if finding.caused_by else ""
    yield f"{where}{finding.severity.word}: **{inline(finding.rule)}**{after}"
    yield ""
    yield paragraph(safe(finding.message, 1000))
    yield ""
    lines = [line for line in (finding.replacement or "").split("\n") if line.strip()]
    if lines:
        yield from _fenced([f"+{line}" for line in lines])


def mended_markdown(mended: FileMended) -> Iterator[str]:
    """Yield what `--fix` wrote in a file, or would, as a diff."""
    if mended.written:
        yield f"Written in `{_code(safe(mended.file))}`:"
    else:
        yield f"What `--fix` would write in `{_code(safe(mended.file))}`:"
    yield ""
    yield from _fenced(mended.diff.removesuffix("\n").split("\n")[:MOST_DIFF])


def _fenced(lines: list[str]) -> Iterator[str]:
    """Yield lines in a block that none of them ends: its fence is longer than any in them."""
    shown = ["\t".join(safe(piece, None) for piece in line.removesuffix("\r").split("\t")) for line in lines]
    fence = "`" * (max([2, *(len(run) for line in shown for run in re.findall("`+", line))]) + 1)
    yield f"{fence}diff"
    yield from shown
    yield fence
    yield ""


def _code(words: str) -> str:
    """Return words for a span of code: only its own sign would end it."""
    return words.replace("`", "'")
