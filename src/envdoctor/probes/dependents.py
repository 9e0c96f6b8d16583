"""The installed distributions that demand a torch: vllm, xformers, lightning. A plan stays within what they ask for.

METADATA of every distribution is read for it, up to `MOST_HEAD`, and searched for the letters of the names before any
line is looked at; `benchmarks/distribution_cost.py` measures what that costs. torch, its compiled partners and triton
are left out: what they ask of each other is their releases' business.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Fact, Known
from envdoctor.model.names import normalised
from envdoctor.model.pin import PINNED
from envdoctor.probes.distributions import TRITON
from envdoctor.probes.installed import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.model.fact import Value
    from envdoctor.probes.distributions import Distribution
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "torch.dependents": "distributions that require torch, torchvision, torchaudio or triton: name, version, and what "
    "of it holds in this environment, without extras and markers",
}

MOST_READ = 5000
"""Distributions whose METADATA is read; a real environment has hundreds."""
MOST = 500
"""Dependents listed at most."""
MOST_HEAD = 64 * 1024
"""Bytes searched of METADATA; the longest head seen, that of scipy 1.17 with its licences, has 58 kB."""

OWN = {"torch", "torchvision", "torchaudio", *TRITON}
NAME = r"(?a)([A-Za-z][\w.-]{0,40})\s{0,9}(?:\[[^\]]{0,100}\])?"
BOUNDS = r"\(?([<>=!~]{1,3}\s{0,9}\w[\w.*+!<>=~,\s-]{0,200})?\)?"
SYSTEMS = {"linux": ("posix", "linux", "Linux"), "macos": ("posix", "darwin", "Darwin"),
           "windows": ("nt", "win32", "Windows")}  # fmt: skip
"""`os_name`, `sys_platform` and `platform_system` of a marker (dependency specifiers, PyPA specification)."""


def look(at: Looking) -> Facts:
    """Read the demands of every distribution that `import` would meet.

    A line that cannot be read, or whose marker cannot be decided, demands nothing.
    """
    return {"torch.dependents": _dependents(at)}


def _dependents(at: Looking) -> Fact:
    if at.unlisted:
        return at.unlisted
    found: list[Value] = []
    for name, (first, *_) in [*at.by_name.items()][:MOST_READ]:
        if name in OWN or not _mentions(at, first):
            continue
        lines = records.requirements(at.host, first) or []
        requires: list[Value] = [*dict.fromkeys(text for line in lines for text in demands(line, at))]
        if requires:
            found.append({"name": name, "version": first.version, "requires": requires})
        if len(found) == MOST:
            break
    return Known(found, "Requires-Dist lines")


def _mentions(at: Looking, one: Distribution) -> bool:
    """Whether the head of its METADATA holds the letters of a name; an egg-info, which has other files, may."""
    if not one.folder.endswith(".dist-info"):
        return True
    try:
        text = at.host.read(os.path.join(one.folder, "METADATA"), MOST_HEAD)
    except (OSError, ValueError):
        return False
    end = text.find("\n\n")
    head = text[:end].lower() if end >= 0 else text.lower()
    return "torch" in head or "triton" in head


def demands(line: str, at: Looking) -> Iterator[str]:
    """Yield what a requirement line demands of the torch set in this environment: "torch==2.9.0", or nothing."""
    written, _, marker = line.partition(";")
    match = re.fullmatch(NAME + r"\s{0,9}" + BOUNDS, written.strip())
    if match is None or normalised(match[1]) not in PINNED:
        return
    if marker and not _holds(marker, at):
        return
    yield normalised(match[1]) + re.sub(r"\s", "", match[2] or "")


def _holds(marker: str, at: Looking) -> bool:
    """Whether a marker holds for the interpreter that is examined; nobody is known to have asked for an extra."""
    if re.search(r"\bextra\b", marker):
        return False
    from packaging.markers import Marker

    try:
        return Marker(marker).evaluate(_environment(at))
    except (ValueError, RecursionError):  # what packaging raises for text that is no marker, or nests without end
        return False


def _environment(at: Looking) -> dict[str, str]:
    version = at.text("python.version") or ""
    os_name, sys_platform, system = SYSTEMS.get(at.text("host.os") or "", ("", "", ""))
    machine = at.text("python.machine") or at.host.machine
    if system == "Windows":  # as `platform.machine()` says there
        machine = {"x86_64": "AMD64", "arm64": "ARM64"}.get(machine, machine)
    implementation = at.told.get("implementation")
    name = implementation if isinstance(implementation, str) else "cpython"
    return {
        "python_version": ".".join(version.split(".")[:2]),
        "python_full_version": version,
        "os_name": os_name,
        "sys_platform": sys_platform,
        "platform_system": system,
        "platform_machine": machine,
        "platform_release": at.text("host.kernel") or "",
        "platform_version": "",
        "implementation_name": name,
        "implementation_version": version,
        "platform_python_implementation": {"cpython": "CPython", "pypy": "PyPy"}.get(name, name),
    }
