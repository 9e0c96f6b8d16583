"""`envdoctor matrix verify`: each row beside what the indexes and their wheels say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from envdoctor.commands import deliver, options
from envdoctor.commands.matrix.asking import Asked, asking, read, scope_of

if TYPE_CHECKING:
    from envdoctor.model.verification import Verification

FORMATS = ("terminal", "markdown", "json")


@click.command(name="verify")
@asking
@click.option("--matrix", "matrix_file", metavar="FILE", callback=options.filled, help="Verify this matrix or overlay.")
@click.option(
    "--format",
    "form",
    metavar=f"[{'|'.join(FORMATS)}]",
    callback=options.one_of(FORMATS),
    default="terminal",
    show_default=True,
    help="Format of the report.",
)
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="[FORMAT=]FILE",
    callback=options.filled,
    help="Write the report to a file. Repeatable with FORMAT=.",
)
@click.option("-v", "--verbose", is_flag=True, help="Name every cell that nobody could tell of.")
def command(
    *,
    index_url: str | None,
    index_base: str | None,
    torch: tuple[str, ...],
    no_architectures: bool,
    no_cache: bool,
    timeout: float | None,
    matrix_file: str | None,
    form: str,
    outputs: tuple[str, ...],
    verbose: bool,
) -> int:
    """Compare each row with what is published, and say which are confirmed, contradicted or not reachable.

    \b
    envdoctor matrix verify                       everything; the first run reads some hundred MB, the next few
    envdoctor matrix verify --no-architectures    without the 10 MB of each CUDA wheel that tell its kernels
    envdoctor matrix verify --torch 2.15.0        one release
    envdoctor matrix verify -o json=result.json -o markdown=result.md

    Releases, days, Pythons, platforms, partners, pins and default channels are read from the package index that pip
    or uv is configured for, and from one wheel of each release and platform, in parts; the other channels from the
    PyTorch wheel index. Drivers, GPUs and whatever else no index knows is listed apart, never as confirmed.

    Exit code 0 when nothing is contradicted (what could not be reached is listed), 1 when something is, 2 for
    unusable input or a package index that cannot be read. The libraries for it are the extra `matrix`.
    """
    from datetime import date

    from envdoctor import __version__
    from envdoctor.commands import knowledge
    from envdoctor.upkeep.verify import verification

    deliver.one_writer_each(outputs, None, FORMATS)
    scope = scope_of(torch, architectures=not no_architectures, new=False)
    matrix = knowledge.load(matrix_file)
    evidence = read(matrix, scope, Asked(index_url, index_base, no_cache, timeout))
    found = verification(matrix, evidence, scope, date.today().isoformat(), __version__)
    for output in outputs:
        chosen, path = deliver.destination(output, form, FORMATS)
        deliver.save(path, _text(found, chosen, 80, colour=False, verbose=verbose))
    if not outputs:
        width = deliver.terminal_width()
        click.echo(_text(found, form, width, colour=deliver.wants_colour(), verbose=verbose), nl=False)
    return found.exit_code


def _text(found: Verification, form: str, width: int, *, colour: bool, verbose: bool) -> str:
    if form == "json":
        from envdoctor.reporters.verification_json import render_verification as as_json

        return as_json(found)
    if form == "markdown":
        from envdoctor.reporters.verification_markdown import render_verification as as_markdown

        return as_markdown(found, verbose=verbose)
    from envdoctor.reporters.verification_terminal import render_verification as as_text

    return as_text(found, width=width, colour=colour, verbose=verbose)
