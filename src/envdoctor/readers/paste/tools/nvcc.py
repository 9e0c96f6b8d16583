"""`nvcc --version`, and the version files of a CUDA toolkit.

nvcc: NVIDIA (R) Cuda compiler driver
Cuda compilation tools, release 12.2, V12.2.140
Build cuda_12.2.r12.2/compiler.33191640_0

CUDA Version 10.0.130                              (/usr/local/cuda/version.txt, until 11.0)
"cuda" : {  "name" : "CUDA SDK",  "version" : "11.8.20220929" }        (version.json, since 11.1)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known
from envdoctor.model.paste import Reading, Stated
from envdoctor.readers.paste.tools.missing_commands import says_missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Fact
    from envdoctor.model.paste import Line

FORMAT = "nvcc"

_RELEASE = r"(?i)(?:cuda compilation tools,?\s{1,4}|nvcc\b.{0,60}?\s)release\s{1,3}(\d{1,2}\.\d{1,2})\b"
_BUILD = r"Build cuda_(\d{1,2}\.\d{1,2})\.r\d"
_OPENING = (
    r"(?i)\s{0,8}(?:nvcc: |Cuda compilation tools|Build cuda_|Copyright \(c\) 2005-20\d\d NVIDIA"
    r"|Built on [A-Z][a-z]{2}_)"
)
_TEXT_FILE = r"(?i)version\.txt\b.{0,40}?CUDA Version\s{0,3}:?\s{0,3}(\d{1,2}\.\d{1,2}(?:\.\d{1,4})?)"
_TEXT = r"CUDA Version (\d{1,2}\.\d{1,2}\.\d{1,4})\s{0,8}"
_JSON_NAME = r"\"name\"\s{0,4}:\s{0,4}\"CUDA SDK\""
_JSON_VERSION = r"\"version\"\s{0,4}:\s{0,4}\"(\d{1,2}\.\d{1,2}(?:\.\d{1,8})?)\""
_LONGEST = 300


def read(lines: Sequence[Line]) -> Reading:
    """Read every such text; the first that names a version is that of the nvcc on PATH."""
    stated: list[Stated] = []
    claimed: set[int] = set()
    for at, line in enumerate(lines):
        text = line.text
        if len(text) > _LONGEST:
            continue
        low = text.lower()
        if not any(word in low for word in ("nvcc", "cuda", "nvidia")):
            continue
        following = lines[at + 1].text[:_LONGEST] if at + 1 < len(lines) else ""
        facts = list(_facts(text, following))
        stated += [Stated(name, fact, line.number) for name, fact in facts]
        if re.match(_OPENING, text) or any(name == "toolkit.home_version" for name, _ in facts):
            claimed.add(line.number)
    return Reading(FORMAT, tuple(stated), claimed=frozenset(claimed))


def _facts(text: str, following: str) -> Iterator[tuple[str, Fact]]:
    release = re.search(_RELEASE, text) or re.search(_BUILD, text)
    if release:
        yield "toolkit.nvcc_version", Known(release[1], FORMAT)
    elif says_missing(text, "nvcc"):
        yield "toolkit.nvcc", Absent("the shell finds no nvcc")
        yield "toolkit.nvcc_version", Absent("the shell finds no nvcc")
    file = re.search(_TEXT_FILE, text) or re.fullmatch(_TEXT, text.strip())
    if file is None and re.search(_JSON_NAME, text):
        file = re.search(_JSON_VERSION, text) or re.search(_JSON_VERSION, following)
    if file:
        # version.json counts days where version.txt counts builds: what follows the second dot is no release.
        yield "toolkit.home_version", Known(".".join(file[1].split(".")[:2]), "its version file")
