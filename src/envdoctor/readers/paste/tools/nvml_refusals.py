"""The refusals of NVIDIA's management library, as nvidia-smi and other programs print them.

Numbers: `nvmlReturn_t` of the NVML API reference; words: `nvmlErrorString` of the library and of nvidia-ml-py, and the
sentences of nvidia-smi itself (its manual page, "RETURN VALUE").
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Known
from envdoctor.model.paste import SaidLine, Stated
from envdoctor.readers.paste.tools.missing_commands import says_missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envdoctor.model.fact import Fact
    from envdoctor.model.paste import Line

SOURCE = "nvidia-smi"
LIBRARY_NOT_FOUND = 12

WORDS = (
    # Compared without regard to case, the longer before what they contain.
    ("driver/library version mismatch", 18),
    ("nvml/rm version mismatch", 18),
    ("nvmlerror_librmversionmismatch", 18),
    ("driver not loaded", 9),
    ("nvmlerror_drivernotloaded", 9),
    ("insufficient permissions", 4),
    ("nvmlerror_nopermission", 4),
    ("insufficient external power", 8),
    ("gpu access blocked by the operating system", 17),
    ("operating system has blocked the request", 17),
    ("nvmlerror_operatingsystem", 17),
    ("shared library not found", LIBRARY_NOT_FOUND),
    ("nvmlerror_librarynotfound", LIBRARY_NOT_FOUND),
    ("gpu is lost", 15),
    ("nvmlerror_gpuislost", 15),
    ("gpu requires reset", 16),
    ("gpu requires restart", 16),
    ("corrupted inforom", 14),
    ("interrupt request issue", 11),
    ("timeout", 10),
    ("insufficient memory", 20),
    ("unknown error", 999),
    ("nvmlerror_unknown", 999),
)

_START = r"(?i)failed to (?:initiali[sz]e|properly shut ?down) NVML\s{0,3}:|nvml error\s{0,3}:|NVMLError_\w{1,40}"
_HANDLE = (
    r"(?i)unable to determine the device handle for gpu(?:\s{0,2}(\d{1,3}):)?\s{0,3}"
    r"(?:[0-9a-f]{3,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]"
)
_NO_DRIVER = r"(?i)couldn.?t communicate with the nvidia driver|could not communicate with the nvidia driver"
_NO_LIBRARY = r"(?i)couldn.?t find (?:the )?(?:libnvidia-ml|nvml)"
_NONE = r"(?i)(?:.{0,80}nvidia-smi.{0,40}[>:→-]\s{0,3})?no devices were found[.!]?"
_LIBRARY = r"(?i)NVML library version\s{0,3}:\s{0,3}(\d{3}\.\d{1,3}(?:\.\d{1,3})?)"
_TELLING = ("NVML", "nvml", "NVIDIA-SMI", "nvidia-smi", "device handle", "devices were found")
_LONGEST = 600
_MOST = 100
"""Refusals that are kept: a log may repeat one every second."""


def refusals(lines: Sequence[Line]) -> Iterator[tuple[SaidLine, tuple[Stated, ...]]]:
    """Yield each refusal with the facts that it states."""
    found = 0
    for at, line in enumerate(lines):
        if found == _MOST:
            return
        if len(line.text) > _LONGEST or not any(word in line.text for word in _TELLING):
            continue
        text = line.text.strip()
        # nvidia-smi's sentences are longer than some terminals are wide, and say their version in a line of its own.
        after = lines[at + 1].text.strip()[:_LONGEST] if at + 1 < len(lines) else ""
        facts = _facts(text, f"{text} {after}")
        if facts and not _facts(text, text):
            text = f"{text} {after}"
        library = re.match(_LIBRARY, after)
        if facts and library:
            facts["driver.library_version"] = Known(library[1], SOURCE)
            text = f"{text}\n{after}"
        if facts:
            stated = tuple(Stated(name, fact, line.number) for name, fact in facts.items())
            found += 1
            yield SaidLine(text, line.number), stated


def _facts(text: str, wrapped: str) -> dict[str, Fact]:
    """Return what a line states; `wrapped` is the line with the one after it."""
    start = re.search(_START, text)
    if start:
        return _status(_code(text[start.start() :]) or _code(wrapped[start.start() :]))
    handle = re.search(_HANDLE, text)
    if handle:
        code = _code(text[handle.end() :]) or 999
        if handle[1]:
            number = int(handle[1])
            least = Known(number + 1, SOURCE)
            return {"nvml.status": Known(0, SOURCE), "gpu.count": least, f"gpu.{number}.status": Known(code, SOURCE)}
        return _status(code)
    if "nvidia-smi" in text.lower():
        if re.search(_NO_DRIVER, wrapped):
            return _status(9)
        if re.search(_NO_LIBRARY, wrapped):
            return _status(LIBRARY_NOT_FOUND)
        if says_missing(text, "nvidia-smi"):
            gone: Fact = Absent("the shell finds no nvidia-smi")
            windows = "is not recogni" in text
            return {"driver.version.smi": gone} | ({"host.os": Known("windows", "the shell")} if windows else {})
    if re.fullmatch(_NONE, text):
        return {"nvml.status": Known(0, SOURCE), "gpu.count": Known(0, SOURCE), "gpu.visible": Known([], SOURCE)}
    return {}


def _status(code: int | None) -> dict[str, Fact]:
    if code is None:
        return {}
    gone = Absent("libnvidia-ml was not found")
    return {"nvml.status": gone if code == LIBRARY_NOT_FOUND else Known(code, SOURCE)}


def _code(text: str) -> int | None:
    """Return the number of the first of NVML's words in a text."""
    low = text[:300].lower()
    return next((code for words, code in WORDS if words in low), None)
