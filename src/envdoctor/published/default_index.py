"""Where packages come from when nothing is configured: pip or uv is asked, for no host is written down here."""

from __future__ import annotations

import re
import sys
import time
from typing import TYPE_CHECKING

from envdoctor.host.host import Host
from envdoctor.published.unreachable import Unreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

SECONDS = 20
"""For one answer; pip takes 0.5 s, on a cold disk several."""

WIDE = "500"
"""Columns of the terminal that the help is told it has, so that no address is broken at a hyphen."""

PIP = r"--index-url <url>.*?\(default (\S+?)\)"
UV = r"--default-index <DEFAULT_INDEX>.*?\(by default: <?(\S+?)>?\)"
ASKED: tuple[tuple[str, Sequence[str], str], ...] = (
    ("own pip", (sys.executable, "-m", "pip", "install", "--help"), PIP),
    ("pip", ("pip", "install", "--help"), PIP),
    ("uv", ("uv", "pip", "install", "--help"), UV),
)
"""Commands whose help names the default, and where in it."""


def default_index(host: Host) -> str:
    """Return the address that pip or uv takes packages from by itself. Raises `Unreachable` where neither tells."""
    asked = Host(environ={**host.environ, "COLUMNS": WIDE, "NO_COLOR": "1"}) if host.live else host
    for name, argv, pattern in ASKED:
        answer = asked.start(name, argv).answer(time.monotonic() + SECONDS)
        match = re.search(pattern, " ".join(answer.out.split())) if answer.exit == 0 else None
        if match:
            return match[1]
    raise Unreachable("neither pip nor uv tells where it is; --index-url names one")
