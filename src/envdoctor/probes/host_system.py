"""The operating system, what is known of the machine at once, and its first kind.

`host.kind` here is what files alone tell, early, because other probes ask for it; `probes/host_kind.py` adds the
kinds that only the driver and the bus tell apart.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes import container
from envdoctor.probes.container import text

if TYPE_CHECKING:
    from envdoctor.host.host import Host
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "host.os": "operating system: linux, macos or windows",
    "host.platform": "system and architecture as the matrix names them: linux-x86_64, linux-aarch64-jetson, ...",
    "host.kernel": "release of the running kernel",
    "host.version": "name and version of the operating system: ubuntu 22.04, windows 10.0.19045, macos 14.5",
    "host.kind": "bare, vm-vgpu, wsl2, container, jetson, sbsa (an Arm server with NVIDIA hardware), macos or windows",
    "host.wsl": "true where the kernel is that of WSL, also in a container there",
    "host.l4t": "release of Jetson Linux: 36.4.0",
    "host.memory_bytes": "memory of the machine, in bytes",
}

L4T = "/etc/nv_tegra_release"
COMPATIBLE = "/proc/device-tree/compatible"

RELEASE = r"# R(\d{1,3}) \(release\), REVISION: (\d{1,3}(?:\.\d{1,3}){0,2})"
# R36 (release), REVISION: 4.0, GCID: 37537400, BOARD: generic, EABI: aarch64, DATE: Fri Sep 13 04:36:44 UTC 2024

OTHERS = {"macos": "macos", "windows": "windows"}


def look(at: Looking) -> Facts:
    """Read the kernel's own files and the marks of containers, WSL and Jetson."""
    host = at.host
    if host.os != "linux":
        return _elsewhere(host)
    kernel = text(host, "/proc/sys/kernel/osrelease", 256).strip()
    wsl = _wsl(host, kernel)
    tegra = _tegra(host)
    jetson = "-jetson" if isinstance(tegra, Known) else ""
    return {
        "host.os": Known(host.os, "interpreter"),
        "host.platform": Known(f"{host.os}-{host.machine}{jetson}", "uname"),
        "host.kernel": Known(kernel, "/proc/sys/kernel/osrelease") if kernel else Unknown("no /proc to read"),
        "host.version": _version(host),
        "host.kind": _kind(at, wsl, tegra),
        "host.wsl": wsl,
        "host.l4t": _l4t(host),
        "host.memory_bytes": _memory(host),
    }


def _elsewhere(host: Host) -> Facts:
    """What is known at once of macOS and Windows; version and memory come with the interpreter's answer."""
    not_linux = Absent(f"this is {host.os}")
    not_told: Fact = Unknown("the interpreter did not tell")
    kind = OTHERS.get(host.os)
    return {
        "host.os": Known(host.os, "interpreter"),
        "host.platform": Known(f"{host.os}-{host.machine}", "uname"),
        "host.kernel": Absent(f"not read on {host.os}"),
        "host.version": not_told,
        "host.kind": Known(kind, "interpreter") if kind else Unknown(f"{host.os} is not known here"),
        "host.wsl": not_linux,
        "host.l4t": not_linux,
        "host.memory_bytes": not_told,
    }


def _version(host: Host) -> Fact:
    """Read os-release(5): the ID and, where there is one, the VERSION_ID (rolling distributions have none)."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        told = dict(re.findall(r"^(ID|VERSION_ID)=[\"']?([^\"'\n]{1,40})", text(host, path), re.MULTILINE))
        if "ID" in told:
            return Known(f"{told['ID']} {told.get('VERSION_ID', '')}".strip(), path)
    return Absent("no os-release names the distribution")


def _wsl(host: Host, kernel: str) -> Known | Absent:
    """Microsoft's kernel names itself; one built by the user is told by the folder that init of WSL makes."""
    if "microsoft" in kernel.lower():
        return Known(True, "/proc/sys/kernel/osrelease")
    return Known(True, "/run/WSL") if host.is_dir("/run/WSL") else Absent("the kernel is not that of WSL")


def _tegra(host: Host) -> Known | None:
    """Tell a Jetson by the file of Jetson Linux or, in containers that lack it, by the board's own name."""
    if host.machine != "aarch64":
        return None
    if host.is_file(L4T):
        return Known(True, L4T)
    # The device tree; a list of names, each ended by a NUL byte.
    return Known(True, COMPATIBLE) if "nvidia,tegra" in text(host, COMPATIBLE, 4096) else None


def _l4t(host: Host) -> Fact:
    if not host.is_file(L4T):
        return Absent(f"there is no {L4T}")
    told = re.match(RELEASE, text(host, L4T, 1024))
    return Known(f"{told[1]}.{told[2]}", L4T) if told else Unknown(f"{L4T} is of a form not known here")


def _memory(host: Host) -> Fact:
    told = re.search(r"^MemTotal:\s*(\d{1,15}) kB", text(host, "/proc/meminfo", 4096), re.MULTILINE)
    return Known(int(told[1]) * 1024, "/proc/meminfo") if told else Unknown("/proc/meminfo does not tell")


def _kind(at: Looking, wsl: Fact, tegra: Known | None) -> Fact:
    """Tell the kinds whose drivers live elsewhere; everything else is `bare` for now."""
    runtime = at.facts.get("container.runtime") or container.runtime(at.host)
    if isinstance(runtime, Known):
        return Known("container", runtime.source)
    if isinstance(runtime, Unknown):
        return runtime
    if tegra is not None:
        return Known("jetson", tegra.source)
    if isinstance(wsl, Known):
        return Known("wsl2", wsl.source)
    return Known("bare", "no mark of a container, WSL or Jetson")
