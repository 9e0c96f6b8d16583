"""`pip show`: blocks of `Name:`, `Version:`, `Location:`, set apart by `---`, and a line or two that is left of them.

Name: torch
Version: 2.4.0+cu121
Location: /opt/venv/lib/python3.11/site-packages
Requires: filelock, fsspec, jinja2, nvidia-cublas-cu12
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envdoctor.model.paste import Package, Reading, SaidLine
from envdoctor.readers.paste.listings.package_words import NAME, VERSION
from envdoctor.readers.paste.tools.folder_words import told_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envdoctor.model.paste import Line, Stated

FORMAT = "pip show"

_KEYS = (
    "Name|Version|Summary|Home-page|Author|Author-email|License|License-Expression|Location|Editable project location"
    "|Requires|Required-by|Installer|Metadata-Version|Classifiers|Entry-points|Project-URLs|Files"
)
_KEY = rf"\s{{0,8}}({_KEYS})\s{{0,3}}:(?:\s{{1,8}}(\S.{{0,4000}}))?\s{{0,8}}"
_ASKED = rf"(?i)(?:pip[\d.]{{0,5}}|uv pip)\s{{1,4}}show\s{{1,4}}(?:-{{1,2}}\w{{1,10}}\s{{1,3}})?({NAME})"
_BEHIND = (
    rf"[^:\n]{{0,80}}(?:->|=>|→|:|\|\s{{0,3}}grep\b[^:\n]{{0,40}})\s{{0,4}}"
    rf"Version\s{{0,3}}:\s{{0,3}}({VERSION})\b.{{0,80}}"
)
_NONE = r"WARNING: Package\(s\) not found:\s{0,3}(.{1,300})"
_LONGEST = 4000


@dataclass
class _Block:
    """The pairs of one package; `asked` is the name in the command before them, where only the version was kept."""

    asked: str
    told: dict[str, str] = field(default_factory=dict)
    lines: list[int] = field(default_factory=list)

    def package(self) -> Package | None:
        """What the pairs tell, None where they are those of something else."""
        name, version = self.told.get("Name", self.asked), self.told.get("Version", "")
        if not re.fullmatch(NAME, name) or not re.fullmatch(VERSION, version):
            return None
        return Package(name, version, self.lines[0], location=self.told.get("Location", ""))


def read(lines: Sequence[Line]) -> Reading:
    """Read blocks in which a name and a version stand, and the version below or behind the command for one name."""
    packages: list[Package] = []
    claimed: set[int] = set()
    said: list[SaidLine] = []
    stated: list[Stated] = []
    block = _Block("")

    def finish(following: _Block) -> _Block:
        package = block.package()
        if package:
            packages.append(package)
            stated.extend(told_by(package.location, f"{FORMAT}, Location", package.line))
            claimed.update(block.lines)
        return following

    for line in lines:
        text = line.text if len(line.text) <= _LONGEST else ""
        key = re.fullmatch(_KEY, text) if ":" in text else None
        asked = re.search(_ASKED, text) if " show " in text else None
        if key:
            if key[1] == "Name" or (key[1] == "Version" and "Version" in block.told):
                block = finish(_Block(""))
            block.told.setdefault(key[1], (key[2] or "").strip())
            block.lines.append(line.number)
        elif asked:
            block = finish(_Block(asked[1]))
            behind = re.fullmatch(_BEHIND, text[asked.end() :])
            if behind:
                packages.append(Package(asked[1], behind[1], line.number))
                block = _Block("")
            if behind and asked.start() <= len("> $ "):
                claimed.add(line.number)
        elif text.strip() and not text.lstrip().startswith(("---", "WARNING")):
            block = finish(_Block(""))
        if "not found:" in text and re.search(_NONE, text):
            said.append(SaidLine(text.strip(), line.number))
    finish(block)
    return Reading(FORMAT, tuple(stated), packages=tuple(packages), said=tuple(said), claimed=frozenset(claimed))
