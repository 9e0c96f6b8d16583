"""`envdoctor plan`: which torch fits this machine, a saved one, or one described by options."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from envdoctor.commands import options
from envdoctor.commands.described_options import describing
from envdoctor.commands.failure import Unusable
from envdoctor.plan.installers import NAMES

if TYPE_CHECKING:
    from envdoctor.cli import Invocation

EXIT_CODES = {"nothing-to-do": 0, "solved": 0, "impossible": 1}


@click.command(name="plan")
@options.examining
@options.matrix
@options.reporting
@click.option("--from", "snapshot_file", callback=options.filled, metavar="FILE|-", help="Plan for a saved snapshot.")
@describing
@options.wishing
@click.option(
    "--installer",
    callback=options.one_of(NAMES),
    metavar="NAME",
    help=f"Write the command for this installer: {', '.join(NAMES)}.",
)
@options.mirror
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    python: str | None,
    timeout: float,
    matrix_file: str | None,
    form: str,
    outputs: tuple[str, ...],
    verbose: bool,
    snapshot_file: str | None,
    driver: str | None,
    gpus: tuple[str, ...],
    capabilities: tuple[str, ...],
    python_version: str | None,
    platform: str | None,
    glibc: str | None,
    torch: str | None,
    partners: str,
    constraint_files: tuple[str, ...],
    installer: str | None,
    index_base: str | None,
    index_layout: str,
) -> int:
    """Say which torch, torchvision and channel fit this machine, a saved one, or one you describe.

    \b
    envdoctor plan                                          this machine
    envdoctor plan --from friend.json                       a saved one
    envdoctor plan --driver 535.104.05 --gpu 'RTX 4090'     a described one
    envdoctor plan --gpu V100 --driver 580.65.06 --torch '>=2.9,<2.11'
    envdoctor plan -c constraints.txt --with torchvision,torchaudio
    envdoctor plan --driver 470.256.02 --gpu A100 -v        every wheel, and why it was dropped
    envdoctor plan --index-base https://mirror.example/pytorch/whl
    envdoctor plan --format json -o plan.json

    It stays within what you pin (--torch, --constraint), what the policy of this project demands, and what installed
    packages require of torch. For this machine PIP_CONSTRAINT and UV_CONSTRAINT count too. Nothing is installed or
    changed.

    Exit code 0 when there is an answer or nothing to do, 1 when no wheel fits, 2 for unusable input.
    """
    from envdoctor.commands import deliver, examine, knowledge, planning
    from envdoctor.commands.describe import Description
    from envdoctor.commands.index_base import index_base as base_of
    from envdoctor.model.machine import Machine, Wishes

    deliver.one_writer_each(outputs, None, inputs=(snapshot_file, matrix_file, *constraint_files))
    description = Description(driver, gpus, capabilities, python_version, platform, glibc)
    if description.given and (snapshot_file or python):
        raise Unusable("a described machine excludes --from and --python")
    if snapshot_file and python:
        raise Unusable("--from and --python exclude each other: a saved machine has its interpreter already")
    base = base_of(index_base)
    matrix = knowledge.load(matrix_file)
    # A described driver is there for a GPU, also where none is named: then only the driver narrows the choice.
    wishes = Wishes(
        cuda=driver is not None,
        torch=planning.specifier(torch, matrix.newest_torch),
        partners=planning.partner_names(partners),
    )
    if description.given:
        seen = description.snapshot(matrix)
    elif snapshot_file:
        seen = examine.saved(snapshot_file)
    else:
        seen = examine.examine(invocation, python, timeout)()
    live = not description.given and not snapshot_file
    constraints = planning.constraints(constraint_files, Machine(seen), live=live)
    own = replace(wishes, pins=tuple(constraints.pins))
    # A machine that is described is not that of the project here.
    within = None if description.given else planning.within_policy(own, matrix)
    machine = Machine(seen, within.judging.wishes if within else own)
    weigh = verbose or any(deliver.destination(output, form)[0] == "json" for output in outputs or ("",))
    plan = planning.plan(
        machine,
        matrix,
        live=live,
        installer=installer,
        base=base,
        layout=index_layout,
        weigh=weigh,
        within=within,
    )
    if constraints.notes:
        plan = replace(plan, because=(*plan.because, *constraints.notes))
    planning.show(plan, seen, form, outputs, verbose=verbose)
    planning.tell_age(matrix)
    return EXIT_CODES[plan.status.value]
