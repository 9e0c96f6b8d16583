"""`envdoctor matrix show`: the tables of the compatibility matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from envdoctor.commands import options
from envdoctor.commands.failure import Unusable
from envdoctor.matrix.reading import PLATFORMS

if TYPE_CHECKING:
    from envdoctor.commands.describe import Description
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.model.sheet import Sheet

FORMATS = ("terminal", "markdown", "json")

WIDEST = 200
"""Columns of a table; on a wider screen the eye loses the line."""


@click.command(name="show")
@click.argument("words", nargs=-1, metavar="[WORD] [VERSION]")
@click.option(
    "--gpu", "gpus", multiple=True, metavar="NAME", callback=options.filled, help="What serves this GPU. Repeatable."
)
@click.option(
    "--compute-capability",
    "capabilities",
    multiple=True,
    metavar="X.Y",
    callback=options.filled,
    help="What serves GPUs of this compute capability. Repeatable.",
)
@click.option("--driver", metavar="VERSION", callback=options.filled, help="With a GPU: which of these run on it.")
@click.option(
    "--platform",
    metavar="OS-ARCH",
    callback=options.one_of(PLATFORMS),
    help=f"Builds for {', '.join(PLATFORMS)}. With a GPU or a Python by default the first, or that of the GPU's board.",
)
@click.option("--python-version", metavar="X.Y", callback=options.filled, help="Releases with a wheel for this Python.")
@click.option("--all", "everything", is_flag=True, help="Old releases too, and those that no plan names any more.")
@options.matrix
@click.option(
    "--format",
    "form",
    metavar="|".join(FORMATS),
    callback=options.one_of(FORMATS),
    default="terminal",
    show_default=True,
    help="Format of the tables.",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="[FORMAT=]FILE",
    callback=options.filled,
    help="Write the tables to a file. Repeatable with FORMAT=.",
)
def command(
    *,
    words: tuple[str, ...],
    gpus: tuple[str, ...],
    capabilities: tuple[str, ...],
    driver: str | None,
    platform: str | None,
    python_version: str | None,
    everything: bool,
    matrix_file: str | None,
    form: str,
    outputs: tuple[str, ...],
) -> int:
    """Print what envdoctor knows of torch releases, their builds, drivers and GPUs, with where it was read.

    \b
    envdoctor matrix show                       the latest torch releases
    envdoctor matrix show torch                 every release, every column
    envdoctor matrix show 2.7                   one line of releases, every build
    envdoctor matrix show --gpu V100            which releases serve a GPU
    envdoctor matrix show --gpu V100 --driver 535
    envdoctor matrix show 2.14 --gpu V100       build by build, with why not
    envdoctor matrix show --python-version 3.14 --platform windows-x86_64
    envdoctor matrix show drivers               or: drivers 535
    envdoctor matrix show gpus | peaks | cuda | cudnn | torchvision | torchaudio | images | conda | jetson
    envdoctor matrix show sources               where the rows come from

    A cell with "?" is not known, which is not the same as "none". Exit code 2 for what the matrix does not have.

    A file of --matrix adds rows, takes the place of some, or keeps plans off a release:

    \b
    [torch."2.13.0"]
    withheld = "breaks our data loader"
    """
    from datetime import date

    from envdoctor.commands import deliver, described_values, knowledge
    from envdoctor.commands.describe import Description
    from envdoctor.matrix.sheets.ask import NoSuchTable, answer
    from envdoctor.matrix.sheets.releases import Environment

    deliver.one_writer_each(outputs, None, FORMATS)
    matrix = knowledge.load(matrix_file)
    day = date.today().isoformat()
    try:
        if gpus or capabilities:
            described = Description(driver, gpus, capabilities, python_version, platform, None)
            sheet = _of_gpus(matrix, words, described, everything=everything, day=day)
        elif driver:
            raise Unusable("--driver: narrows the answer about a GPU; add --gpu NAME, or ask `matrix show drivers`")
        else:
            tag = described_values.python_version(python_version, matrix)[1] if python_version else None
            sheet = answer(matrix, words, Environment(platform, tag), everything=everything, day=day)
    except NoSuchTable as problem:
        raise Unusable(str(problem)) from None
    _write(sheet, form, outputs)
    return 0


def _of_gpus(matrix: Matrix, words: tuple[str, ...], described: Description, *, everything: bool, day: str) -> Sheet:
    """Return which releases serve the GPUs; the machine is described and read as `envdoctor plan` does."""
    from envdoctor.matrix.serving import capability_of, need_of
    from envdoctor.matrix.sheets.ask import releases_of
    from envdoctor.matrix.sheets.serving_gpus import Asked, serving
    from envdoctor.model.machine import Machine

    machine = Machine(described.snapshot(matrix))
    named = (*described.gpus, *(f"compute capability {text}" for text in described.capabilities))
    asked = []
    for gpu, name in zip(machine.gpus, named, strict=True):
        model = matrix.gpu(name) if gpu.index < len(described.gpus) else None
        asked.append(Asked(name, capability_of(gpu, matrix), model))
    found = releases_of(matrix, words)
    return serving(matrix, asked, need_of(machine, matrix), found, closely=bool(words), everything=everything, day=day)


def _write(sheet: Sheet, form: str, outputs: tuple[str, ...]) -> None:
    """Print the sheet, or write it to each file."""
    from envdoctor.commands import deliver

    if not outputs:
        width, colour = deliver.terminal_width(WIDEST), deliver.wants_colour()
        click.echo(_rendered(sheet, form, width=width, colour=colour), nl=False)
    for output in outputs:
        chosen, path = deliver.destination(output, form, FORMATS)
        deliver.save(path, _rendered(sheet, chosen, width=80, colour=False))


def _rendered(sheet: Sheet, form: str, *, width: int, colour: bool) -> str:
    from importlib import import_module

    reporter = import_module(f"envdoctor.reporters.matrix_{form}")
    return str(reporter.render_sheet(sheet, width=width, colour=colour))
