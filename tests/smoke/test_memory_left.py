"""How much memory a test on the processor may take a part of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.smoke.child.memory_left import UNKNOWN, memory_left

if TYPE_CHECKING:
    from pathlib import Path

GIB = 2**30

GROUP_V2 = {"proc/self/cgroup": "0::/a/b\n"}
GROUP_V1 = {"proc/self/cgroup": "4:cpu,cpuacct:/x\n3:memory:/docker/0123\n"}
MEMINFO = {"proc/meminfo": f"MemTotal: {64 * 2**20} kB\nMemFree: 1 kB\nMemAvailable: {32 * 2**20} kB\n"}
TREES: dict[str, tuple[dict[str, str], int]] = {
    "nothing is told": ({}, UNKNOWN),
    "no group": (MEMINFO, 32 * GIB),
    "a group without a limit": (
        {**MEMINFO, **GROUP_V2, "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.current": "5\n"},
        32 * GIB,
    ),
    "the group above has one": (
        {
            **MEMINFO,
            **GROUP_V2,
            "sys/fs/cgroup/a/memory.max": f"{4 * GIB}\n",
            "sys/fs/cgroup/a/memory.current": f"{GIB}\n",
        },
        3 * GIB,
    ),
    "the group of a container lies on top": (
        {
            **MEMINFO,
            **GROUP_V1,
            "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GIB}\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GIB + 100}\n",
            "sys/fs/cgroup/memory/memory.stat": "cache 700\ninactive_file 100\n",
        },
        GIB,
    ),
    "more is used than allowed": (
        {**MEMINFO, **GROUP_V2, "sys/fs/cgroup/memory.max": "100\n", "sys/fs/cgroup/memory.current": "120\n"},
        0,
    ),
}


@pytest.mark.parametrize("tree", TREES)
def test_how_much_memory_is_left(tree: str, tmp_path: Path) -> None:
    files, want = TREES[tree]
    for place, text in files.items():
        file = tmp_path / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert memory_left(str(tmp_path)) == want
