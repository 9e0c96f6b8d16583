"""`envdoctor snapshot`: look only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from envdoctor.commands import options

if TYPE_CHECKING:
    from envdoctor.cli import Invocation


@click.command(name="snapshot")
@options.examining
@options.deep
@click.option(
    "-o",
    "--output",
    callback=options.filled,
    default="-",
    metavar="FILE",
    help="Write to a file instead of standard output.",
)
@click.pass_obj
def command(invocation: Invocation, *, python: str | None, timeout: float, deep: bool, output: str) -> int:
    """Look at this machine and print what was seen as JSON (envdoctor.snapshot/1), without judging it.

    User names, home, host name and GPU UUIDs are replaced, so the file can go into a bug report; credentials are
    never read into it. `envdoctor check --snapshot FILE` judges it, on any machine.
    """
    from envdoctor.commands import deliver, examine

    deliver.save_snapshot(examine.examine(invocation, python, timeout, deep=deep)(), output)
    return 0
