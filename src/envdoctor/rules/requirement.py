"""Requirement lines of the examined environment, read by `packaging` with that environment's markers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.fact import Value
    from envdoctor.model.machine import Machine

NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
SYSTEMS = {"linux": ("Linux", "linux"), "windows": ("Windows", "win32"), "macos": ("Darwin", "darwin")}


def named(name: str, lines: list[Value]) -> Iterator[str]:
    """Yield the requirement lines on the distribution of that normalised name."""
    for line in lines:
        match = NAME.match(line) if isinstance(line, str) else None
        if match and re.sub(r"[-_.]+", "-", match[1]).lower() == name:
            yield str(line)


def satisfied(line: str, version: str, machine: Machine) -> bool | None:
    """Whether `version` meets a requirement line; None where the line does not apply or cannot be read.

    Local versions count as in pip: `==2.9.1` is met by 2.9.1+cu126. On a healthy machine the pin reads just like the
    version, which needs no parser: importing `packaging` whole costs a tenth of a check.
    """
    bounds = re.sub(r"[()\s]", "", NAME.sub("", line.partition(";")[0], count=1))
    if bounds == f"=={version.partition('+')[0]}":
        return True
    from packaging.specifiers import InvalidSpecifier, SpecifierSet
    from packaging.version import InvalidVersion

    try:
        if SpecifierSet(bounds).contains(version, prereleases=True):
            return True
        return False if _applies(line, machine) else None
    except (InvalidSpecifier, InvalidVersion):
        return None


def _applies(line: str, machine: Machine) -> bool:
    """Whether the marker of a requirement line holds in the examined environment."""
    from packaging.markers import UndefinedComparison, UndefinedEnvironmentName
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        marker = Requirement(line).marker
        return marker is None or marker.evaluate(_markers(machine))
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
        "platform_machine": machine.platform.partition("-")[2],
        "extra": "",
    }
