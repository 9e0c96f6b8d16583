"""The options that several commands share, declared once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    T = TypeVar("T")
    Function = TypeVar("Function", bound=Callable[..., Any])  # type: ignore[explicit-any, unused-ignore]


def filled(_: click.Context, parameter: click.Parameter, value: T) -> T:
    """Refuse an empty value: mostly a variable that was not set, and never what was meant."""
    values = value if isinstance(value, tuple) else (value,)
    if any(isinstance(one, str) and not one.strip() for one in values):
        raise Unusable(f"{parameter.opts[0]}: the value is empty")
    return value


def _seconds(context: click.Context, parameter: click.Parameter, value: float) -> float:
    """Refuse what is no number of seconds; click's range lets "nan" through."""
    if value != value:
        raise Unusable(f"{parameter.opts[0]} nan: not a number of seconds")
    return filled(context, parameter, value)


FORMATS = ("terminal", "json")
FAIL_ON = ("error", "warning", "note", "never")


def examining(function: Function) -> Function:
    """Add what chooses and bounds a look at a machine."""
    function = click.option(
        "--timeout",
        type=click.FloatRange(0.1, 3600),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        callback=_seconds,
        help="Longest time for drivers and interpreters to answer.",
    )(function)
    return click.option(
        "--python",
        metavar="PATH",
        callback=filled,
        help="Examine another interpreter's environment: a path, a folder, or a command on PATH.",
    )(function)


def judging(function: Function) -> Function:
    """Add what governs judging and the report."""
    for option in (
        click.option("--ignore", multiple=True, metavar="RULE", callback=filled, help="Leave a rule out. Repeatable."),
        click.option(
            "--select", multiple=True, metavar="RULE", callback=filled, help="Run this rule alone. Repeatable."
        ),
        click.option("--strict", is_flag=True, help="Exit 3 when a fact that is needed cannot be found out."),
        click.option(
            "--fail-on",
            type=click.Choice(FAIL_ON),
            default="error",
            show_default=True,
            help="Lowest severity that makes the exit code 1.",
        ),
    ):
        function = option(function)
    return reporting(matrix(function))


def reporting(function: Function) -> Function:
    """Add where and how a report is written."""
    function = click.option("-v", "--verbose", is_flag=True, help="Show every detail.")(function)
    function = click.option(
        "-o",
        "--output",
        "outputs",
        multiple=True,
        metavar="[FORMAT=]FILE",
        callback=filled,
        help="Write the report to a file, names of people and machines taken out. Repeatable with FORMAT=.",
    )(function)
    return click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        default="terminal",
        show_default=True,
        help="Format of the report.",
    )(function)


def matrix(function: Function) -> Function:
    """Add the choice of another compatibility matrix."""
    return click.option(
        "--matrix", "matrix_file", metavar="FILE", callback=filled, help="Judge by this compatibility matrix."
    )(function)
