"""Requirement lines of the examined environment, read by `packaging` with that environment's markers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.matrix.versions import parts
from envdoctor.model.names import normalised

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.fact import Value
    from envdoctor.model.machine import Machine

NAME = r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)"
PLAIN_VERSION = r"(?a)\d{1,9}(?:\.\d{1,9}){0,5}"
PLAIN_BOUND = r"(?a)(?P<sign>==|>=|<=|~=|<|>)(?P<number>\d{1,9}(?:\.\d{1,9}){0,5})(?P<any>\.\*)?"
SYSTEMS = {"linux": ("Linux", "linux"), "windows": ("Windows", "win32"), "macos": ("Darwin", "darwin")}


def named(name: str, lines: list[Value]) -> Iterator[str]:
    """Yield the requirement lines on the distribution of that normalised name."""
    for line in lines:
        if named_in(line) == name:
            yield str(line)


def named_in(line: Value) -> str | None:
    """Return the normalised name of the distribution that a requirement line asks for."""
    match = re.match(NAME, line) if isinstance(line, str) else None
    return normalised(match[1]) if match else None


def satisfied(line: str, version: str, machine: Machine, extra: str = "") -> bool | None:
    """Whether `version` meets a requirement line; None where the line does not apply or cannot be read.

    `extra` is the extra that was asked for, where the line stands behind one. Local versions count as in pip:
    `==2.9.1` is met by 2.9.1+cu126. On a healthy machine plain numbers meet plain bounds, which needs no parser:
    importing `packaging` whole costs a tenth of a check.
    """
    bounds = bounds_of(line)
    if _plainly_met(bounds, version.partition("+")[0]):
        return True
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        if SpecifierSet(bounds).contains(Version(version), prereleases=True):
            return True
        return False if applies(line, machine, extra) else None
    except (InvalidSpecifier, InvalidVersion):
        return None


def _plainly_met(bounds: str, version: str) -> bool:
    """Whether dotted numbers meet every bound; False also where `packaging` has to look at it.

    `==` with and without `.*`, `~=` and the comparisons, as PEP 440 orders release numbers.
    """
    if bounds == f"=={version}":
        return True
    matches = [re.fullmatch(PLAIN_BOUND, bound) for bound in bounds.split(",")]
    if not re.fullmatch(PLAIN_VERSION, version):
        return False
    return all(
        match is not None and _within(match["sign"], match["number"], match["any"], version) for match in matches
    )


def _within(sign: str, number: str, any_further: str | None, version: str) -> bool:
    own, bound = parts(version), parts(number)
    if any_further or sign == "~=":
        written = [int(part) for part in number.split(".")]
        prefix = written if any_further else written[:-1]
        padded = [*(int(part) for part in version.split(".")), 0, 0, 0, 0, 0, 0]
        same = padded[: len(prefix)] == prefix
        return same and (sign == "==" if any_further else own >= bound)
    return {"==": own == bound, ">=": own >= bound, "<=": own <= bound, "<": own < bound, ">": own > bound}[sign]


def bounds_of(line: str) -> str:
    """Return the bounds on the version in a requirement line: "==13.0.2" of `cuda-toolkit[cublas]==13.0.2`."""
    return re.sub(r"[()\s]|\[[^\]]{0,1000}\]", "", re.sub(NAME, "", line.partition(";")[0], count=1))


def applies(line: str, machine: Machine, extra: str = "") -> bool:
    """Whether the marker of a requirement line holds in the examined environment."""
    if ";" not in line:
        return True
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        marker = Requirement(line).marker
        return marker is None or marker.evaluate({**_markers(machine), "extra": extra})
    except (InvalidRequirement, UndefinedComparison, UndefinedEnvironmentName):
        return False


def _markers(machine: Machine) -> dict[str, str]:
    """Return the marker environment of the examined interpreter, not of the one that runs envdoctor."""
    version = machine.text("python.version") or "3"
    system, sys_platform = SYSTEMS.get(machine.text("host.os") or "", ("", ""))
    return {
        "python_version": ".".join(version.split(".")[:2]),
        "python_full_version": version,
        "platform_system": system,
        "sys_platform": sys_platform,
        "os_name": "nt" if system == "Windows" else "posix",
        "platform_machine": "AMD64"  # as `platform.machine()` says on Windows
        if machine.platform == "windows-x86_64"
        else machine.platform.partition("-")[2].removesuffix("-jetson"),
    }
