"""What a fix did as one JSON document, `envdoctor.fix/1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec import fix as codec
from envdoctor.codec.json_value import document_text

if TYPE_CHECKING:
    from envdoctor.model.fix import FixReport


def render_fix(report: FixReport, exit_code: int, **_layout: object) -> str:
    """Return the document in ASCII, with a line break at its end."""
    return document_text(codec.encode(report, exit_code)) + "\n"
