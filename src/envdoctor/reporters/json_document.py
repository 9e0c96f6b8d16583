"""The report as one JSON document, `envdoctor.diagnosis/1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec import diagnosis
from envdoctor.codec.json_value import document_text

if TYPE_CHECKING:
    from envdoctor.model.report import Report


def render(report: Report, **_layout: object) -> str:
    """Return the document in ASCII, with a line break at its end."""
    return document_text(diagnosis.encode(report)) + "\n"
