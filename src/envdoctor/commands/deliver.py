"""Writing reports: to the terminal or a pipe, and to files, where names are taken out."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from envdoctor.commands.failure import Unusable
from envdoctor.commands.options import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.difference import DiffReport
    from envdoctor.model.fix import FixReport
    from envdoctor.model.plan import Plan
    from envdoctor.model.report import Report
    from envdoctor.model.smoke_report import SmokeReport
    from envdoctor.model.snapshot import Snapshot


PARTS: list[str] = []
"""Files that are half written at this moment; a signal that ends the run takes them away."""


def deliver(report: Report, form: str, outputs: tuple[str, ...], *, verbose: bool) -> None:
    """Print the report, or write each `-o [FORMAT=]FILE`; files hold no names of people or machines."""
    from envdoctor.reporters import REPORTERS

    if not outputs:
        click.echo(_printed(report, form, verbose), nl=False)
        return
    for output in outputs:
        chosen, path = destination(output, form, tuple(REPORTERS))
        text = REPORTERS[chosen]()(without_names(report), width=80, colour=False, verbose=verbose)
        save(path, text)


def deliver_diff(report: DiffReport, form: str, outputs: tuple[str, ...], *, verbose: bool) -> None:
    """Print a comparison, or write each `-o [FORMAT=]FILE`."""
    from envdoctor.reporters import DIFF_REPORTERS

    if not outputs:
        render = DIFF_REPORTERS[form]()
        click.echo(render(report, width=terminal_width(), colour=wants_colour(), verbose=verbose), nl=False)
    for output in outputs:
        chosen, path = destination(output, form, tuple(DIFF_REPORTERS))
        save(path, DIFF_REPORTERS[chosen]()(report, width=80, colour=False, verbose=verbose))


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


def destination(output: str, form: str, formats: Sequence[str] = FORMATS) -> tuple[str, str]:
    """Split `json=report.json` into format and file; a prefix that is no format belongs to the file's name."""
    prefix, equals, path = output.partition("=")
    return (prefix, path) if equals and prefix in formats else (form, output)


def one_writer_to_stdout(outputs: tuple[str, ...], save_snapshot: str | None, formats: Sequence[str] = FORMATS) -> None:
    """Refuse two documents on standard output, and files without a name, before anything is looked at.

    `outputs` are the values of `-o`, `save_snapshot` that of `--save-snapshot`. Raises `Unusable`.
    """
    paths = [destination(output, "", formats)[1] for output in outputs]
    if "" in paths:
        raise Unusable("-o: no file name")
    if save_snapshot == "":
        raise Unusable("--save-snapshot: no file name")
    writers = ["-o -"] * paths.count("-") + ["--save-snapshot -"] * (save_snapshot == "-")
    # Without any -o the report itself goes there.
    if save_snapshot == "-" and not outputs:
        raise Unusable("--save-snapshot -: the report goes to standard output too; add -o FILE, or name a file")
    if len(writers) > 1:
        raise Unusable(f"{' and '.join(writers)} would both write to standard output; name a file for one of them")


def save(path: str, text: str) -> None:
    """Write a file whole or not at all: into a neighbour first, then renamed. Raises `Unusable`.

    A link stays and what it points to is written; a file that is there keeps its mode.
    """
    if not path:
        raise Unusable("-o: no file name")
    if path == "-":
        click.echo(text, nl=False)
        return
    try:
        _write(path, text)
    except OSError as problem:
        raise Unusable(f"{path}: cannot be written: {problem.strerror or problem}") from None


def _write(path: str, text: str) -> None:
    there = _status(path)
    if there and _is_stdout(there):  # /dev/stdout: what the shell redirected is written to, not replaced
        click.echo(text, nl=False)
    elif there and not stat.S_ISREG(there.st_mode):  # a device, a FIFO; a folder is refused by open
        with open(path, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
    elif path.endswith(("/", os.sep)):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    else:
        content = text.encode("utf-8", "backslashreplace")
        _replace(os.path.realpath(path), content, stat.S_IMODE(there.st_mode) if there else None)


def replace(path: str, content: bytes) -> None:
    """Write a file that is there anew, whole or not at all; a link and the mode stay. Raises `Unusable`."""
    try:
        if not os.access(path, os.W_OK):  # a neighbour renamed over it would take no notice
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        _replace(os.path.realpath(path), content, stat.S_IMODE(os.stat(path).st_mode))
    except OSError as problem:
        raise Unusable(f"{path}: cannot be written: {problem.strerror or problem}") from None


def _replace(path: str, content: bytes, mode: int | None) -> None:
    beside = os.path.join(os.path.dirname(path), f"envdoctor.{os.getpid()}.part")
    ours = not os.path.lexists(beside)
    if ours:
        PARTS.append(beside)

    def private(name: str, flags: int) -> int:
        # Nobody may read meanwhile what the file itself hides.
        return os.open(name, flags, 0o666 if mode is None else 0o600)

    try:
        with open(beside, "xb", opener=private) as file:
            file.write(content)
        if mode is not None:
            os.chmod(beside, mode)
        os.replace(beside, path)
    finally:
        if ours:
            with suppress(OSError):  # renamed, or never made
                os.unlink(beside)
            PARTS.remove(beside)


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _is_stdout(status: os.stat_result) -> bool:
    try:
        return os.path.samestat(status, os.fstat(1))
    except OSError:  # closed
        return False


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
    from envdoctor.codec.json_value import document_text
    from envdoctor.codec.snapshot import encode

    save(path, document_text(encode(snapshot_without_names(snapshot))) + "\n")
