"""Reports: one format a file, each a pure function of a `Report`, imported when asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envdoctor.model.report import Report


class Render(Protocol):
    """What every reporter is; options that mean nothing to a format are ignored by it."""

    def __call__(self, report: Report, *, width: int = 80, colour: bool = False, verbose: bool = False) -> str:
        """Return the report as text that ends with a line break; `width` is in columns."""
        ...


def _terminal() -> Render:
    from envdoctor.reporters.terminal import render

    return render


def _json() -> Render:
    from envdoctor.reporters.json_document import render

    return render


REPORTERS: Mapping[str, Callable[[], Render]] = {"terminal": _terminal, "json": _json}
"""Format name to the function that imports its reporter."""
