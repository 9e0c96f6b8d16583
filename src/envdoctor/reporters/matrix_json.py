"""Tables of the matrix as one JSON document, `envdoctor.matrix/1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec import sheet as sheet_document
from envdoctor.codec.json_value import document_text

if TYPE_CHECKING:
    from envdoctor.model.sheet import Sheet


def render_sheet(sheet: Sheet, **_layout: object) -> str:
    """Return the document in ASCII, with a line break at its end."""
    return document_text(sheet_document.encode(sheet)) + "\n"
