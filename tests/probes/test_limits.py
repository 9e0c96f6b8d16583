"""Limits of the process and of its control group, and the size of /dev/shm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envdoctor.host.host import Host
from envdoctor.model.fact import Absent, Known, Unknown
from envdoctor.probes import limits
from recorded_tree import look_at, value

if TYPE_CHECKING:
    from recorded_tree import Tree

TABLE = """Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max stack size            8388608              unlimited            bytes     
Max open files            1024                 1048576              files     
Max locked memory         {memlock}                65536                bytes     
"""  # noqa: W291 - as the kernel prints it

V2 = "/sys/fs/cgroup"
LIMITS = ("limits.memlock_bytes", "limits.stack_bytes", "limits.open_files")


def test_soft_limits(tree: Tree) -> None:
    tree.file("/proc/self/limits", TABLE.format(memlock="65536"))
    seen = tree.look((limits,))
    assert [value(seen, name) for name in LIMITS] == [65536, 8388608, 1024]


def test_no_limit_is_absent(tree: Tree) -> None:
    tree.file("/proc/self/limits", TABLE.format(memlock="unlimited"))
    assert tree.look((limits,))["limits.memlock_bytes"] == Absent("unlimited")


@pytest.mark.parametrize("text", ["", "Max locked memory", "Max locked memory  9999999999999999999999  1 bytes\n"])
def test_limits_that_are_not_told(tree: Tree, text: str) -> None:
    tree.file("/proc/self/limits", text)
    assert isinstance(tree.look((limits,))["limits.memlock_bytes"], Unknown)


def test_shared_memory(tree: Tree) -> None:
    tree.folder("/dev/shm")
    tree.machine["disks"] = {"/dev/shm": [67108864, 67104768]}
    seen = tree.look((limits,))
    assert (value(seen, "shm.total_bytes"), value(seen, "shm.free_bytes")) == (67108864, 67104768)


def test_shared_memory_without_a_limit(tree: Tree) -> None:
    tree.machine["disks"] = {"/dev/shm": [0, 0]}
    assert tree.look((limits,))["shm.total_bytes"] == Absent("unlimited")


def test_no_shared_memory(tree: Tree) -> None:
    assert tree.look((limits,))["shm.total_bytes"] == Absent("there is no /dev/shm")
    tree.folder("/dev/shm")
    assert isinstance(tree.look((limits,))["shm.total_bytes"], Unknown)


def test_this_machine_tells_its_shared_memory() -> None:
    seen = look_at(Host(), "python", (limits,))
    total, free = seen["shm.total_bytes"], seen["shm.free_bytes"]
    if isinstance(total, Known):
        assert isinstance(free, Known)
        assert isinstance(total.value, int)
        assert isinstance(free.value, int)
        assert 0 <= free.value <= total.value
    else:
        assert isinstance(total, Absent)


def test_the_tightest_limit_above_counts(tree: Tree) -> None:
    tree.file("/proc/self/cgroup", "0::/user.slice/user-1000.slice/job.scope\n")
    tree.file(f"{V2}/user.slice/memory.max", "max\n")
    tree.file(f"{V2}/user.slice/user-1000.slice/memory.max", "8589934592\n")
    tree.file(f"{V2}/user.slice/user-1000.slice/job.scope/memory.max", "17179869184\n")
    tree.file(f"{V2}/user.slice/cpu.max", "150000 100000\n")
    tree.file(f"{V2}/user.slice/user-1000.slice/job.scope/cpu.max", "max 100000\n")
    seen = tree.look((limits,))
    assert seen["cgroup.memory_bytes"] == Known(8589934592, f"{V2}/user.slice/user-1000.slice/memory.max")
    assert value(seen, "cgroup.cpus") == 1.5


def test_a_container_with_a_namespace_of_control_groups(tree: Tree) -> None:
    tree.file("/proc/self/cgroup", "0::/\n")
    tree.file(f"{V2}/memory.max", "2147483648\n")
    tree.file(f"{V2}/cpu.max", "50000 100000\n")
    seen = tree.look((limits,))
    assert (value(seen, "cgroup.memory_bytes"), value(seen, "cgroup.cpus")) == (2147483648, 0.5)


def test_a_container_of_version_1_sees_the_path_of_its_host(tree: Tree) -> None:
    tree.file("/proc/self/cgroup", "5:memory:/docker/0123\n4:cpu,cpuacct:/docker/0123\n0::/\n")
    tree.file(f"{V2}/memory/memory.limit_in_bytes", "4294967296\n")
    tree.file(f"{V2}/cpu/cpu.cfs_quota_us", "400000\n")
    tree.file(f"{V2}/cpu/cpu.cfs_period_us", "100000\n")
    seen = tree.look((limits,))
    assert (value(seen, "cgroup.memory_bytes"), value(seen, "cgroup.cpus")) == (4294967296, 4.0)


@pytest.mark.parametrize(
    ("group", "files"),
    [
        ("0::/\n", {"memory.max": "max\n", "cpu.max": "max 100000\n"}),
        (
            "5:memory:/\n4:cpu,cpuacct:/\n",
            {"memory/memory.limit_in_bytes": "9223372036854771712\n", "cpu/cpu.cfs_quota_us": "-1\n"},
        ),
        ("0::/\n", {"memory.max": "\x1b[31mmany\n", "cpu.max": "0 0\n"}),
        ("", {}),
    ],
)
def test_no_limit_of_a_control_group(tree: Tree, group: str, files: dict[str, str]) -> None:
    tree.file("/proc/self/cgroup", group)
    for name, content in files.items():
        tree.file(f"{V2}/{name}", content)
    seen = tree.look((limits,))
    assert seen["cgroup.memory_bytes"] == seen["cgroup.cpus"] == Absent("no limit")


def test_a_path_of_a_control_group_does_not_lead_out(tree: Tree) -> None:
    tree.file("/proc/self/cgroup", "0::/../../../etc/" + "x/" * 5000 + "\n")
    tree.file("/etc/memory.max", "1\n")
    assert tree.look((limits,))["cgroup.memory_bytes"] == Absent("no limit")


@pytest.mark.parametrize("system", ["windows", "macos"])
def test_other_systems(tree: Tree, system: str) -> None:
    tree.machine["os"] = system
    seen = tree.look((limits,))
    assert set(seen) == set(limits.FACTS)
    assert isinstance(seen["shm.total_bytes"], Absent)
    assert isinstance(seen["cgroup.cpus"], Absent)
