"""How large wheels are, before any is downloaded: what servers say of them."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from envdoctor.published.connect import connect
from envdoctor.published.extra import MissingExtra
from envdoctor.published.within import within

if TYPE_CHECKING:
    from envdoctor.published.session import Session

SECONDS = 4.0
"""How long a server may take: a preview waits for it, and does without."""


def size_of_wheel(url: str, base: str | None = None) -> int | None:
    """Return the bytes of a file on a server (Content-Length of HEAD) or of a file: address; None where nobody tells.

    `base` is an address with the login for that server. A server that cannot be reached is asked once a run.
    """
    from envdoctor.published.unreachable import Unreachable

    try:
        session = _session()
        if base is not None:
            session.without_login(base)
    except (MissingExtra, Unreachable):
        return None
    return within(2 * SECONDS, lambda: session.size(url))


@cache
def _session() -> Session:
    return connect(use_cache=False, seconds=SECONDS)
