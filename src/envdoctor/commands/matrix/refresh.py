"""`envdoctor matrix refresh`: the matrix file as the indexes have it, as a change to review."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

import envdoctor
from envdoctor.commands import deliver, options
from envdoctor.commands.failure import Unusable
from envdoctor.commands.matrix.asking import Asked, asking, read, scope_of

if TYPE_CHECKING:
    from envdoctor.matrix.matrix import Matrix


WRITTEN = "compat_matrix.toml"
WRITING = {"tomlkit": "tomlkit"}
"""What only this command needs of the extra `matrix`, beside what reading an index needs."""


@click.command(name="refresh")
@asking
@click.option(
    "--matrix",
    "matrix_file",
    metavar="FILE",
    callback=options.filled,
    help="The file to bring up to date. Default: compat_matrix.toml of this checkout.",
)
@click.option("--write", is_flag=True, help="Write the change into the file; whole or not at all.")
@click.option("-o", "--output", metavar="FILE", callback=options.filled, help="Write the new file there instead.")
def command(
    *,
    index_url: str | None,
    index_base: str | None,
    torch: tuple[str, ...],
    no_architectures: bool,
    no_cache: bool,
    timeout: float | None,
    matrix_file: str | None,
    write: bool,
    output: str | None,
) -> int:
    """Derive from the indexes what they can prove, and print how compat_matrix.toml would change.

    \b
    envdoctor matrix refresh                      the change, as a unified diff; nothing is written
    envdoctor matrix refresh --write              write it into the file
    envdoctor matrix refresh --torch 2.16.0       one release and its partners
    envdoctor matrix refresh -o new.toml          the whole new file, beside the old one

    A cell that a wheel tells otherwise is mended, its row names the wheel as source, and new releases become rows of
    their own. Rows kept by hand, their sources, comments and order stay as they are. The result must keep every law
    of the matrix, or nothing is written. Run twice, it changes nothing the second time.

    Exit code 0 with or without a change, 1 when the result would break a law, 2 for unusable input or a package index
    that cannot be read. What an index contradicts and only a person can decide is told on standard error.
    """
    from datetime import date

    from envdoctor.matrix.rows import MatrixError
    from envdoctor.published.extra import LIBRARIES, MissingExtra, require
    from envdoctor.reporters.plain_text import safe
    from envdoctor.upkeep.refresh import refreshed
    from envdoctor.upkeep.toml_text import NoPlace

    if write and output:
        raise Unusable("--write and -o exclude each other")
    try:
        require(LIBRARIES | WRITING)
    except MissingExtra as missing:
        raise Unusable(str(missing)) from None
    scope = scope_of(torch, architectures=not no_architectures, new=True)
    path = matrix_file or _of_this_checkout(write)
    matrix, text = _opened(path)
    try:
        evidence = read(matrix, scope, Asked(index_url, index_base, no_cache, timeout))
        found = refreshed(text, matrix, evidence, scope, date.today().isoformat())
    except (MatrixError, NoPlace) as problem:
        raise Unusable(str(problem) if isinstance(problem, MatrixError) else f"{path}: {problem}") from None
    for left in found.left:
        click.echo(f"Left as it is: {safe(left, 1000)}", err=True)
    broken = _breach(found.text, path)
    if broken is not None:
        click.echo(f"envdoctor: nothing written, the result breaks a law: {safe(broken, 1000)}", err=True)
        return 1
    if output:
        deliver.save(output, found.text)
    elif found.text == text:
        click.echo("Nothing to change.")
    elif write:
        if _text(path) != text:  # reading the indexes takes minutes
            raise Unusable(f"{path}: changed while the indexes were read; nothing written")
        deliver.save(path, found.text)
        click.echo(f"Written: {safe(path)}")
    else:
        click.echo(_diff(text, found.text, os.path.basename(path)), nl=False)
    return 0


def _of_this_checkout(write: bool) -> str:
    """Return the matrix file to start from; one inside an installed package is read and never written."""
    package = os.path.dirname(os.path.realpath(envdoctor.__file__))
    checkout = os.path.join(os.path.dirname(os.path.dirname(package)), WRITTEN)
    if os.path.isfile(checkout):
        return checkout
    if write:
        raise Unusable("--write: this envdoctor is installed, not a checkout; --matrix FILE names the file to write")
    return os.path.join(package, WRITTEN)


def _opened(path: str) -> tuple[Matrix, str]:
    """Return the matrix in a file and its text. The laws are those of the result, so a broken file can be mended."""
    from envdoctor.matrix.load import read_toml
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.overlay import is_whole
    from envdoctor.matrix.rows import MatrixError

    try:
        document = read_toml(path)
    except MatrixError as problem:
        raise Unusable(str(problem)) from None
    if not is_whole(document):
        raise Unusable(f"{path}: an overlay, not a whole matrix; its rows are kept by those who wrote it")
    return Matrix(document, path), _text(path)


def _text(path: str) -> str:
    """Return the text of the file with its own line ends. Raises `Unusable`."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except OSError as problem:
        raise Unusable(f"{path}: cannot be read: {problem.strerror or problem}") from None


def _breach(text: str, path: str) -> str | None:
    """Return the first law that the new text breaks; None where it keeps all."""
    from envdoctor.matrix import laws
    from envdoctor.matrix.matrix import Matrix
    from envdoctor.matrix.rows import MatrixError
    from envdoctor.upkeep.toml_text import parsed

    try:
        return next(laws.broken(Matrix(parsed(text), os.path.basename(path))), None)
    except (MatrixError, ValueError) as problem:
        return str(problem)


def _diff(old: str, new: str, name: str) -> str:
    from difflib import unified_diff

    return "".join(unified_diff(old.splitlines(True), new.splitlines(True), f"a/{name}", f"b/{name}"))
