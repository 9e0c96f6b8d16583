"""Writing reports: to the terminal or a pipe, and to files, where names are taken out.

A file is written whole or not at all. What can be known of it is told before the look: a folder that is not there, two
documents for one file. What fails afterwards keeps no other document from being written, and the exit code is 2.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from envdoctor.commands.failure import Unusable, Unwritten

# The other commands take these from here.
from envdoctor.commands.outputs import ADDED
from envdoctor.commands.outputs import destination as destination
from envdoctor.commands.outputs import one_writer_each as one_writer_each
from envdoctor.commands.same_file import STDOUT, identity
from envdoctor.commands.saving import PARTS as PARTS
from envdoctor.commands.saving import replace as replace
from envdoctor.commands.saving import save as save

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from envdoctor.model.difference import DiffReport
    from envdoctor.model.fix import FixReport
    from envdoctor.model.plan import Plan
    from envdoctor.model.report import Report
    from envdoctor.model.smoke_report import SmokeReport
    from envdoctor.model.snapshot import Snapshot


WITH_LINES = frozenset({"github", "github-summary", "sarif", "junit", "gitlab"})
"""Formats that point at lines of the user's files."""

WITH_RULES = frozenset({"sarif", "junit", "prometheus", "openmetrics"})
"""Formats that list every rule."""


class Document(NamedTuple):
    """A text that is made when its turn comes, and its file; `added` at the end of one that is there already."""

    path: str
    text: Callable[[], str]
    added: bool = False


def deliver(
    report: Report, form: str, outputs: tuple[str, ...], *, verbose: bool, save_snapshot: str | None = None
) -> None:
    """Print the report, or write each `-o [FORMAT=]FILE` and the snapshot; files hold no names of people or machines.

    Raises `Unusable` where one of them would write over the policy that holds, and `Unwritten` for files that could not
    be written, after all others were.
    """
    from envdoctor.reporters import REPORTERS

    if report.policy and report.policy.files:  # found around here: no option names them, the look had to tell
        one_writer_each(outputs, save_snapshot, tuple(REPORTERS), inputs=report.policy.files)
    wanted = [destination(output, form, tuple(REPORTERS)) for output in outputs] or [(form, "")]
    told = _with_what_is_told(report, {chosen for chosen, _ in wanted})
    if not outputs:
        documents = [Document("-", lambda: _printed(told, form, verbose))]
    else:
        saved = without_names(told)
        documents = [_document(saved, chosen, path, verbose) for chosen, path in wanted]
    if save_snapshot:
        documents.insert(0, Document(save_snapshot, lambda: snapshot_text(report.snapshot)))
    write(documents, f"the report says {report.diagnosis.verdict.value} (exit code {report.exit_code})")


def _document(report: Report, form: str, path: str, verbose: bool) -> Document:
    def text() -> str:
        from envdoctor.reporters import REPORTERS

        if identity(path) == STDOUT:
            return _printed(report, form, verbose)
        return REPORTERS[form]()(report, width=80, colour=False, verbose=verbose)

    return Document(path, text, added=form == ADDED)


def _with_what_is_told(report: Report, forms: Collection[str]) -> Report:
    """Return the report with what some formats tell and others pay nothing for."""
    if not WITH_LINES.isdisjoint(forms):
        from envdoctor.commands.anchoring import anchored

        report = anchored(report)
    if not WITH_RULES.isdisjoint(forms):
        from envdoctor.commands.rule_cards import with_rules

        report = with_rules(report)
    return report


def deliver_diff(report: DiffReport, form: str, outputs: tuple[str, ...], *, verbose: bool) -> None:
    """Print a comparison, or write each `-o [FORMAT=]FILE`. Raises `Unwritten`."""
    from envdoctor.reporters import DIFF_REPORTERS

    def document(chosen: str, path: str) -> Document:
        shown = identity(path) == STDOUT
        width, colour = (terminal_width(), wants_colour()) if shown else (80, False)
        return Document(path, lambda: DIFF_REPORTERS[chosen]()(report, width=width, colour=colour, verbose=verbose))

    wanted = [destination(output, form, tuple(DIFF_REPORTERS)) for output in outputs] or [(form, "-")]
    write([document(*one) for one in wanted], f"the comparison says exit code {report.exit_code}")


