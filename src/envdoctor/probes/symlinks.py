"""Where a command really lies, followed by its links inside the machine that is looked at."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envdoctor.host.host import Host

MOST_LINKS = 16
"""Debian has three from `c++` to `g++-12`; a circle ends here too."""


def resolved(host: Host, path: str) -> str:
    """Return what `path` leads to when its last part is a link; the path itself where it is none."""
    for _ in range(MOST_LINKS):
        try:
            led = host.readlink(path)
        except (OSError, ValueError):  # no link; a NUL byte
            return path
        path = os.path.normpath(os.path.join(os.path.dirname(path), led))
    return path
