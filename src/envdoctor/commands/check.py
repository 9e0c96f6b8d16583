"""`envdoctor check`: look, judge, run kernels where there is something to run them on, plan, report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from envdoctor.commands import options

if TYPE_CHECKING:
    from envdoctor.cli import Invocation


@click.command(name="check")
@options.examining
@options.deep
@options.judging
@options.profile
@options.index_base
@click.option("--require-gpu", is_flag=True, help="A GPU must be usable: its absence is an error.")
@click.option(
    "--snapshot",
    "snapshot_file",
    callback=options.filled,
    metavar="FILE|-",
    help="Judge a saved snapshot instead of this machine.",
)
@click.option(
    "--save-snapshot", callback=options.filled, metavar="FILE", help="Also save what was seen, names taken out."
)
@click.option(
    "--smoke/--no-smoke",
    default=None,
    help="Run kernels as well, on the CPU where there is no GPU; or never. By itself it does where a usable GPU is.",
)
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    python: str | None,
    timeout: float,
    deep: bool,
    matrix_file: str | None,
    form: str,
    outputs: tuple[str, ...],
    verbose: bool,
    policy_file: str | None,
    profile: str | None,
    locked: bool,
    fail_on: str | None,
    strict: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
    index_base: str | None,
    require_gpu: bool,
    snapshot_file: str | None,
    save_snapshot: str | None,
    smoke: bool | None,
) -> int:
    """Look at this machine, judge it, and say what to type to make it right.

    Nothing is installed or changed, and envdoctor itself never imports torch: where kernels are run, the interpreter
    that is examined does, in a process of its own. The exit code is 0 when nothing at or above --fail-on was found, 1
    when something was, 2 for unusable input, 3 when envdoctor itself could not diagnose.

    \b
    envdoctor check                          this machine
    envdoctor check --python venv/bin/python another environment
    envdoctor check --format json -o out.json
    envdoctor check -o terminal=- -o sarif=out.sarif -o junit=out.xml
    envdoctor check --strict --locked        a gate: the policy of the project, and what was locked
    envdoctor check --smoke                  run kernels too, on the CPU where there is no GPU
    envdoctor check --snapshot friend.json   somebody else's machine
    """
    from envdoctor.commands import deliver
    from envdoctor.commands.checking import Wanted, check

    read = (snapshot_file, matrix_file, policy_file)
    deliver.one_writer_each(outputs, save_snapshot, options.REPORTS, inputs=read)
    wanted = Wanted(
        python=python,
        timeout=timeout,
        deep=deep,
        matrix_file=matrix_file,
        policy_file=policy_file,
        profile=profile,
        locked=locked,
        fail_on=fail_on,
        strict=strict,
        select=select,
        ignore=ignore,
        index_base=index_base,
        require_gpu=require_gpu,
        snapshot=snapshot_file,
        smoke=smoke,
    )
    report = check(wanted, invocation)
    deliver.deliver(report, form, outputs, verbose=verbose, save_snapshot=save_snapshot)
    return report.exit_code
