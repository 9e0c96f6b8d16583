"""The organisation's file that was laid over the matrix, as every document names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envdoctor.codec.json_value import to_json

if TYPE_CHECKING:
    from envdoctor.model.fact import Value
    from envdoctor.model.overlay import OverlayName


def encode_overlay(overlay: OverlayName | None) -> Value:
    """Return its name and date; null where there is none."""
    return None if overlay is None else {"file": to_json(overlay.file), "revision": to_json(overlay.revision)}
