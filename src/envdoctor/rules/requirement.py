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

    Local versions count as in pip: `==2.9.1` is met by 2.9.1+cu126.
    """
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.version import InvalidVersion

    try:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate(_markers(machine)):
            return None
        return requirement.specifier.contains(version, prereleases=True)
    except (InvalidRequirement, InvalidVersion):
        return None


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
