"""What the battery gave as one JSON document, `envdoctor.smoke/1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec import smoke as codec
from envdoctor.codec.json_value import document_text

if TYPE_CHECKING:
    from envdoctor.model.smoke_report import SmokeReport


def render_smoke(report: SmokeReport, **_layout: object) -> str:
    """Return the document in ASCII, with a line break at its end."""
    return document_text(codec.encode(report)) + "\n"
