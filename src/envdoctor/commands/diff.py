"""`envdoctor diff`: why it works here and fails there."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from envdoctor.commands import options

if TYPE_CHECKING:
    from envdoctor.model.snapshot import Snapshot


@click.command(name="diff")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@options.matrix
@options.reporting_text
@options.fail_on
@click.pass_obj
def command(
    _: object,
    *,
    a: str,
    b: str,
    matrix_file: str | None,
    form: str,
    outputs: tuple[str, ...],
    verbose: bool,
    fail_on: str | None,
) -> int:
    """Say what differs between two machines, and which difference makes the one fail and the other work.

    A and B are snapshots, reports of `check --format json`, or pastes as `triage` takes them; one of them may be `-`.
    Each difference is tried: the answer of the one machine is put into the other, which is judged again. What only one
    of the two tells is counted; -v shows it. With --format markdown it is a table to post.

    \b
    envdoctor snapshot -o here.json          on the one machine
    envdoctor snapshot -o there.json         on the other
    envdoctor diff here.json there.json
    envdoctor diff works.json issue.txt      a snapshot and somebody's paste

    The exit code is 0 where no difference matters, 1 where one brings about what --fail-on names, 2 for a file that
    cannot be read.
    """
    from envdoctor import __version__
    from envdoctor.commands import deliver
    from envdoctor.commands.failure import Unusable
    from envdoctor.commands.knowledge import load
    from envdoctor.diagnose.differing import differing, explain, ranked
    from envdoctor.diagnose.verdict import diff_exit_code
    from envdoctor.model.difference import DiffReport

    deliver.one_writer_each(outputs, None, options.TEXT_FORMATS, inputs=(a, b, matrix_file))
    if a == b == "-":
        raise Unusable("A and B are both standard input; name a file for one of them")
    matrix = load(matrix_file)
    here, there = _machine(a), _machine(b)
    if outputs:  # files hold no names of people or machines
        here, there = deliver.snapshot_without_names(here), deliver.snapshot_without_names(there)
        a, b = os.path.basename(a), os.path.basename(b)
    in_a, in_b, explained = explain(here, there, matrix)
    differ, left_out = differing(here, there)
    both = sorted({one.rule for one in in_a.findings} & {one.rule for one in in_b.findings})
    report = DiffReport(
        a=a,
        b=b,
        verdict_a=in_a.verdict,
        verdict_b=in_b.verdict,
        explained=explained,
        differences=ranked(differ, explained),
        in_both=tuple(both),
        left_out=left_out,
        exit_code=diff_exit_code((one.finding for one in explained), fail_on=fail_on or "error"),
        envdoctor=__version__,
        matrix_revision=matrix.revision,
    )
    deliver.deliver_diff(report, form, outputs, verbose=verbose)
    return report.exit_code


def _machine(name: str) -> Snapshot:
    """Read a snapshot, or a paste where the file is no JSON document. Raises `Unusable`."""
    from envdoctor.codec.read import UnreadableSnapshot, load_snapshot
    from envdoctor.commands import pasted
    from envdoctor.commands.examine import MOST_INPUT, content
    from envdoctor.commands.failure import Unusable

    raw = content(name, MOST_INPUT)
    if raw.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n").startswith((b"{", b"[")):
        try:
            return load_snapshot(raw, name)
        except UnreadableSnapshot as problem:
            raise Unusable(str(problem)) from None
    return pasted.of_content(raw, name)[0].snapshot
