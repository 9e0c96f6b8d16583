"""Constraint files of the user: the lines that pin a package of the torch set, as pins that a plan stays within.

The format is that of pip (requirements file format): a requirement a line, comments, options, files that name others.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envdoctor.commands.failure import Unusable
from envdoctor.model.pin import PINNED, Pin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.requirements import Requirement

    from envdoctor.model.machine import Machine

VARIABLES = ("PIP_CONSTRAINT", "UV_CONSTRAINT")
"""What pip and uv read constraint files from by themselves; several are divided by blanks."""

MOST_BYTES = 4 * 1024 * 1024
MOST_LINE = 2000
MOST_FILES = 50
"""Files read for one plan, those counted that others name."""

NAMES_ANOTHER = r"(?:-c|--constraint|-r|--requirement)(?:\s{0,99}=\s{0,99}|\s{1,99}|(?<=-[cr]))(\S.*)"
URL = r"(?i)[a-z]{2,20}://"
ADDRESS = r"(?i)[a-z+]{2,20}:|.*[/\\]|\.|.*\.(?:whl|zip|tar\.gz)\b"


@dataclass(slots=True)
class Constraints:
    """What was read: `pins`, and in `notes` what could not be judged, a sentence each."""

    pins: list[Pin] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: set[str] = field(default_factory=set)

    def read(self, name: str, machine: Machine, named_by: str | None = None) -> None:
        """Add the pins of a file and of those that it names; each is read once.

        `machine` decides the markers. Raises `Unusable` with the file and the line that cannot be read.
        """
        where = f"{named_by}: " if named_by else ""
        real = os.path.realpath(name)
        if real in self.files:
            return
        if len(self.files) == MOST_FILES:
            raise Unusable(f"{where}more than {MOST_FILES} constraint files")
        self.files.add(real)
        for number, line in _lines(_content(name, where), name):
            place = f"{name}, line {number}"
            other = re.fullmatch(NAMES_ANOTHER, line)
            if other:
                self.read(_beside(name, other[1].strip(), place), machine, place)
            elif not line.startswith("-"):
                self._add(line, place, machine)

    def _add(self, line: str, place: str, machine: Machine) -> None:
        required = _requirement(line, place)
        if required is None or required.name.lower() not in PINNED:
            return
        if required.url is not None:
            self.notes.append(f"{place}: {required.name} at an address cannot be judged")
            return
        if required.marker is not None:
            holds = _holds(str(required), machine)
            if holds is None:
                self.notes.append(f"{place}: {required.marker} cannot be decided: not enough is known of the Python")
            if not holds:
                return
        if required.specifier:
            self.pins.append(Pin(required.name.lower(), str(required.specifier), place))


def of_user(environ: Mapping[str, str], machine: Machine, found: Constraints) -> None:
    """Add to `found` what the variables of pip and uv name; what cannot be read is a note, for pip says so itself."""
    for variable in VARIABLES:
        for name in environ.get(variable, "").split():
            try:
                found.read(name, machine, variable)
            except Unusable as problem:
                found.notes.append(problem.message)


def _beside(name: str, other: str, place: str) -> str:
    """Return the path of a file that another one names: relative to that one."""
    if re.match(URL, other):
        raise Unusable(f"{place}: {other} is an address; only files are read")
    return os.path.join(os.path.dirname(name), other)


def _content(name: str, where: str) -> bytes:
    if re.match(URL, name):
        raise Unusable(f"{where}{name} is an address; only files are read")
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):
            raise Unusable(f"{where}{name}: not a regular file")
        with open(name, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as problem:  # ValueError: a NUL byte in the name
        raise Unusable(f"{where}{name}: {getattr(problem, 'strerror', None) or problem}") from None
    if len(content) > MOST_BYTES:
        raise Unusable(f"{where}{name}: larger than any constraint file ({MOST_BYTES // 1024 // 1024} MiB)")
    return content


def _lines(content: bytes, name: str) -> Iterator[tuple[int, str]]:
    """Yield each line that says something, with its number; one that a backslash ends goes on in the next."""
    held, start = "", 0
    for number, line in enumerate(re.split(r"\r\n|\n|\r", _text(content)), 1):
        if "\0" in line:
            raise Unusable(f"{name}, line {number}: not text")
        if len(held) + len(line) > MOST_LINE:
            raise Unusable(f"{name}, line {number}: longer than {MOST_LINE} characters")
        start = start or number
        # A comment ends a line that goes on, as in pip.
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            held += line[:-1]
            continue
        whole = re.sub(r"(?:^|\s)#.*", "", held + line)
        said = re.split(r"\s--[a-z]", whole, maxsplit=1)[0].strip()  # hashes and options of one requirement
        if said:
            yield start, said
        held, start = "", 0
    if held.strip():
        yield start, held.strip()


def _text(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):  # as editors of Windows save "Unicode"
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:  # a comment in an older encoding; names and versions are ASCII
        return content.decode("latin-1")


def _requirement(line: str, place: str) -> Requirement | None:
    """Return the requirement of a line, None for a path or a bare address. Raises `Unusable`."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(line)
    except (InvalidRequirement, RecursionError):
        if re.match(ADDRESS, line.partition(";")[0]):
            return None
        hint = re.match(r"\s*([A-Za-z][\w.-]{0,60})\s*=\s*([0-9][\w.]{0,40})\s*$", line)
        said = f"; did you mean {hint[1]}=={hint[2]}?" if hint else ""
        raise Unusable(f"{place}: not a requirement: {line[:80]}{said}") from None


def _holds(line: str, machine: Machine) -> bool | None:
    """Whether a marker holds on the machine; None where it asks for what is not known of it."""
    from envdoctor.model.machine import Undecidable
    from envdoctor.rules.requirement import applies

    if "python" in line and not machine.is_known("python.version"):
        return None
    try:
        return applies(line, machine)
    except Undecidable:
        return None
