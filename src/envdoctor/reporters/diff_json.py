"""Two machines side by side as one JSON document, `envdoctor.diff/1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec import diff
from envdoctor.codec.json_value import document_text

if TYPE_CHECKING:
    from envdoctor.model.difference import DiffReport


def render_diff(report: DiffReport, **_layout: object) -> str:
    """Return the document in ASCII, with a line break at its end."""
    return document_text(diff.encode(report)) + "\n"
