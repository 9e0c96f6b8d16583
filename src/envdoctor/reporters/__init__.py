"""Reports: one format a file, each a pure function of a `Report`, imported when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envdoctor.model.difference import DiffReport
    from envdoctor.model.report import Report


class Render(Protocol):
    """What every reporter is; options that mean nothing to a format are ignored by it."""

    def __call__(self, report: Report, *, width: int = 80, colour: bool = False, verbose: bool = False) -> str:
        """Return the report as text that ends with a line break; `width` is in columns."""
        ...


class RenderDiff(Protocol):
    """The same for a comparison of two machines."""

    def __call__(self, report: DiffReport, *, width: int = 80, colour: bool = False, verbose: bool = False) -> str:
        """Return the comparison as text that ends with a line break."""
        ...


def _terminal() -> Render:
    from envdoctor.reporters.terminal import render

    return render


def _json() -> Render:
    from envdoctor.reporters.json_document import render

    return render


def _markdown() -> Render:
    from envdoctor.reporters.markdown import render

    return render


def _github() -> Render:
    from envdoctor.reporters.github import render

    return render


def _github_summary() -> Render:
    from envdoctor.reporters.github_summary import render

    return render


def _sarif() -> Render:
    from envdoctor.reporters.sarif import render

    return render


def _junit() -> Render:
    from envdoctor.reporters.junit import render

    return render


def _gitlab() -> Render:
    from envdoctor.reporters.gitlab import render

    return render


def _prometheus() -> Render:
    from envdoctor.reporters.prometheus import render

    return render


def _openmetrics() -> Render:
    from envdoctor.reporters.openmetrics import render

    return render


REPORTERS: Mapping[str, Callable[[], Render]] = {
    "terminal": _terminal,
    "json": _json,
    "markdown": _markdown,
    "github": _github,
    "github-summary": _github_summary,
    "sarif": _sarif,
    "junit": _junit,
    "gitlab": _gitlab,
    "prometheus": _prometheus,
    "openmetrics": _openmetrics,
}
"""Format name to the function that imports its reporter."""


def _diff_terminal() -> RenderDiff:
    from envdoctor.reporters.diff_terminal import render_diff

    return render_diff


def _diff_json() -> RenderDiff:
    from envdoctor.reporters.diff_json import render_diff

    return render_diff


def _diff_markdown() -> RenderDiff:
    from envdoctor.reporters.diff_markdown import render_diff

    return render_diff


DIFF_REPORTERS: Mapping[str, Callable[[], RenderDiff]] = {
    "terminal": _diff_terminal,
    "json": _diff_json,
    "markdown": _diff_markdown,
}
"""The same for a comparison."""
