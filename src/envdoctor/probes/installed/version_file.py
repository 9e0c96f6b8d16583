"""Reading the `version.py` that torch and its partners write at build time, without running it."""

from __future__ import annotations

import re
from typing import NamedTuple

# torch 2.14.1+cu130 writes:            torch 1.12 wrote:
#   __version__ = '2.14.1+cu130'          __version__ = '1.12.1+cu102'
#   debug = False                         cuda: Optional[str] = '10.2'
#   cuda: Optional[str] = '13.0'          git_version = '664058f...'
#   git_version = '5c48869...'            hip: Optional[str] = None
ASSIGNMENT = re.compile(
    r"^(?P<name>__version__|cuda|hip|xpu|git_version)\s*(?::[^=\n]*)?=\s*"
    r"(?:(?P<quote>['\"])(?P<text>[^'\"\n]{0,200})(?P=quote)|(?P<none>None))\s*(?:#.*)?$",
    re.MULTILINE,
)


class VersionFile(NamedTuple):
    """What a version.py says; None where it says None or nothing. `told` holds the names it mentions."""

    version: str | None
    cuda: str | None
    hip: str | None
    xpu: str | None
    git: str | None
    told: frozenset[str]


def parse(text: str) -> VersionFile:
    """Read the assignments of a version.py; the last of each name counts."""
    said = {match["name"]: match["text"] for match in ASSIGNMENT.finditer(text)}
    return VersionFile(
        version=said.get("__version__"),
        cuda=said.get("cuda"),
        hip=said.get("hip"),
        xpu=said.get("xpu"),
        git=said.get("git_version"),
        told=frozenset(said),
    )
