"""The one way to a session: what is configured on this machine, and what is remembered of earlier runs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envdoctor.host.host import Host
from envdoctor.published.extra import ALWAYS, LIBRARIES, require
from envdoctor.published.settings import read_settings
from envdoctor.published.store import Store, user_store

if TYPE_CHECKING:
    from envdoctor.published.session import Session


def connect(*, use_cache: bool = True, seconds: float | None = None) -> Session:
    """Return a session for `with`; nothing is asked of the network yet. Raises `MissingExtra`.

    Without the cache it needs no extra. `seconds` is how long a server may stay silent; without it pip's own setting
    counts, then 60 s.
    """
    require(LIBRARIES if use_cache else ALWAYS)
    from envdoctor.published.session import Session

    return Session(read_settings(Host()), user_store(os.environ) if use_cache else Store(None), seconds=seconds)