def write(documents: Sequence[Document], otherwise: str) -> None:
    """Write all that can be written, standard output last: whoever reads it may go away.

    Raises `Unwritten` with a line for each file that could not be, and `otherwise`, what the exit code would have been.
    """
    trouble: list[str] = []
    for one in sorted(documents, key=lambda one: identity(one.path) == STDOUT):
        try:
            save(one.path, one.text(), added=one.added)
        except Unusable as problem:
            trouble.append(problem.message)
        except OSError:  # standard output, of which the last line of a run tells
            if not trouble:
                raise
    if trouble:
        raise Unwritten((*trouble[:-1], f"{trouble[-1]}; {otherwise}"))


def _printed(report: Report, form: str, verbose: bool) -> str:
    from envdoctor.reporters import REPORTERS

    if form == "json":
        return REPORTERS[form]()(report)
    return REPORTERS[form]()(report, width=terminal_width(), colour=wants_colour(), verbose=verbose)


def wants_colour() -> bool:
    """Whether standard output is a terminal that shows colours, and nobody asked for none (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def terminal_width(most: int = 100) -> int:
    """Return the columns to fill: the terminal's, from 40 to `most` (prose reads badly beyond 100); 80 in a pipe."""
    return max(40, min(most, _columns())) if sys.stdout.isatty() else 80


def _columns() -> int:
    """As `shutil.get_terminal_size` tells, which loads compressors first and so takes 5 ms."""
    said = os.environ.get("COLUMNS", "")
    if said.isascii() and said.isdigit() and 0 < len(said) < 6 and int(said):
        return int(said)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def without_names(report: Report) -> Report:
    """Return the report without names of people, hosts and devices."""
    from envdoctor.codec.redact_report import redacted_report

    return redacted_report(report, *_names())


def smoke_without_names(report: SmokeReport) -> SmokeReport:
    """Return what the battery gave without names of people, hosts and devices."""
    from envdoctor.codec.redact_report import redacted_smoke

    return redacted_smoke(report, *_names())


def plan_without_names(plan: Plan, snapshot: Snapshot) -> Plan:
    """Return the plan for the machine of a snapshot without names of people, hosts and devices."""
    from envdoctor.codec.redact_report import redacted_plan

    return redacted_plan(plan, snapshot, *_names())


def fix_without_names(report: FixReport, snapshot: Snapshot | None) -> FixReport:
    """Return what a fix did, on the machine of a snapshot if one was looked at, without names of people and devices."""
    from envdoctor.codec.redact_report import redacted_fix

    return redacted_fix(report, snapshot, *_names())


def snapshot_without_names(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without names of people, hosts and devices."""
    from envdoctor.codec.redact import redacted

    return snapshot if snapshot.redacted else redacted(snapshot, *_names())


def _names() -> tuple[str | None, tuple[str, ...], str | None]:
    """Return home, user names and host name of this machine; None or nothing for what it does not tell."""
    home = os.path.expanduser("~")
    said = (os.environ.get(name) for name in ("USER", "LOGNAME", "USERNAME", "SUDO_USER"))
    users = (*said, _account(), os.path.basename(home))
    host = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME")
    return (home if home not in ("~", "/") else None), tuple(dict.fromkeys(user for user in users if user)), host


def _account() -> str | None:
    """Return the name the system has for this user, which the environment of a job may not repeat."""
    try:
        import pwd
    except ImportError:  # Windows
        return None
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user of a number only
        return None


def save_snapshot(snapshot: Snapshot, path: str) -> None:
    """Write a snapshot as JSON, names taken out; `-` is standard output. Raises `Unusable`."""
    save(path, snapshot_text(snapshot))


def snapshot_text(snapshot: Snapshot) -> str:
    """Return a snapshot as JSON, names taken out."""
    from envdoctor.codec.json_value import document_text
    from envdoctor.codec.snapshot import encode

    return document_text(encode(snapshot_without_names(snapshot))) + "\n"
