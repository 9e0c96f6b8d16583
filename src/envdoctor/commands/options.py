"""The options that several commands share, declared once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from envdoctor.commands.failure import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    T = TypeVar("T")
    Function = TypeVar("Function", bound=Callable[..., Any])  # type: ignore[explicit-any, unused-ignore]


def filled(_: click.Context, parameter: click.Parameter, value: T) -> T:
    """Refuse an empty value: mostly a variable that was not set, and never what was meant."""
    values = value if isinstance(value, tuple) else (value,)
    if any(isinstance(one, str) and not one.strip() for one in values):
        raise Unusable(f"{parameter.opts[0]}: the value is empty")
    return value


def seconds(context: click.Context, parameter: click.Parameter, value: float | None) -> float | None:
    """Refuse what is no number of seconds; click's range lets "nan" through."""
    if value != value:
        raise Unusable(f"{parameter.opts[0]} nan: not a number of seconds")
    return filled(context, parameter, value)


def one_of(
    names: Sequence[str], other_words: Mapping[str, str] | None = None
) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    """Return the callback of an option that takes one of a few names.

    Any other is refused in one line that suggests the nearest, where click's own choice says it in four.
    `other_words` maps what other tools call a name to ours.
    """

    def spelled(_: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
        plain = (value or "").strip().lower()
        if value is None or plain in names:
            return plain or None
        near = [other_words[plain]] if other_words and plain in other_words else near_names(plain, names)
        hint = f"did you mean {' or '.join(near)}?" if near else f"it is one of {', '.join(names)}"
        raise Unusable(f"{parameter.opts[0]} {value}: unknown; {hint}")

    return spelled


def near_names(text: str, names: Sequence[str]) -> list[str]:
    """Return at most three of the names that a text begins, or else that resemble it, the nearest first."""
    from difflib import get_close_matches

    begun = [name for name in names if text and name.startswith(text)]
    # difflib takes time that grows with the square of the length.
    return begun[:3] or get_close_matches(text[:80], names, 3)


FORMATS = ("terminal", "json")
TEXT_FORMATS = (*FORMATS, "markdown")
"""Formats of a comparison, which is posted too."""
REPORTS = (*TEXT_FORMATS, "github", "github-summary", "sarif", "junit", "gitlab", "prometheus", "openmetrics")
"""Formats of what judges: `reporters.REPORTERS` has one function for each."""
FAIL_ON = ("error", "warning", "note", "never")


def examining(function: Function) -> Function:
    """Add what chooses and bounds a look at a machine."""
    function = click.option(
        "--timeout",
        type=click.FloatRange(0.1, 3600),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        callback=seconds,
        help="Longest time for drivers and interpreters to answer.",
    )(function)
    return click.option(
        "--python",
        metavar="PATH",
        callback=filled,
        help="Examine another interpreter's environment: a path, a folder, or a command on PATH.",
    )(function)


def deep(function: Function) -> Function:
    """Add the comparison of installed files with their digests."""
    return click.option(
        "--deep",
        is_flag=True,
        help="Also compare the content of installed files with the hashes their installer recorded (reads gigabytes).",
    )(function)


def judging(function: Function) -> Function:
    """Add what governs judging and the report."""
    return _reporting(matrix(_governing(function)), REPORTS)


def judging_others(function: Function) -> Function:
    """Add the same where the machine is somebody else's: a policy that nobody named is not looked for."""
    return _reporting(matrix(_governing(function, policy="none: it is somebody else's machine.")), REPORTS)


def judging_kernels(function: Function) -> Function:
    """Add the same where kernels are judged, whose report is a table."""
    return _reporting(matrix(_governing(function)), FORMATS)


def governing(function: Function) -> Function:
    """Add what governs judging alone."""
    return matrix(_governing(function))


def fail_on(function: Function) -> Function:
    """Add from which severity on the exit code is 1."""
    return click.option(
        "--fail-on",
        metavar=f"[{'|'.join(FAIL_ON)}]",
        callback=one_of(FAIL_ON),
        help="Lowest severity that makes the exit code 1. Default: the policy's, else error.",
    )(function)


def _governing(
    function: Function, policy: str = "ENVDOCTOR_POLICY, then envdoctor.toml or [tool.envdoctor] of this project."
) -> Function:
    for option in (
        click.option("--ignore", multiple=True, metavar="RULE", callback=filled, help="Leave a rule out. Repeatable."),
        click.option(
            "--select", multiple=True, metavar="RULE", callback=filled, help="Run this rule alone. Repeatable."
        ),
        click.option("--strict", is_flag=True, help="Exit 3 when a fact that is needed cannot be found out."),
        fail_on,
        click.option(
            "--policy",
            "policy_file",
            metavar="FILE",
            callback=filled,
            help=f"What is demanded and what counts. Default: {policy}",
        ),
    ):
        function = option(function)
    return function


def profile(function: Function) -> Function:
    """Add which profile a machine is looked at with, and whether it has to be what was locked."""
    function = click.option(
        "--locked", is_flag=True, help="Demand the environment that `envdoctor lock` wrote down (envdoctor.lock)."
    )(function)
    return click.option(
        "--profile",
        metavar="NAME",
        callback=filled,
        help="Probes, rules, kernels and policy together: core, cpu, gpu, or a file of your own.",
    )(function)


def reporting(function: Function) -> Function:
    """Add where and how a report is written."""
    return _reporting(function, FORMATS)


def reporting_text(function: Function) -> Function:
    """Add the same for what can be Markdown as well."""
    return _reporting(function, TEXT_FORMATS)


def _reporting(function: Function, formats: Sequence[str]) -> Function:
    function = click.option("-v", "--verbose", is_flag=True, help="Show every detail.")(function)
    function = click.option(
        "-o",
        "--output",
        "outputs",
        multiple=True,
        metavar="[FORMAT=]FILE",
        callback=filled,
        help="Write the report to a file, - for standard output, names of people and machines taken out. Repeatable: "
        "-o terminal=- -o json=report.json prints one and saves another.",
    )(function)
    return click.option(
        "--format",
        "form",
        metavar=f"[{'|'.join(formats)}]",
        callback=one_of(formats),
        default="terminal",
        show_default=True,
        help="Format of the report.",
    )(function)


def wishing(function: Function) -> Function:
    """Add which torch and partners are wanted."""
    for option in (
        click.option(
            "-c",
            "--constraint",
            "constraint_files",
            multiple=True,
            callback=filled,
            metavar="FILE",
            help="Keep to what a constraint file demands of torch and its partners. Repeatable.",
        ),
        click.option(
            "--with", "partners", metavar="NAMES", default="", help="Partners to include: torchvision,torchaudio."
        ),
        click.option(
            "--torch", callback=filled, metavar="SPEC", help="Keep to these torch releases: 2.9.1, '>=2.6,<2.9'."
        ),
    ):
        function = option(function)
    return function


LAYOUTS = ("auto", "projects", "flat")
"""How a mirror is laid out: ask it, a page a project, a folder or page of links."""


def index_base(function: Function) -> Function:
    """Add a mirror to take wheels of PyTorch from."""
    return click.option(
        "--index-base",
        callback=filled,
        metavar="URL",
        help="Root of a mirror of the PyTorch wheel index. Default: ENVDOCTOR_INDEX_BASE, then your settings.",
    )(function)


def mirror(function: Function) -> Function:
    """Add a mirror, and how it is laid out."""
    function = click.option(
        "--index-layout",
        callback=one_of(LAYOUTS),
        default="auto",
        show_default=True,
        metavar=f"[{'|'.join(LAYOUTS)}]",
        help="How the mirror is laid out: a page a project, or flat folders; auto asks it.",
    )(function)
    return index_base(function)


def matrix(function: Function) -> Function:
    """Add a file laid over the compatibility matrix, or in place of it."""
    return click.option(
        "--matrix", "matrix_file", metavar="FILE", callback=filled, help="Lay this file over the compatibility matrix."
    )(function)
