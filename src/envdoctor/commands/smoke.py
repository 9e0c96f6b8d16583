"""`envdoctor smoke`: run the kernels and print the table."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import click

from envdoctor.commands import options
from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.cli import Invocation
    from envdoctor.commands.governing import Rulings
    from envdoctor.commands.knowledge import Knowledge
    from envdoctor.commands.smoking import Smoked, Wanted
    from envdoctor.model.finding import Diagnosis
    from envdoctor.model.smoke_report import SmokeReport
    from envdoctor.smoke.child.case import Case

LOOK = 10.0
"""Seconds for drivers and interpreters to answer, as in `check`; --timeout is for the battery."""


def _device(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Read devices as torch names them; a number alone is a GPU."""
    named = []
    for value in values:
        if not value.strip():
            raise Unusable(f"{parameter.opts[0]}: the value is empty")
        number = re.fullmatch(r"(?:cuda:)?(\d{1,4})", value.strip().lower())
        if number is None and value.strip().lower() != "cpu":
            raise Unusable(f"{parameter.opts[0]} {value}: not a device; it is a number, cuda:N or cpu")
        named.append(f"cuda:{int(number[1])}" if number else "cpu")
    return tuple(dict.fromkeys(named))


@click.command(name="smoke")
@click.option(
    "--python",
    metavar="PATH",
    callback=options.filled,
    help="Run the torch of another interpreter's environment: a path, a folder, or a command on PATH.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1, 86400),
    metavar="SECONDS",
    callback=options.seconds,
    help="Longest time for the whole battery; what it does not reach is skipped. Default: 120 for one device, 60 more "
    "for each other, five times that with --full.",
)
@click.option(
    "--test",
    "tests",
    multiple=True,
    metavar="NAME",
    callback=options.filled,
    help="Run this test alone, or all that begin with NAME and a hyphen. Repeatable.",
)
@click.option(
    "--device",
    "--gpu",
    "devices",
    multiple=True,
    metavar="N|cuda:N|cpu",
    callback=_device,
    help="Run on this device, in use or not. Repeatable. Default: every GPU that is free, the CPU where there is none.",
)
@click.option("--full", is_flag=True, help="Large sizes, and the tests that fill an idle GPU's memory.")
@click.option(
    "--baseline",
    metavar="FILE",
    callback=options.filled,
    help="An earlier result, written by -o json=FILE: what is far slower than that is told.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), metavar="N", help="Repeat the random inputs of a run.")
@click.option("--list", "listing", is_flag=True, help="List the tests, or those of --test, and run none.")
@options.judging_kernels
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    python: str | None,
    timeout: float | None,
    tests: tuple[str, ...],
    devices: tuple[str, ...],
    full: bool,
    baseline: str | None,
    seed: int | None,
    listing: bool,
    matrix_file: str | None,
    form: str,
    outputs: tuple[str, ...],
    verbose: bool,
    policy_file: str | None,
    fail_on: str | None,
    strict: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
) -> int:
    """Run kernels with the installed torch, compare each with a reference, and say which are right and how fast.

    Every test runs in a child process with a time limit, so one that crashes or hangs is named and the others still
    run. Without a GPU the tests that apply run on the CPU.

    \b
    envdoctor smoke                              every free GPU, or the CPU
    envdoctor smoke --python venv/bin/python     another environment
    envdoctor smoke --test matmul --device 0     all products, on the first GPU
    envdoctor smoke --full -o json=today.json    large sizes, and the result kept
    envdoctor smoke --baseline today.json        is it still as fast?
    envdoctor smoke --list                       what the tests are

    The exit code is 0 when every test passed or was skipped, 1 when one ended otherwise, whatever its severity
    (--fail-on never: 0), 2 for unusable input, 3 when the battery could not start.
    """
    from envdoctor.commands import deliver, examine, smoking
    from envdoctor.commands.governing import rulings_of
    from envdoctor.commands.knowledge import Knowledge
    from envdoctor.smoke.child.catalogue import all_cases

    if listing:
        named = smoking.chosen_tests(all_cases(), tests, full=True)
        click.echo(_listed([case for case in all_cases() if not named or case.name in named], form), nl=False)
        return 0
    deliver.one_writer_each(outputs, None)
    if os.environ.get(examine.SYSROOT):
        raise Unusable(f"{examine.SYSROOT} names a recorded machine, on which nothing can be run")
    names = smoking.chosen_tests(all_cases(), tests, full=full)
    compared = smoking.baseline_of(baseline) if baseline else ()
    rulings = rulings_of(policy_file=policy_file, fail_on=fail_on, strict=strict, select=select, ignore=ignore)
    knowledge = Knowledge(matrix_file, rulings.select, rulings.ignore)
    knowledge.gather()  # a mistake in what was named is told before anything is run
    seen = examine.examine(invocation, python, LOOK)()

    from envdoctor.diagnose.about_tests import about_tests
    from envdoctor.diagnose.judge import diagnose

    wanted = smoking.Wanted(
        size="full" if full else "quick",
        seed=smoking.new_seed() if seed is None else seed,
        devices=devices or None,
        names=names,
        seconds=timeout,
        baseline=compared,
    )
    smoked = smoking.smoke(seen, diagnose(seen, knowledge.matrix).findings, wanted, plain=True)
    judged = diagnose(smoked.snapshot, knowledge.matrix, select=knowledge.selected, ignore=knowledge.ignored)
    report = _report(smoked, about_tests(judged), wanted, knowledge, rulings)
    for output in outputs:
        chosen, path = deliver.destination(output, form)
        deliver.save(path, _text(deliver.smoke_without_names(report), chosen, 80, colour=False, verbose=verbose))
    if not outputs:
        width = deliver.terminal_width()
        click.echo(_text(report, form, width, colour=deliver.wants_colour(), verbose=verbose), nl=False)
    return report.exit_code


