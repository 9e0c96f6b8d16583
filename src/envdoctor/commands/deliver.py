"""Writing reports: to the terminal or a pipe, and to files, where names are taken out."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from envdoctor.commands.failure import Unusable
from envdoctor.commands.options import FORMATS

if TYPE_CHECKING:
    from envdoctor.model.report import Report
    from envdoctor.model.snapshot import Snapshot


def deliver(report: Report, form: str, outputs: tuple[str, ...], *, verbose: bool) -> None:
    """Print the report, or write each `-o [FORMAT=]FILE`; files hold no names of people or machines."""
    from envdoctor.reporters import REPORTERS

    if not outputs:
        click.echo(_printed(report, form, verbose), nl=False)
        return
    for output in outputs:
        chosen, path = destination(output, form)
        text = REPORTERS[chosen]()(without_names(report), width=80, colour=False, verbose=verbose)
        save(path, text)


def _printed(report: Report, form: str, verbose: bool) -> str:
    from envdoctor.reporters import REPORTERS

    if form == "json":
        return REPORTERS[form]()(report)
    return REPORTERS[form]()(report, width=terminal_width(), colour=wants_colour(), verbose=verbose)


def wants_colour() -> bool:
    """Whether standard output is a terminal that shows colours, and nobody asked for none (no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def terminal_width() -> int:
    """Return the columns to fill: the terminal's, from 40 to 100; 80 in a pipe."""
    from shutil import get_terminal_size

    return max(40, min(100, get_terminal_size((80, 24)).columns)) if sys.stdout.isatty() else 80


def destination(output: str, form: str) -> tuple[str, str]:
    """Split `json=report.json` into format and file; a prefix that is no format belongs to the file's name."""
    prefix, equals, path = output.partition("=")
    return (prefix, path) if equals and prefix in FORMATS else (form, output)


def save(path: str, text: str) -> None:
    """Write a file whole or not at all: into a neighbour first, then renamed. Raises `Unusable`."""
    if path == "-":
        click.echo(text, nl=False)
        return
    beside = f"{path}.{os.getpid()}.part"
    special = os.path.exists(path) and not os.path.isfile(path)  # /dev/stdout, a FIFO: written to, not replaced
    try:
        with open(path if special else beside, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        if not special:
            os.replace(beside, path)
    except OSError as problem:
        if os.path.exists(beside):
            os.unlink(beside)
        raise Unusable(f"{path}: cannot be written: {problem.strerror or problem}") from None


def without_names(report: Report) -> Report:
    """Return the report without names of people, hosts and devices."""
    from envdoctor.codec.redact_report import redacted_report

    return redacted_report(report, *_names())


def snapshot_without_names(snapshot: Snapshot) -> Snapshot:
    """Return the snapshot without names of people, hosts and devices."""
    from envdoctor.codec.redact import redacted

    return snapshot if snapshot.redacted else redacted(snapshot, *_names())


def _names() -> tuple[str | None, str | None, str | None]:
    """Return home, user and host name of this machine, None for what it does not tell."""
    home = os.path.expanduser("~")
    user = os.environ.get("USER") or os.environ.get("LOGNAME") or os.environ.get("USERNAME")
    host = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME")
    return (home if home not in ("~", "/") else None), user or os.path.basename(home) or None, host


def save_snapshot(snapshot: Snapshot, path: str) -> None:
    """Write a snapshot as JSON, names taken out; `-` is standard output. Raises `Unusable`."""
    import json

    from envdoctor.codec.snapshot import encode

    save(path, json.dumps(encode(snapshot_without_names(snapshot)), indent=2) + "\n")
