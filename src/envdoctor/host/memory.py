"""How much memory is left on Linux, what a process group holds of it, and whether the kernel killed for want of it.

Sources: proc_meminfo(5), proc_pid_statm(5), proc_pid_stat(5), proc_vmstat(5); "Control Group v2", section memory, and
"Memory Resource Controller" of the kernel's documentation. What a group is charged for files it read can be taken back
at any time, so it counts as free here. Other systems answer None.
"""

from __future__ import annotations

import mmap
import posixpath
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envdoctor.host.host import Host

NO_LIMIT = 1 << 60
MOST_LEVELS = 64


class Memory:
    """The memory of the machine and of the control groups that this process is in."""

    def __init__(self, host: Host) -> None:
        self._host = host
        groups = dict(re.findall(r"^\d+:([^:\n]*):(.*)$", self._text("/proc/self/cgroup"), re.MULTILINE))
        own = next((path for names, path in groups.items() if "memory" in names.split(",")), None)
        self._version1 = own is not None
        top = "/sys/fs/cgroup/memory" if self._version1 else "/sys/fs/cgroup"
        self._folders = tuple(self._levels(top, own if own is not None else groups.get("", "/")))

    def free(self) -> int | None:
        """Return the bytes that can still be had without swapping, None where the system does not tell."""
        told = re.search(r"^MemAvailable:\s*(\d{1,15}) kB", self._text("/proc/meminfo"), re.MULTILINE)
        if told is None:
            return None
        return max(0, min(int(told[1]) * 1024, *(self._room(folder) for folder in self._folders), NO_LIMIT))

    def kills(self) -> int | None:
        """Return how many processes the kernel has killed for want of memory: of this group, else of the machine."""
        events = "memory.oom_control" if self._version1 else "memory.events"
        # The group itself, not those above it: what dies elsewhere is not ours.
        for path in (*(f"{folder}/{events}" for folder in self._folders[:1]), "/proc/vmstat"):
            told = re.search(r"^oom_kill (\d{1,18})$", self._text(path), re.MULTILINE)
            if told:
                return int(told[1])
        return None

    def held_by_group(self, group: int) -> int:
        """Return the bytes of memory that the processes of a process group hold, pages they share counted for each."""
        held = 0
        for process in self._processes():
            told = self._text(f"/proc/{process}/stat").rpartition(")")[2].split()
            if len(told) > 2 and told[2] == str(group):
                held += self.held_by(process)
        return held

    def held_by(self, process: int) -> int:
        """Return the bytes of memory that a process holds, 0 where it is no more."""
        pages = self._text(f"/proc/{process}/statm").split()
        return int(pages[1]) * mmap.PAGESIZE if len(pages) > 1 else 0

    def _processes(self) -> list[int]:
        try:
            return [int(name) for name in self._host.listdir("/proc") if name.isdigit()]
        except OSError:
            return []

    def _levels(self, top: str, group: str) -> Iterator[str]:
        """Yield the folders that limit this process, its own first; a path that is the host's is not there."""
        parts = [part for part in group.split("/") if part not in ("", ".", "..")][:MOST_LEVELS]
        for depth in range(len(parts), -1, -1):
            folder = posixpath.join(top, *parts[:depth])
            if self._host.is_dir(folder):
                yield folder

    def _room(self, folder: str) -> int:
        limit = self._number(f"{folder}/{'memory.limit_in_bytes' if self._version1 else 'memory.max'}")
        used = self._number(f"{folder}/{'memory.usage_in_bytes' if self._version1 else 'memory.current'}")
        if limit is None or used is None or limit >= NO_LIMIT:
            return NO_LIMIT
        prefix = "total_" if self._version1 else ""
        files = re.findall(rf"^{prefix}(?:in)?active_file (\d{{1,18}})$", self._text(f"{folder}/memory.stat"), re.M)
        return limit - used + sum(map(int, files))

    def _number(self, path: str) -> int | None:
        told = self._text(path).strip()
        return int(told) if re.fullmatch(r"\d{1,20}", told) else None

    def _text(self, path: str) -> str:
        """Return a file of /proc or /sys; empty where there is none, or its process has ended."""
        try:
            return self._host.read(path, 65536)
        except OSError:
            return ""
