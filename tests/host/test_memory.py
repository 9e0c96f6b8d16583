"""Memory as recorded machines tell it, and as this one does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from envdoctor.host.host import Host
from envdoctor.host.memory import Memory

if TYPE_CHECKING:
    from pathlib import Path

GIB = 2**30
MEMINFO = "MemTotal: 33554432 kB\nMemFree: 1024 kB\nMemAvailable: 16777216 kB\n"
V1 = "9:name=systemd:/\n4:cpu,memory:/docker/abc\n"
V2 = "0::/user.slice/mine\n"


def machine(folder: Path, files: dict[str, str]) -> Memory:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return Memory(Host(str(folder)))


def v1(place: str, limit: int, used: int, files: int = 0) -> dict[str, str]:
    folder = f"sys/fs/cgroup/memory{place}"
    return {
        f"{folder}/memory.limit_in_bytes": f"{limit}\n",
        f"{folder}/memory.usage_in_bytes": f"{used}\n",
        f"{folder}/memory.stat": f"inactive_file 7\ntotal_inactive_file {files}\ntotal_active_file 0\n",
    }


def v2(place: str, limit: str, used: int, files: int = 0) -> dict[str, str]:
    folder = f"sys/fs/cgroup{place}"
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.current": f"{used}\n",
        f"{folder}/memory.stat": f"anon 9\nfile 8\ninactive_file {files}\nactive_file 1\n",
    }


FREE = {
    "no group": ({"proc/meminfo": MEMINFO}, 16 * GIB),
    "nothing told": ({"proc/version": "x"}, None),
    "an old kernel": ({"proc/meminfo": "MemTotal: 100 kB\nMemFree: 50 kB\n"}, None),
    "version 1": ({"proc/self/cgroup": V1, **v1("/docker/abc", 4 * GIB, 3 * GIB)}, GIB),
    "version 1, files are free": ({"proc/self/cgroup": V1, **v1("/docker/abc", 4 * GIB, 3 * GIB, GIB)}, 2 * GIB),
    "version 1, no limit": ({"proc/self/cgroup": V1, **v1("/docker/abc", 9223372036854771712, GIB)}, 16 * GIB),
    "version 1, the path of the host": ({"proc/self/cgroup": V1, **v1("", 4 * GIB, GIB)}, 3 * GIB),
    "version 2": ({"proc/self/cgroup": V2, **v2("/user.slice/mine", str(2 * GIB), GIB, GIB - 1)}, 2 * GIB),
    "version 2, no limit": ({"proc/self/cgroup": V2, **v2("/user.slice/mine", "max", GIB)}, 16 * GIB),
    "version 2, the limit above": ({"proc/self/cgroup": V2, **v2("/user.slice", str(GIB), GIB)}, 1),
    "over its limit": ({"proc/self/cgroup": V1, **v1("/docker/abc", GIB, 3 * GIB)}, 0),
    "garbage": ({"proc/self/cgroup": "\0\n::::\n5:memory:../../..\n"}, 16 * GIB),
}


@pytest.mark.parametrize("name", FREE)
def test_what_is_free(name: str, tmp_path: Path) -> None:
    files, free = FREE[name]
    told = {} if name in ("nothing told", "an old kernel") else {"proc/meminfo": MEMINFO}
    assert machine(tmp_path, {**told, **files}).free() == free


def test_the_groups_own_count_of_kills_goes_before_the_machines(tmp_path: Path) -> None:
    vmstat = {"proc/vmstat": "oom_kill_x 4\noom_kill 7\n"}
    assert machine(tmp_path / "none", vmstat).kills() == 7
    events = {"sys/fs/cgroup/user.slice/mine/memory.events": "low 0\noom 3\noom_kill 2\noom_group_kill 0\n"}
    assert machine(tmp_path / "v2", {"proc/self/cgroup": V2, **vmstat, **events}).kills() == 2
    control = {"sys/fs/cgroup/memory/docker/abc/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"}
    assert machine(tmp_path / "v1", {"proc/self/cgroup": V1, **vmstat, **control}).kills() == 1
    assert machine(tmp_path / "old", {"proc/vmstat": "pgfault 1\n"}).kills() is None


def test_this_machine_tells() -> None:
    memory = Memory(Host())
    free = memory.free()
    assert free is not None
    assert 0 < free < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    held = memory.held_by_group(os.getpgid(0))
    assert held > 2**20
    assert memory.held_by_group(0) == 0 or held  # the kernel's threads hold nothing