def _report(smoked: Smoked, judged: Diagnosis, wanted: Wanted, knowledge: Knowledge, rulings: Rulings) -> SmokeReport:
    """Put together what is told; a test whose rule was left out or ignored is shown and does not fail the run."""
    from envdoctor import __version__
    from envdoctor.diagnose.verdict import smoke_exit_code
    from envdoctor.model.machine import Machine
    from envdoctor.model.smoke_report import SmokeReport
    from envdoctor.rules.smoke_speed import judged_speed, not_judged

    machine = Machine(smoked.snapshot)
    ran = machine.looked_at("smoke.tests")
    tests = judged_speed(machine, knowledge.matrix) if ran else ()
    diagnosis, ignored = rulings.govern(judged)
    left_out = {skipped.rule for skipped in diagnosis.skipped if skipped.left_out}
    left_out |= {one.finding.rule for one in ignored} - {finding.rule for finding in diagnosis.findings}
    code = smoke_exit_code(
        (test.status for test in tests if f"smoke-{test.status.value}" not in left_out),
        started=not smoked.trouble,
        fail_on=rulings.fail_on,
        strict=rulings.strict,
        crashed=bool(diagnosis.crashed),
    )
    return SmokeReport(
        snapshot=smoked.snapshot,
        devices=smoked.devices,
        size=wanted.size,
        seed=wanted.seed,
        tests=tests,
        diagnosis=diagnosis,
        trouble=smoked.trouble,
        exit_code=code,
        matrix_revision=knowledge.matrix.revision,
        envdoctor=__version__,
        overlay=knowledge.matrix.overlay_name,
        not_judged=not_judged(machine, knowledge.matrix) if ran else (),
    )


def _text(report: SmokeReport, form: str, width: int, *, colour: bool, verbose: bool) -> str:
    if form == "json":
        from envdoctor.reporters.smoke_json import render_smoke as as_json

        return as_json(report)
    from envdoctor.reporters.smoke_terminal import render_smoke as as_text

    return as_text(report, width=width, colour=colour, verbose=verbose)


LEGEND = (
    "on: gpu is each GPU by itself, gpus all of them together, two or more; library: what does the work on a GPU.",
    "from: check tests are run by `envdoctor check` too where a usable GPU is, quick ones by `envdoctor smoke`, full "
    "ones with --full alone.",
)


def _listed(cases: Sequence[Case], form: str) -> str:
    """Return a list of tests, for people or as JSON."""
    rows = [
        {"test": case.name, "on": list(case.on), "since": case.since, "library": case.library, "proves": case.proves}
        for case in cases
    ]
    if form == "json":
        from envdoctor.codec.json_value import document_text

        return document_text(rows) + "\n"
    from envdoctor.commands.deliver import terminal_width, wants_colour
    from envdoctor.model.sheet import Column, Items, Table
    from envdoctor.reporters.lines import wrapped
    from envdoctor.reporters.matrix_terminal import render_table

    columns = (
        Column("test", "test"),
        Column("on", "on", spare=1),
        Column("since", "from", spare=2),
        Column("library", "library", spare=3),
        Column("proves", "proves that"),
    )
    cells = tuple((case.name, Items(case.on), case.since, case.library, case.proves) for case in cases)
    width = terminal_width()
    text = render_table(Table("tests", "", columns, cells), width=width, colour=wants_colour())
    legend = "".join(f"{line.text}\n" for sentence in LEGEND for line in wrapped(sentence, width, "", "  "))
    return f"{text}\n{legend}"
