"""What the way a folder is written tells: the operating system, and the Python whose packages it holds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Known
from envdoctor.model.paste import Stated

if TYPE_CHECKING:
    from collections.abc import Iterator

_SYSTEMS = (
    ("windows", r"[A-Za-z]:[\\/]"),
    ("macos", r"/Users/|/opt/homebrew/|/Library/|/System/"),
    (
        "linux",
        r"/(?:home|root|mnt|media|workspace|kaggle|content|proc|sys|scratch|lustre)/|/usr/lib/|.{0,200}/dist-packages",
    ),
)
_PYTHON = r"[\\/](?:lib[\\/]python|Python)(\d)\.?(\d{1,2})[\\/]"
"""The folders of POSIX (`lib/python3.11`) and of the installer for Windows (`Python311`)."""


def system_of(folder: str) -> str | None:
    """Return the system whose folders are written like this one, None where several write so."""
    return next((system for system, form in _SYSTEMS if re.match(form, folder)), None)


def told_by(folder: str, source: str, line: int) -> Iterator[Stated]:
    """State the system and the Python of a folder of packages, as far as it tells them."""
    system = system_of(folder)
    if system:
        yield Stated("host.os", Known(system, source), line)
    python = re.search(_PYTHON, folder[:400])
    if python:
        yield Stated("python.version", Known(f"{python[1]}.{python[2]}", source), line)
