"""The beginning of a look: what takes time is started before anything else is even imported."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from envdoctor.probes import driver, interpreter
from envdoctor.probes.looking import Looking

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.probes.target import Target


def begin(host: Host, target: Target, *, timeout: float = 10.0, without: tuple[str, ...] = ()) -> Looking:
    """Start what takes time, the drivers and the interpreter; `timeout` is in seconds, for all of it together.

    `without` are the names of probes that are not asked.
    """
    at = Looking(host, target, deadline=time.monotonic() + timeout)
    at.without = frozenset(without)
    at.interpreter_child = interpreter.start(host, target)
    at.driver_children = driver.start(host)
    return at
