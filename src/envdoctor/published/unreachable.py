"""Why something that is published could not be read. The reason is one line and names no host."""

from __future__ import annotations


class Unreachable(Exception):
    """An index, a page or a wheel could not be read, so nothing is known of it.

    `reason` reads on after a name: "the package index: asks for a login (status 401)". It holds no address, for
    an address may hold what opens it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotThere(Unreachable):
    """The server answered, and what was asked for is not there: the only answer that speaks of the thing itself."""
