"""Limits of this process, of its control group, and the room in shared memory.

Sources: proc_pid_limits(5); cgroups(7), "Control Group v2" and "Memory Resource Controller" of the kernel's
documentation; shm_overview(7). The limits are those of envdoctor's own process, which a training started
beside it has as well.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from envdoctor.model.fact import Absent, Fact, Known, Unknown
from envdoctor.probes.container import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.host.host import Host
    from envdoctor.probes.looking import Facts, Looking

FACTS = {
    "shm.total_bytes": "size of /dev/shm, through which processes pass tensors to one another",
    "shm.free_bytes": "what is free of it",
    "limits.memlock_bytes": "memory that a process may lock (ulimit -l), in bytes",
    "limits.stack_bytes": "size its stack may reach (ulimit -s), in bytes",
    "limits.open_files": "files it may have open (ulimit -n)",
    "cgroup.memory_bytes": "memory that its control group may use, in bytes",
    "cgroup.cpus": "processors' worth of time that its control group may use",
}

SHM = "/dev/shm"
LIMITS = "/proc/self/limits"
ROWS = {
    "limits.memlock_bytes": "Max locked memory",
    "limits.stack_bytes": "Max stack size",
    "limits.open_files": "Max open files",
}

CGROUPS = "/sys/fs/cgroup"
MOST_LEVELS = 64
NO_LIMIT = 1 << 60
"""Version 1 says "no limit" with the largest multiple of a page, near 2**63."""

UNLIMITED = Absent("unlimited")


def look(at: Looking) -> Facts:
    """Read the limits from /proc and /sys, and the size of /dev/shm."""
    host = at.host
    if host.os != "linux":
        nothing: Fact = Absent(f"{host.os} has none")
        limits: Fact = nothing if host.os == "windows" else Unknown(f"not read on {host.os}")
        return {name: limits if name in ROWS else nothing for name in FACTS}
    groups = _groups(host)
    own: Facts = {"cgroup.memory_bytes": _memory(host, groups), "cgroup.cpus": _cpus(host, groups)}
    return _shm(host) | _limits(host) | own


def _shm(host: Host) -> Facts:
    try:
        space = host.space(SHM)
    except OSError as problem:
        missing: Fact = Unknown(f"{SHM} cannot be asked: {problem.strerror or problem}")
        if not host.is_dir(SHM):
            missing = Absent(f"there is no {SHM}")
        return {"shm.total_bytes": missing, "shm.free_bytes": missing}
    if space is None:
        missing = Unknown("its size is not told") if host.is_dir(SHM) else Absent(f"there is no {SHM}")
        return {"shm.total_bytes": missing, "shm.free_bytes": missing}
    if space[0] == 0:  # a tmpfs mounted with size=0 has no limit (tmpfs documentation of the kernel)
        return dict.fromkeys(("shm.total_bytes", "shm.free_bytes"), UNLIMITED)
    return {"shm.total_bytes": Known(space[0], SHM), "shm.free_bytes": Known(space[1], SHM)}


def _limits(host: Host) -> Facts:
    told = text(host, LIMITS, 8192)
    return {name: _limit(told, row) for name, row in ROWS.items()}


def _limit(told: str, row: str) -> Fact:
    """Read the soft limit of a row: Max locked memory         65536                65536                bytes."""
    found = re.search(rf"^{row}\s+(unlimited|\d{{1,20}})\s", told, re.MULTILINE)
    if found is None:
        return Unknown(f"{LIMITS} does not tell")
    return UNLIMITED if found[1] == "unlimited" else Known(int(found[1]), LIMITS)


def _groups(host: Host) -> dict[str, str]:
    """Return the control group of this process by controller; "" stands for version 2.

    4:memory:/docker/0123        0::/user.slice/user-1000.slice/session-2.scope
    """
    groups: dict[str, str] = {}
    for line in text(host, "/proc/self/cgroup").splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            groups.update(dict.fromkeys(parts[1].split(","), parts[2]))
    return groups


def _folders(host: Host, groups: dict[str, str], controller: str) -> Iterator[str]:
    """Yield the folders that limit this process, from its own group up to the top that can be seen.

    Without a namespace of control groups a container reads the host's path, which is not below its own mount:
    folders that are not there limit nothing.
    """
    version1 = controller in groups
    top = f"{CGROUPS}/{controller}" if version1 else CGROUPS
    group = groups.get(controller if version1 else "", "/")
    below = [part for part in group.split("/") if part not in ("", ".", "..")][:MOST_LEVELS]
    for depth in range(len(below), -1, -1):
        folder = posixpath.join(top, *below[:depth])
        if depth == 0 or host.is_dir(folder):
            yield folder


def _memory(host: Host, groups: dict[str, str]) -> Fact:
    """Tell the tightest limit: what a group above allows bounds those below it."""
    name = "memory.limit_in_bytes" if "memory" in groups else "memory.max"
    found: list[tuple[int, str]] = []
    for folder in _folders(host, groups, "memory"):
        told = text(host, f"{folder}/{name}", 64).strip()
        if re.fullmatch(r"\d{1,20}", told) and int(told) < NO_LIMIT:
            found.append((int(told), f"{folder}/{name}"))
    return Known(*min(found)) if found else Absent("no limit")


def _cpus(host: Host, groups: dict[str, str]) -> Fact:
    """Tell the smallest share, quota by period, both in microseconds."""
    found: list[tuple[float, str]] = []
    for folder in _folders(host, groups, "cpu"):
        if "cpu" in groups:
            quota = text(host, f"{folder}/cpu.cfs_quota_us", 64)
            told = f"{quota.strip()} {text(host, f'{folder}/cpu.cfs_period_us', 64)}" if quota else ""
        else:
            told = text(host, f"{folder}/cpu.max", 64)
        share = re.fullmatch(r"([1-9]\d{0,14}) ([1-9]\d{0,14})\s*", told)  # "max 100000" or "-1 100000": no limit
        if share:
            found.append((int(share[1]) / int(share[2]), folder))
    return Known(*min(found)) if found else Absent("no limit")
