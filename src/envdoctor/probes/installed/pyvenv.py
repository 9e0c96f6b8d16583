"""Reading `pyvenv.cfg`, the file that makes a folder a virtual environment (PEP 405)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envdoctor.host.host import Host

MOST = 100
"""Settings read; `venv` writes five, virtualenv ten."""


def read(host: Host, prefix: str) -> Mapping[str, str] | None:
    """Return the settings of an environment, None where it has no such file."""
    try:
        text = host.read(os.path.join(prefix, "pyvenv.cfg"), 65536)
    except (OSError, ValueError):
        return None
    return parse(text)


def parse(text: str) -> dict[str, str]:
    """Read `key = value` lines; the last of each key counts, as it does for the interpreter's `site`."""
    told: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        name = key.strip().lower()
        if equals and name and (name in told or len(told) < MOST):
            told[name] = value.strip()
    return told
