"""How much memory this process may take on Linux before it is ended for it."""

from __future__ import annotations

import os
from typing import List, Optional

UNKNOWN = 64 * 2**20 * 10
"""Said where nothing tells: a tenth of it is had everywhere that torch could be loaded."""

LIMITS = (
    # Limit and use, by control groups of version 2 and 1 (the kernel's Documentation/admin-guide: cgroup-v2.rst,
    # cgroup-v1/memory.rst).
    ("", "memory.max", "memory.current"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
)


def memory_left(root: str = "/") -> int:
    """Return bytes: what the kernel says is available, and less where a control group allows less."""
    left = [_meminfo(root), *_left_in_groups(root)]
    known = [number for number in left if number is not None]
    return max(0, min(known)) if known else UNKNOWN


def _meminfo(root: str) -> Optional[int]:
    for line in _lines(os.path.join(root, "proc/meminfo")):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _left_in_groups(root: str) -> List[Optional[int]]:
    """Return what each group of this process has left, from its own up to the topmost that is visible here."""
    left: List[Optional[int]] = []
    for line in _lines(os.path.join(root, "proc/self/cgroup")):
        _, controllers, path = line.split(":", 2)
        for controller, limit, use in LIMITS:
            if controller != "" and controller not in controllers.split(","):
                continue
            parts = [part for part in path.split("/") if part and part != ".."]
            # In a container the path may be the host's, while the files of its own group lie on top.
            for depth in range(len(parts), -1, -1):
                folder = os.path.join(root, "sys/fs/cgroup", controller, *parts[:depth])
                most, used = _number(os.path.join(folder, limit)), _number(os.path.join(folder, use))
                if most is not None and used is not None:
                    left.append(most - used + _taken_back(os.path.join(folder, "memory.stat")))
    return left


def _taken_back(path: str) -> int:
    """What the group is charged for files that were read, which the kernel takes back where it is wanted."""
    for line in _lines(path):
        if line.startswith("inactive_file "):
            return int(line.split()[1])
    return 0


def _number(path: str) -> Optional[int]:
    for line in _lines(path):
        return int(line) if line.isdigit() else None  # "max" is no limit
    return None


def _lines(path: str) -> List[str]:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []
