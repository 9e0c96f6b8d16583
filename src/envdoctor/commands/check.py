"""`envdoctor check`: look, judge, run kernels where there is something to run them on, plan, report."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from envdoctor.commands import options
from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from envdoctor.cli import Invocation
    from envdoctor.commands.index_base import IndexBase
    from envdoctor.model.layout import Layout
    from envdoctor.model.machine import Machine
    from envdoctor.model.plan import Plan


SAVED = "a saved machine runs nothing"


@click.command(name="check")
@options.examining
@options.deep
@options.judging
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
    fail_on: str,
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
    envdoctor check --smoke                  run kernels too, on the CPU where there is no GPU
    envdoctor check --snapshot friend.json   somebody else's machine
    """
    from envdoctor.commands import deliver, examine
    from envdoctor.commands.index_base import index_base as base_of

    deliver.one_writer_to_stdout(outputs, save_snapshot)
    recorded = bool(os.environ.get(examine.SYSROOT))
    if smoke and (snapshot_file or recorded):
        raise Unusable(f"--smoke and {'--snapshot' if snapshot_file else examine.SYSROOT} exclude each other: {SAVED}")
    if snapshot_file and python:
        raise Unusable("--snapshot and --python exclude each other: a saved machine has its interpreter already")
    if snapshot_file and deep:
        raise Unusable("--snapshot and --deep exclude each other: the files of a saved machine are not here")
    from envdoctor.commands.knowledge import Knowledge

    base = base_of(index_base)  # also where no plan is made: a mistake in it is told whatever is found
    knowledge = Knowledge(matrix_file, select, ignore)
    if matrix_file or select or ignore:
        knowledge.gather()  # a mistake in what was named is told before anything is looked at
    # The drivers and the interpreter answer, and the shared objects are read, while what judges them is imported.
    seeing = None if snapshot_file else examine.examine(invocation, python, timeout, deep=deep)
    seen = seeing(knowledge.gather) if seeing else examine.saved(snapshot_file or "-")

    from envdoctor import __version__
    from envdoctor.diagnose.judge import diagnose
    from envdoctor.diagnose.verdict import exit_code
    from envdoctor.model.machine import Machine, Wishes
    from envdoctor.model.report import Report
    from envdoctor.plan import remedies

    matrix, chosen, left_out = knowledge.matrix, knowledge.selected, knowledge.ignored
    wishes = Wishes(require_gpu=require_gpu)
    diagnosis = diagnose(seen, matrix, wishes, select=chosen, ignore=left_out)
    if seeing and not recorded and smoke is not False:
        from envdoctor.commands.unasked import proves_something

        if smoke or proves_something(Machine(seen), diagnosis):
            from envdoctor.commands import smoking

            seen = smoking.smoke_for_check(seen, diagnosis.findings, asked=bool(smoke))
            diagnosis = diagnose(seen, matrix, wishes, select=chosen, ignore=left_out)
    machine = Machine(seen, wishes)
    if remedies.nothing_to_mend(diagnosis, machine):
        plan = remedies.NOTHING
    else:  # the planner takes as long to import as half of the rules; a healthy machine does without it
        from dataclasses import replace

        from envdoctor.commands import planning
        from envdoctor.plan.proof import prove
        from envdoctor.plan.solve import Solver

        live = snapshot_file is None
        pins = planning.constraints((), machine, live=live).pins
        pinned = Machine(seen, replace(wishes, pins=tuple(pins)))

        def made(layout: Layout) -> Plan:
            solver = Solver(pinned, matrix, live=live, base=base.url, layout=layout)
            return prove(
                remedies.plan_for(diagnosis, solver),
                solver,
                lambda after: diagnose(after, matrix, wishes, select=chosen, ignore=left_out),
            )

        plan = planning.through(base, "auto", pinned, made)
    report = Report(
        snapshot=seen,
        diagnosis=diagnosis,
        plan=plan,
        exit_code=exit_code(diagnosis, fail_on=fail_on, strict=strict),
        matrix_revision=matrix.revision,
        newest_torch=matrix.newest_torch,
        envdoctor=__version__,
        overlay=matrix.overlay_name,
        fix=_by_fix(machine, plan, python, base) if seeing and not recorded else (),
    )
    if save_snapshot:
        deliver.save_snapshot(seen, save_snapshot)
    deliver.deliver(report, form, outputs, verbose=verbose)
    return report.exit_code


def _by_fix(machine: Machine, plan: Plan, python: str | None, base: IndexBase) -> tuple[str, ...]:
    """Return the command that carries the plan out, for the same environment and mirror; empty where none can."""
    if not plan.steps:
        return ()
    from envdoctor.fix.route import route

    if not route(machine, plan).steps:
        return ()
    mirror = ("--index-base", base.url) if base.origin == "--index-base" else ()
    return ("envdoctor", "fix", *(("--python", python) if python else ()), *mirror)
