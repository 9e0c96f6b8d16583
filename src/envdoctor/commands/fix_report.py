"""The report of a fix: printed, or written to files without names of people and machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.fix import FixReport
    from envdoctor.model.snapshot import Snapshot


def show(
    report: FixReport,
    seen: Snapshot | None,
    form: str,
    outputs: tuple[str, ...],
    *,
    verbose: bool,
    again: Sequence[str] = (),
) -> int:
    """Print the report, or write each `-o [FORMAT=]FILE`, and return the exit code. Raises `Unusable`.

    `seen` is the machine whose names are taken out of files, `again` the options of this run.
    """
    from envdoctor.commands import deliver
    from envdoctor.diagnose.verdict import fix_exit_code

    code = fix_exit_code(report.outcome)
    if not outputs:
        width, colour = deliver.terminal_width(), deliver.wants_colour()
        text = _text(report, code, form, width=width, colour=colour, verbose=verbose, again=again)
        click.echo(text, nl=False)
        return code
    saved = deliver.fix_without_names(report, seen)
    for output in outputs:
        chosen, path = deliver.destination(output, form)
        text = _text(saved, code, chosen, width=80, colour=False, verbose=verbose, again=())
        deliver.save(path, text)
    return code


def _text(
    report: FixReport, code: int, form: str, *, width: int, colour: bool, verbose: bool, again: Sequence[str]
) -> str:
    if form == "json":
        from envdoctor.reporters.fix_json import render_fix as render_json

        return render_json(report, code)
    from envdoctor.reporters.fix_terminal import render_fix

    return render_fix(report, code, width=width, colour=colour, verbose=verbose, again=again)
