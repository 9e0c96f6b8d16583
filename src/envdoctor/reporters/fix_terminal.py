"""What a fix would do, did, or refused to do, for people: what changes, how it was proved, and the way back."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from envdoctor.model.change import Installs
from envdoctor.model.fix import Outcome, Way
from envdoctor.model.plan import Status
from envdoctor.model.sheet import Column, Table
from envdoctor.reporters.lines import SENTENCE, Line, joined, styled, wrapped
from envdoctor.reporters.matrix_terminal import HEADING, fitted, wrapped_row
from envdoctor.reporters.plain_text import safe
from envdoctor.reporters.plan_lines import (
    COMMAND_INDENT,
    FITS,
    NOTHING,
    NOTHING_SEEN,
    command_line,
    plan_lines,
    step_lines,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.fix import Disk, FileDiff, FixReport, PackageChange, Proof

Sections: TypeAlias = Iterator[Iterable[Line]]

NARROWEST = 40
INDENT = "  "
COMMAND = ("envdoctor", "fix")
WRONG, RIGHT = "bold red", "bold green"
LEFT = "Left for you to do by hand:"
OF_AN_IMAGE = "Dockerfile"
FOR_AN_IMAGE = "For the Dockerfile, which is left to you:"
NOTHING_FITS = "there is nothing to carry out."
NOT_RESOLVED = "The installer may change more for these, which is known when it has run."
WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]")
KILO = 1000
UNITS = ("B", "kB", "MB", "GB", "TB")
"""Decimal, as wheels and disks are sold."""


def render_fix(
    report: FixReport,
    exit_code: int,
    *,
    width: int = 80,
    colour: bool = False,
    verbose: bool = False,
    again: Sequence[str] | None = (),
) -> str:
    """Return the report as text of at most `width` columns (40 or more), commands, paths and diffs excepted.

    `again` are the options of this run, for the command that carries a dry run out; None where that is asked next.
    `verbose` adds the commands of a fix that was carried out, and what it changed where it was undone.
    """
    width = max(width, NARROWEST)
    sections = _SECTIONS[report.outcome](report, exit_code, width, verbose, again)
    recovered = wrapped(f"First: {safe(report.recovered, SENTENCE)}", width, "", "  ") if report.recovered else ()
    return joined(_apart((recovered, *sections)), colour=colour)


def _apart(sections: Iterable[Iterable[Line]]) -> Iterator[Line]:
    """Yield the lines of the sections that have any, an empty line between two."""
    begun = False
    for lines in map(list, sections):
        if lines and begun:
            yield Line()
        yield from lines
        begun = begun or bool(lines)


def _planned(report: FixReport, _code: int, width: int, _verbose: bool, again: Sequence[str] | None) -> Sections:
    if not report.steps:
        # Why nothing fits is what the plan begins with.
        why = "." if report.plan.status is Status.IMPOSSIBLE else f": {safe(report.reason, SENTENCE)}"
        yield from _left_to_a_person(report, f"Nothing to carry out here{why}", width)
        return
    new = _is_made_new(report)
    heading = "Would be in a new environment:" if new else f"Would change in {_environment(report)}:"
    yield _mends(report, width)
    yield [*_headed(heading, width), *_changes(report, "now", "then", width)]
    where = "In a new environment, by:" if report.way is Way.CONDA else "By:" if new else "In a copy of it, by:"
    yield _commands(report, where, width)
    yield from _diffs(report.diffs, width)
    yield _disk(report.disk, width)
    yield _by_hand(report, LEFT, width)
    yield _said(report, width)
    if again is not None:
        yield [*wrapped("Nothing was changed. To carry it out:", width), command_line((*COMMAND, *again, "--apply"))]


def _applied(report: FixReport, _code: int, width: int, verbose: bool, _again: Sequence[str] | None) -> Sections:
    heading = f"Changed in {_environment(report)}:"
    if report.copy and _is_made_new(report):
        heading = f"Installed into a new environment, {safe(report.copy)}:"
    elif report.copy:
        heading = f"Changed in a copy of {_environment(report)}, which is {safe(report.copy)}:"
    yield [*_headed(heading, width), *_changes(report, "before", "now", width)]
    if verbose:
        yield _commands(report, "By:", width)
    yield from _diffs(report.diffs, width)
    yield _proofs(report.proofs, "Proved:", width)
    yield _by_hand(report, LEFT, width)
    yield _said(report, width)
    if report.copy:
        yield wrapped(f"{_environment(report)} is as it was.", width)
    if report.kept:
        back = (*COMMAND, *(("--python", report.environment) if report.environment else ()), "--rollback")
        yield [*wrapped(f"The old one is kept in {safe(report.kept)}. To go back to it:", width), command_line(back)]


def _rolled_back(report: FixReport, code: int, width: int, verbose: bool, _again: Sequence[str] | None) -> Sections:
    yield [
        *_headed(f"Not repaired: {safe(report.reason, SENTENCE)}", width, WRONG),
        *wrapped(f"{_environment(report)} is as it was (exit code {code}).", width),
    ]
    yield _proofs(report.proofs, "What was verified in the copy:", width)
    if verbose:
        yield _changed(report.changes, "before", "in the copy", width)
        yield _commands(report, "What was run:", width)
    yield _by_hand(report, LEFT, width)
    yield _notes(report.notes, width)
    if report.log and report.log not in report.reason:
        yield wrapped(f"All that the installer said: {safe(report.log)}", width)


def _refused(report: FixReport, code: int, width: int, _verbose: bool, _again: Sequence[str] | None) -> Sections:
    impossible = report.plan.status is Status.IMPOSSIBLE
    heading = f"Refused: {NOTHING_FITS if impossible else safe(report.reason, SENTENCE)}"
    yield from _left_to_a_person(report, heading, width, f"Nothing was changed (exit code {code}).")


def _left_to_a_person(report: FixReport, heading: str, width: int, after: str = "") -> Sections:
    """Yield why nothing is carried out, and what a person can do."""
    yield [*_headed(heading, width, WRONG), *wrapped(after, width)]
    if report.plan.status is Status.IMPOSSIBLE:
        lines = [*plan_lines(report.plan, FITS, width, verbose=False)]
        yield lines[: -1 if lines and not lines[-1].text else None]
    else:
        yield _commands(report, "What would have been run:", width)
        yield from _diffs(report.diffs, width)
        yield _by_hand(report, LEFT if report.commands else "To do it by hand:", width)
    yield _notes(report.notes, width)


def _restored(report: FixReport, _code: int, width: int, _verbose: bool, _again: Sequence[str] | None) -> Sections:
    heading = f"{_environment(report)} is again as it was before the fix."
    yield [*_headed(heading, width), *_changed(report.changes, "repaired", "now", width)]
    yield from _diffs(report.diffs, width)
    yield _said(report, width)


def _nothing(report: FixReport, _code: int, width: int, _verbose: bool, _again: Sequence[str] | None) -> Sections:
    why = wrapped(f"- {safe(report.reason, SENTENCE)}", width, INDENT, INDENT * 2) if report.reason else ()
    yield [*wrapped(NOTHING_SEEN if report.reason else NOTHING, width), *why]
    yield _by_hand(report, "To do by hand:", width)
    yield _notes(report.notes, width)


_SECTIONS = {
    Outcome.NOTHING_TO_DO: _nothing,
    Outcome.PLANNED: _planned,
    Outcome.APPLIED: _applied,
    Outcome.ROLLED_BACK: _rolled_back,
    Outcome.REFUSED: _refused,
    Outcome.RESTORED: _restored,
}


def _mends(report: FixReport, width: int) -> Iterator[Line]:
    """Yield what this is against; the words for it are those of `check`."""
    if report.mends:
        yield from wrapped(f"What is wrong: {safe(', '.join(report.mends))}", width, "", INDENT)


def _environment(report: FixReport) -> str:
    return safe(report.environment) if report.environment else "the environment"


def _is_made_new(report: FixReport) -> bool:
    """Whether the environment is made from nothing, beside the one that the plan is for."""
    return report.way is not Way.CONDA and report.disk is not None and report.disk.copied is None


def _headed(text: str, width: int, style: str = HEADING) -> Iterator[Line]:
    yield from (styled(line.text, style) for line in wrapped(text, width, "", INDENT if style == WRONG else ""))


def _changes(report: FixReport, before: str, after: str, width: int) -> Iterator[Line]:
    """Yield what changes, and how much stays or is not known."""
    yield from _changed(report.changes, before, after, width)
    if not report.resolved:
        yield from wrapped(NOT_RESOLVED, width, INDENT, INDENT)
    elif report.stays:
        stay = "package stays as it is" if report.stays == 1 else "packages stay as they are"
        yield from wrapped(f"{report.stays} other {stay}.", width, INDENT, INDENT)


def _changed(changes: Sequence[PackageChange], before: str, after: str, width: int) -> Iterator[Line]:
    """Yield a row for each distribution, or a sentence where a table has no room."""
    if not changes:
        return
    columns = (
        Column("name", "package"),
        Column("before", before),
        Column("after", after),
        Column("download", "download", spare=1),
    )
    rows = tuple(_cells(one) for one in changes)
    grid = fitted(Table("changes", "", columns, rows), width - len(INDENT))
    if grid is None:
        for name, old, new, size in rows:
            text = f"{safe(name)}: {safe(old)} -> {safe(new)}{f' ({size})' if size else ''}"
            yield from wrapped(text, width, INDENT, INDENT * 2)
        return
    yield from (styled(INDENT + line.text, HEADING) for line in wrapped_row(grid.titles, grid.widths))
    for row in grid.rows:
        yield from (Line(INDENT + line.text) for line in wrapped_row(row, grid.widths))


def _cells(change: PackageChange) -> tuple[str, ...]:
    after = change.after or "removed"
    if change.before == change.after:
        after = "installed again"
    size = in_bytes(change.download) if change.download is not None else ""
    return (change.name, change.before or "not there", after, size)


def in_bytes(count: int) -> str:
    """Return a number of bytes in decimal units, two digits of it at least: "5.8 GB", "847 MB", "12 B"."""
    number, unit = float(count), 0
    while round(number) >= KILO and unit < len(UNITS) - 1:
        number, unit = number / KILO, unit + 1
    return f"{number:.1f} {UNITS[unit]}" if unit and number < 10 else f"{number:.0f} {UNITS[unit]}"


def _commands(report: FixReport, heading: str, width: int) -> Iterator[Line]:
    if report.commands:
        yield from _headed(heading, width)
        yield from _unset(report.cleared, report.commands, width)
        yield from (command_line((*_without(report.cleared, argv), *argv)) for argv in report.commands)


def _without(cleared: Sequence[str], argv: Sequence[str]) -> tuple[str, ...]:
    """Return what a POSIX shell puts in front of a command that is not to see these variables, or files of settings."""
    if not cleared or _of_windows(argv):
        return ()
    names = [name for name in cleared if name.isidentifier()]
    no_file = ("UV_NO_CONFIG=1",) if len(names) < len(cleared) and argv[0] == "uv" else ()
    return ("env", *(word for name in names for word in ("-u", name)), *no_file) if names or no_file else ()


def _of_windows(argv: Sequence[str]) -> bool:
    return any(WINDOWS_PATH.match(word) for word in argv)


def _unset(cleared: Sequence[str], commands: Iterable[Sequence[str]], width: int) -> Iterator[Line]:
    """Say on Windows what `env -u` says elsewhere."""
    if cleared and any(map(_of_windows, commands)):
        yield from wrapped(f"It is not to see: {safe(', '.join(cleared))}", width, INDENT, INDENT)


def _diffs(diffs: Sequence[FileDiff], width: int) -> Sections:
    for one in diffs:
        heading = FOR_AN_IMAGE if one.file == OF_AN_IMAGE else f"In {safe(one.file)}:"
        lines = [*_headed(heading, width)]
        # Never wrapped, so that it can be copied; whatever else ends a line within one stays visible.
        for line in one.diff.removesuffix("\n").split("\n"):
            style = "green" if line.startswith("+") else "red" if line.startswith("-") else ""
            lines.append(styled((COMMAND_INDENT + safe(line.removesuffix("\r"), None)).rstrip(), style))
        yield lines


def _disk(disk: Disk | None, width: int) -> Iterator[Line]:
    if disk is None:
        return
    parts = []
    if disk.copied is not None:
        shared = "nothing for the copy, which shares blocks"
        parts.append(f"{in_bytes(disk.copied)} for the copy" if disk.copied else shared)
    if disk.download is not None:
        parts.append(f"{in_bytes(disk.download)} to download")
    if disk.free is not None:
        parts.append(f"{in_bytes(disk.free)} free")
    if parts:
        yield from wrapped(f"Disk: {', '.join(parts)}.", width, "", INDENT)


def _proofs(proofs: Sequence[Proof], heading: str, width: int) -> Iterator[Line]:
    """Yield what was verified, what did not hold first."""
    if proofs:
        yield from _headed(heading, width)
    for proof in sorted(proofs, key=lambda one: one.held):
        told = f": {safe(proof.told, SENTENCE)}" if proof.told else ""
        first = "  yes  " if proof.held else "  NO   "
        lines = wrapped(f"{safe(proof.what, SENTENCE)}{told}", width, first, " " * len(first)) or [Line(first.rstrip())]
        yield Line(lines[0].text, RIGHT if proof.held else WRONG, len(first.rstrip()))
        yield from lines[1:]


def _by_hand(report: FixReport, heading: str, width: int) -> Iterator[Line]:
    if report.by_hand:
        yield from _headed(heading, width)
        installing = [step.argv for step in report.by_hand if isinstance(step.change, Installs)]
        yield from _unset(report.cleared, installing, width)
    for step in report.by_hand:
        # What an installer is not to see here, it is not to see there either.
        hidden = _without(report.cleared, step.argv) if step.argv and isinstance(step.change, Installs) else ()
        yield from step_lines(replace(step, argv=(*hidden, *step.argv)), width)


def _said(report: FixReport, width: int) -> Iterator[Line]:
    """Yield the notes, and why it ended so where there is more to say about that."""
    yield from wrapped(safe(report.reason, SENTENCE), width)
    yield from _notes(report.notes, width)


def _notes(notes: Sequence[str], width: int) -> Iterator[Line]:
    for note in notes:
        yield from wrapped(f"- {safe(note, SENTENCE)}", width, "", INDENT)
