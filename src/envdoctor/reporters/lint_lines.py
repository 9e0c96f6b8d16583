"""Findings about files: each with its place as compilers write it, what is wrong, and the line as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.model.finding import Severity
from envdoctor.reporters.lines import SENTENCE, Line, wrapped
from envdoctor.reporters.plain_text import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.finding import Finding
    from envdoctor.model.linted import FileMended, LintView
    from envdoctor.model.report import Report

STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.NOTE: "bold blue"}
NO_FILES = "There is no file here whose name says that it declares an environment."
NOTHING_DECLARED = "Nothing in these files declares a torch, a CUDA or an image of them."
NOT_WRITTEN = "not written: "
"""How the reason begins for which a corrected file could not be written."""
MOST_DIFF = 400
"""Lines of a diff that are shown; the whole one is what `--fix` writes."""


def lint_lines(report: Report, lint: LintView, width: int, verbose: bool) -> Iterator[Line]:
    """Yield the findings in the order of files and lines, the diff of what is safe, what was not read, and the sum."""
    for finding in report.diagnosis.findings:
        yield from _finding(finding, width)
        yield Line()
    for one in lint.unread:
        words = safe(one.why) if one.why.startswith(NOT_WRITTEN) else f"not read: {safe(one.why)}"
        yield from wrapped(f"{safe(one.file)}: {words}", width, "", "  ")
    for mended in lint.mended:
        if mended.written:
            yield from wrapped(f"{safe(mended.file)}: written, {_lines(mended.corrections)} corrected", width, "", "  ")
    yield from _diffs([one for one in lint.mended if verbose or not one.written], width)
    if verbose:
        for file in lint.files:
            yield from wrapped(f"{safe(file.file)}: read as {safe(file.format)}, {file.cases} cases", width, "", "  ")
    yield from wrapped(_sum(report, lint), width)


def _diffs(mended: Sequence[FileMended], width: int) -> Iterator[Line]:
    """Yield the diffs as `patch -p0` reads them: tabs and the ends of lines stay."""
    if not mended:
        return
    yield Line("Written:" if all(one.written for one in mended) else "What --fix would write:")
    lines = [line for one in mended for line in one.diff.removesuffix("\n").split("\n")]
    for line in lines[:MOST_DIFF]:
        text = "\t".join(safe(piece, None) for piece in line.removesuffix("\r").split("\t"))
        yield Line(text + "\r" * line.endswith("\r"))
    if len(lines) > MOST_DIFF:
        yield from wrapped(f"and {len(lines) - MOST_DIFF} more lines; --format json holds all of them", width)
    yield Line()


def _finding(finding: Finding, width: int) -> Iterator[Line]:
    word = finding.severity.word
    place = finding.location
    where = f"{safe(place.file)}:{place.line}:{place.column}: " if place else ""
    after = f", follows from {safe(finding.caused_by)}" if finding.caused_by else ""
    text = f"{where}{word}  {safe(finding.rule)} ({safe(finding.subject)}){after}"
    yield Line(text, STYLES[finding.severity], len(where) + len(word))
    yield from wrapped(safe(finding.message, SENTENCE), width, "  ", "  ")
    for line in (finding.replacement or "").split("\n"):
        if line.strip():
            yield Line(f"  + {safe(line.strip(), SENTENCE)}")


def _sum(report: Report, lint: LintView) -> str:
    counts = []
    for severity in sorted(Severity, reverse=True):
        number = sum(one.severity is severity for one in report.diagnosis.findings)
        if number:
            counts.append(f"{number} {severity.word}{'s' * (number > 1)}")
    files = f"{len(lint.files)} file{'s' * (len(lint.files) != 1)}"
    against = f" against {safe(lint.target)}" if lint.target else ""
    not_run = sum(one.left_out for one in report.diagnosis.skipped)
    without = f"; {not_run} rule{'s' * (not_run > 1)} left out" if not_run else ""
    if counts:
        safe_ones = sum(one.corrections for one in lint.mended if not one.written)
        more = f" {_lines(safe_ones)} can be corrected by --fix." if safe_ones else ""
        return f"{files}{against}: {', '.join(counts)}{without}.{more}"
    if not lint.files:
        return "No file was judged." if lint.unread else NO_FILES
    nothing = "nothing else" if report.ignored else "nothing"
    wrong = f"{nothing} is wrong by the rules that were run{without}" if without else f"{nothing} is wrong"
    return f"{files}{against}: {wrong}." if lint.about_torch else f"{files}: {NOTHING_DECLARED}"


def _lines(number: int) -> str:
    return f"{number} line{'s' * (number != 1)}"
