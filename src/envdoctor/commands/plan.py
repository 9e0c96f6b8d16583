"""`envdoctor plan`: which torch fits this machine, a saved one, or one described by options."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from envdoctor.commands import options
from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from envdoctor.cli import Invocation

EXIT_CODES = {"nothing-to-do": 0, "solved": 0, "impossible": 1}
PLATFORMS = (
    "linux-x86_64", "linux-aarch64", "linux-aarch64-jetson", "windows-x86_64", "macos-arm64", "macos-x86_64",
)  # fmt: skip


@click.command(name="plan")
@options.examining
@options.matrix
@click.option("--from", "snapshot_file", callback=options.filled, metavar="FILE|-", help="Plan for a saved snapshot.")
@click.option(
    "--driver", callback=options.filled, metavar="VERSION", help="Describe a machine: its NVIDIA driver version."
)
@click.option(
    "--gpu",
    "gpus",
    callback=options.filled,
    multiple=True,
    metavar="NAME",
    help="Describe a machine: a GPU by name. Repeatable.",
)
@click.option(
    "--compute-capability",
    "capabilities",
    callback=options.filled,
    multiple=True,
    metavar="X.Y",
    help="Describe a machine: a GPU. Repeatable.",
)
@click.option("--python-version", callback=options.filled, metavar="X.Y", help="Describe a machine: its Python.")
@click.option(
    "--platform",
    type=click.Choice(PLATFORMS),
    metavar="OS-ARCH",
    help=f"Describe a machine: {', '.join(PLATFORMS)}.",
)
@click.option("--glibc", callback=options.filled, metavar="X.Y", help="Describe a machine: its C library.")
@click.option(
    "--torch", callback=options.filled, metavar="SPEC", help="Keep to these torch releases: 2.9.1, '>=2.6,<2.9'."
)
@click.option("--with", "partners", metavar="NAMES", default="", help="Partners to include: torchvision,torchaudio.")
@click.option("--installer", type=click.Choice(("pip", "uv")), help="Write the command for this installer.")
@click.option(
    "--index-base", callback=options.filled, metavar="URL", help="Root of a mirror of the PyTorch wheel index."
)
@click.option("--format", "form", type=click.Choice(options.FORMATS), default="terminal", show_default=True)
@click.pass_obj
def command(
    invocation: Invocation,
    *,
    python: str | None,
    timeout: float,
    matrix_file: str | None,
    snapshot_file: str | None,
    driver: str | None,
    gpus: tuple[str, ...],
    capabilities: tuple[str, ...],
    python_version: str | None,
    platform: str | None,
    glibc: str | None,
    torch: str | None,
    partners: str,
    installer: str | None,
    index_base: str | None,
    form: str,
) -> int:
    """Say which torch, torchvision and channel fit this machine, a saved one, or one you describe.

    \b
    envdoctor plan                                          this machine
    envdoctor plan --driver 535.104.05 --gpu 'RTX 4090'     a described one
    envdoctor plan --gpu V100 --driver 580.65.06 --torch 2.14.0

    Exit code 0 when there is an answer or nothing to do, 1 when no wheel fits, 2 for unusable input.
    """
    from envdoctor.commands import examine, knowledge, planning
    from envdoctor.commands.describe import Description
    from envdoctor.model.machine import Machine, Wishes

    matrix = knowledge.load(matrix_file)
    # A described driver is there for a GPU, also where none is named: then only the driver narrows the choice.
    wishes = Wishes(cuda=driver is not None, torch=planning.specifier(torch), partners=planning.partner_names(partners))
    description = Description(driver, gpus, capabilities, python_version, platform, glibc)
    if description.given and (snapshot_file or python):
        raise Unusable("a described machine excludes --from and --python")
    if description.given:
        seen = description.snapshot(matrix)
    elif snapshot_file:
        seen = examine.saved(snapshot_file)
    else:
        seen = examine.examine(invocation, python, timeout)()
    live = not description.given and not snapshot_file
    plan = planning.plan(Machine(seen, wishes), matrix, live=live, installer=installer, base=index_base)
    planning.show(plan, form)
    return EXIT_CODES[plan.status.value]
