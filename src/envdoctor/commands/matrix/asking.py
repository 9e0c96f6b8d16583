"""What `matrix verify` and `matrix refresh` share: their options, the way to the indexes, and what they read there."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from envdoctor.commands import options
from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from envdoctor.matrix.matrix import Matrix
    from envdoctor.upkeep.evidence import Evidence
    from envdoctor.upkeep.gather import Scope

    Function = TypeVar("Function", bound=Callable[..., Any])  # type: ignore[explicit-any, unused-ignore]


@dataclass(frozen=True, slots=True)
class Asked:
    """The options: where to read, and how."""

    index_url: str | None
    index_base: str | None
    no_cache: bool
    timeout: float | None


def _seconds(_: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Refuse what is no number of seconds; click's range lets "nan" through."""
    if value is not None and value != value:
        raise Unusable(f"{parameter.opts[0]} nan: not a number of seconds")
    return value


def asking(function: Function) -> Function:
    """Add the options that say what is read, and where."""
    for option in (
        click.option(
            "--timeout",
            type=click.FloatRange(0.1, 3600),
            metavar="SECONDS",
            callback=_seconds,
            help="Longest silence of a server. Default: what pip is configured for, else 60.",
        ),
        click.option("--no-cache", is_flag=True, help="Read everything anew and remember nothing."),
        click.option(
            "--no-architectures",
            is_flag=True,
            help="Leave the architecture lists out; they are 10 MB of each CUDA wheel.",
        ),
        click.option(
            "--torch",
            "torch",
            multiple=True,
            metavar="VERSION",
            callback=options.filled,
            help="Look at this torch release and its partners alone. Repeatable.",
        ),
        click.option(
            "--index-base",
            metavar="URL",
            callback=options.filled,
            help="Root of the PyTorch wheel index or of a mirror of it, which has a folder for each channel.",
        ),
        click.option(
            "--index-url",
            metavar="URL",
            callback=options.filled,
            help="The package index, in place of the one pip and uv are configured for.",
        ),
    ):
        function = option(function)
    return function


def scope_of(torch: tuple[str, ...], *, architectures: bool, new: bool) -> Scope:
    """Return what to look at. Raises `Unusable` for a text that is no version."""
    from envdoctor.matrix.versions import NotAVersion, parts
    from envdoctor.upkeep.gather import Scope

    for version in torch:
        try:
            parts(version)
        except NotAVersion:
            raise Unusable(f"--torch {version}: not a release such as 2.14.0") from None
    return Scope(frozenset(torch), architectures, new)


def read(matrix: Matrix, scope: Scope, asked: Asked) -> Evidence:
    """Read the indexes. Raises `Unusable`, one line, where the package index cannot be read or a library is missing."""
    from envdoctor.plan.wheel_index import BASE
    from envdoctor.published.connect import connect
    from envdoctor.published.extra import MissingExtra
    from envdoctor.published.unreachable import Unreachable
    from envdoctor.upkeep.gather import gather
    from envdoctor.upkeep.publisher import Publisher

    shown = sys.stderr.isatty()
    try:
        with connect(use_cache=not asked.no_cache, seconds=asked.timeout) as session:
            base = asked.index_base or BASE
            publisher = Publisher(session, asked.index_url, base, official=base.rstrip("/") == BASE)
            evidence = gather(matrix, publisher, scope, _show_progress if shown else _silent)
    except MissingExtra as missing:
        raise Unusable(str(missing)) from None
    except Unreachable as problem:
        raise Unusable(f"the package index: {problem.reason}") from None
    finally:
        if shown:
            click.echo("\x1b[K", nl=False, err=True)
    _known(matrix, scope, evidence)
    return evidence


def _known(matrix: Matrix, scope: Scope, evidence: Evidence) -> None:
    from envdoctor.matrix.versions import minor
    from envdoctor.upkeep.evidence import PACKAGE_INDEX

    versions = [*matrix.past_versions, *matrix.versions]
    for version in sorted(scope.only - set(versions)):
        if not evidence.release(PACKAGE_INDEX, "torch", version):
            near = [one for one in versions if minor(one) == minor(version)] or options.near_names(version, versions)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise Unusable(f"--torch {version}: neither in the matrix nor on the package index{hint}")


def _show_progress(what: str, done: int, of: int) -> None:
    # The cursor goes back at once, so that whatever is written next, "interrupted" too, takes the place of the line.
    click.echo(f"{what}: {done} of {of}\x1b[K\r", nl=False, err=True)


def _silent(what: str, done: int, of: int) -> None:
    """Say nothing: standard error goes to a file or a job's log."""
