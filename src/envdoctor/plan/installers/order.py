"""What an installer is asked to do, in no installer's words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Order:
    """Put `requirements` (exact versions, local part included) into the environment of `python`.

    `again` reinstalls what is already there in that very version, and nothing it depends on.
    """

    python: str
    requirements: tuple[str, ...]
    index_url: str | None
    again: bool = False
