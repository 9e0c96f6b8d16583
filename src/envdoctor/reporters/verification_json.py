"""A verification as one JSON document, `envdoctor.verification/1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec import verification as codec
from envdoctor.codec.json_value import document_text

if TYPE_CHECKING:
    from envdoctor.model.verification import Verification


def render_verification(verification: Verification, **_layout: object) -> str:
    """Return the document in ASCII, with a line break at its end."""
    return document_text(codec.encode(verification)) + "\n"
