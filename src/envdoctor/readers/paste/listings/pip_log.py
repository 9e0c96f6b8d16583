"""What pip and uv print while they install: what they installed, found there, and complain of afterwards.

    Successfully installed torch-2.1.0 triton-2.1.0
    Requirement already satisfied: torch in /opt/venv/lib/python3.11/site-packages (2.1.0)
     + torch==2.6.0+cu126                                                             (uv)
    torchvision 0.15.2 requires torch==2.0.1, but you have torch 2.1.0 which is incompatible.

The last installation is what is there now.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.paste import Package, Reading, SaidLine
from envdoctor.readers.paste.listings.package_words import NAME, VERSION
from envdoctor.readers.paste.tools.folder_words import told_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.paste import Line

FORMAT = "pip's log"

_INSTALLED = r"Successfully installed((?: \S{3,160}){1,600})"
_SATISFIED = (
    rf"Requirement already (?:satisfied|up-to-date): ({NAME})\S{{0,200}} in "
    rf"(\S{{1,300}})(?: \(from [^)]{{1,300}}\)){{0,4}} \(({VERSION})\)"
)
_UV = rf"\s{{0,4}}[+~] ({NAME})==({VERSION})(?: \(from .{{1,300}}\))?\s{{0,4}}"
_DEMANDS = (" has requirement ", " requires ")
_HAVE = rf"(?:'ll)? have ({NAME}) ({VERSION})(?=[ .]|$)"
_LONGEST = 20_000
_MOST = 1000
"""Lines that name packages: a log of one installation has one of the first kind and some hundred of the others."""


def read(lines: Sequence[Line]) -> Reading:
    """Read each line for itself."""
    rounds: list[list[Package]] = []
    said: list[SaidLine] = []
    claimed: set[int] = set()
    for line in lines:
        if len(line.text) > _LONGEST:
            continue
        found = list(_in_line(line)) if len(rounds) < _MOST else []
        if found:
            rounds.append(found)
        if _complaint(line.text):
            said.append(SaidLine(line.text.strip(), line.number))
        elif found:
            claimed.add(line.number)
    packages = [package for found in reversed(rounds) for package in found]
    places = [stated for one in packages if one.location for stated in told_by(one.location, FORMAT, one.line)]
    return Reading(FORMAT, tuple(places[:2]), packages=tuple(packages), said=tuple(said), claimed=frozenset(claimed))


def _in_line(line: Line) -> Iterator[Package]:
    text = line.text
    installed = re.search(_INSTALLED, text) if "Successfully installed" in text else None
    if installed:
        words = (_split(word) for word in installed[1].split())
        yield from (Package(name, version, line.number) for name, version in words if version)
    if "Requirement already" in text:
        satisfied = re.search(_SATISFIED, text)
        if satisfied:
            yield Package(satisfied[1], satisfied[3], line.number, location=satisfied[2])
    uv = re.fullmatch(_UV, text)
    if uv:
        yield Package(uv[1], uv[2], line.number)
    yield from (Package(name, version, line.number) for name, version in _complaint(text))


def _complaint(text: str) -> list[tuple[str, str]]:
    """Return who demands something else, and what is there: of "a 1.0 requires b==2.0, but you have b 3.0"."""
    at = text.find(" but you")
    demand = next((found for words in _DEMANDS if 0 <= (found := text.find(words)) < at), -1)
    if demand < 0:
        return []
    who = text[:demand].rsplit(None, 2)[-2:]
    have = re.match(_HAVE, text[at + len(" but you") :])
    if have is None or len(who) < 2 or not re.fullmatch(NAME, who[0]) or not re.fullmatch(VERSION, who[1]):
        return []
    return [(who[0], who[1]), (have[1], have[2].rstrip("."))]


def _split(word: str) -> tuple[str, str]:
    """Return name and version of "nvidia-cublas-cu12-12.1.3.1": the version is what follows the last such dash."""
    name, _, version = word.rpartition("-")
    if not re.fullmatch(VERSION, version):
        return word, ""
    return (name, version) if re.fullmatch(NAME, name) else (word, "")
