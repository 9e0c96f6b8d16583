"""The organisation's file that was laid over the compatibility matrix, as reports name it."""

from __future__ import annotations

from typing import NamedTuple


class OverlayName(NamedTuple):
    """`file` without its folder, `revision` the date the file states for itself; None where it states none."""

    file: str
    revision: str | None

    def __str__(self) -> str:
        """As a heading shows it: "ours.toml of 2026-12-01"."""
        return f"{self.file} of {self.revision}" if self.revision else self.file
